"""The log of the words that were heard, newest first, with time and score."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from kws_engine.disk import write_atomically
from kws_engine.errors import KwsError
from kws_gui import theme
from kws_gui.widgets.threshold_text import threshold_text

_ROWS = 1000
_COLUMNS = ("Time", "Word", "Score")


@dataclass(frozen=True)
class HeardWord:
    """One word, heard at a time of day or `at_s` seconds into the sound file `source`."""

    word: str
    score: float
    when: datetime
    at_s: float | None = None
    source: str = "microphone"

    def time_text(self) -> str:
        """The time of day, "14:05:09", or the place in a file, "0:03.2"."""
        if self.at_s is None:
            return f"{self.when:%H:%M:%S}"
        return f"{int(self.at_s // 60)}:{self.at_s % 60:04.1f}"


class DetectionLog(QWidget):
    """A table of the newest thousand words, "Clear" and "Save as CSV…"; the CSV has all words since the last "Clear".

    Signals:
        saved(path): The CSV was written.
        failed(sentence): The CSV could not be written.
    """

    saved = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words: list[HeardWord] = []
        self._title = QLabel()
        self._title.setFont(theme.font(bold=True))
        self.table = self._make_table()
        self.clear_button = _button("Clear", "Empties the list")
        self.save_button = _button("Save as CSV…", "Writes the list to a file that any spreadsheet opens")
        self.clear_button.clicked.connect(self.clear)
        self.save_button.clicked.connect(self.ask_save)
        self._lay_out()
        self._refresh()

    def add(self, word: HeardWord) -> None:
        """Puts a word at the top."""
        self._words.append(word)
        self.table.insertRow(0)
        where = word.source if word.at_s is None else f"In {word.source}"
        for column, text in enumerate((word.time_text(), word.word, threshold_text(word.score))):
            item = QTableWidgetItem(text)
            item.setToolTip(f"{where}, {word.when:%Y-%m-%d %H:%M:%S}")
            if column == 2:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.table.setItem(0, column, item)
        if self.table.rowCount() > _ROWS:
            self.table.removeRow(_ROWS)
        self._refresh()

    def raise_score(self, score: float) -> None:
        """Gives the newest word its higher score; nothing after "Clear"."""
        if self._words:
            self._words[-1] = replace(self._words[-1], score=score)
            item = self.table.item(0, 2)
            assert item is not None
            item.setText(threshold_text(score))

    def words(self) -> list[HeardWord]:
        """Every word since the last "Clear", oldest first."""
        return list(self._words)

    def clear(self) -> None:
        """Empties the list."""
        self._words.clear()
        self.table.setRowCount(0)
        self._refresh()

    def ask_save(self) -> None:
        """Asks for a file and saves to it."""
        name, _ = QFileDialog.getSaveFileName(self, "Save what was heard", "heard.csv", "Tables (*.csv)")
        if name:
            self.save(Path(name))

    def save(self, path: Path) -> None:
        """Writes the list as CSV: time, word, score, source, seconds."""
        try:
            write_atomically(path, self.csv_text().encode("utf-8"))
        except KwsError as error:
            self.failed.emit(str(error))
        else:
            self.saved.emit(path)

    def csv_text(self) -> str:
        """The list as CSV, oldest first."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["time", "word", "score", "source", "seconds"])
        for word in self._words:
            at_s = "" if word.at_s is None else f"{word.at_s:.2f}"
            when = word.when.isoformat(sep=" ", timespec="milliseconds")
            writer.writerow([when, word.word, f"{word.score:.6f}", word.source, at_s])
        return text.getvalue()

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, len(_COLUMNS))
        table.setHorizontalHeaderLabels(list(_COLUMNS))
        table.verticalHeader().hide()
        table.setShowGrid(False)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setTabKeyNavigation(False)
        table.setAccessibleName("Words heard")
        table.setMinimumHeight(120)
        table.setStyleSheet("QTableView { border: none; border-radius: 0; }")
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return table

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(0)
        top.addWidget(self._title, 1)
        top.addWidget(self.save_button)
        top.addWidget(self.clear_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        column.addLayout(top)
        column.addWidget(self.table, 1)

    def _refresh(self) -> None:
        count = len(self._words)
        self._title.setText(f"Heard: {count:,}" if count else "Heard")
        for button in (self.clear_button, self.save_button):
            button.setEnabled(bool(count))


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    theme.set_role(button, "quiet")
    button.setToolTip(tip)
    return button
