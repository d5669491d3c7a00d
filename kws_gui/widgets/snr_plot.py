"""Misses against the noise around the words, each with its 95% interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from kws_gui import theme
from kws_gui.widgets.axis import AXIS_HEIGHT, SMALL

_LEFT, _CAP, _DOT = 44.0, 5.0, 4.5  # px


@dataclass(frozen=True)
class Missed:
    """What was missed in one noise: its name, and the share with its bounds, 0..1."""

    name: str
    share: float
    low: float
    high: float


class SnrPlot(QWidget):
    """A point with an error bar for each noise, the quietest left; the shares are written beside the points."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._points: list[Missed] = []
        self.setMinimumSize(220, 120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Misses in noise")
        theme.notifier.changed.connect(self.update)

    def setPoints(self, points: Sequence[Missed]) -> None:
        """Shows these, from left to right."""
        self._points = list(points)
        self.setAccessibleDescription(self.text())
        self.update()

    def text(self) -> str:
        """The plot in words."""
        return ", ".join(f"{one.name}: {one.share:.0%} missed" for one in self._points) or "Not measured"

    def sizeHint(self) -> QSize:
        return QSize(420, 260)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, colors = QPainter(self), theme.current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors.color("sunken"))
        painter.drawRoundedRect(QRectF(self.rect()), 8, 8)
        area = QRectF(_LEFT, 16, self.width() - _LEFT - 16, self.height() - 16 - 2 * AXIS_HEIGHT)
        painter.setFont(theme.font(SMALL))
        self._paint_scale(painter, area)
        at = [self._place(area, number) for number in range(len(self._points))]
        painter.setPen(QPen(colors.color("training"), 2))
        painter.drawPolyline([QPointF(x, self._y(area, one.share)) for x, one in zip(at, self._points, strict=True)])
        for x, one in zip(at, self._points, strict=True):
            self._paint_point(painter, area, x, one)
        painter.setPen(colors.color("muted"))
        below = QRectF(area.left(), self.height() - AXIS_HEIGHT, area.width(), AXIS_HEIGHT - 2)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, "Speech above the noise")

    def _paint_scale(self, painter: QPainter, area: QRectF) -> None:
        colors = theme.current()
        for percent in (0, 25, 50, 75, 100):
            y = self._y(area, percent / 100)
            painter.setPen(QPen(colors.color("border"), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(colors.color("muted"))
            label = QRectF(0, y - 10, _LEFT - 6, 20)
            painter.drawText(label, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{percent}%")

    def _paint_point(self, painter: QPainter, area: QRectF, x: float, one: Missed) -> None:
        colors, y = theme.current(), self._y(area, one.share)
        low, high = self._y(area, one.low), self._y(area, one.high)
        painter.setPen(QPen(colors.color("training"), 1.5))
        painter.drawLine(QPointF(x, low), QPointF(x, high))
        for end in (low, high):
            painter.drawLine(QPointF(x - _CAP, end), QPointF(x + _CAP, end))
        painter.setBrush(colors.color("training"))
        painter.drawEllipse(QPointF(x, y), _DOT, _DOT)
        metrics, share = QFontMetricsF(painter.font()), f"{one.share:.0%}"
        width = metrics.horizontalAdvance(share) + 2
        is_low = y + 24 > area.bottom()
        beside = QRectF(x - 8 - width, y - 21, width, 18) if is_low else QRectF(x + 8, y + 3, width, 18)
        painter.setPen(colors.color("text"))
        painter.drawText(beside, Qt.AlignmentFlag.AlignVCenter, share)
        painter.setPen(colors.color("muted"))
        wide = area.width() / max(len(self._points), 1)
        painter.drawText(QRectF(x - wide / 2, area.bottom() + 4, wide, AXIS_HEIGHT - 4), _CENTER, one.name)

    def _place(self, area: QRectF, number: int) -> float:
        return area.left() + (number + 0.5) * area.width() / len(self._points)

    def _y(self, area: QRectF, share: float) -> float:
        return area.bottom() - share * area.height()


_CENTER = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
