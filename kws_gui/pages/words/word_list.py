"""The list of a project's words with their counts per part, where words are added, renamed and removed."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QBrush, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QInputDialog,
    QLineEdit,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from kws_engine.clips.trash import Removal
from kws_engine.clips.words import NOISE, UNKNOWN
from kws_gui import theme
from kws_gui.pages.words.clips import how_split
from kws_gui.services.project_model import ProjectModel

_TITLES = {UNKNOWN: "Other words", NOISE: "Background noise"}
_HINTS = {
    UNKNOWN: "Words the model must not answer to",
    NOISE: "Sounds of the room, mixed in while training",
}
_HEADER = ("Word", "Train", "Valid.", "Test")
_COLUMN_TIPS = ("", "Training clips", "Validation clips", "Test clips")
_COUNT_WIDTH = 48  # px; wider for thousands


def title_of(word: str) -> str:
    """The title of a word: that of `_unknown_` is "Other words"."""
    return _TITLES.get(word, word)


class WordList(QWidget):
    """A table of words; a field at its foot adds one.

    Signals:
        chosen: (word) Another word is selected; its stored name.
    """

    chosen = Signal(str)

    def __init__(self, model: ProjectModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.tree = _Tree()
        self.tree.setAccessibleName("Words")
        self.tree.setHeaderLabels(list(_HEADER))
        self.tree.setRootIsDecorated(False)
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.tree.setUniformRowHeights(True)
        theme.set_role(self.tree, "rows")
        self._shape_columns()
        self.add_field = QLineEdit()
        self.add_field.setPlaceholderText("New word")
        self.add_field.setAccessibleName("New word")
        self.add_button = self._make_button("mdi6.plus", "Add the word (Enter)")
        self.rename_button = self._make_button("mdi6.pencil-outline", "Rename the word (F2)")
        self.remove_button = self._make_button("mdi6.trash-can-outline", "Remove the word and its clips (Del)")
        self._lay_out()
        self._connect()
        self.refresh()

    @property
    def word(self) -> str:
        """The selected word's stored name; empty without one."""
        item = self.tree.currentItem()
        return item.data(0, Qt.ItemDataRole.UserRole) if item else ""

    def choose(self, word: str) -> None:
        """Selects a word."""
        for row in range(self.tree.topLevelItemCount()):
            item = self.tree.topLevelItem(row)
            if item is not None and item.data(0, Qt.ItemDataRole.UserRole) == word:
                self.tree.setCurrentItem(item)

    def refresh(self) -> None:
        """Updates words and counts; the selection stays."""
        project = self._model.project
        before = self.word
        blocked = self.tree.blockSignals(True)
        self.tree.clear()
        if project is not None:
            table = project.table()
            for word, counts in zip(table.words, table.counts().tolist(), strict=True):
                self._add_row(word, counts, how_split(table, word))
            self._add_row(NOISE, [len(project.noises())])
        self._fit_counts()
        self.choose(before)
        if not self.word and (first := self.tree.topLevelItem(0)) is not None:
            self.tree.setCurrentItem(first)
        self.tree.blockSignals(blocked)
        self._on_chosen()

    def add(self, text: str) -> None:
        """Adds a word, with undo, and selects it."""
        if self._model.project is None or not text.strip():
            return
        if word := self._model.add_word(text.strip()):
            self.add_field.clear()
            self.choose(word)

    def rename(self, new: str) -> None:
        """Renames the selected word, with undo."""
        project = self._model.project
        old = self.word
        if project is None or new == old:
            return
        renamed = [new]

        def redo() -> None:
            renamed[0] = project.edit.rename_word(old, new)

        if self._model.push(f"Rename {old}", redo=redo, undo=lambda: project.edit.rename_word(renamed[0], old)):
            self.choose(renamed[0])

    def remove(self) -> None:
        """Removes the selected word with its clips, with undo."""
        project = self._model.project
        word = self.word
        if project is None or word in _TITLES or not word:
            return
        removed: list[Removal] = []
        self._model.push(
            f"Remove {word}",
            redo=lambda: removed.append(project.edit.remove_word(word)),
            undo=lambda: project.edit.restore(removed.pop()),
        )

    def _on_rename(self) -> None:
        dialog = QInputDialog(self)
        dialog.setWindowTitle("Rename word")
        dialog.setLabelText("New name")
        dialog.setTextValue(self.word)
        dialog.textValueSelected.connect(self.rename)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _on_chosen(self) -> None:
        own = bool(self.word) and self.word not in _TITLES
        self.rename_button.setEnabled(own)
        self.remove_button.setEnabled(own)
        self.chosen.emit(self.word)

    def _fit_counts(self) -> None:
        """Columns are alike from project to project until one holds thousands."""
        for column in range(1, len(_HEADER)):
            self.tree.header().resizeSection(column, max(_COUNT_WIDTH, self.tree.sizeHintForColumn(column)))

    def _add_row(self, word: str, counts: list[int], how: str = "") -> None:
        texts = [f"{count:,}" for count in counts]
        item = QTreeWidgetItem([title_of(word), *texts])
        item.setData(0, Qt.ItemDataRole.UserRole, word)
        item.setToolTip(0, "\n".join(filter(None, (_HINTS.get(word, word), how))))
        muted = QBrush(theme.current().color("muted"))
        for column, count in enumerate(counts, 1):
            item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if not count:
                item.setForeground(column, muted)
        self.tree.addTopLevelItem(item)

    def _connect(self) -> None:
        self.tree.currentItemChanged.connect(lambda *_: self._on_chosen())
        self.tree.renameRequested.connect(lambda: self.rename_button.click())
        self.tree.removeRequested.connect(lambda: self.remove_button.click())
        self.add_field.returnPressed.connect(lambda: self.add(self.add_field.text()))
        self.add_button.clicked.connect(lambda: self.add(self.add_field.text()))
        self.rename_button.clicked.connect(self._on_rename)
        self.remove_button.clicked.connect(self.remove)
        self._model.clipsChanged.connect(self.refresh)
        self._model.opened.connect(self.refresh)
        theme.notifier.changed.connect(self.refresh)

    def _make_button(self, icon: str, tip: str) -> QToolButton:
        button = QToolButton()
        theme.set_icon(button, icon)
        button.setToolTip(tip)
        button.setAccessibleName(tip.partition(" (")[0])
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return button

    def _shape_columns(self) -> None:
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(_COUNT_WIDTH)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in range(1, len(_HEADER)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, _COUNT_WIDTH)
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            self.tree.headerItem().setTextAlignment(column, right)
            self.tree.headerItem().setToolTip(column, _COLUMN_TIPS[column])

    def _lay_out(self) -> None:
        foot = QHBoxLayout()
        foot.setSpacing(theme.GRID // 2)
        foot.addWidget(self.add_field, 1)
        for button in (self.add_button, self.rename_button, self.remove_button):
            foot.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self.tree, 1)
        column.addLayout(foot)
        self.setMinimumWidth(236)


class _Tree(QTreeWidget):
    """F2 renames and Del removes, as everywhere."""

    renameRequested = Signal()
    removeRequested = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_F2:
            self.renameRequested.emit()
        elif event.key() == Qt.Key.Key_Delete:
            self.removeRequested.emit()
        else:
            super().keyPressEvent(event)
