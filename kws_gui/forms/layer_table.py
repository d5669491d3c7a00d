"""The layers of a network as table rows, with the output shape and cost of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QBrush
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from kws_engine.errors import SpecError
from kws_engine.layer_rows import KINDS, LayerRow, row
from kws_engine.models.tracing import RowInfo, trace
from kws_gui import shortcuts, theme

KIND, VALUES, OUTPUT, PARAMETERS, MACS, FIELD = range(6)
_COLUMNS = {
    "Layer": "Kind of layer",
    "Values": "First values in order, without names, then others by name: 16 3x3 stride 2",
    "Output": "Shape of the output: maps of frames x features, or a vector",
    "Parameters": "Trainable weights, biases, scales and shifts",
    "MACs": "Multiply-accumulate operations per clip",
    "Sees": "Receptive field: the frames x features of the input that one output value depends on",
}
_WIDTHS = {KIND: 190, VALUES: 180, PARAMETERS: 92, MACS: 100, FIELD: 88}
_LABELS = "Labels"


@dataclass(frozen=True)
class NetworkInput:
    """The input size and number of labels that the rows are computed for."""

    n_features: int = 40
    n_frames: int = 98
    n_labels: int = 12


class LayerTable(QTableWidget):
    """Editable rows; invalid text stays, with its error in the row.

    Signals:
        rowsChanged(): A row changed, valid or not; `texts` has them all.
    """

    rowsChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_COLUMNS), parent)
        self._texts: list[str] = []
        self._input = NetworkInput()
        self._errors: dict[int, str] = {}
        self._set_up()
        for name, act in (
            ("up", lambda: self.move_row(-1)),
            ("down", lambda: self.move_row(1)),
            ("duplicate", self.duplicate_row),
            ("delete", self.delete_row),
        ):
            shortcuts.add(self, name, act, Qt.ShortcutContext.WidgetShortcut)
        self.itemChanged.connect(self._on_item)
        theme.notifier.changed.connect(self._draw)
        self._draw()

    # -- rows

    def texts(self) -> list[str]:
        """The text of each row, valid or not."""
        return list(self._texts)

    def set_texts(self, texts: Iterable[str]) -> None:
        """Shows rows without emitting a signal."""
        self._texts = list(texts)
        self._draw()

    def set_input(self, given: NetworkInput) -> None:
        """Sets what the rows are computed for."""
        if given != self._input:
            self._input = given
            self._draw()

    def error(self) -> str:
        """The first error, with its row; or an empty string."""
        for number, sentence in self._errors.items():
            return f"Row {number + 1}: {sentence}" if number < len(self._texts) else sentence
        return ""

    def infos(self) -> list[RowInfo]:
        """Shape and cost of each row, up to the first invalid one."""
        return trace(self._parsed_rows()[0], self._input.n_features, self._input.n_frames, self._input.n_labels)

    def add_row(self, kind: str) -> None:
        """Adds a row of that kind after the current one."""
        at = min(self.currentRow() + 1, len(self._texts)) if self.currentRow() >= 0 else len(self._texts)
        self._texts.insert(at, KINDS[kind].start)
        self._edited(at)

    def move_row(self, by: int) -> None:
        """Moves the current row up (-1) or down (1)."""
        at = self.currentRow()
        if self._has_row(at) and 0 <= at + by < len(self._texts):
            self._texts.insert(at + by, self._texts.pop(at))
            self._edited(at + by)

    def duplicate_row(self) -> None:
        """Duplicates the current row below itself."""
        at = self.currentRow()
        if self._has_row(at):
            self._texts.insert(at + 1, self._texts[at])
            self._edited(at + 1)

    def delete_row(self) -> None:
        """Deletes the current row."""
        at = self.currentRow()
        if self._has_row(at):
            del self._texts[at]
            self._edited(min(at, len(self._texts)))

    def can(self, action: str) -> bool:
        """Whether "up", "down", "duplicate" or "delete" applies to the current row."""
        at = self.currentRow()
        edge = {"up": 0, "down": len(self._texts) - 1}
        return self._has_row(at) and at != edge.get(action, -1)

    def _has_row(self, at: int) -> bool:
        return 0 <= at < len(self._texts)

    def _edited(self, at: int) -> None:
        self._draw()
        self.setCurrentCell(at, max(self.currentColumn(), 0))
        self.rowsChanged.emit()

    def _on_item(self, item: QTableWidgetItem) -> None:
        at = item.row()
        if not self._has_row(at) or item.column() not in (KIND, VALUES):
            return
        kind, _, values = self._texts[at].partition(" ")
        if item.column() == VALUES:
            self._texts[at] = f"{kind} {' '.join(item.text().split())}".strip()
        else:
            self._texts[at] = _converted(values, str(item.data(Qt.ItemDataRole.UserRole)))
        self._edited(at)

    # -- drawing

    def _parsed_rows(self) -> tuple[list[LayerRow], str]:
        """The rows up to the first that cannot be parsed, and its error."""
        found: list[LayerRow] = []
        for text in self._texts:
            try:
                found.append(row(text))
            except SpecError as error:
                return found, str(error)
        return found, ""

    def _draw(self) -> None:
        blocker = QSignalBlocker(self)
        rows, unreadable = self._parsed_rows()
        infos = self.infos()
        if unreadable:  # the output row is not reached
            infos = infos[: len(rows)]
        self._errors = {number: info.error for number, info in enumerate(infos) if info.error}
        if unreadable and not self._errors:
            self._errors = {len(rows): unreadable}
        self.setRowCount(len(self._texts) + 1)
        for at in range(len(self._texts) + 1):
            self._draw_row(at, infos[at] if at < len(infos) else None)
        blocker.unblock()
        self.setAccessibleDescription(self.error() or f"{len(self._texts)} valid rows")

    def _draw_row(self, at: int, info: RowInfo | None) -> None:
        is_editable = at < len(self._texts)
        error = self._errors.get(at, "")
        kind, _, values = self._texts[at].partition(" ") if is_editable else ("", "", "")
        title = KINDS[kind].title if kind in KINDS else kind or _LABELS
        self._put(at, KIND, title, editable=is_editable, data=kind)
        shown = values if is_editable else f"{self._input.n_labels}, added automatically"
        self._put(at, VALUES, shown, editable=is_editable)
        span = len(_COLUMNS) - OUTPUT if error else 1
        if self.columnSpan(at, OUTPUT) != span:
            self.setSpan(at, OUTPUT, 1, span)
        cells = [error, "", "", ""]
        if info is not None and info.reached and not error:
            field = f"{info.field[0]} x {info.field[1]}"
            cells = [info.shape.text(), f"{info.parameters:,}", f"{info.macs:,}", field]
        for column, text in zip((OUTPUT, PARAMETERS, MACS, FIELD), cells, strict=True):
            self._put(at, column, text, wrong=bool(error))
        self.resizeRowToContents(at)

    def _put(
        self, at: int, column: int, text: str, *, editable: bool = False, wrong: bool = False, data: str = ""
    ) -> None:
        item = QTableWidgetItem(text)
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        item.setFlags(flags | Qt.ItemFlag.ItemIsEditable if editable else flags)
        item.setData(Qt.ItemDataRole.UserRole, data)
        colors = theme.current()
        item.setForeground(QBrush(colors.color("error_text" if wrong else "text" if editable else "muted")))
        if column >= PARAMETERS and not wrong:
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        item.setToolTip(text if column == OUTPUT else KINDS[data].help if data in KINDS else "")
        self.setItem(at, column, item)

    def _set_up(self) -> None:
        self.setHorizontalHeaderLabels(list(_COLUMNS))
        header = self.horizontalHeader()
        for column, help in enumerate(_COLUMNS.values()):
            title = self.horizontalHeaderItem(column)
            assert title is not None
            title.setToolTip(help)
            side = Qt.AlignmentFlag.AlignRight if column >= PARAMETERS else Qt.AlignmentFlag.AlignLeft
            title.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
            if column in _WIDTHS:
                self.setColumnWidth(column, _WIDTHS[column])
        header.setSectionResizeMode(OUTPUT, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        self.setItemDelegateForColumn(KIND, _KindDelegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(True)
        self.setAccessibleName("Layers")


class _KindDelegate(QStyledItemDelegate):
    """A combo box of kinds in the first column."""

    def createEditor(
        self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QWidget:
        box = QComboBox(parent)
        for kind, described in KINDS.items():
            box.addItem(described.title, kind)
            box.setItemData(box.count() - 1, described.help, Qt.ItemDataRole.ToolTipRole)
        box.setAccessibleName("Kind of layer")
        box.activated.connect(lambda: self._finish(box))
        return box

    def _finish(self, box: QComboBox) -> None:
        self.commitData.emit(box)
        self.closeEditor.emit(box)

    def setEditorData(self, editor: QWidget, index: QModelIndex | QPersistentModelIndex) -> None:
        assert isinstance(editor, QComboBox)
        editor.setCurrentIndex(editor.findData(index.data(Qt.ItemDataRole.UserRole)))

    def setModelData(
        self, editor: QWidget, model: QAbstractItemModel, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        assert isinstance(editor, QComboBox)
        if editor.currentData() != index.data(Qt.ItemDataRole.UserRole):
            model.setData(index, editor.currentData(), Qt.ItemDataRole.UserRole)


def _converted(values: str, kind: str) -> str:
    """The row as another kind, with its values if they are valid there, otherwise with default values."""
    text = f"{kind} {values}".strip()
    try:
        row(text)
    except SpecError:
        return KINDS[kind].start
    return text
