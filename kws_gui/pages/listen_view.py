"""What the Listen page shows of the sound: the picture, the scores below it, the word, the log; knows no thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QSplitter, QVBoxLayout, QWidget

from kws_engine.spotting.detector import Detection, Step
from kws_gui import theme
from kws_gui.bridges.detector import SoundPicture
from kws_gui.pages.listen_log import DetectionLog, Entry
from kws_gui.pages.listen_settings import DetectorFold
from kws_gui.pages.listen_word import HeardWord
from kws_gui.widgets.progress_row import ProgressRow
from kws_gui.widgets.score_strip import ScoreStrip
from kws_gui.widgets.spectrogram import Spectrogram

_SIDE_WIDTH = 288  # px
_HINT = "The word heard last stands here"


class ListenView(QSplitter):
    """Left the picture of the sound with a score strip a word in line below it, right the words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._columns: dict[str, int] = {}
        self._rate = 1
        self.spectrogram = Spectrogram(SoundPicture.BANDS, hop_ms=SoundPicture.HOP_MS)
        self.strip = ScoreStrip()
        self.word = HeardWord()
        self.log = DetectionLog()
        self.file_button = QPushButton("Listen to a file…")
        self.file_button.setToolTip("Runs the same detector over a sound file; what it hears joins the list")
        self.progress = ProgressRow()
        self.fold = DetectorFold()
        self._scroll = _scrolling(self.strip)
        self.addWidget(self._make_left())
        self.addWidget(self._make_right())
        self.setStretchFactor(0, 1)
        self.setStretchFactor(1, 0)
        self.setChildrenCollapsible(False)
        self.setSizes([10_000, _SIDE_WIDTH])

    def setModel(
        self, labels: Sequence[str], thresholds: Mapping[str, float], *, rate: int, picture: SoundPicture
    ) -> None:
        """Starts anew with a model's words; the log stays."""
        self._columns = {word: labels.index(word) for word in thresholds}
        self._rate = rate
        self.spectrogram.clear()
        self.spectrogram.setFrequencyLabels(f"{picture.high_hz / 1000:g} kHz", f"{picture.LOW_HZ:g} Hz")
        self.strip.clear()
        self.strip.setWords(list(thresholds), thresholds)
        self.word.clear(_HINT)

    def setThresholds(self, thresholds: Mapping[str, float]) -> None:
        """Moves the threshold lines without saying so."""
        for word, value in thresholds.items():
            row = self.strip.row(word)
            blocker = QSignalBlocker(row)
            row.setThreshold(value)
            blocker.unblock()

    def showSteps(self, steps: Sequence[Step]) -> None:
        """The newest looks of the network."""
        for step in steps:
            scores = {word: float(step.scores[column]) for word, column in self._columns.items()}
            self.strip.append(step.at_sample / self._rate, scores)

    def showDetection(self, found: Detection) -> None:
        """A word heard just now: on the picture, in its strip, large, and in the log."""
        entry = Entry(found.word, found.score, datetime.now())
        self.spectrogram.mark(found.at_sample / self._rate, found.word)
        self.strip.detected(found.word)
        self.word.heard(found.word, f"{entry.time_text()} · score {found.score:.2f}")
        self.log.add(entry)

    def _make_left(self) -> QWidget:
        inner = QSplitter(Qt.Orientation.Vertical)
        holder = QWidget()
        self._picture_column = QVBoxLayout(holder)
        self._picture_column.setContentsMargins(0, 0, 0, 0)
        self._picture_column.addWidget(self.spectrogram)
        inner.addWidget(holder)
        inner.addWidget(self._scroll)
        inner.setStretchFactor(0, 3)
        inner.setStretchFactor(1, 2)
        inner.setChildrenCollapsible(False)
        bar = self._scroll.verticalScrollBar()
        bar.rangeChanged.connect(self._keep_in_line)
        return inner

    def _keep_in_line(self, low: int, high: int) -> None:
        """A scroll bar beside the strips takes room that the picture above must leave free, too."""
        width = self._scroll.verticalScrollBar().sizeHint().width() if high > low else 0
        self._picture_column.setContentsMargins(0, 0, width, 0)

    def _make_right(self) -> QWidget:
        side = QFrame()
        theme.set_role(side, "card")
        side.setMinimumWidth(264)
        column = QVBoxLayout(side)
        column.setContentsMargins(theme.GRID, theme.GRID, theme.GRID, theme.GRID)
        column.setSpacing(theme.GRID)
        column.addWidget(self.word)
        column.addWidget(self.log, 1)
        column.addWidget(self.progress)
        column.addWidget(self.file_button)
        column.addWidget(self.fold)
        theme.set_icon(self.file_button, "mdi6.file-music-outline")
        return side


def _scrolling(strip: ScoreStrip) -> QScrollArea:
    area = QScrollArea()
    area.setWidget(strip)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setMinimumHeight(96)
    return area
