"""Items in cells of one size, row by row; laid out by arithmetic, so that a hundred thousand cost no more than ten."""

from __future__ import annotations

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import QPainter, QPaintEvent, QRegion, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyleOptionViewItem, QWidget

_Index = QModelIndex | QPersistentModelIndex


class CellView(QAbstractItemView):
    """What QListView shows as icons, whose layout takes seconds for very many items."""

    def __init__(self, cell: QSize, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cell = cell
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    @property
    def columns(self) -> int:
        """How many cells lie beside each other."""
        return max(1, self.viewport().width() // self._cell.width())

    def in_view(self) -> range:
        """The rows of the model that are in view, at least in part."""
        first = self.verticalOffset() // self._cell.height() * self.columns
        lines = self.viewport().height() // self._cell.height() + 2
        return range(first, min(first + lines * self.columns, self._count()))

    # -- what QAbstractItemView asks for

    def visualRect(self, index: _Index) -> QRect:
        return self._rect(index.row()) if index.isValid() else QRect()

    def indexAt(self, point: QPoint) -> QModelIndex:
        column = point.x() // self._cell.width()
        row = (point.y() + self.verticalOffset()) // self._cell.height() * self.columns + column
        if 0 <= column < self.columns and 0 <= row < self._count():
            return self.model().index(row, 0)
        return QModelIndex()

    def scrollTo(
        self, index: _Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        if not index.isValid():
            return
        rect, bar = self._rect(index.row()), self.verticalScrollBar()
        if rect.top() < 0:
            bar.setValue(bar.value() + rect.top())
        elif rect.bottom() >= self.viewport().height():
            bar.setValue(bar.value() + rect.bottom() + 1 - self.viewport().height())

    def horizontalOffset(self) -> int:
        return 0

    def verticalOffset(self) -> int:
        return self.verticalScrollBar().value()

    def isIndexHidden(self, index: _Index) -> bool:
        return index.column() != 0

    def moveCursor(
        self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier | Qt.KeyboardModifier
    ) -> QModelIndex:
        at, last = max(0, self.currentIndex().row()), self._count() - 1
        page = max(1, self.viewport().height() // self._cell.height()) * self.columns
        actions = QAbstractItemView.CursorAction
        steps = {
            actions.MoveLeft: -1,
            actions.MovePrevious: -1,
            actions.MoveRight: 1,
            actions.MoveNext: 1,
            actions.MoveUp: -self.columns,
            actions.MoveDown: self.columns,
            actions.MovePageUp: -page,
            actions.MovePageDown: page,
            actions.MoveHome: -last - 1,
            actions.MoveEnd: last + 1,
        }
        if last < 0:
            return QModelIndex()
        return self.model().index(max(0, min(last, at + steps.get(action, 0))), 0)

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        rect = rect.normalized().translated(0, self.verticalOffset())
        width, height, columns = self._cell.width(), self._cell.height(), self.columns
        left, right = max(0, rect.left() // width), min(columns - 1, rect.right() // width)
        selection = QItemSelection()
        is_one_cell = rect.width() <= 1 and rect.height() <= 1
        for line in range(max(0, rect.top() // height), rect.bottom() // height + 1):
            first, last = line * columns + left, min(line * columns + right, self._count() - 1)
            if first <= last and (not is_one_cell or first == last):
                selection.select(self.model().index(first, 0), self.model().index(last, 0))
        self.selectionModel().select(selection, command | QItemSelectionModel.SelectionFlag.Rows)

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        region = QRegion()
        shown = self.in_view()
        for part in selection.toList():
            for row in range(max(part.top(), shown.start), min(part.bottom() + 1, shown.stop)):
                region += QRegion(self._rect(row))
        return region

    def updateGeometries(self) -> None:
        lines = -(-self._count() // self.columns)
        bar, height = self.verticalScrollBar(), self.viewport().height()
        bar.setSingleStep(self._cell.height() // 2)
        bar.setPageStep(height)
        bar.setRange(0, max(0, lines * self._cell.height() - height))
        super().updateGeometries()

    # -- events

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.updateGeometries()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        option = QStyleOptionViewItem()
        self.initViewItemOption(option)
        plain, selection, current = option.state, self.selectionModel(), self.currentIndex().row()
        for row in self.in_view():
            option.rect = self._rect(row)
            if not option.rect.intersects(event.rect()):
                continue
            index = self.model().index(row, 0)
            option.state = plain
            if selection.isSelected(index):
                option.state |= QStyle.StateFlag.State_Selected
            if self.hasFocus() and row == current:
                option.state |= QStyle.StateFlag.State_HasFocus
            else:
                option.state &= ~QStyle.StateFlag.State_HasFocus
            self.itemDelegate().paint(painter, option, index)

    def _rect(self, row: int) -> QRect:
        line, column = divmod(row, self.columns)
        top = line * self._cell.height() - self.verticalOffset()
        return QRect(QPoint(column * self._cell.width(), top), self._cell)

    def _count(self) -> int:
        return self.model().rowCount() if self.model() is not None else 0
