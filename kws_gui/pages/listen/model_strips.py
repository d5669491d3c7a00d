"""The score strips of one model, under its name and what its thresholds promise together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from kws_engine.operating.word_curve import WordCurve, told_of_all
from kws_engine.spotting.detector import Step
from kws_gui import theme
from kws_gui.widgets.axis import GUTTER
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.score_strip import ScoreStrip

_UNKNOWN = "This model does not tell what other thresholds promise"
_HOW_TO_KNOW = "A model tells it once its thresholds were set and measured: on Results, for a model of your project"
_MARGIN = 6  # px, as of the words in the strips
_HINT = "False alarms an hour of talk, and the share of the words that is missed, at the thresholds as they are now"


class ModelStrips(QWidget):
    """A line of text and a `ScoreStrip`.

    Signals:
        removeRequested(): The model is to listen no longer.
    """

    removeRequested = Signal()

    def __init__(self, parent: QWidget | None = None, *, removable: bool = False) -> None:
        super().__init__(parent)
        self._columns: dict[str, int] = {}
        self._rate = 1
        self._curves: Mapping[str, WordCurve] = {}
        self.name = ElidedLabel()
        self.promise = ElidedLabel()
        self.strip = ScoreStrip(has_axis=False)
        self.remove = QToolButton()
        self.remove.setVisible(removable)
        self.remove.clicked.connect(self.removeRequested)
        self.strip.thresholdChanged.connect(self._tell)
        self._lay_out()

    def setName(self, name: str) -> None:
        """Shows the model's name; "" where it is the only one."""
        self.name.setFullText(name)
        self.name.setVisible(bool(name))
        self.remove.setAccessibleName(f"Stop listening with {name}")
        self.remove.setToolTip(f"Stop listening with {name}")

    def setModel(
        self, labels: Sequence[str], thresholds: Mapping[str, float], *, rate: int, curves: Mapping[str, WordCurve]
    ) -> None:
        """Starts again with a model's words and what each of their thresholds promises."""
        self._columns = {word: labels.index(word) for word in thresholds}
        self._rate = rate
        self._curves = curves
        self.strip.clear()
        self.strip.setWords(list(thresholds), thresholds)
        self.strip.setPromises({word: curve.told for word, curve in curves.items()})
        self._tell()

    def words(self) -> list[str]:
        """The words, from top to bottom."""
        return list(self._columns)

    def setThresholds(self, thresholds: Mapping[str, float]) -> None:
        """Moves the threshold lines without emitting that they moved."""
        for word, value in thresholds.items():
            row = self.strip.row(word)
            blocker = QSignalBlocker(row)
            row.setThreshold(value)
            blocker.unblock()
        self._tell()

    def showSteps(self, steps: Sequence[Step], *, offset_s: float = 0.0) -> None:
        """Adds the newest outputs of the network, later by so much than they say."""
        for step in steps:
            scores = {word: float(step.scores[column]) for word, column in self._columns.items()}
            self.strip.append(step.at_sample / self._rate + offset_s, scores)

    def orderTabs(self, after: QWidget) -> QWidget:
        """Puts all of it behind `after` in the Tab order; returns the last of it."""
        for one in (self.remove, *map(self.strip.row, self._columns)):
            QWidget.setTabOrder(after, one)
            after = one
        return after

    def _tell(self, *_: object) -> None:
        thresholds = {word: self.strip.row(word).threshold() for word in self._columns}
        told = told_of_all(self._curves, thresholds)
        whose = "All words: " if len(thresholds) > 1 else ""
        self.promise.setFullText(f"{whose}{told.replace('/h', ' false alarms/h')}" if told else _UNKNOWN)
        self.promise.setHint(_HINT if told else _HOW_TO_KNOW)

    def _lay_out(self) -> None:
        self.name.setFont(theme.font(bold=True))
        self.name.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.name.setFixedWidth(GUTTER - _MARGIN - theme.GRID)  # the promise begins where the strips do
        theme.set_role(self.promise, "muted")
        theme.set_icon(self.remove, "mdi6.close", role="muted")
        self.remove.setAutoRaise(True)
        head = QHBoxLayout()
        head.setContentsMargins(_MARGIN, 0, 0, 0)
        head.setSpacing(theme.GRID)
        head.addWidget(self.name)
        head.addWidget(self.promise, 1)
        head.addWidget(self.remove, 0, Qt.AlignmentFlag.AlignRight)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(self.strip, 1)
