"""Above the clips of a word: the check, what it found as a filter, and what the word lacks."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QPushButton, QVBoxLayout, QWidget

from kws_engine.caring.arrangement import Arrangement
from kws_engine.caring.learning_curve import LearningCurve, learning_curve
from kws_engine.caring.missing import missing
from kws_engine.caring.problems import PROBLEM_KINDS, TITLES
from kws_engine.clips.table import Rows
from kws_gui import theme
from kws_gui.bridges.latest import Latest
from kws_gui.pages.words.learning_dialog import LearningDialog
from kws_gui.services.care import Care
from kws_gui.widgets.progress_row import ProgressRow
from kws_gui.widgets.wrapped_label import WrappedLabel

ALL, WITH_PROBLEMS, LEFT_OUT = "all", "problems", "left out"


class CaringPanel(QWidget):
    """What the word lacks and how far a check is; `check`, `more` and `filters` stand where the page puts them.

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
        self.more = QPushButton("What would more takes give?")
        self.more.setToolTip("Measure on these clips how many are told right by how many takes there are")
        theme.set_role(self.more, "quiet")
        theme.set_icon(self.more, "mdi6.chart-line")
        self.curve: LearningCurve | None = None
        self._is_brief = False
        self.dialog: LearningDialog | None = None
        self._learning = Latest(self)
        self._shown_word: tuple[Arrangement, str] | None = None
        self.filters = QComboBox()
        self.filters.setAccessibleName("Which clips are shown")
        self.progress = ProgressRow()
        self.lacks = WrappedLabel()
        self.lacks.setAccessibleName("What this word lacks")
        theme.set_role(self.lacks, "muted")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        column.addWidget(self.lacks)
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

    @property
    def is_filtering(self) -> bool:
        """Whether not all clips are wanted."""
        return self.filter != ALL

    @property
    def has_filters(self) -> bool:
        """Whether there is more than one to choose from."""
        return self.filters.count() > 1

    def set_brief(self, is_brief: bool) -> None:
        """Whether what the word lacks is left unsaid."""
        self._is_brief = is_brief
        self._fit()

    def show_all(self) -> None:
        """Filters no more."""
        self.filters.setCurrentIndex(0)

    def show_word(self, arrangement: Arrangement, word: str) -> None:
        """Says what a word lacks, and offers the filters that leave some of its clips."""
        table = arrangement.table
        self._shown_word = (arrangement, word)
        rows = table.select(word=word, include_excluded=True)
        lacking = next((str(one) for one in missing(table, self.curve) if one.word == word and one.takes), "")
        self._tell(f"{lacking}." if lacking else "")
        self.more.setVisible(self._care.found is not None and len(rows) > 0)
        counts = _counts(arrangement, rows)
        self.check.setVisible(self._care.found is None and len(rows) > 0)
        before = self.filter
        self.filters.blockSignals(True)
        self.filters.clear()
        for value, title in _titles().items():
            if value == ALL or value == before or counts.get(value):
                self.filters.addItem(f"{title} ({counts.get(value, 0):,})", value)
        self.filters.setCurrentIndex(max(0, self.filters.findData(before)))
        self.filters.blockSignals(False)

    def shown(self, arrangement: Arrangement, rows: Rows) -> Rows:
        """Those of a word's rows (M,) that the filter leaves."""
        wanted = self.filter
        if wanted == ALL:
            return rows
        if wanted == LEFT_OUT:
            return np.asarray(rows[arrangement.table.excluded[rows]])
        return arrangement.with_problem(rows, None if wanted == WITH_PROBLEMS else wanted)

    def shutdown(self) -> None:
        """Measures no more."""
        self._learning.shutdown()

    def _tell(self, sentence: str) -> None:
        self.lacks.setText(sentence)
        self._fit()

    def _fit(self) -> None:
        """Takes no room where there is nothing to say."""
        self.lacks.setVisible(bool(self.lacks.text()) and not self._is_brief)
        self.setVisible(not self.lacks.isHidden() or not self.progress.isHidden())

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
        self.progress.start(title)
        self._fit()

    def _on_ended(self) -> None:
        self.progress.finish()
        self.progress.hide()
        self._fit()


def _titles() -> dict[str, str]:
    titles: dict[str, str] = {ALL: "All", WITH_PROBLEMS: "With problems"}
    titles.update((kind, TITLES[kind].capitalize()) for kind in PROBLEM_KINDS)
    return {**titles, LEFT_OUT: "Left out"}


def _counts(arrangement: Arrangement, rows: Rows) -> dict[str, int]:
    """How many of some rows (M,) each filter leaves."""
    left_out = int(arrangement.table.excluded[rows].sum())
    some = len(arrangement.with_problem(rows))
    return {ALL: len(rows), WITH_PROBLEMS: some, **arrangement.problem_counts(rows), LEFT_OUT: left_out}
