"""The list of what an import would take as what, to change before it happens."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, Final

import numpy as np
from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtWidgets import QDialog, QHBoxLayout, QHeaderView, QPushButton, QTableView, QVBoxLayout, QWidget

from kws_engine.clips.import_files import ImportFile, ImportFiles
from kws_engine.clips.words import check_word, speaker_id
from kws_engine.errors import ProjectError
from kws_gui import theme
from kws_gui.pages.words.importing import Planned, unknown_speakers
from kws_gui.widgets.dialog_size import size_in
from kws_gui.widgets.wrapped_label import WrappedLabel

_HEADER: Final = ("Recording", "Word", "Speaker", "Listen first, because")
_WORD, _SPEAKER, _REMARK = 1, 2, 3
_MOST_NOTES: Final = 4
_WIDTH, _HEIGHT = 720, 560  # px
_SPEAKER_WIDTH, _REMARK_WIDTH = 130, 260  # px
_Index = QModelIndex | QPersistentModelIndex
_NO_INDEX: Final = QModelIndex()


class ReviewRows(QAbstractTableModel):
    """The files of a plan: ticked ones are taken; words and speakers can be typed over, for all of `together` at once.

    Signals:
        refused(sentence): Why a word that was typed cannot be one; empty when one can.
    """

    refused = Signal(str)

    def __init__(self, files: ImportFiles, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._files = files
        self._taken = np.ones(len(files), bool)
        self._taken[list(files.remarks)] = False
        self.together: Callable[[], Collection[int]] = tuple

    def count(self) -> int:
        """How many files are ticked."""
        return int(self._taken.sum())

    def chosen(self) -> ImportFiles:
        """The ticked files, as they are now, and those with a fault, which the import names among what it left out."""
        faulty = [row for row in self._files.remarks if not self._taken[row]]
        ticked = np.flatnonzero(self._taken).tolist()
        files = self._files.picked([*ticked, *faulty])
        for row in [row for row in files.remarks if row < len(ticked)]:
            files.set_remark(row, "")
        return files

    def file(self, row: int) -> ImportFile:
        """The file or piece of a row."""
        return self._files[row]

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._files)

    def columnCount(self, parent: _Index = _NO_INDEX) -> int:
        return len(_HEADER)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _HEADER[section]
        return None

    def data(self, index: _Index, role: int = 0) -> Any:
        file = self._files[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole, Qt.ItemDataRole.AccessibleTextRole):
            return (file.shown, file.word, file.speaker, file.remark)[index.column()]
        if role == Qt.ItemDataRole.CheckStateRole and index.column() == 0:
            return Qt.CheckState.Checked if self._taken[index.row()] else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.ToolTipRole:
            return file.remark or str(file.path)
        return None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.column() == 0:
            return flags | Qt.ItemFlag.ItemIsUserCheckable
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() in (_WORD, _SPEAKER) else flags

    def setData(self, index: _Index, value: Any, role: int = 0) -> bool:
        chosen = self.together()
        rows = chosen if index.row() in chosen else (index.row(),)
        if role == Qt.ItemDataRole.CheckStateRole:
            self._taken[list(rows)] = Qt.CheckState(value) == Qt.CheckState.Checked
        elif role == Qt.ItemDataRole.EditRole and index.column() == _WORD:
            try:
                word = check_word(str(value).strip())
            except ProjectError as error:
                self.refused.emit(str(error))
                return False
            self._files.set_word(list(rows), word)
        elif role == Qt.ItemDataRole.EditRole and index.column() == _SPEAKER and str(value).strip():
            speaker = speaker_id(str(value))
            self._files.set_speaker(list(rows), speaker)
        else:
            return False
        self.refused.emit("")
        self.dataChanged.emit(self.index(min(rows), 0), self.index(max(rows), len(_HEADER) - 1))
        return True

    def rows_beside(self, row: int) -> list[int]:
        """The rows of the files in the same folder."""
        return list(map(int, self._files.rows_beside(row)))


class ReviewDialog(QDialog):
    """Shows every file and piece with its word and speaker; takes with a fault are not ticked.

    Signals:
        chosen: The `Planned` as it was changed.
        playRequested: The `ImportFile` to be heard.
    """

    chosen = Signal(object)
    playRequested = Signal(object)

    def __init__(self, planned: Planned, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Import {planned.title}")
        self._planned = planned
        plan = planned.plan
        notes = [*plan.notes[:_MOST_NOTES], *(one.reason for one in plan.skipped[:_MOST_NOTES])]
        if len(plan.skipped) > _MOST_NOTES:
            notes.append(f"{len(plan.skipped) - _MOST_NOTES:,} more are left out.")
        if plan.speakers_unknown:
            notes.append(unknown_speakers(plan.speakers_unknown, plan.one_speaker))
        self.notes = WrappedLabel()
        self.notes.setText("\n".join(notes))
        theme.set_role(self.notes, "muted")
        self.rows = ReviewRows(plan.files[:], self)
        self.table = QTableView()
        self.table.setAccessibleName("What is imported as what")
        self.table.setModel(self.rows)
        self.table.verticalHeader().hide()
        self.table.setWordWrap(False)
        self.table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.resizeSection(_SPEAKER, _SPEAKER_WIDTH)
        header.resizeSection(_REMARK, _REMARK_WIDTH)
        self.table.setColumnHidden(_REMARK, not any(file.remark for file in plan.files))
        self.said = WrappedLabel()
        theme.set_role(self.said, "error")
        self.go = QPushButton("Import")
        theme.set_role(self.go, "primary")
        self.go.setDefault(True)
        self.go.clicked.connect(self._on_go)
        self.listen = QPushButton("Play")
        self.listen.setToolTip("The chosen row (Ctrl+P)")
        self.listen.setShortcut("Ctrl+P")
        theme.set_icon(self.listen, "mdi6.play")
        self.listen.clicked.connect(self._on_play)
        self.folder = QPushButton("Select the whole folder")
        self.folder.setToolTip(
            "All files beside the chosen row; what is typed or ticked holds for all that are selected"
        )
        self.folder.clicked.connect(self.choose_folder)
        self.rows.together = self._chosen_rows
        self.rows.dataChanged.connect(self._count)
        self.rows.refused.connect(self._on_refused)
        self._lay_out()
        self._on_refused("")
        self._count()
        if plan.files:
            self.table.selectRow(0)

    def _on_play(self) -> None:
        row = self.table.currentIndex().row()
        if row >= 0:
            self.playRequested.emit(self.rows.file(row))

    def choose_folder(self) -> None:
        """Selects the files in the folder of the current row."""
        row = self.table.currentIndex().row()
        if row < 0:
            return
        selection = QItemSelection()
        for at in self.rows.rows_beside(row):
            selection.select(self.rows.index(at, 0), self.rows.index(at, self.rows.columnCount() - 1))
        self.table.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def _chosen_rows(self) -> set[int]:
        parts = self.table.selectionModel().selection().toList()
        return {row for part in parts for row in range(part.top(), part.bottom() + 1)}

    def _on_refused(self, sentence: str) -> None:
        self.said.setText(sentence)
        self.said.setVisible(bool(sentence))

    def _count(self) -> None:
        count = self.rows.count()
        self.go.setEnabled(count > 0)
        self.go.setText(f"Import {count:,} clip{'s' * (count != 1)}")

    def _on_go(self) -> None:
        plan = replace(self._planned.plan, files=self.rows.chosen())
        self.chosen.emit(replace(self._planned, plan=plan))
        self.accept()

    def _lay_out(self) -> None:
        cancel = QPushButton("Cancel")
        cancel.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.GRID)
        buttons.addWidget(self.listen)
        buttons.addWidget(self.folder)
        buttons.addStretch(1)
        buttons.addWidget(cancel)
        buttons.addWidget(self.go)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID)
        column.addWidget(self.notes)
        column.addWidget(self.table, 1)
        column.addWidget(self.said)
        column.addLayout(buttons)
        self.resize(size_in(self.parentWidget(), _WIDTH, _HEIGHT))
