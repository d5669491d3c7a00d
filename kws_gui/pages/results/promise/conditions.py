"""Misses in noise and by speaker, and how long a detection takes."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from kws_engine.operating.report import InNoise, Report
from kws_gui import theme
from kws_gui.widgets.snr_plot import Missed, SnrPlot
from kws_gui.widgets.wrapped_label import WrappedLabel

_NO_TAKES = "Misses were not measured: record or import takes of more people, then measure again."
_NO_SPEAKER = "The takes name no speaker."


class ConditionsPanel(QWidget):
    """The noise on the left, the people on the right, the latency below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.noise = SnrPlot()
        self.speakers = _make_table()
        self.latency = QLabel()
        self._no_speaker = QLabel(_NO_SPEAKER)
        self._no_takes = WrappedLabel(_NO_TAKES)
        self._lay_out()

    def setReport(self, report: Report) -> None:
        """Shows where the takes of a report were missed."""
        has_takes = bool(report.missed.takes)
        self._no_takes.setVisible(not has_takes)
        self._split.setVisible(has_takes)
        self.latency.setVisible(has_takes)
        self.noise.setPoints([_point(one) for one in report.snr if one.takes])
        by_share = sorted(report.speakers.items(), key=lambda one: -one[1].interval.share)
        self.speakers.setRowCount(len(by_share))
        for row, (name, one) in enumerate(by_share):
            bounds = f"{100 * one.interval.low:.0f}-{100 * one.interval.high:.0f}%"
            share = f"{one.interval.share:.0%} ({bounds})"
            for column, text in enumerate((name, f"{one.missed} of {one.takes}", share)):
                item = QTableWidgetItem(text)
                side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
                item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
                self.speakers.setItem(row, column, item)
        self._no_speaker.setVisible(not by_share)
        self.latency.setText(latency_told(report))

    def _lay_out(self) -> None:
        left, right = QWidget(), QWidget()
        for side, title, parts in (
            (left, "In noise", (self.noise,)),
            (right, "By speaker, worst first", (self.speakers, self._no_speaker)),
        ):
            column = QVBoxLayout(side)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(theme.GRID // 2)
            head = QLabel(title)
            head.setFont(theme.font(bold=True))
            column.addWidget(head)
            for part in parts:
                column.addWidget(part, 1 if part is not self._no_speaker else 0)
        theme.set_role(self._no_speaker, "muted")
        theme.set_role(self._no_takes, "muted")
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.addWidget(left)
        self._split.addWidget(right)
        self._split.setStretchFactor(0, 3)
        self._split.setStretchFactor(1, 2)
        self._split.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self._no_takes, 1, Qt.AlignmentFlag.AlignTop)
        column.addWidget(self._split, 1)
        column.addWidget(self.latency)


def latency_told(report: Report) -> str:
    """How long after a word's end it is detected."""
    median, p95 = report.latency_ms
    if median is None or p95 is None:
        return "Nothing was heard, so there is no latency."
    return f"Heard {median} ms after the word's end in the median, 95% within {p95} ms."


def _point(one: InNoise) -> Missed:
    share = one.interval
    name = "clean" if one.snr_db is None else f"{one.snr_db:g} dB"
    return Missed(name, share.share, share.low, share.high)


def _make_table() -> QTableWidget:
    table = QTableWidget(0, 3)
    table.setHorizontalHeaderLabels(["Speaker", "Missed", "Share"])
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setShowGrid(False)
    table.setTabKeyNavigation(False)
    table.verticalHeader().hide()
    table.setStyleSheet("QHeaderView::section { padding: 6px 8px; } QTableView::item { padding: 0 5px; }")
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    table.setAccessibleName("Misses by speaker")
    table.setMinimumWidth(280)
    return table
