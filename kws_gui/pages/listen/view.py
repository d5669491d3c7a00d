"""The view of the sound on the Listen page: spectrogram, scores by model, the last word, the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QByteArray, QEvent, QObject, QSettings, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QPushButton, QScrollArea, QSplitter, QVBoxLayout, QWidget

from kws_gui import theme
from kws_gui.bridges.sound_picture import SoundPicture
from kws_gui.forms.fold import Fold
from kws_gui.forms.tab_order import order_tabs
from kws_gui.pages.listen.detector_settings import DetectorFold
from kws_gui.pages.listen.log import DetectionLog, HeardWord
from kws_gui.pages.listen.model_strips import ModelStrips
from kws_gui.pages.listen.picture_settings import PictureFold
from kws_gui.widgets.heard_word import HeardWordView
from kws_gui.widgets.score_strip import ScoreStrip
from kws_gui.widgets.scrolling import scrolling
from kws_gui.widgets.spectrogram import Spectrogram
from kws_gui.widgets.threshold_text import threshold_text

_SIDE_WIDTH = 288  # px
_LEAST_LOG = 110
_SIDES, _STACKED, _FULL_SPEED = "listen/sides", "listen/stacked", "listen/full_speed"
_MOST_STRIPS = 0.72  # of the height: nine words at 1280 x 800
_LEAST_PICTURE = 176  # px, as long as the strips can scroll


class ListenView(QSplitter):
    """On the left the spectrogram with a score strip for each word below it, on the right the words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._heard: tuple[int, HeardWord] | None = None
        self.spectrogram = Spectrogram(SoundPicture.BANDS, hop_ms=SoundPicture.HOP_MS)
        self.first = ModelStrips()
        self.groups: list[ModelStrips] = [self.first]
        self.word = HeardWordView()
        self.log = DetectionLog()
        self.file_button = QPushButton("Listen to a file…")
        self.file_button.setToolTip(
            "Hears a sound file in place of the microphone; it can also be dropped on this page"
        )
        self.file_speed = _make_speeds()
        self.fold = DetectorFold()
        self.picture_fold = PictureFold()
        self._strips = QWidget()
        self._groups_column = QVBoxLayout(self._strips)
        self._groups_column.setContentsMargins(0, 0, 0, 0)
        self._groups_column.setSpacing(theme.GRID)
        self._groups_column.addWidget(self.first)
        self._scroll = _scrolling(self._strips)
        self._side = QVBoxLayout()
        self.addWidget(self._make_left())
        self._strips.installEventFilter(self)
        self.addWidget(self._make_right())
        self.setStretchFactor(0, 1)
        self.setStretchFactor(1, 0)
        self.setChildrenCollapsible(False)
        self.setSizes([10_000, _SIDE_WIDTH])
        self._recall_sizes()

    def addFeedback(self, panel: QWidget) -> None:
        """Puts what the person says of the detections below the word heard last."""
        self._side.insertWidget(1, panel)
        side = self._side.parentWidget()
        assert side is not None
        order_tabs(side)

    @property
    def strip(self) -> ScoreStrip:
        """The strips of the chosen model."""
        return self.first.strip

    def begin(self, picture: SoundPicture, words: Sequence[str]) -> None:
        """Starts again with another chosen model; the log stays."""
        self._heard = None
        self.spectrogram.begin(picture.bands, hop_ms=picture.hop_ms)
        self.spectrogram.setFrequencyLabels(*picture.frequency_labels())
        self.word.clear(f"Press Listen, then say {_one_of(list(words))}")

    def showPicture(self, picture: SoundPicture, newest: NDArray[np.float32]) -> None:
        """Draws with another scale, the newest frames too."""
        self.spectrogram.setFrequencyLabels(*picture.frequency_labels())
        self.spectrogram.rewrite(newest)

    def addGroup(self) -> ModelStrips:
        """Strips for another model, below the others."""
        group = ModelStrips(removable=True)
        self.groups.append(group)
        self._groups_column.addWidget(group)
        return group

    def removeGroup(self, group: ModelStrips) -> None:
        """Those strips are gone."""
        self.groups.remove(group)
        self._groups_column.removeWidget(group)
        group.hide()
        group.deleteLater()

    def setNames(self, names: Sequence[str]) -> None:
        """Names the models, where there are several: over their strips and in the log."""
        for group, name in zip(self.groups, names, strict=True):
            group.setName(name if len(names) > 1 else "")
        self.log.show_models(len(names) > 1)

    def orderTabs(self, after: QWidget) -> None:
        """Puts the strips, which are new for every model, behind `after` in the Tab order and before the log."""
        for group in self.groups:
            after = group.orderTabs(after)

    def showWord(self, heard: HeardWord, *, at_s: float) -> int:
        """Shows a new word on the spectrogram, large, and in the log; returns its number there."""
        names = [group.name.fullText() for group in self.groups]
        marked = f"{heard.word} · {heard.model}" if len(names) > 1 else heard.word
        self.spectrogram.mark(at_s, marked)
        self.word.heard(heard.word, _heard_line(heard, with_model=len(names) > 1))
        number = self.log.add(heard)
        self._heard = number, heard
        return number

    def showRise(self, number: int, score: float) -> None:
        """Gives a word its higher score in the log, and large where it is the one that is shown."""
        self.log.raise_score(number, score)
        if self._heard is not None and self._heard[0] == number:
            self._heard = number, replace(self._heard[1], score=score)
            self.word.setLine(_heard_line(self._heard[1], with_model=len(self.groups) > 1))

    def is_full_speed(self) -> bool:
        """Whether a file is to be heard as fast as possible."""
        return bool(self.file_speed.currentData())

    def remember_sizes(self) -> None:
        """Stores where the person put the handles, for the next start."""
        QSettings().setValue(_SIDES, self.saveState())
        if self._stacked.is_moved:
            QSettings().setValue(_STACKED, self._stacked.saveState())

    def _recall_sizes(self) -> None:
        sides, stacked = QSettings().value(_SIDES), QSettings().value(_STACKED)
        if isinstance(sides, QByteArray):
            self.restoreState(sides)
        if isinstance(stacked, QByteArray):
            self._stacked.is_moved = self._stacked.restoreState(stacked)

    def _make_left(self) -> QWidget:
        self._stacked = _Stacked()
        holder = QWidget()
        self._picture_column = QVBoxLayout(holder)
        self._picture_column.setContentsMargins(0, 0, 0, 0)
        self._picture_column.addWidget(self.spectrogram)
        self._stacked.addWidget(holder)
        self._stacked.addWidget(self._scroll)
        self._stacked.setStretchFactor(0, 1)
        self._stacked.setStretchFactor(1, 0)
        self._stacked.setChildrenCollapsible(False)
        self._scroll.verticalScrollBar().rangeChanged.connect(self._keep_in_line)
        return self._stacked

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Shares the height once the strips' layout knows its new rows."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._share()
        return False

    def _share(self) -> None:
        wanted = self._strips.sizeHint().height()
        self._scroll.setMaximumHeight(wanted)
        self._stacked.share(wanted)

    def _keep_in_line(self, low: int, high: int) -> None:
        """Leaves the room free above that a scroll bar takes beside the strips, so that both stay aligned."""
        width = self._scroll.verticalScrollBar().sizeHint().width() if high > low else 0
        self._picture_column.setContentsMargins(0, 0, width, 0)

    def _make_right(self) -> QWidget:
        side = QFrame()
        theme.set_role(side, "card")
        column = self._side
        side.setLayout(column)
        column.setSizeConstraint(QVBoxLayout.SizeConstraint.SetMinimumSize)  # no button is ever squeezed to nothing
        column.setContentsMargins(theme.GRID, theme.GRID, theme.GRID, theme.GRID)
        column.setSpacing(theme.GRID)
        file_row = QHBoxLayout()
        file_row.setSpacing(theme.GRID // 2)
        file_row.addWidget(self.file_button, 1)
        file_row.addWidget(self.file_speed)
        column.addWidget(self.word)
        column.addWidget(self.log, 1)
        column.addLayout(file_row)
        column.addWidget(self.fold)
        column.addWidget(self.picture_fold)
        self.log.setMinimumHeight(_LEAST_LOG)  # the side scrolls before its log is squeezed to nothing
        theme.set_icon(self.file_button, "mdi6.file-music-outline")
        area = scrolling(side)
        area.setMinimumWidth(_SIDE_WIDTH)
        for fold in (self.fold, self.picture_fold):
            fold.toggled.connect(lambda _, fold=fold: QTimer.singleShot(0, area, partial(_show_fold, area, fold)))
        return area


class _Stacked(QSplitter):
    """Gives the lower part the height it needs, up to most of the height, until a person moves the handle."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self._wanted = 0
        self.is_moved = False
        self.splitterMoved.connect(self._on_moved)

    def share(self, wanted: int) -> None:
        """Gives the lower part another height."""
        self._wanted = wanted
        if not self.is_moved:
            free = self.height() - self.handleWidth()
            lower = min(wanted, round(_MOST_STRIPS * free), max(0, free - _LEAST_PICTURE))
            self.setSizes([free - lower, lower])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.share(self._wanted)

    def _on_moved(self) -> None:
        self.is_moved = True


def _heard_line(heard: HeardWord, *, with_model: bool) -> str:
    model = f" · {heard.model}" if with_model else ""
    return f"{heard.time_text()} · score {threshold_text(heard.score)}{model}"


def _make_speeds() -> QComboBox:
    box = QComboBox()
    box.setAccessibleName("How fast a file is heard")
    box.setToolTip("Fast: in a fraction of its time. Normal: at its own speed, shown as from a microphone")
    box.addItem("fast", True)
    box.addItem("normal", False)
    box.setCurrentIndex(0 if QSettings().value(_FULL_SPEED, True, bool) else 1)
    box.activated.connect(lambda at: QSettings().setValue(_FULL_SPEED, box.itemData(at)))
    return box


def _show_fold(area: QScrollArea, fold: Fold) -> None:
    if fold.isOpen():
        area.ensureWidgetVisible(fold)


def _scrolling(strip: QWidget) -> QScrollArea:
    area = scrolling(strip)
    area.setMinimumHeight(96)
    return area


def _one_of(words: list[str]) -> str:
    """Writes "low", "low or high", "left, right, up or another word"."""
    if len(words) > 4:
        return ", ".join(words[:3]) + " or another word"
    return " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)
