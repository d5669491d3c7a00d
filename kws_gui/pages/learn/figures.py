"""Text, boxes, arrows, number grids and tables for the chapters' figures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from kws_gui import theme
from kws_gui.pages.learn.drawing import Drawing
from kws_gui.widgets.axis import SMALL

CENTRE = Qt.AlignmentFlag.AlignCenter
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_ARROW = 6.0


def text(
    painter: QPainter,
    area: QRectF,
    words: str,
    *,
    role: str = "text",
    align: Qt.AlignmentFlag = CENTRE,
    scale: float = 1.0,
    bold: bool = False,
    wrap: bool = False,
) -> None:
    """Draws text in the colour of a role."""
    painter.setFont(theme.font(scale, bold=bold))
    painter.setPen(theme.current().color(role))
    flags = int(align.value) | (int(Qt.TextFlag.TextWordWrap.value) if wrap else 0)
    painter.drawText(area, flags, words)


def small(
    painter: QPainter, area: QRectF, words: str, *, role: str = "muted", align: Qt.AlignmentFlag = CENTRE
) -> None:
    """Draws text in the size of tick labels."""
    text(painter, area, words, role=role, align=align, scale=SMALL)


def box(
    painter: QPainter,
    area: QRectF,
    *,
    role: str = "surface",
    border: str = "field_border",
    radius: float = 6,
    alpha: float = 1.0,
    width: float = 1.0,
) -> None:
    """Draws a rounded rectangle."""
    painter.setPen(QPen(theme.current().color(border), width))
    painter.setBrush(theme.current().color(role, alpha))
    painter.drawRoundedRect(area, radius, radius)


def arrow(painter: QPainter, *points: QPointF, role: str = "muted", width: float = 1.5, dashed: bool = False) -> None:
    """Draws a line through the points with an arrowhead at the last one."""
    color = theme.current().color(role)
    style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
    painter.setPen(QPen(color, width, style))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPolyline(QPolygonF(points))
    head(painter, points[-2], points[-1], color)


def head(painter: QPainter, before: QPointF, tip: QPointF, color: QColor) -> None:
    """Draws an arrowhead."""
    angle = math.atan2(tip.y() - before.y(), tip.x() - before.x())
    sides = [
        tip - QPointF(_ARROW * math.cos(angle + turn), _ARROW * math.sin(angle + turn))
        for turn in (math.pi / 7, -math.pi / 7)
    ]
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawPolygon(QPolygonF([tip, *sides]))


def signed_color(value: float) -> QColor:
    """A colour for -1..1: orange below zero, the background at zero, blue above; for use beside the number itself."""
    colors = theme.current()
    ground, strong = colors.color("surface"), colors.color("validation" if value < 0 else "training")
    return theme.mixed(ground, strong, min(1.0, abs(value)))


def short_number(value: float) -> str:
    """At most two decimals, and a true minus sign: 1, −0.5, 0.33."""
    written = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if written in ("-0", "") else written.replace("-", "−")


def grouped(count: int) -> str:
    """An integer with grouped thousands: 65 192."""
    return f"{count:,}".replace(",", "\u202f")


class NumberGrid(Drawing):
    """A grid of numbers, coloured by magnitude and sign."""

    def __init__(self, name: str, *, cell: int = 44, rows: int = 3) -> None:
        super().__init__(name, width=cell * rows + 2, height=cell * rows + 2)
        self._cell = cell
        self._values: NDArray[np.float64] = np.zeros((rows, rows))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def setValues(self, values: NDArray[np.float64]) -> None:
        """Shows (rows, rows) numbers."""
        self._values = values
        self.say("; ".join(", ".join(short_number(value) for value in row) for row in values))

    def paint(self, painter: QPainter, area: QRectF) -> None:
        largest = max(1.0, float(np.abs(self._values).max()))
        for (row, column), value in np.ndenumerate(self._values):
            cell = QRectF(1 + column * self._cell, 1 + row * self._cell, self._cell, self._cell)
            draw_cell(painter, cell, signed_color(0.45 * value / largest))
            small(painter, cell, short_number(value), role="text")


def draw_cell(painter: QPainter, cell: QRectF, color: QColor) -> None:
    """Draws a filled cell."""
    painter.setPen(QPen(theme.current().color("field_border"), 1))
    painter.setBrush(color)
    painter.drawRect(cell)


class Table(QWidget):
    """A table of numbers to compare, with column heads and row names."""

    def __init__(self, name: str, heads: tuple[str, ...], rows: tuple[str, ...]) -> None:
        super().__init__()
        self._heads = heads
        self._rows = rows
        self.cells = [[QLabel() for _ in heads] for _ in rows]
        self.setAccessibleName(name)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme.GROUP)
        grid.setVerticalSpacing(theme.GRID // 2)
        for column, words in enumerate(heads, 1):
            label = QLabel(words)
            label.setFont(theme.font(bold=True))
            grid.addWidget(label, 0, column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom)
        for row, words in enumerate(rows, 1):
            label = QLabel(words)
            theme.set_role(label, "muted")
            grid.addWidget(label, row, 0)
            for column, cell in enumerate(self.cells[row - 1], 1):
                grid.addWidget(cell, row, column, Qt.AlignmentFlag.AlignRight)
        grid.setColumnStretch(len(heads) + 1, 1)

    def fill(self, *columns: Sequence[str]) -> None:
        """Sets the cells, column by column from the top."""
        for column, words in enumerate(columns):
            for row, word in enumerate(words):
                self.cells[row][column].setText(word)
        rows = [
            f"{name}: " + ", ".join(f"{head} {cell.text()}" for head, cell in zip(self._heads, cells, strict=True))
            for name, cells in zip(self._rows, self.cells, strict=True)
        ]
        self.setAccessibleDescription("; ".join(rows))
