"""Runs side by side: curves, results with their intervals, settings that differ, accuracy against size.

In a high view the curves stand above the rest; in a low one they are one of four views.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from kws_gui import theme
from kws_gui.bridges.latest import Latest
from kws_gui.pages.train.compare.tables import ResultTable, SettingTable
from kws_gui.pages.train.compare.wording import name_of, verdict
from kws_gui.runs.rows import RunRow, counted
from kws_gui.widgets.curves import LossAndAccuracy, RunCurves, point_of
from kws_gui.widgets.curves.style import run_style
from kws_gui.widgets.progress_row import ProgressRow
from kws_gui.widgets.segments import Segment, Segments
from kws_gui.widgets.size_scatter import SizedRun, SizeScatter
from kws_gui.widgets.wrapped_label import WrappedLabel

if TYPE_CHECKING:
    from kws_engine.runs.comparing import Comparison

_ROOM_FOR_BOTH = 540  # px; from this height on, curves and tables are seen at once
_ROOM_FOR_WORDS, _NARROWEST = 520, 312  # px
_VIEWS = (
    Segment("curves", "Curves", "Curves", "Validation of each run over the epochs"),
    Segment("results", "Results", "Results", "What each run reaches, with its 95% interval"),
    Segment("settings", "Settings", "Settings", "Only the options in which the runs differ"),
    Segment("size", "Size", "Size", "Accuracy against the size of the network"),
)
_PARTS = (
    Segment("validation", "Validation", "Valid.", "On the clips that the runs were chosen by"),
    Segment(
        "testing",
        "Testing",
        "Test",
        "On clips that no run has seen. Look last, and once: whoever chooses by them no longer knows how well the "
        "model hears new recordings",
    ),
)
_SIZES = (
    Segment("parameters", "Parameters", "Params", "Weights to learn"),
    Segment("macs", "MACs", "MACs", "Multiply-accumulates for one clip"),
)
_SAME = "The runs have the same settings and seed."


class CompareView(QWidget):
    """Shows two runs or more.

    Signals:
        failed(sentence, details)
        saved(Path): A picture or table of the curves was written.
    """

    failed = Signal(str, str)
    saved = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[RunRow, ...] = ()
        self._comparison: Comparison | None = None
        self._is_high = True
        self.comparing = Latest(self)
        self.views = Segments(_VIEWS, "What to compare")
        self.parts = Segments(_PARTS, "Part of the clips")
        self.sizes = Segments(_SIZES, "Size by")
        self.curves = LossAndAccuracy()
        self.results = ResultTable()
        self.settings = SettingTable()
        self.scatter = SizeScatter()
        self.verdict = WrappedLabel()
        self.notes = WrappedLabel()
        self.same = WrappedLabel()
        self.progress = ProgressRow()
        self._lay_out()
        self._connect()
        self._arrange()
        self.views.choose("curves")

    def show_runs(self, rows: Sequence[RunRow]) -> None:
        """Compares these runs, unless they are shown already."""
        if tuple(rows) == self._rows:
            return
        self._rows = tuple(rows)
        self.curves.setRuns([_curves(row) for row in rows])
        self.curves.setTitle(f"{counted(len(rows), 'run')} compared")
        self._ask()

    def forget(self) -> None:
        """Nothing is compared any more."""
        self._rows = ()
        self._comparison = None
        self.comparing.cancel()

    def comparison(self) -> Comparison | None:
        """What is shown; None while it is being worked out."""
        return self._comparison

    def shutdown(self) -> None:
        """Ends the work."""
        self.comparing.shutdown()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for segments in (self.views, self.parts, self.sizes):
            segments.setShort(event.size().width() < _ROOM_FOR_WORDS)
        self._arrange()

    def minimumSizeHint(self) -> QSize:
        return QSize(_NARROWEST, super().minimumSizeHint().height())

    # -- comparing

    def _ask(self) -> None:
        if self._rows:
            self._comparison = None
            self.verdict.setText("Comparing …")
            self.comparing.ask(partial(_compare, [row.folder for row in self._rows], self._split()))

    def _split(self) -> Literal["validation", "testing"]:
        return "testing" if self.parts.current() == "testing" else "validation"

    def _on_compared(self, comparison: Comparison) -> None:
        self.progress.finish()
        self._comparison = comparison
        self.results.setComparison(comparison)
        self.settings.setComparison(comparison)
        self.verdict.setText(verdict(comparison))
        self.notes.setText("\n".join(comparison.notes))
        self.same.setText("" if comparison.differs else _SAME)
        for label in (self.verdict, self.notes, self.same):
            label.setVisible(bool(label.text()))
        self._show_sizes()

    def _on_failed(self, sentence: str, details: str) -> None:
        self.progress.finish()
        self.verdict.setText(sentence)
        self.verdict.show()
        if details:
            self.failed.emit(sentence, details)

    def _on_progress(self, done: int, total: int) -> None:
        """Evaluating a model takes a while; reading an earlier evaluation does not."""
        if self.progress.isHidden():
            self.progress.start("Evaluating the models")
        self.progress.setProgress(done, total)

    def _on_cancel(self) -> None:
        """Back to the validation part, whose results are stored with the runs."""
        self.comparing.cancel()
        self.progress.finish()
        self.parts.choose("validation")
        self._ask()

    def _show_sizes(self) -> None:
        comparison, against = self._comparison, self.sizes.current()
        if comparison is None:
            return
        places = {id(one): index for index, one in enumerate(comparison.runs)}
        runs = [
            SizedRun(name_of(one), size, one.accuracy, run_style(places[id(one)]))
            for size, one in comparison.points("macs" if against == "macs" else "parameters")
            if one.accuracy is not None
        ]
        self.scatter.setRuns(runs, "MACs" if against == "macs" else "parameters")

    # -- views

    def _arrange(self) -> None:
        """Curves above the rest where there is room."""
        is_high = self.height() >= _ROOM_FOR_BOTH
        if is_high != self._is_high:
            self._is_high = is_high
            self.views.button("curves").setVisible(not is_high)
            home = self._lower.layout() if is_high else self.layout()  # above what it chooses
            assert isinstance(home, QVBoxLayout)
            home.insertWidget(0, self._bar)
            self._splitter.setSizes([self.height() * 3 // 5, self.height() * 2 // 5])
            if is_high and self.views.current() == "curves":
                self.views.choose("results")
        self._show_view()

    def _show_view(self) -> None:
        view = self.views.current()
        self.curves.setVisible(self._is_high or view == "curves")
        self._lower.setVisible(view != "curves")
        self._stack.setCurrentWidget(self._views[view] if view != "curves" else self._views["results"])
        self.parts.setVisible(view == "results")
        self.sizes.setVisible(view == "size")

    def _connect(self) -> None:
        self.views.chosen.connect(self._show_view)
        self.parts.chosen.connect(self._ask)
        self.sizes.chosen.connect(self._show_sizes)
        self.comparing.answered.connect(self._on_compared)
        self.comparing.failed.connect(self._on_failed)
        self.comparing.progressed.connect(self._on_progress)
        self.progress.cancelRequested.connect(self._on_cancel)
        self.curves.failed.connect(lambda sentence: self.failed.emit(sentence, ""))
        self.curves.saved.connect(self.saved)

    def _lay_out(self) -> None:
        self._views = {
            "results": _column(self.verdict, self.results, self.notes),
            "settings": _column(self.same, self.settings),
            "size": self.scatter,
        }
        self._stack = QStackedWidget()
        for view in self._views.values():
            self._stack.addWidget(view)
        theme.set_role(self.notes, "muted")
        for label in (self.notes, self.same):
            label.hide()
        self._bar = QWidget()
        bar = QHBoxLayout(self._bar)
        bar.setContentsMargins(0, 0, 0, 0)
        bar.addWidget(self.views)
        bar.addStretch()
        bar.addWidget(self.sizes)
        bar.addWidget(self.parts)
        self._lower = QWidget()
        lower = QVBoxLayout(self._lower)
        lower.setContentsMargins(0, 0, 0, 0)
        lower.addWidget(self._bar)
        lower.addWidget(self.progress)
        lower.addWidget(self._stack, 1)
        self._splitter = split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(self.curves)
        split.addWidget(self._lower)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(split, 1)


def _column(*parts: QWidget) -> QWidget:
    whole = QWidget()
    column = QVBoxLayout(whole)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(theme.GRID)
    for part in parts:
        column.addWidget(part)
    return whole


def _curves(row: RunRow) -> RunCurves:
    best = row.run.best
    name = row.run.label.name or f"{row.title} · {row.run.network}"
    return RunCurves(name, [point_of(epoch) for epoch in row.run.epochs], best=best.epoch if best else None)


def _compare(
    folders: Sequence[Path],
    split: Literal["validation", "testing"],
    progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> Comparison:
    from kws_engine.runs.comparing import compare  # onnxruntime loads here, in the thread, at first use

    return compare(folders, split=split, progress=progress, should_stop=should_stop)
