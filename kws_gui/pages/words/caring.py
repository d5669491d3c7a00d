"""Above the clips of a word: the check, what it found as a filter, and what the word lacks."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from kws_engine.caring.checking import Check
from kws_engine.caring.learning_curve import LearningCurve, learning_curve
from kws_engine.caring.missing import missing
from kws_engine.caring.problems import PROBLEM_KINDS, TITLES
from kws_engine.clips.clip import Clip
from kws_engine.clips.table import ClipList, ClipTable
from kws_gui import theme
from kws_gui.bridges.latest import Latest
from kws_gui.pages.words.learning_dialog import LearningDialog
from kws_gui.services.care import Care
from kws_gui.widgets.progress_row import ProgressRow
from kws_gui.widgets.wrapped_label import WrappedLabel

ALL, WITH_PROBLEMS, LEFT_OUT = "all", "problems", "left out"


class CaringPanel(QWidget):
    """What the word lacks and how far a check is; `check` and `filters` stand where the page puts them.

    Signals:
        filterChanged: `filter` is another one.
    """

    filterChanged = Signal()

    def __init__(self, care: Care, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._care = care
        self._looked_up: tuple[ClipTable, Check | None, dict[str, list[int]]] | None = None
        self.check = QPushButton("Check clips")
        self.check.setToolTip("Find clips that are noisy, cut off, of another word, or there twice")
        theme.set_role(self.check, "quiet")
        theme.set_icon(self.check, "mdi6.check-all")
        self.more = QPushButton("What would more takes give?")
        self.more.setToolTip("Measure on these clips how many are told right by how many takes there are")
        theme.set_role(self.more, "quiet")
        theme.set_icon(self.more, "mdi6.chart-line")
        self.curve: LearningCurve | None = None
        self.dialog: LearningDialog | None = None
        self._learning = Latest(self)
        self._shown_word: tuple[ClipTable, str] | None = None
        self.filters = QComboBox()
        self.filters.setAccessibleName("Which clips are shown")
        self.progress = ProgressRow()
        self.lacks = WrappedLabel()
        self.lacks.setAccessibleName("What this word lacks")
        theme.set_role(self.lacks, "muted")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        row = QHBoxLayout()
        row.addWidget(self.lacks, 1)
        row.addWidget(self.more, 0, Qt.AlignmentFlag.AlignRight)
        column.addLayout(row)
        column.addWidget(self.progress)
        self.progress.hide()
        self.check.clicked.connect(care.look)
        self.more.clicked.connect(self._on_more)
        self._learning.began.connect(lambda: self._on_began("Measuring what takes give"))
        self._learning.progressed.connect(self.progress.setProgress)
        self._learning.answered.connect(self._on_measured)
        self._learning.failed.connect(lambda sentence, _: self._tell(sentence))
        self._learning.idle.connect(self._on_ended)
        care.changed.connect(self._forget_curve)
        self.progress.cancelRequested.connect(care.cancel)
        self.progress.cancelRequested.connect(self._learning.cancel)
        self.filters.currentIndexChanged.connect(lambda _: self.filterChanged.emit())
        care.began.connect(self._on_check_began)
        care.progressed.connect(self.progress.setProgress)
        care.ended.connect(self._on_ended)

    @property
    def filter(self) -> str:
        """`ALL`, `WITH_PROBLEMS`, `LEFT_OUT`, or the kind of a problem."""
        return self.filters.currentData() or ALL

    def show_word(self, table: ClipTable, word: str) -> None:
        """Says what a word lacks, and offers the filters that leave some of its clips."""
        self._shown_word = (table, word)
        rows = table.select(word=word, include_excluded=True)
        lacking = next((str(one) for one in missing(table, self.curve) if one.word == word and one.takes), "")
        self._tell(f"{lacking}." if lacking else "")
        self.more.setVisible(self._care.found is not None and len(rows) > 0)
        counts = self._counts(table, rows)
        self.check.setVisible(self._care.found is None and len(rows) > 0)
        before = self.filter
        self.filters.blockSignals(True)
        self.filters.clear()
        for value, title in _titles().items():
            if value == ALL or value == before or counts.get(value):
                self.filters.addItem(f"{title} ({counts.get(value, 0):,})", value)
        self.filters.setCurrentIndex(max(0, self.filters.findData(before)))
        self.filters.setVisible(self.filters.count() > 1 and len(rows) > 0)
        self.filters.blockSignals(False)
        self.setVisible(len(rows) > 0)

    def shown(self, clips: ClipList) -> ClipList:
        """Those of a word's clips that the filter leaves."""
        wanted = self.filter
        if wanted == ALL:
            return clips
        table = clips.table
        if wanted == LEFT_OUT:
            return table.clips(clips.indices[table.excluded[clips.indices]])
        return table.clips(clips.indices[np.isin(clips.indices, self._rows_with(table, wanted))])

    def _counts(self, table: ClipTable, rows: np.ndarray) -> dict[str, int]:
        counts: dict[str, int] = {ALL: len(rows), LEFT_OUT: int(table.excluded[rows].sum())}
        for value in (WITH_PROBLEMS, *PROBLEM_KINDS):
            counts[value] = int(np.isin(rows, self._rows_with(table, value)).sum())
        return counts

    def _rows_with(self, table: ClipTable, wanted: str) -> list[int]:
        """The rows with a problem; looked up once for each table and check."""
        if self._looked_up is None or self._looked_up[0] is not table or self._looked_up[1] is not self._care.found:
            self._looked_up = (table, self._care.found, _rows_by_problem(self._care.found, table))
        return self._looked_up[2].get(wanted, [])

    def shutdown(self) -> None:
        """Measures no more."""
        self._learning.shutdown()

    def _tell(self, sentence: str) -> None:
        self.lacks.setText(sentence)
        self.lacks.setVisible(bool(sentence))

    def _on_more(self) -> None:
        found = self._care.found
        if self.curve is not None:
            self._on_measured(self.curve)
        elif found is not None:
            self._learning.ask(lambda progress, stop: learning_curve(found, progress=progress, should_stop=stop))

    def _on_measured(self, curve: LearningCurve | None) -> None:
        if curve is None:
            return
        self.curve = curve
        if self._shown_word is not None:
            self.show_word(*self._shown_word)
        self.dialog = LearningDialog(curve, self)
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.dialog.open()

    def _forget_curve(self) -> None:
        """It was measured on other clips."""
        self._learning.cancel()
        self.curve = None

    def _on_check_began(self) -> None:
        self._on_began("Checking the clips")

    def _on_began(self, title: str) -> None:
        self.progress.show()
        self.progress.start(title)

    def _on_ended(self) -> None:
        self.progress.finish()
        self.progress.hide()


def problem_text(found: Check | None, clip: Clip) -> str:
    """What is wrong with a clip, in a few words."""
    return "" if found is None else ", ".join(map(str, found.of(clip.key)))


def _titles() -> dict[str, str]:
    titles: dict[str, str] = {ALL: "All", WITH_PROBLEMS: "With problems"}
    titles.update((kind, TITLES[kind].capitalize()) for kind in PROBLEM_KINDS)
    return {**titles, LEFT_OUT: "Left out"}


def _rows_by_problem(found: Check | None, table: ClipTable) -> dict[str, list[int]]:
    """The rows of a table, perhaps a newer one than was checked, whose clips have each problem, or any."""
    rows: dict[str, list[int]] = {}
    for at, problems in enumerate(found.problems if found is not None else ()):
        if problems and found is not None:
            row = at if found.table is table else table.row(found.table.key(at))
            if row is not None:
                for value in {WITH_PROBLEMS, *(problem.kind for problem in problems)}:
                    rows.setdefault(value, []).append(row)
    return rows
