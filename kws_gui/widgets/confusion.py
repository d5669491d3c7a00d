"""The confusion matrix: counts of true against predicted labels, coloured by their share of the row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from kws_gui import theme
from kws_gui.widgets.axis import SMALL

_GAP = 2.0  # px between cells
_MAX_CELL = 72.0
_LABEL_SHARE = 0.28  # of the width, at most, for the names of the rows


class ConfusionMatrix(QWidget):
    """Rows are true labels, columns predicted ones. Arrow keys move between cells, Enter or a click opens one.

    Signals:
        cellActivated(true_label, predicted_label)
    """

    cellActivated = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._labels: tuple[str, ...] = ()
        self._counts: NDArray[np.int64] = np.zeros((0, 0), np.int64)
        self._cell = (0, 0)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.setAccessibleName("Confusion matrix")
        theme.notifier.changed.connect(self.update)
        self._describe()

    def setMatrix(self, labels: Sequence[str], counts: ArrayLike) -> None:
        """Shows counts of shape (n, n): row = true label, column = predicted label.

        Raises:
            ValueError: The shape does not fit the labels.
        """
        table = np.asarray(counts, np.int64)
        if table.shape != (len(labels), len(labels)):
            raise ValueError(f"counts of shape {table.shape} do not fit {len(labels)} labels")
        self._labels = tuple(labels)
        self._counts = table
        self._cell = (0, 0)
        self._describe()
        self.updateGeometry()
        self.update()

    def currentCell(self) -> tuple[str, str] | None:
        """(true label, predicted label) of the focused cell; None without labels."""
        return (self._labels[self._cell[0]], self._labels[self._cell[1]]) if self._labels else None

    def cellText(self, row: int, column: int) -> str:
        """Describes a cell: "7 of 40 'right' were heard as 'left' (18%)"."""
        said, heard, total = self._labels[row], self._labels[column], int(self._counts[row].sum())
        share = f" ({self._counts[row, column] / total:.0%})" if total else ""
        return f"{self._counts[row, column]} of {total} “{said}” were heard as “{heard}”{share}"

    def cellRect(self, row: int, column: int) -> QRectF:
        """Where a cell is drawn."""
        area, side = self._area(), self._side()
        return QRectF(area.left() + column * side, area.top() + row * side, side - _GAP, side - _GAP)

    def sizeHint(self) -> QSize:
        side = 48 * max(len(self._labels), 4) + 120
        return QSize(min(side, 640), min(side, 600))

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 280)

    # -- events

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            cell = self._cell_at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self.cellText(*cell) if cell else "", self)
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0), Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1)}
        move = moves.get(Qt.Key(event.key()))
        if self._labels and move is not None:
            last, (down, right) = len(self._labels) - 1, move
            self._focus_cell(min(max(self._cell[0] + down, 0), last), min(max(self._cell[1] + right, 0), last))
        elif self._labels and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._activate()
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        over = self._cell_at(event.position()) is not None
        self.setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        cell = self._cell_at(event.position())
        if cell is not None and event.button() == Qt.MouseButton.LeftButton:
            self._focus_cell(*cell)
            self._activate()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self._labels:
            painter.setPen(theme.current().color("muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "Nothing evaluated yet")
            return
        self._paint_names(painter)
        for row in range(len(self._labels)):
            for column in range(len(self._labels)):
                self._paint_cell(painter, row, column)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.current().color("text"), 2))
            painter.drawRoundedRect(self.cellRect(*self._cell), 4, 4)

    # -- painting

    def _paint_cell(self, painter: QPainter, row: int, column: int) -> None:
        cell, count = self.cellRect(row, column), int(self._counts[row, column])
        fill = self._fill(row, column)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        painter.drawRoundedRect(cell, 4, 4)
        if not count:
            return
        painter.setFont(_fitting_font(str(count), cell.width() - 4, bold=row == column))
        painter.setPen(_text_color_on(fill))
        painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, str(count))

    def _fill(self, row: int, column: int) -> QColor:
        """Green for correct, red for wrong, stronger with the share of the row."""
        colors, total = theme.current(), int(self._counts[row].sum())
        share = self._counts[row, column] / total if total else 0.0
        strength = 0.07 + 0.93 * share**0.6 if share else 0.0
        return theme.mixed(colors.color("sunken"), colors.color("detection" if row == column else "error"), strength)

    def _paint_names(self, painter: QPainter) -> None:
        colors, area, side = theme.current(), self._area(), self._side()
        metrics = QFontMetricsF(theme.font())
        painter.setFont(theme.font())
        for index, label in enumerate(self._labels):
            at_focus = self.hasFocus() and index in self._cell
            painter.setPen(colors.color("text" if at_focus else "muted"))
            words = metrics.elidedText(label, Qt.TextElideMode.ElideRight, self._names_width())
            row = QRectF(
                area.left() - self._names_width() - 8, area.top() + index * side, self._names_width(), side - _GAP
            )
            painter.drawText(row, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)
            self._paint_column_name(painter, words, area.left() + (index + 0.5) * side, area.top() - 8)
        painter.setFont(theme.font(SMALL))
        painter.setPen(colors.color("muted"))
        below = QRectF(area.left(), area.bottom() + 4, self.width() - area.left(), 20)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, "row: said · column: heard")

    def _paint_column_name(self, painter: QPainter, words: str, x: float, y: float) -> None:
        metrics = QFontMetricsF(painter.font())
        if not self._names_rotated():
            width = metrics.horizontalAdvance(words)
            painter.drawText(QPointF(x - width / 2, y), words)
            return
        painter.save()
        painter.translate(x + metrics.height() / 3, y)
        painter.rotate(-90)
        painter.drawText(QPointF(0, 0), words)
        painter.restore()

    # -- geometry

    def _names_width(self) -> float:
        metrics = QFontMetricsF(theme.font())
        widest = max((metrics.horizontalAdvance(label) for label in self._labels), default=0.0) + 2
        return min(widest, self.width() * _LABEL_SHARE)

    def _names_rotated(self) -> bool:
        """Whether column names are rotated because they are wider than a cell."""
        return self._names_width() > self._side() - 6

    def _side(self) -> float:
        count = max(len(self._labels), 1)
        names = self._names_width() + 8
        top = names if names > (self.width() - names) / count else QFontMetricsF(theme.font()).height() + 10
        return min((self.width() - names) / count, (self.height() - top - 28) / count, _MAX_CELL)

    def _area(self) -> QRectF:
        side, count = self._side(), len(self._labels)
        top = self._names_width() + 12 if self._names_rotated() else QFontMetricsF(theme.font()).height() + 10
        return QRectF(self._names_width() + 8, top, side * count, side * count)

    def _cell_at(self, position: QPointF) -> tuple[int, int] | None:
        area, side = self._area(), self._side()
        if not self._labels or not area.contains(position):
            return None
        last = len(self._labels) - 1
        row, column = int((position.y() - area.top()) / side), int((position.x() - area.left()) / side)
        return min(row, last), min(column, last)

    def _focus_cell(self, row: int, column: int) -> None:
        self._cell = (row, column)
        self._describe()
        self.update()

    def _activate(self) -> None:
        cell = self.currentCell()
        if cell is not None:
            self.cellActivated.emit(*cell)

    def _describe(self) -> None:
        self.setAccessibleDescription(self.cellText(*self._cell) if self._labels else "Nothing evaluated yet")


def _fitting_font(text: str, width: float, *, bold: bool) -> QFont:
    """The largest font, body size or less, in which the text fits; the smallest if none does."""
    for scale in (1.0, 0.9, 0.8, 0.7):
        font = theme.font(scale, bold=bold)
        if QFontMetricsF(font).horizontalAdvance(text) <= width:
            break
    return font


def _text_color_on(fill: QColor) -> QColor:
    """Black or white, whichever has more contrast."""
    return QColor(max(("#FFFFFF", "#0A1218"), key=lambda ink: theme.contrast(ink, fill.name())))
