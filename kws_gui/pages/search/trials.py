"""The table of a search's trials, as they run."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from kws_gui import theme
from kws_gui.runs.trials import option_text, value_text
from kws_gui.services.searching import TrialProgress, Trials

_STATES = {
    "complete": "done",
    "pruned": "ended early",
    "failed": "failed",
    "stopped": "stopped",
    "lost": "lost",
    "running": "running",
    "waiting": "waiting",
}
_TIPS = {
    "pruned": "It promised less than the others and was ended before its last epoch",
    "stopped": "It was interrupted, and is done again when the search goes on",
    "lost": "Its worker vanished; it is done again",
}
_FIXED = ("Trial", "State", "Value")
_WIDTHS = (56, 104, 72)  # px
_NARROWEST, _WIDEST = 88, 150  # px of an option's column
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class TrialTable(QTreeWidget):
    """One row for each trial, the best one marked; a click on a column's title sorts."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._trials = Trials()
        self._titles: dict[str, str] = {}
        self._items: dict[int, _Item] = {}
        self._best: int | None = None
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
        self.set_trials(self._trials, {})

    def set_trials(self, trials: Trials, titles: Mapping[str, str]) -> None:
        """Shows a search's trials; `titles` name its options, and one without a title goes by its path."""
        if trials is not self._trials or dict(titles) != self._titles or self.columnCount() != _columns(trials):
            self._begin(trials, dict(titles))
        for trial in trials.all():
            self.show_trial(trial)

    def rows(self) -> list[TrialProgress]:
        """What is shown, by number."""
        return [trial for trial in self._trials.all() if trial.number in self._items]

    def show_trial(self, trial: TrialProgress) -> None:
        """Adds a row, or brings it up to date."""
        item = self._items.get(trial.number)
        was_at_end = self.verticalScrollBar().value() >= self.verticalScrollBar().maximum() - 2
        if item is None:
            item = self._items[trial.number] = _Item()
            self.addTopLevelItem(item)
        self._write(item, trial)
        self._mark_best()
        if was_at_end and self.sortColumn() == 0:
            self.scrollToBottom()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _begin(self, trials: Trials, titles: dict[str, str]) -> None:
        self._trials = trials
        self._titles = titles
        self._items = {}
        self._best = None
        self.clear()
        value = "Loss" if trials.by == "loss" else "Right"
        names = [titles.get(path, path) for path in trials.paths]
        self.setColumnCount(_columns(trials))
        self.setHeaderLabels([*_FIXED[:2], value, *names])
        self.headerItem().setToolTip(2, "Of the validation clips, at the best epoch")
        for column, name in enumerate(names, len(_FIXED)):
            self.headerItem().setToolTip(column, name)
        self._fit()
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)

    def _write(self, item: _Item, trial: TrialProgress) -> None:
        paths = self._trials.paths
        state = _state_text(trial)
        shown_state = "★ best" if trial.number == self._best else state
        value = "" if trial.value is None else value_text(trial.value, self._trials.by)
        cells = [str(trial.number), shown_state, value.removeprefix("loss ").removesuffix(" right")]
        cells += [option_text(trial.options[path]) if path in trial.options else "" for path in paths]
        values: list[float | str] = [trial.number, state, float("inf") if trial.value is None else trial.value]
        values += [trial.options.get(path, "") for path in paths]
        item.values = values
        for column, text in enumerate(cells):
            item.setText(column, text)
            is_number = column in (0, 2) or isinstance(values[column], int | float)
            side = _RIGHT if is_number else _LEFT
            item.setTextAlignment(column, side)
            if column not in (0, 1):
                self.headerItem().setTextAlignment(column, side)
            item.setToolTip(column, trial.message or _TIPS.get(trial.state, text) if column == 1 else text)
        faded = trial.state not in ("complete", "running")
        for column in range(self.columnCount()):
            item.setData(column, Qt.ItemDataRole.ForegroundRole, theme.current().color("muted") if faded else None)

    def _fit(self) -> None:
        """Gives the options' columns equal shares of the room that is left."""
        for column, width in enumerate(_WIDTHS):
            self.setColumnWidth(column, width)
        options = self.columnCount() - len(_FIXED)
        room = self.viewport().width() - sum(_WIDTHS)
        for column in range(len(_FIXED), self.columnCount()):
            self.setColumnWidth(column, min(max(room // options, _NARROWEST), _WIDEST))

    def _on_theme(self) -> None:
        for trial in self._trials.all():
            if trial.number in self._items:
                self._write(self._items[trial.number], trial)

    def _mark_best(self) -> None:
        best = self._trials.best()
        number = best.number if best is not None else None
        if number == self._best or (number is not None and number not in self._items):
            return
        before = self._best
        self._best = number
        for trial in self._trials.all():
            if trial.number in (before, number) and trial.number in self._items:
                is_best = trial.number == number
                item = self._items[trial.number]
                item.setText(1, "★ best" if is_best else _state_text(trial))
                for column in range(self.columnCount()):
                    item.setFont(column, theme.font(bold=is_best))


def _columns(trials: Trials) -> int:
    return len(_FIXED) + len(trials.paths)


def _state_text(trial: TrialProgress) -> str:
    if trial.state != "running":
        return _STATES[trial.state]
    return f"epoch {trial.epoch} of {trial.epochs}" if trial.epoch else "starts"


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
