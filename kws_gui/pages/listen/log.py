"""The log of the words that were heard, newest first, with time, score and their sound."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QIcon, QKeyEvent
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
_COLUMNS = ("Time", "Word", "Score", "Model", "")
_TIME, _WORD, _SCORE, _MODEL, _PLAY = range(len(_COLUMNS))
_PLAY_WIDTH = 28  # px
_NOTHING_YET = "What is heard appears here."


@dataclass(frozen=True)
class HeardWord:
    """One word, heard at a time of day or `at_s` seconds into the sound file `source`."""

    word: str
    score: float
    when: datetime
    at_s: float | None = None
    source: str = "microphone"
    model: str = ""

    def time_text(self) -> str:
        """The time of day, "14:05:09", or the place in a file, "0:03.2"."""
        if self.at_s is None:
            return f"{self.when:%H:%M:%S}"
        return f"{int(self.at_s // 60)}:{self.at_s % 60:04.1f}"


class DetectionLog(QWidget):
    """A table of the newest thousand words, "Clear" and "Save as CSV…"; the CSV has all words since the last "Clear".

    Enter or Space on a row, or a click on its last column, asks to hear it. Several models are named.

    Signals:
        playRequested(number): The person wants to hear that word.
        cleared(): The list is empty.
        saved(path): The CSV was written.
        failed(sentence): The CSV could not be written.
    """

    playRequested = Signal(int)
    cleared = Signal()
    saved = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words: list[HeardWord] = []
        self._first = 0  # the number of the oldest word
        self._playable = theme.icon("mdi6.play", "accent")
        theme.notifier.changed.connect(self._on_theme)
        self._title = QLabel()
        self._title.setFont(theme.font(bold=True))
        self.table = self._make_table()
        self.table.cellClicked.connect(self._on_clicked)
        self.table.installEventFilter(self)
        self.clear_button = _button("Clear", "Empties the list")
        self.save_button = _button("Save as CSV…", "Writes the list to a file that any spreadsheet opens")
        self.clear_button.clicked.connect(self.clear)
        self.save_button.clicked.connect(self.ask_save)
        self._lay_out()
        self.show_models(False)
        self._refresh()

    def add(self, word: HeardWord) -> int:
        """Puts a word at the top; returns its number, which no other word ever has."""
        self._words.append(word)
        self.table.insertRow(0)
        where = word.source if word.at_s is None else f"In {word.source}"
        for column, text in enumerate((word.time_text(), word.word, threshold_text(word.score), word.model, "")):
            item = QTableWidgetItem(text)
            item.setToolTip(f"{where}, {word.when:%Y-%m-%d %H:%M:%S}")
            if column == _SCORE:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.table.setItem(0, column, item)
        if self.table.rowCount() > _ROWS:
            self.table.removeRow(_ROWS)
        self._refresh()
        return self._first + len(self._words) - 1

    def raise_score(self, number: int, score: float) -> None:
        """Gives a word its higher score; nothing after "Clear"."""
        at = number - self._first
        if at < 0:
            return
        self._words[at] = replace(self._words[at], score=score)
        if (item := self._item(number, _SCORE)) is not None:
            item.setText(threshold_text(score))

    def set_playable(self, number: int, playable: bool) -> None:
        """Shows whether a word's sound can be heard."""
        item = self._item(number, _PLAY)
        if item is not None:
            item.setIcon(self._playable if playable else QIcon())
            item.setToolTip("Hear it (Enter)" if playable else "")
            item.setData(Qt.ItemDataRole.AccessibleTextRole, "can be heard" if playable else "")

    def show_models(self, shown: bool) -> None:
        """Whether to say which model heard each word."""
        self.table.setColumnHidden(_MODEL, not shown)
        header, by_content = self.table.horizontalHeader(), QHeaderView.ResizeMode.ResizeToContents
        header.setSectionResizeMode(_MODEL, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(_WORD, by_content if shown else QHeaderView.ResizeMode.Stretch)

    def words(self) -> list[HeardWord]:
        """Every word since the last "Clear", oldest first."""
        return list(self._words)

    def clear(self) -> None:
        """Empties the list."""
        self._first += len(self._words)
        self._words.clear()
        self.table.setRowCount(0)
        self._refresh()
        self.cleared.emit()

    def ask_save(self) -> None:
        """Asks for a file and saves to it."""
        name, _ = QFileDialog.getSaveFileName(self, "Save what was heard", "heard.csv", "Tables (*.csv)")
        if name:
            self.save(Path(name))

    def save(self, path: Path) -> None:
        """Writes the list as CSV: time, word, score, source, seconds, model."""
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
        writer.writerow(["time", "word", "score", "source", "seconds", "model"])
        for word in self._words:
            at_s = "" if word.at_s is None else f"{word.at_s:.2f}"
            when = word.when.isoformat(sep=" ", timespec="milliseconds")
            writer.writerow([when, word.word, f"{word.score:.6f}", word.source, at_s, word.model])
        return text.getvalue()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter and Space hear the chosen row."""
        if watched is self.table and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            is_play = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)
            if is_play and self.table.currentRow() >= 0:
                self._play(self.table.currentRow())
                return True
        return False

    def _on_theme(self) -> None:
        self._playable = theme.icon("mdi6.play", "accent")
        for row in range(self.table.rowCount()):
            item = self.table.item(row, _PLAY)
            if item is not None and not item.icon().isNull():
                item.setIcon(self._playable)

    def _on_clicked(self, row: int, column: int) -> None:
        if column == _PLAY:
            self._play(row)

    def _play(self, row: int) -> None:
        self.playRequested.emit(self._first + len(self._words) - 1 - row)

    def _item(self, number: int, column: int) -> QTableWidgetItem | None:
        row = self._first + len(self._words) - 1 - number
        return self.table.item(row, column) if 0 <= row < self.table.rowCount() else None

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
        header.setResizeContentsPrecision(0)  # by the rows in view: a thousand rows are not measured for each new one
        header.setSectionResizeMode(_WORD, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(_PLAY, QHeaderView.ResizeMode.Fixed)
        header.setMinimumSectionSize(_PLAY_WIDTH)
        header.resizeSection(_PLAY, _PLAY_WIDTH)
        play = table.horizontalHeaderItem(_PLAY)
        assert play is not None
        play.setToolTip("Hear it")
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
        self._nothing = QLabel(_NOTHING_YET, self.table.viewport())
        self._nothing.move(theme.GRID // 2, theme.GRID // 2)
        theme.set_role(self._nothing, "muted")

    def _refresh(self) -> None:
        count = len(self._words)
        self._title.setText(f"Heard: {count:,}" if count else "Heard")
        self._nothing.setVisible(not count)
        for button in (self.clear_button, self.save_button):
            button.setEnabled(bool(count))


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    theme.set_role(button, "quiet")
    button.setToolTip(tip)
    return button
