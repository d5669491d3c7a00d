"""The DET curves of all words with the working point of one to move, and a row for each word."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from kws_engine.operating.report import Report, WordReport
from kws_engine.operating.working_point import of_all, of_word, steps
from kws_gui import theme
from kws_gui.widgets.det_plot import DetPlot, DetPoint
from kws_gui.widgets.threshold_text import threshold_text
from kws_gui.widgets.word_style import word_styles
from kws_gui.widgets.wrapped_label import WrappedLabel

_COLUMNS = {
    "Word": "Its line in the plot",
    "Threshold": "A score of at least this is a detection",
    "Missed": "Of the takes of this word, at this threshold",
    "Fired": "False alarms in all the talk and noise, at this threshold",
}
_NO_HOURS = "There was no talk to count false alarms in, so there is no curve."
_LEAST_ALARMS = 0.3  # drawn as 0: a third of the lowest rate that could be counted


class ThresholdPanel(QWidget):
    """Moves thresholds; nothing is written before "Use these thresholds".

    Signals:
        useRequested(dict): These thresholds, by word, are to be written into the model file.
    """

    useRequested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._report: Report | None = None
        self._in_file: dict[str, float] = {}
        self._thresholds: dict[str, float] = {}
        self.plot = DetPlot()
        self.table = _make_table()
        self.point = WrappedLabel()
        self.whole = WrappedLabel()
        self.use = QPushButton("Use these thresholds")
        self.back = QPushButton("Back to promised")
        self._lay_out()
        self.plot.thresholdMoved.connect(self._on_moved)
        self.plot.wordChosen.connect(self._choose)
        self.table.itemSelectionChanged.connect(self._on_row)
        self.use.clicked.connect(lambda: self.useRequested.emit(self.thresholds()))
        self.back.clicked.connect(self._on_back)
        theme.notifier.changed.connect(self._draw_icons)

    def setReport(self, report: Report, in_file: Mapping[str, float]) -> None:
        """Shows a model's report, each word at the threshold that its file has now."""
        self._report = report
        self._in_file = {word: in_file.get(word, one.threshold) for word, one in report.words.items()}
        self._thresholds = dict(self._in_file)
        hours = max(report.hours, 1e-6)
        curves = {word: _points(one, hours, self._in_file[word]) for word, one in report.words.items()}
        before = self.plot.word()
        self.plot.setCurves(curves, word_styles(curves), lowest=_LEAST_ALARMS / hours)
        self.plot.setPromised({word: one.threshold for word, one in report.words.items()})
        blocker = QSignalBlocker(self.table)
        self.table.setRowCount(len(curves))
        for row, word in enumerate(curves):
            for column in range(len(_COLUMNS)):
                self.table.setItem(row, column, _cell(word if not column else "", is_number=column > 0))
        row = list(curves).index(before) if before in curves else 0
        self.table.selectRow(row)
        blocker.unblock()
        if curves:
            self.plot.chooseWord(list(curves)[row])
        self._draw_icons()
        for word, value in self._thresholds.items():
            self.plot.setThreshold(word, value)
        self._show()

    def thresholds(self) -> dict[str, float]:
        """Where each word stands now."""
        return dict(self._thresholds)

    def word(self) -> str:
        """The word that is moved."""
        return self.plot.word()

    def _on_moved(self, word: str, threshold: float) -> None:
        self._thresholds[word] = threshold
        self._show()

    def _on_row(self) -> None:
        words = list(self._thresholds)
        rows = self.table.selectionModel().selectedRows()
        if rows and rows[0].row() < len(words):
            self.plot.chooseWord(words[rows[0].row()])
            self._show()

    def _choose(self, word: str) -> None:
        self.table.selectRow(list(self._thresholds).index(word))

    def _on_back(self) -> None:
        """Shows the promised thresholds, and has them written where the file has others."""
        assert self._report is not None
        self._thresholds = {word: one.threshold for word, one in self._report.words.items()}
        for word, value in self._thresholds.items():
            self.plot.setThreshold(word, value)
        if self._in_file != self._thresholds:
            self.useRequested.emit(self.thresholds())
        self._show()

    def _show(self) -> None:
        report = self._report
        if report is None or not self._thresholds:
            return
        for row, (word, value) in enumerate(self._thresholds.items()):
            point = of_word(report.words[word], report.hours, value)
            missed = f"{point.missed.missed} of {point.missed.takes}" if point.missed.takes else "–"
            for column, text in enumerate((word, threshold_text(value), missed, str(point.false_alarms))):
                item = self.table.item(row, column)
                assert item is not None
                item.setText(text)
        word = self.plot.word()
        value = self._thresholds[word]
        told = f"“{word}” at {threshold_text(value)}: {of_word(report.words[word], report.hours, value).told()}"
        self.point.setText(told if report.hours else _NO_HOURS)
        self.plot.setTold(told)
        self.whole.setText(f"All words: {of_all(report, self._thresholds).told()}")
        promised = {name: one.threshold for name, one in report.words.items()}
        self.use.setEnabled(self._thresholds != self._in_file)
        self.back.setEnabled(self._thresholds != promised or self._in_file != promised)

    def _draw_icons(self) -> None:
        for row, style in enumerate(word_styles(self._thresholds).values()):
            item = self.table.item(row, 0)
            if item is not None:
                item.setIcon(style.icon())

    def _lay_out(self) -> None:
        self.use.setToolTip("Writes them into the model file; Undo takes it back")
        self.back.setToolTip("The thresholds that the promise was made for")
        self.point.setAccessibleName("Working point")
        theme.set_role(self.whole, "muted")
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.GRID)
        buttons.addWidget(self.use)
        buttons.addWidget(self.back)
        buttons.addStretch(1)
        side = QWidget()
        right = QVBoxLayout(side)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(theme.GRID)
        right.addWidget(self.table, 1)
        right.addWidget(self.point)
        right.addWidget(self.whole)
        right.addLayout(buttons)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self.plot)
        split.addWidget(side)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        split.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(split)


def _points(word: WordReport, hours: float, in_file: float) -> list[DetPoint]:
    points = []
    for threshold in sorted({*steps(word), in_file}):
        point = of_word(word, hours, threshold)
        missed = point.missed.missed / point.missed.takes if point.missed.takes else None
        points.append(DetPoint(threshold, missed, point.per_hour))
    return points


def _make_table() -> QTableWidget:
    table = QTableWidget(0, len(_COLUMNS))
    table.setHorizontalHeaderLabels(list(_COLUMNS))
    for column, tip in enumerate(_COLUMNS.values()):
        item = table.horizontalHeaderItem(column)
        assert item is not None
        item.setToolTip(tip)
        item.setTextAlignment(_RIGHT if column else _LEFT)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setShowGrid(False)
    table.setTabKeyNavigation(False)
    table.verticalHeader().hide()
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    table.setAccessibleName("Threshold of each word")
    table.setMinimumHeight(72)
    table.setMinimumWidth(340)
    table.setStyleSheet("QHeaderView::section { padding: 6px 8px; } QTableView::item { padding: 0 5px; }")
    return table


def _cell(text: str, *, is_number: bool) -> QTableWidgetItem:
    item = QTableWidgetItem(text)
    item.setTextAlignment(_RIGHT if is_number else _LEFT)
    return item


_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
