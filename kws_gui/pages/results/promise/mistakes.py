"""What a model fired on falsely and which takes it missed, to hear."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from kws_engine.operating.report import FiredOn, Report
from kws_engine.operating.telling import cannot_know
from kws_gui import theme
from kws_gui.bridges.player import FILE_RATE
from kws_gui.pages.results.clip_player import ClipSound
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.threshold_text import threshold_text
from kws_gui.widgets.wrapped_label import WrappedLabel

_NO_TALK = "There was no talk to count false alarms in."
_NOTHING_MISSED = "Every take was heard."
_NO_TAKES = "There are no takes that neither trained nor chose this model: record more, or of more people."


class MistakesPanel(QWidget):
    """Two tables above, the sound of the chosen row below; Space, Enter and a double click play it.

    Signals:
        failed(sentence): A sound could not be read or played.
    """

    failed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model: Path | None = None
        self._project: Path | None = None
        self._report: Report | None = None
        self.alarms = _make_table("What it fired on", ("Word", "Score", "Said there", "Source"), wide=2)
        self.missed = _make_table("Missed takes", ("Word", "Best score", "Clip"), wide=2)
        self._alarms_title = ElidedLabel()
        self._missed_title = ElidedLabel()
        self._no_alarms = WrappedLabel()
        self._no_missed = WrappedLabel()
        self.sound = ClipSound()
        self._lay_out()
        for table, shown in ((self.alarms, self._on_alarm), (self.missed, self._on_missed)):
            table.itemSelectionChanged.connect(shown)
            self.sound.serve(table)
        self.sound.failed.connect(self.failed)

    def setReport(self, report: Report, *, model: Path, project: Path) -> None:
        """Lists the mistakes of a model."""
        self._report, self._model, self._project = report, model, project
        self.sound.show_clip(None)
        alarms = [_alarm_cells(one) for one in report.alarms]
        missed = [(one.word, threshold_text(one.score), one.clip) for one in report.missed_takes]
        for table, rows in ((self.alarms, alarms), (self.missed, missed)):
            blocker = QSignalBlocker(table)
            _fill(table, rows)
            blocker.unblock()
        more = f", the surest {len(alarms)}" if report.false_alarm_count > len(alarms) else ""
        self._alarms_title.setFullText(f"Fired falsely {report.false_alarm_count} times{more}")
        self._missed_title.setFullText(f"Missed {report.missed.missed} of {report.missed.takes} takes")
        self._no_alarms.setText(cannot_know(report) if report.hours else _NO_TALK)
        self._no_missed.setText(_NOTHING_MISSED if report.missed.takes else _NO_TAKES)
        self.alarms.setVisible(bool(alarms))
        self._no_alarms.setVisible(not alarms)
        self.missed.setVisible(bool(missed))
        self._no_missed.setVisible(not missed)

    def shutdown(self) -> None:
        """Ends sound and reading."""
        self.sound.shutdown()

    def _on_alarm(self) -> None:
        row = _row_of(self.alarms)
        if row is not None and self._report is not None:
            assert self._model is not None and self._project is not None
            self._unselect(self.missed)
            self.sound.show_sound(partial(_read_alarm, self._model, self._project, self._report.alarms[row]))

    def _on_missed(self) -> None:
        row = _row_of(self.missed)
        if row is not None and self._report is not None and self._project is not None:
            self._unselect(self.alarms)
            self.sound.show_clip(self._project / self._report.missed_takes[row].clip)

    def _unselect(self, table: QTableWidget) -> None:
        blocker = QSignalBlocker(table)
        table.clearSelection()
        blocker.unblock()

    def _lay_out(self) -> None:
        split = QSplitter(Qt.Orientation.Horizontal)
        sides = (
            (self._alarms_title, self.alarms, self._no_alarms),
            (self._missed_title, self.missed, self._no_missed),
        )
        for title, table, nothing in sides:
            title.setFont(theme.font(bold=True))
            theme.set_role(nothing, "muted")
            side = QWidget()
            column = QVBoxLayout(side)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(theme.GRID // 2)
            column.addWidget(title)
            column.addWidget(table, 1)
            column.addWidget(nothing, 1, Qt.AlignmentFlag.AlignTop)
            split.addWidget(side)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        split.setChildrenCollapsible(False)
        self.sound.setMaximumHeight(96)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(split, 1)
        column.addWidget(self.sound)


def _read_alarm(
    model: Path,
    project: Path,
    alarm: FiredOn,
    _progress: Callable[[int, int], None],
    _should_stop: Callable[[], bool],
) -> NDArray[np.float32]:
    from kws_engine.runs.alarm_sound import alarm_sound  # onnxruntime loads here, in the thread

    return alarm_sound(model, project, alarm, rate=FILE_RATE)


def _alarm_cells(alarm: FiredOn) -> tuple[str, str, str, str]:
    where = f"{alarm.stream}, {int(alarm.at_s // 60)}:{alarm.at_s % 60:04.1f}"
    return alarm.word, threshold_text(alarm.score), alarm.text or "–", where


def _row_of(table: QTableWidget) -> int | None:
    rows = table.selectionModel().selectedRows()
    return rows[0].row() if rows else None


def _fill(table: QTableWidget, rows: Any) -> None:
    table.clearSelection()
    table.setRowCount(len(rows))
    for row, cells in enumerate(rows):
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            item.setToolTip(text)
            if column == 1:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            table.setItem(row, column, item)


def _make_table(name: str, columns: tuple[str, ...], *, wide: int) -> QTableWidget:
    table = QTableWidget(0, len(columns))
    table.setHorizontalHeaderLabels(list(columns))
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setShowGrid(False)
    table.setTabKeyNavigation(False)
    table.setWordWrap(False)
    table.verticalHeader().hide()
    table.setStyleSheet("QHeaderView::section { padding: 6px 8px; } QTableView::item { padding: 0 5px; }")
    header = table.horizontalHeader()
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(wide, QHeaderView.ResizeMode.Stretch)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    table.setAccessibleName(name)
    table.setMinimumWidth(240)
    return table
