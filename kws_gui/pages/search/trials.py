"""The trials of a search in a table, as they run; knows no search and no process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from kws_engine.sweeps.events import Trial
from kws_gui import theme
from kws_gui.runs.trials import option_text, value_text

_STATES = {
    "complete": "done", "pruned": "ended early", "failed": "failed", "stopped": "stopped", "lost": "lost",
    "running": "running", "waiting": "waiting",
}  # fmt: skip
_TIPS = {
    "pruned": "It promised less than the others and was ended before its last epoch",
    "stopped": "It was interrupted, and is done again when the search goes on",
    "lost": "Its worker vanished; it is done again",
}
_FIXED, _WIDTHS = ("Trial", "State", "Value"), (56, 104, 72)  # px
_NARROWEST, _WIDEST = 88, 150  # px of an option's column
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass
class TrialRow:
    """A trial as the table shows it."""

    number: int
    state: str = "running"
    words: str = "starts"
    value: float | None = None
    options: dict[str, int | float | str] = field(default_factory=dict)
    message: str = ""


class TrialTable(QTreeWidget):
    """One row a trial, the best one marked; a click on a column's title sorts."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: dict[int, TrialRow] = {}
        self._items: dict[int, _Item] = {}
        self._paths: tuple[str, ...] = ()
        self._by, self._best = "loss", -1
        theme.set_role(self, "rows")
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setAccessibleName("Trials")
        self.setSortingEnabled(True)
        self.header().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.header().setStretchLastSection(False)
        self.header().setMinimumSectionSize(48)
        self.header().setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        theme.notifier.changed.connect(self._on_theme)
        self.set_options({}, by="loss")

    def set_options(self, titles: dict[str, str], *, by: str) -> None:
        """Begins anew: paths of the searched options with their titles, and what a trial is judged by."""
        self._rows, self._items, self._best = {}, {}, -1
        self._paths, self._by = tuple(titles), by
        self.clear()
        value = "Loss" if by == "loss" else "Right"
        self.setColumnCount(len(_FIXED) + len(titles))
        self.setHeaderLabels([*_FIXED[:2], value, *titles.values()])
        self.headerItem().setToolTip(2, "Of the validation clips, at the best epoch")
        for column, title in enumerate(titles.values(), len(_FIXED)):
            self.headerItem().setToolTip(column, title)
        self._fit()
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def paths(self) -> tuple[str, ...]:
        """The searched options."""
        return self._paths

    def rows(self) -> list[TrialRow]:
        """What is shown, by number."""
        return [self._rows[number] for number in sorted(self._rows)]

    def best(self) -> TrialRow | None:
        """The best trial that is done."""
        return self._rows.get(self._best)

    def finished(self) -> int:
        """How many trials need not be done again."""
        return sum(row.state in ("complete", "pruned", "failed") for row in self._rows.values())

    def begin(self, number: int, options: dict[str, int | float | str]) -> None:
        """A trial runs."""
        self._set(TrialRow(number, options=dict(options)))

    def advance(self, number: int, epoch: int, epochs: int, value: float) -> None:
        """A trial's epoch ended."""
        row = self._rows.get(number) or TrialRow(number)
        row.state, row.words, row.value = "running", f"epoch {epoch} of {epochs}", value
        self._set(row)

    def end(self, trial: Trial) -> None:
        """A trial has its result."""
        words = _STATES[trial.state]
        self._set(TrialRow(trial.number, trial.state, words, trial.value, dict(trial.options), trial.message))

    def add_past(self, trials: Sequence[Trial]) -> None:
        """Trials of before; what is shown of a trial already is newer."""
        for trial in trials:
            if trial.number not in self._rows and trial.state != "waiting":
                self.end(trial)

    def lose_running(self) -> None:
        """The workers are gone: what ran is done again when the search goes on."""
        for row in self.rows():
            if row.state == "running":
                row.state, row.words = "stopped", _STATES["stopped"]
                self._set(row)

    def _set(self, row: TrialRow) -> None:
        self._rows[row.number] = row
        item = self._items.get(row.number)
        was_at_end = self.verticalScrollBar().value() >= self.verticalScrollBar().maximum() - 2
        if item is None:
            item = self._items[row.number] = _Item()
            self.addTopLevelItem(item)
        self._write(item, row)
        self._mark_best()
        if was_at_end and self.sortColumn() == 0:
            self.scrollToBottom()

    def _write(self, item: _Item, row: TrialRow) -> None:
        words = "★ best" if row.number == self._best else row.words
        cells = [str(row.number), words, "" if row.value is None else value_text(row.value, self._by)]
        cells[2] = cells[2].removeprefix("loss ").removesuffix(" right")
        cells += [option_text(row.options[path]) if path in row.options else "" for path in self._paths]
        values: list[float | str] = [row.number, row.words, float("inf") if row.value is None else row.value]
        values += [row.options.get(path, "") for path in self._paths]
        item.values = values
        for column, text in enumerate(cells):
            item.setText(column, text)
            is_number = column in (0, 2) or isinstance(values[column], int | float)
            side = _RIGHT if is_number else _LEFT
            item.setTextAlignment(column, side)
            if column not in (0, 1):
                self.headerItem().setTextAlignment(column, side)
            item.setToolTip(column, row.message or _TIPS.get(row.state, text) if column == 1 else text)
        faded = row.state not in ("complete", "running")
        for column in range(self.columnCount()):
            item.setData(column, Qt.ItemDataRole.ForegroundRole, theme.current().color("muted") if faded else None)

    def _fit(self) -> None:
        """The options share what room there is."""
        for column, width in enumerate(_WIDTHS):
            self.setColumnWidth(column, width)
        options = self.columnCount() - len(_FIXED)
        room = self.viewport().width() - sum(_WIDTHS)
        for column in range(len(_FIXED), self.columnCount()):
            self.setColumnWidth(column, min(max(room // options, _NARROWEST), _WIDEST))

    def _on_theme(self) -> None:
        for row in self.rows():
            self._write(self._items[row.number], row)

    def _mark_best(self) -> None:
        sign = 1.0 if self._by == "loss" else -1.0
        done = [row for row in self._rows.values() if row.state == "complete" and row.value is not None]
        best = min(done, key=lambda row: (sign * (row.value or 0.0), row.number)).number if done else -1
        if best == self._best:
            return
        for number in (self._best, best):
            if (item := self._items.get(number)) is not None:
                row = self._rows[number]
                item.setText(1, "★ best" if number == best else row.words)
                for column in range(self.columnCount()):
                    item.setFont(column, theme.font(bold=number == best))
        self._best = best


class _Item(QTreeWidgetItem):
    """Sorts by values, not by their text."""

    values: list[float | str]

    def __lt__(self, other: QTreeWidgetItem) -> bool:
        column = self.treeWidget().sortColumn() if self.treeWidget() is not None else 0
        if not isinstance(other, _Item) or not hasattr(self, "values") or not hasattr(other, "values"):
            return False
        mine, theirs = self.values[column], other.values[column]
        if isinstance(mine, str) or isinstance(theirs, str):
            return str(mine) < str(theirs)
        return mine < theirs
