"""Custom-painted drawings and small plots in the colours of the theme, for chapters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from kws_gui import theme
from kws_gui.widgets.axis import SMALL, draw_focus, ticks


class Drawing(QWidget):
    """A drawing that repaints with the theme; subclasses override `paint` and call `say`."""

    def __init__(self, name: str, *, height: int = 260, width: int = 200, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._size = QSize(width, height)
        self.setAccessibleName(name)
        self.setMinimumSize(self._size)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.notifier.changed.connect(self._on_theme)

    def sizeHint(self) -> QSize:
        return self._size

    def say(self, text: str) -> None:
        """Sets the description for screen readers, and repaints."""
        self.setAccessibleDescription(text)
        self.update()

    def paint(self, painter: QPainter, area: QRectF) -> None:
        """Draws into `area`, the whole widget, antialiased."""
        raise NotImplementedError

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect())
        self.paint(painter, area)
        if self.hasFocus():
            draw_focus(painter, area)

    def _on_theme(self) -> None:
        self.update()


@dataclass(frozen=True)
class Axes:
    """Maps data to pixels: x from `left` to `right` and y from `low` to `high`, inside `area` (px)."""

    area: QRectF
    left: float
    right: float
    low: float
    high: float

    @staticmethod
    def inside(around: QRectF, x: tuple[float, float], y: tuple[float, float]) -> Axes:
        """Axes inside `around`, with room for labels on the left and below and a title above."""
        return Axes(around.adjusted(46, 26, -10, -38), x[0], x[1], y[0], y[1])

    def point(self, x: float, y: float) -> QPointF:
        """The pixel position of a data point."""
        return QPointF(
            self.area.left() + (x - self.left) / (self.right - self.left) * self.area.width(),
            self.area.bottom() - (y - self.low) / (self.high - self.low) * self.area.height(),
        )

    def data(self, at: QPointF) -> tuple[float, float]:
        """The data point at a pixel position; the inverse of `point`."""
        x = self.left + (at.x() - self.area.left()) / self.area.width() * (self.right - self.left)
        y = self.low + (self.area.bottom() - at.y()) / self.area.height() * (self.high - self.low)
        return x, y

    def frame(
        self, painter: QPainter, *, title: str = "", x_label: str = "", y_label: str = "", y_numbers: bool = True
    ) -> None:
        """Draws background, grid, tick labels and names; without `y_numbers`, no y grid and labels."""
        colors = theme.current()
        painter.fillRect(self.area, colors.color("surface"))
        painter.setFont(theme.font(SMALL))
        grid = QPen(colors.color("border"), 1)
        for value, text in _labelled(ticks(self.left, self.right, at_most=max(4, int(self.area.width() / 56)))):
            x = self.point(value, self.low).x()
            painter.setPen(grid)
            painter.drawLine(QPointF(x, self.area.top()), QPointF(x, self.area.bottom()))
            painter.setPen(colors.color("muted"))
            below = QRectF(x - 30, self.area.bottom() + 3, 60, 16)
            painter.drawText(below, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, text)
        for value, text in _labelled(ticks(self.low, self.high, at_most=max(2, int(self.area.height() / 40)))):
            if y_numbers:
                y = self.point(self.left, value).y()
                painter.setPen(grid)
                painter.drawLine(QPointF(self.area.left(), y), QPointF(self.area.right(), y))
                painter.setPen(colors.color("muted"))
                beside = QRectF(self.area.left() - 46, y - 9, 41, 18)
                painter.drawText(beside, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        self._name(painter, title, x_label, y_label)

    def _name(self, painter: QPainter, title: str, x_label: str, y_label: str) -> None:
        colors = theme.current()
        painter.setPen(colors.color("muted"))
        below = QRectF(self.area.left(), self.area.bottom() + 18, self.area.width(), 18)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, x_label)
        above = QRectF(self.area.left() - 40, self.area.top() - 24, self.area.width() + 44, 20)
        painter.drawText(above, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, y_label)
        painter.setPen(colors.color("text"))
        painter.setFont(theme.font(SMALL, bold=True))
        painter.drawText(above, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, title)

    def curve(
        self,
        painter: QPainter,
        x: ArrayLike,
        y: ArrayLike,
        color: QColor,
        *,
        width: float = 2.0,
        dash: Qt.PenStyle = Qt.PenStyle.SolidLine,
    ) -> None:
        """Draws a line through the points, clipped to the frame, with gaps at values that are not finite."""
        painter.save()
        painter.setClipRect(self.area)
        painter.setPen(QPen(color, width, dash, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        span = self.high - self.low
        ys = np.clip(np.asarray(y, float), self.low - 9 * span, self.high + 9 * span)  # the painter fails far outside
        line: list[QPointF] = []
        for at_x, at_y in zip(np.asarray(x, float), ys, strict=True):
            if math.isfinite(at_y):
                line.append(self.point(at_x, at_y))
            else:
                painter.drawPolyline(QPolygonF(line))
                line = []
        painter.drawPolyline(QPolygonF(line))
        painter.restore()

    def points(
        self, painter: QPainter, x: ArrayLike, y: ArrayLike, color: QColor, *, mark: str = "o", size: float = 4.0
    ) -> None:
        """Draws a mark at each point; `size` is half its width in px.

        Marks are "o" disc, "s" square, "t" triangle, "x" cross and "r" ring.
        """
        painter.save()
        painter.setClipRect(self.area.adjusted(-size, -size, size, size))
        for at_x, at_y in zip(np.asarray(x, float), np.asarray(y, float), strict=True):
            draw_mark(painter, self.point(at_x, at_y), color, mark=mark, size=size)
        painter.restore()

    def across(
        self, painter: QPainter, x: float, color: QColor, text: str = "", *, row: int = 0, before: bool = False
    ) -> None:
        """Draws a dotted vertical line at x, with text at its top right, or left if `before` or if there is no room.

        `row` moves the text down by that many lines.
        """
        top, bottom = self.point(x, self.high), self.point(x, self.low)
        painter.setPen(QPen(color, 2, Qt.PenStyle.DotLine))
        painter.drawLine(top, bottom)
        painter.setFont(theme.font(SMALL, bold=True))
        width = painter.fontMetrics().horizontalAdvance(text) + 8
        fits_right, fits_left = top.x() + width < self.area.right(), top.x() - width > self.area.left()
        left = top.x() - width if fits_left and (before or not fits_right) else top.x() + 6
        if text:
            ground = QRectF(left - 3, top.y() + 3 + 17 * row, width - 2, 17)
            painter.fillRect(ground, theme.current().color("surface", 0.88))
        painter.drawText(QPointF(left, top.y() + 16 + 17 * row), text)


def draw_mark(painter: QPainter, at: QPointF, color: QColor, *, mark: str = "o", size: float = 4.0) -> None:
    """Draws one mark, as in `Axes.points`."""
    painter.setPen(QPen(color, 2) if mark in "xr" else Qt.PenStyle.NoPen)
    painter.setBrush(color if mark in "ost" else Qt.BrushStyle.NoBrush)
    if mark == "x":
        painter.drawLine(at + QPointF(-size, -size), at + QPointF(size, size))
        painter.drawLine(at + QPointF(-size, size), at + QPointF(size, -size))
    elif mark == "s":
        painter.drawRect(QRectF(at.x() - size, at.y() - size, 2 * size, 2 * size))
    elif mark == "t":
        up, down = 1.25 * size, 0.85 * size
        painter.drawPolygon(QPolygonF([at + QPointF(0, -up), at + QPointF(up, down), at + QPointF(-up, down)]))
    else:
        painter.drawEllipse(at, size, size)


@dataclass(frozen=True)
class LegendEntry:
    """One entry of a legend: "-" line, "--" dashed line, or a mark as in `Axes.points`."""

    text: str
    color: QColor
    mark: str = "-"


def draw_legend(painter: QPainter, area: QRectF, entries: Sequence[LegendEntry], *, right: bool = True) -> None:
    """Draws a legend in the upper right (or left) corner of `area`."""
    painter.setFont(theme.font(SMALL))
    metrics = painter.fontMetrics()
    width = max(metrics.horizontalAdvance(entry.text) for entry in entries) + 44
    height = 18 * len(entries) + 6
    ground = QRectF(area.right() - width - 4 if right else area.left() + 4, area.top() + 4, width, height)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.current().color("surface", 0.88))
    painter.drawRoundedRect(ground, 4, 4)
    for at, entry in enumerate(entries):
        y = ground.top() + 12 + 18 * at
        middle = QPointF(ground.left() + 18, y)
        if entry.mark in ("-", "--"):
            painter.setPen(QPen(entry.color, 2, Qt.PenStyle.DashLine if entry.mark == "--" else Qt.PenStyle.SolidLine))
            painter.drawLine(middle - QPointF(11, 0), middle + QPointF(11, 0))
        else:
            draw_mark(painter, middle, entry.color, mark=entry.mark)
        painter.setPen(theme.current().color("text"))
        painter.drawText(QRectF(ground.left() + 36, y - 9, width, 18), Qt.AlignmentFlag.AlignVCenter, entry.text)


def number(value: float, decimals: int = 2) -> str:
    """A number with a true minus sign, and none for zero."""
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if not float(text) else text.replace("-", "−")


def _labelled(values: list[float]) -> list[tuple[float, str]]:
    """Ticks with the decimals needed to tell them apart."""
    step = values[1] - values[0] if len(values) > 1 else 1.0
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [(value, number(value, decimals)) for value in values]
