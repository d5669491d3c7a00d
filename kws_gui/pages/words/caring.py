"""Above the clips of a word: the check, what it found as a filter, and what the word lacks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from kws_engine.caring.checking import Check
from kws_engine.caring.missing import missing
from kws_engine.caring.problems import PROBLEM_KINDS, TITLES
from kws_engine.clips.clip import Clip
from kws_engine.clips.table import ClipList, ClipTable
from kws_gui import theme
from kws_gui.services.care import Care
from kws_gui.widgets.progress_row import ProgressRow
from kws_gui.widgets.wrapped_label import WrappedLabel

ALL, WITH_PROBLEMS, LEFT_OUT = "all", "problems", "left out"


class CaringPanel(QWidget):
    """A button that checks, or how far the check is; then a filter of problems.

    Signals:
        filterChanged: `filter` is another one.
    """

    filterChanged = Signal()

    def __init__(self, care: Care, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._care = care
        self.check = QPushButton("Check clips")
        self.check.setToolTip("Find clips that are noisy, cut off, of another word, or there twice")
        theme.set_role(self.check, "quiet")
        theme.set_icon(self.check, "mdi6.check-all")
        self.filters = QComboBox()
        self.filters.setAccessibleName("Which clips are shown")
        self.progress = ProgressRow()
        self.lacks = WrappedLabel()
        self.lacks.setAccessibleName("What this word lacks")
        theme.set_role(self.lacks, "muted")
        row = QHBoxLayout()
        row.setSpacing(theme.GRID)
        row.addWidget(self.lacks, 1)
        row.addWidget(self.filters)
        row.addWidget(self.check)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        column.addLayout(row)
        column.addWidget(self.progress)
        self.progress.hide()
        self.check.clicked.connect(care.look)
        self.progress.cancelRequested.connect(care.cancel)
        self.filters.currentIndexChanged.connect(lambda _: self.filterChanged.emit())
        care.began.connect(self._on_began)
        care.progressed.connect(self.progress.setProgress)
        care.ended.connect(self._on_ended)

    @property
    def filter(self) -> str:
        """`ALL`, `WITH_PROBLEMS`, `LEFT_OUT`, or the kind of a problem."""
        return self.filters.currentData() or ALL

    def show_word(self, table: ClipTable, word: str) -> None:
        """Says what a word lacks, and offers the filters that leave some of its clips."""
        rows = table.select(word=word, include_excluded=True)
        lacking = next((str(one) for one in missing(table) if one.word == word and one.takes), "")
        self.lacks.setText(f"{lacking}." if lacking else "")
        counts = self._counts(table, rows)
        self.check.setVisible(self._care.found is None and len(rows) > 0)
        before = self.filter
        self.filters.blockSignals(True)
        self.filters.clear()
        for value, title in _titles().items():
            if value == ALL or value == before or counts.get(value):
                self.filters.addItem(f"{title} ({counts.get(value, 0):,})", value)
        self.filters.setCurrentIndex(max(0, self.filters.findData(before)))
        self.filters.setVisible(self.filters.count() > 1)
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
        return table.clips(clips.indices[np.isin(clips.indices, _rows_with(self._care.found, table, wanted))])

    def _counts(self, table: ClipTable, rows: np.ndarray) -> dict[str, int]:
        counts: dict[str, int] = {ALL: len(rows), LEFT_OUT: int(table.excluded[rows].sum())}
        for value in (WITH_PROBLEMS, *PROBLEM_KINDS):
            counts[value] = int(np.isin(rows, _rows_with(self._care.found, table, value)).sum())
        return counts

    def _on_began(self) -> None:
        self.progress.show()
        self.progress.start("Checking the clips")

    def _on_ended(self) -> None:
        self.progress.finish()
        self.progress.hide()


def problem_text(found: Check | None, clip: Clip) -> str:
    """What is wrong with a clip, in a few words."""
    return "" if found is None else ", ".join(map(str, found.of(f"{clip.word}/{clip.path.name}")))


def _titles() -> dict[str, str]:
    titles: dict[str, str] = {ALL: "All", WITH_PROBLEMS: "With problems"}
    titles.update((kind, TITLES[kind].capitalize()) for kind in PROBLEM_KINDS)
    return {**titles, LEFT_OUT: "Left out"}


def _rows_with(found: Check | None, table: ClipTable, wanted: str) -> Sequence[int]:
    """The rows of a table, perhaps a newer one, whose clips have a problem."""
    if found is None:
        return []
    keys = (
        found.table.key(row)
        for row, problems in enumerate(found.problems)
        if problems and (wanted == WITH_PROBLEMS or any(problem.kind == wanted for problem in problems))
    )
    return [row for row in map(table.row, keys) if row is not None]
