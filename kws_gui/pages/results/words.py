"""Precision, recall and F1 of every word, in a sortable table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from kws_engine.evaluation.interval import wilson
from kws_gui import theme

if TYPE_CHECKING:
    from kws_engine.evaluation.metrics import Evaluation, WordQuality

_COLUMNS = {
    "Word": "The word that was said or heard",
    "Precision": "Of the times this word was heard, how often it had been said",
    "Recall": "Of the times this word was said, how often it was heard",
    "F1": "Precision and recall in one number: their harmonic mean",
    "Clips": "How many clips of this word were evaluated",
}

_PADDING = 30  # px
_ROOM_FOR_ARROW = "QHeaderView::section { padding: 6px 18px 6px 8px; } QTableView::item { padding: 0 15px 0 5px; }"


class WordTable(QTableWidget):
    """One row per word; clicking a column title sorts by it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_COLUMNS), parent)
        self.setHorizontalHeaderLabels(list(_COLUMNS))
        for column, help in enumerate(_COLUMNS.values()):
            item = self.horizontalHeaderItem(column)
            assert item is not None
            item.setToolTip(help)
            side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
            item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, title in enumerate(_COLUMNS):
            widest = max(header.fontMetrics().horizontalAdvance(text) for text in (title, "100%"))
            self.setColumnWidth(column, widest + _PADDING)
        self.setAccessibleName("Quality of each word")
        self.setMinimumHeight(72)
        self.setStyleSheet(_ROOM_FOR_ARROW)

    def setEvaluation(self, evaluation: Evaluation, names: dict[str, str]) -> None:
        """Shows every label that was said or heard; `names` are the display names by label."""
        self.setSortingEnabled(False)
        qualities = evaluation.per_word
        self.setRowCount(len(qualities))
        for at, (label, quality) in enumerate(qualities.items()):
            given = int(evaluation.counts[:, evaluation.labels.index(label)].sum())
            for column, cell in enumerate(_cells(names[label], quality, given)):
                self.setItem(at, column, cell)
        self.setSortingEnabled(True)
        self.sortByColumn(3, Qt.SortOrder.AscendingOrder)

    def wholeHeight(self) -> int:
        """Height in px at which every row is visible."""
        rows = sum(self.rowHeight(row) for row in range(self.rowCount()))
        return self.horizontalHeader().height() + rows + 2 * self.frameWidth() + theme.GRID


class _Number(QTableWidgetItem):
    """Sorts by value rather than by text; a missing value sorts first."""

    def __init__(self, text: str, value: float, tip: str = "") -> None:
        super().__init__(text)
        self.value = value
        self.setToolTip(tip)
        self.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def __lt__(self, other: QTableWidgetItem) -> bool:
        return self.value < other.value if isinstance(other, _Number) else NotImplemented


def _cells(name: str, quality: WordQuality, given: int) -> list[QTableWidgetItem]:
    return [
        QTableWidgetItem(name),
        _share(quality.precision, given, "times this word was heard"),
        _share(quality.recall, quality.clips, "clips of this word"),
        _Number(f"{quality.f1:.0%}", quality.f1) if quality.f1 is not None else _none("clips of this word"),
        _Number(str(quality.clips), quality.clips),
    ]


def _share(share: float | None, total: int, of_what: str) -> _Number:
    if share is None or not total:
        return _none(of_what if not total else "clips of this word")
    return _Number(f"{share:.0%}", share, f"{wilson(share * total, total).text()} of {total} {of_what}")


def _none(of_what: str) -> _Number:
    return _Number("–", -1.0, f"No {of_what}")
