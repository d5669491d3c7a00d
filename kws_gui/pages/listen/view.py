"""The view of the sound on the Listen page: spectrogram, scores, the last word, the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from PySide6.QtCore import QByteArray, QEvent, QObject, QSettings, QSignalBlocker, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QSplitter, QVBoxLayout, QWidget

from kws_engine.spotting.decision import Detection
from kws_engine.spotting.detector import Step
from kws_gui import theme
from kws_gui.bridges.detector import SoundPicture
from kws_gui.forms.tab_order import order_tabs
from kws_gui.pages.listen.detector_settings import DetectorFold
from kws_gui.pages.listen.log import DetectionLog, HeardWord
from kws_gui.widgets.heard_word import HeardWordView
from kws_gui.widgets.score_strip import ScoreStrip
from kws_gui.widgets.spectrogram import Spectrogram
from kws_gui.widgets.threshold_text import threshold_text

_SIDE_WIDTH = 288  # px
_LEAST_LOG = 110
_SIDES, _STACKED = "listen/sides", "listen/stacked"
_MOST_STRIPS = 0.72  # of the height: nine words at 1280 x 800
_LEAST_PICTURE = 176  # px, as long as the strips can scroll


class ListenView(QSplitter):
    """On the left the spectrogram with a score strip for each word below it, on the right the words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._columns: dict[str, int] = {}
        self._rate = 1
        self._heard: HeardWord | None = None
        self.spectrogram = Spectrogram(SoundPicture.BANDS, hop_ms=SoundPicture.HOP_MS)
        self.strip = ScoreStrip()
        self.word = HeardWordView()
        self.log = DetectionLog()
        self.file_button = QPushButton("Listen to a file…")
        self.file_button.setToolTip("Runs the same detector over a sound file; what it hears joins the list")
        self.fold = DetectorFold()
        self._scroll = _scrolling(self.strip)
        self._side = QVBoxLayout()
        self.addWidget(self._make_left())
        self.strip.installEventFilter(self)
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

    def setModel(
        self, labels: Sequence[str], thresholds: Mapping[str, float], *, rate: int, picture: SoundPicture
    ) -> None:
        """Starts again with a model's words; the log stays."""
        self._columns = {word: labels.index(word) for word in thresholds}
        self._rate = rate
        self._heard = None
        self.spectrogram.clear()
        self.spectrogram.setFrequencyLabels(f"{picture.high_hz / 1000:g} kHz", f"{picture.LOW_HZ:g} Hz")
        self.strip.clear()
        self.strip.setWords(list(thresholds), thresholds)
        self.word.clear(f"Press Listen, then say {_one_of(list(thresholds))}")

    def orderTabs(self, after: QWidget) -> None:
        """Puts the strips, which are new for every model, behind `after` in the Tab order and before the log."""
        for word in self._columns:
            row = self.strip.row(word)
            QWidget.setTabOrder(after, row)
            after = row

    def setThresholds(self, thresholds: Mapping[str, float]) -> None:
        """Moves the threshold lines without emitting that they moved."""
        for word, value in thresholds.items():
            row = self.strip.row(word)
            blocker = QSignalBlocker(row)
            row.setThreshold(value)
            blocker.unblock()

    def showSteps(self, steps: Sequence[Step]) -> None:
        """Adds the newest outputs of the network."""
        for step in steps:
            scores = {word: float(step.scores[column]) for word, column in self._columns.items()}
            self.strip.append(step.at_sample / self._rate, scores)

    def showDetection(self, found: Detection) -> None:
        """Shows a new word on the spectrogram, in its strip, large, and in the log."""
        heard = HeardWord(found.word, found.score, datetime.now())
        self._heard = heard
        self.spectrogram.mark(found.at_sample / self._rate, found.word)
        self.strip.detected(found.word)
        self.word.heard(found.word, _heard_line(heard))
        self.log.add(heard)

    def showRise(self, found: Detection) -> None:
        """Gives the word that was shown last its higher score, large and in the log."""
        words = self.log.words()
        if (
            self._heard is None or not words or words[-1] != self._heard
        ):  # the log was cleared, or a file's words follow
            return
        self._heard = replace(self._heard, score=found.score)
        self.log.raise_score(found.score)
        self.word.setLine(_heard_line(self._heard))

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
        wanted = self.strip.sizeHint().height()
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
        column.setContentsMargins(theme.GRID, theme.GRID, theme.GRID, theme.GRID)
        column.setSpacing(theme.GRID)
        for part in (self.word, self.log, self.file_button, self.fold):
            column.addWidget(part, 1 if part is self.log else 0)
        self.log.setMinimumHeight(_LEAST_LOG)  # the side scrolls before its log is squeezed to nothing
        theme.set_icon(self.file_button, "mdi6.file-music-outline")
        area = QScrollArea()
        area.setWidget(side)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setMinimumWidth(_SIDE_WIDTH)
        self.fold.toggled.connect(lambda opened: QTimer.singleShot(0, area, partial(_show_fold, area, self.fold)))
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


def _heard_line(heard: HeardWord) -> str:
    return f"{heard.time_text()} · score {threshold_text(heard.score)}"


def _show_fold(area: QScrollArea, fold: DetectorFold) -> None:
    if fold.isOpen():
        area.ensureWidgetVisible(fold)


def _scrolling(strip: ScoreStrip) -> QScrollArea:
    area = QScrollArea()
    area.setWidget(strip)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setMinimumHeight(96)
    return area


def _one_of(words: list[str]) -> str:
    """Writes "low", "low or high", "left, right, up or another word"."""
    if len(words) > 4:
        return ", ".join(words[:3]) + " or another word"
    return " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)
