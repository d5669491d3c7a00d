"""An evaluation: the confusion matrix on the left, words and clips on the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from kws_engine.clips.split import Split
from kws_engine.evaluation.few_clips import caution
from kws_engine.evaluation.interval import wilson
from kws_gui import theme
from kws_gui.pages.results.clips import ClipListView
from kws_gui.pages.results.source import ABOUT
from kws_gui.pages.results.words import WordTable
from kws_gui.widgets.confusion import ConfusionMatrix
from kws_gui.widgets.elided_label import ElidedLabel

if TYPE_CHECKING:
    from kws_engine.evaluation.metrics import Evaluation

_SPECIAL = {"_unknown_": "other words", "_silence_": "silence"}


class EvaluationView(QWidget):
    """Clicking a cell of the matrix lists its clips.

    Signals:
        failed(sentence): A clip could not be read or played.
    """

    failed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._evaluation: Evaluation | None = None
        self._names: dict[str, str] = {}
        self.about = ElidedLabel()
        self.matrix = ConfusionMatrix()
        self.words = WordTable()
        self.clips = ClipListView()
        self._lay_out()
        self.matrix.cellActivated.connect(self._on_cell)
        self.clips.failed.connect(self.failed)

    def setEvaluation(self, evaluation: Evaluation, part: Split) -> None:
        """Shows an evaluation of that part of the clips."""
        is_first = self._evaluation is None
        self._evaluation = evaluation
        used = list(evaluation.per_word)
        self._names = _names(used)
        rows = [evaluation.labels.index(label) for label in used]
        self.matrix.setMatrix([self._names[label] for label in used], evaluation.counts[rows][:, rows])
        self.words.setEvaluation(evaluation, self._names)
        if is_first:  # later the splitter stays where the person has put it
            self._right.setSizes([min(self.words.wholeHeight(), self._right.height() // 2), self._right.height()])
        self.clips.clear()
        count = len(evaluation.evaluated)
        right = sum(one.label == one.predicted for one in evaluation.evaluated)
        self.about.setFullText(f"{right} of {count} {part} clips. {ABOUT[part]}")

    def forget(self) -> None:
        """Drops the evaluation: another project was opened."""
        self._evaluation = None

    def shutdown(self) -> None:
        """Stops playing and reading."""
        self.clips.shutdown()

    def _on_cell(self, said: str, heard: str) -> None:
        if self._evaluation is None:
            return
        labels = {name: label for label, name in self._names.items()}
        found = self._evaluation.clips(labels[said], labels[heard])
        count = f"{len(found)} clip" if len(found) == 1 else f"{len(found)} clips"
        what = "heard correctly" if said == heard else f"heard as “{heard}”"
        self.clips.setClips(f"{count} of “{said}” {what}", found)
        if found:
            self.clips.list.setFocus()

    def _lay_out(self) -> None:
        theme.set_role(self.about, "muted")
        self._right = QSplitter(Qt.Orientation.Vertical)
        self._right.addWidget(self.words)
        self._right.addWidget(self.clips)
        self._right.setStretchFactor(1, 1)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self.matrix)
        split.addWidget(self._right)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        for part in (self._right, split):
            part.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self.about)
        column.addWidget(split, 1)


def describe_accuracy(evaluation: Evaluation) -> tuple[str, str]:
    """The share of correct answers, as a headline that says first if it rests on few clips, and in full."""
    count = len(evaluation.evaluated)
    right = sum(one.label == one.predicted for one in evaluation.evaluated)
    interval = wilson(right, count)
    bounds = f"{100 * interval.low:.0f} to {100 * interval.high:.0f}%"
    whole = f"{right} of {count} clips; 95% confidence interval {bounds} (Wilson 1927)"
    headline = f"{caution(evaluation.clip_counts)}{interval.text()} right"
    return headline[0].upper() + headline[1:], whole


def _names(labels: list[str]) -> dict[str, str]:
    """Unique display names: "other words" for `_unknown_`, unless the project has a word of that name."""
    return {label: name if (name := _SPECIAL.get(label, label)) not in labels else label for label in labels}
