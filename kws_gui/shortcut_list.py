"""The list of all keyboard shortcuts, under Help: of the menus as they are, and of the pages."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHeaderView,
    QMenu,
    QMenuBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from kws_gui import theme
from kws_gui.shortcuts import SHORTCUTS, sequences

_COLUMNS = ("Keys", "What they do", "Where")


class ShortcutList(QDialog):
    """A table of keys, meanings and places; it can stay open beside the window."""

    def __init__(self, menus: QMenuBar, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        rows = [*_of_menus(menus), *_of_pages()]
        self.table = QTableWidget(len(rows), len(_COLUMNS))
        self.table.setHorizontalHeaderLabels(list(_COLUMNS))
        self.table.setAccessibleName("Keyboard shortcuts")
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        for row, texts in enumerate(rows):
            for at, text in enumerate(texts):
                self.table.setItem(row, at, QTableWidgetItem(text))
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        close = QPushButton("Close")
        close.clicked.connect(self.close)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GROUP)
        column.addWidget(self.table)
        column.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
        self.resize(720, 560)


def menu_actions(menus: QMenuBar) -> Iterator[QAction]:
    """Every action of the menus and their submenus that has keys."""
    for menu in menus.findChildren(QMenu):
        yield from (action for action in menu.actions() if action.shortcuts())


def _of_menus(menus: QMenuBar) -> Iterator[tuple[str, str, str]]:
    for action in menu_actions(menus):
        meaning = action.whatsThis() or action.text().replace("&", "").rstrip("…")
        yield _text([action.shortcut()]), meaning, "Everywhere"


def _of_pages() -> Iterator[tuple[str, str, str]]:
    for name, keys in SHORTCUTS.items():
        yield _text(sequences(name)), keys.meaning, keys.where


def _text(keys: list[QKeySequence]) -> str:
    texts = [key.toString(QKeySequence.SequenceFormat.NativeText) for key in keys]
    return " or ".join(dict.fromkeys(texts))
