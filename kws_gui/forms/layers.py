"""Edits the layers of a network: a button in the form opens a table in a separate window."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from kws_engine.layer_rows import KINDS, LayerRow, text
from kws_engine.spec import Option
from kws_gui import theme
from kws_gui.forms.layer_table import LayerTable, NetworkInput

_HOW = "Double-click a cell or press F2 to edit it. A layer followed by batch norm has no bias of its own."


class LayersEditor(QWidget):
    """The editor in the form: a button with the number of rows, which opens the table.

    Signals:
        changed(): A row changed, valid or not; `text` has them all.
    """

    changed = Signal()

    def __init__(self, option: Option) -> None:
        super().__init__()
        self.button = QPushButton()
        self.table = LayerTable()
        self._window = _LayersWindow(self, self.table, option.title)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        column.addWidget(self.button)
        self.setFocusProxy(self.button)
        self.button.clicked.connect(self._window.showInFront)
        self.table.rowsChanged.connect(self._on_rows)
        self._update_texts()

    def text(self) -> str:
        """All rows, valid or not, in the notation of `layer_rows`."""
        return "; ".join(self.table.texts())

    def setRows(self, rows: tuple[LayerRow, ...]) -> None:
        """Shows valid rows."""
        texts = [text(row) for row in rows]
        if texts != self.table.texts():
            self.table.set_texts(texts)
        self._update_texts()

    def setInput(self, n_features: int, n_frames: int, n_labels: int) -> None:
        """Sets what outputs, parameters and MACs are computed for."""
        self.table.set_input(NetworkInput(n_features, n_frames, n_labels))
        self._update_texts()

    def tableWindow(self) -> QDialog:
        """The window with the table."""
        return self._window

    def _on_rows(self) -> None:
        self._update_texts()
        self.changed.emit()

    def _update_texts(self) -> None:
        count = len(self.table.texts())
        self.button.setText(f"Edit {count} {'row' if count == 1 else 'rows'} …")
        self.button.setToolTip("Add, move and edit layers, with the output shape and cost of each")
        self._window.show_rows(self.text(), self.table.error())


class _LayersWindow(QDialog):
    """The table, its buttons, the totals, and all rows as one line of text to copy and paste."""

    def __init__(self, editor: LayersEditor, table: LayerTable, title: str) -> None:
        super().__init__(editor)
        self._table = table
        self.setWindowTitle(title)
        self.resize(920, 600)
        self.buttons: dict[str, QToolButton | QPushButton] = {}
        self.add = QPushButton("Add")
        self.line = QLineEdit()
        self.line.setAccessibleName("All layers as text")
        self.line.setToolTip("The same notation as on the command line: --set model.layers=…")
        self.sum = QLabel()
        self.sum.setWordWrap(True)
        self._lay_out()
        self.line.textEdited.connect(self._on_line)
        table.itemSelectionChanged.connect(self._enable)
        self._enable()

    def showInFront(self) -> None:
        """Shows the window; the page behind it stays usable."""
        if self._table.currentRow() < 0:
            self._table.setCurrentCell(0, 0)
        if self.isVisible():
            self.raise_()
        self.show()
        self.activateWindow()
        self._table.setFocus()

    def show_rows(self, text: str, error: str) -> None:
        """Shows the rows as text, and their totals or the error."""
        if not self.line.hasFocus():
            blocker = QSignalBlocker(self.line)
            self.line.setText(text)
            self.line.setCursorPosition(0)
            blocker.unblock()
        infos = self._table.infos()
        parameters, macs = sum(info.parameters for info in infos), sum(info.macs for info in infos)
        self.sum.setText(error or f"{parameters:,} parameters, {macs:,} MACs per clip")
        theme.set_role(self.sum, "error" if error else "")
        self._enable()

    def _on_line(self, text: str) -> None:
        self._table.set_texts([piece.strip() for piece in text.split(";") if piece.strip()])
        self._table.rowsChanged.emit()

    def _enable(self) -> None:
        for action, button in self.buttons.items():
            button.setEnabled(self._table.can(action))

    def _lay_out(self) -> None:
        how = QLabel(_HOW)
        how.setWordWrap(True)
        theme.set_role(how, "muted")
        below = QHBoxLayout()
        below.setSpacing(theme.GRID)
        below.addWidget(QLabel("As text"))
        below.addWidget(self.line, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID)
        column.addLayout(self._make_buttons())
        column.addWidget(self._table, 1)
        column.addWidget(self.sum)
        column.addLayout(below)
        column.addWidget(how)

    def _make_buttons(self) -> QHBoxLayout:
        menu = QMenu(self.add)
        for kind, described in KINDS.items():
            action = menu.addAction(described.title, partial(self._table.add_row, kind))
            action.setToolTip(described.help)
        menu.setToolTipsVisible(True)
        self.add.setMenu(menu)
        self.add.setToolTip("Add a row below the current one")
        self.add.setAutoDefault(False)
        row = QHBoxLayout()
        row.setSpacing(theme.GRID)
        row.addWidget(self.add)
        acts: list[tuple[str, str, str, str, Callable[[], None]]] = [
            ("up", "Up", "mdi6.arrow-up", "Alt+Up", lambda: self._table.move_row(-1)),
            ("down", "Down", "mdi6.arrow-down", "Alt+Down", lambda: self._table.move_row(1)),
            ("duplicate", "Duplicate", "mdi6.content-copy", "Ctrl+D", self._table.duplicate_row),
            ("delete", "Delete", "mdi6.delete-outline", "Delete", self._table.delete_row),
        ]
        for name, title, icon, keys, act in acts:
            row.addWidget(self._make_button(name, title, icon, keys, act))
        row.addStretch()
        return row

    def _make_button(self, name: str, title: str, icon: str, keys: str, act: Callable[[], None]) -> QToolButton:
        button = QToolButton()
        button.setText(title)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setToolTip(f"{title} ({keys})")
        button.clicked.connect(act)
        theme.set_icon(button, icon, role="muted")
        self.buttons[name] = button
        return button
