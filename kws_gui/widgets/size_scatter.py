"""Accuracy against model size: one named point with its confidence interval per run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pyqtgraph.graphicsItems.ScatterPlotItem import Symbols
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPen, QTransform
from PySide6.QtWidgets import QWidget

from kws_engine.evaluation.interval import Interval
from kws_gui import theme
from kws_gui.widgets.axis import SMALL, ticks
from kws_gui.widgets.curves.style import CurveStyle

_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 18, 44  # px around the plot
_MARK, _NEAR = 11, 18  # px: size of a mark, and the hover distance
_NAME_WIDTH = 180  # px at most
_GAP = 9  # px between a mark and its name


@dataclass(frozen=True)
class SizedRun:
    """One point: size (above 0), accuracy with its interval, and style."""

    name: str
    size: float
    accuracy: Interval
    style: CurveStyle


class SizeScatter(QWidget):
    """Sizes on a logarithmic axis; hovering over a run shows its numbers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs: tuple[SizedRun, ...] = ()
        self._title = ""
        self._hovered: SizedRun | None = None
        self.setMouseTracking(True)
        self.setMinimumSize(240, 160)
        theme.notifier.changed.connect(self.update)

    def setRuns(self, runs: Sequence[SizedRun], title: str) -> None:
        """Shows runs; `title` is what the size counts, such as "parameters"."""
        self._runs = tuple(runs)
        self._title = title
        self._hovered = None
        self.setAccessibleName(f"Accuracy against {title}")
        self.setAccessibleDescription(self.text())
        self.update()

    def runs(self) -> tuple[SizedRun, ...]:
        """The runs shown."""
        return self._runs

    def text(self) -> str:
        """Describes the run under the pointer, or all of them."""
        shown = (self._hovered,) if self._hovered is not None else self._runs
        return "\n".join(self._describe(run) for run in shown) or "None of these runs has both a size and a result"

    def place(self, run: SizedRun) -> QPointF:
        """The position of a run's mark in the widget."""
        area, (low, high) = self._area(), self._sizes()
        bottom, top = self._shares()
        x = (math.log10(run.size) - low) / (high - low)
        y = (run.accuracy.share - bottom) / (top - bottom)
        return QPointF(area.left() + x * area.width(), area.bottom() - y * area.height())

    def sizeHint(self) -> QSize:
        return QSize(480, 280)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        near = [(math.dist(self.place(run).toTuple(), event.position().toTuple()), run) for run in self._runs]
        distance, run = min(near, key=lambda one: one[0], default=(math.inf, None))
        self._hover(run if distance <= _NEAR else None)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.current().color("sunken"))
        painter.drawRoundedRect(self.rect(), 6, 6)
        painter.setFont(theme.font(SMALL))
        if not self._runs:
            painter.setPen(theme.current().color("muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())
            return
        self._draw_shares(painter)
        self._draw_sizes(painter)
        for run in self._runs:
            self._draw_run(painter, run)
        self._draw_names(painter)

    # -- axes

    def _area(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_LEFT, _TOP, -_RIGHT, -_BOTTOM)

    def _sizes(self) -> tuple[float, float]:
        """The range of log10 sizes shown, at least a third of a decade."""
        logs = [math.log10(run.size) for run in self._runs]
        low, high = min(logs), max(logs)
        spare = max(0.08 * (high - low), (0.33 - (high - low)) / 2, 0.04)
        return low - spare, high + spare

    def _shares(self) -> tuple[float, float]:
        """The range of accuracies shown, all intervals included."""
        low, high = min(run.accuracy.low for run in self._runs), max(run.accuracy.high for run in self._runs)
        spare = max(0.05 * (high - low), (0.05 - (high - low)) / 2)
        return max(0.0, low - spare), min(1.0, high + spare) + 0.002

    def _draw_shares(self, painter: QPainter) -> None:
        area, (low, high), colors = self._area(), self._shares(), theme.current()
        for share in ticks(100 * low, 100 * high, at_most=max(1, int(area.height() / 36))):
            y = area.bottom() - (share / 100 - low) / (high - low) * area.height()
            painter.setPen(QPen(colors.color("border"), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(colors.color("muted"))
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(0, y - 10, area.left() - 6, 20), right, f"{share:g}%")

    def _draw_sizes(self, painter: QPainter) -> None:
        area, (low, high), colors = self._area(), self._sizes(), theme.current()
        painter.setPen(QPen(colors.color("field_border"), 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        metrics, free_from = QFontMetricsF(painter.font()), area.left() - 20
        for size in _round_sizes(low, high):
            x = area.left() + (math.log10(size) - low) / (high - low) * area.width()
            painter.setPen(QPen(colors.color("field_border"), 1))
            painter.drawLine(QPointF(x, area.bottom()), QPointF(x, area.bottom() + 4))
            label = count_text(size)
            width = metrics.horizontalAdvance(label)
            if x - width / 2 >= free_from and x + width / 2 <= self.width():
                painter.setPen(colors.color("muted"))
                painter.drawText(QPointF(x - width / 2, area.bottom() + 6 + metrics.ascent()), label)
                free_from = x + width / 2 + 12
        painter.setPen(colors.color("muted"))
        below = QRectF(area.left(), self.height() - 20, area.width(), 18)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, self._title[:1].upper() + self._title[1:])

    # -- runs

    def _draw_run(self, painter: QPainter, run: SizedRun) -> None:
        at, color = self.place(run), run.style.color(theme.current())
        low, high = self._shares()
        area = self._area()
        ends = [
            area.bottom() - (share - low) / (high - low) * area.height()
            for share in (run.accuracy.low, run.accuracy.high)
        ]
        painter.setPen(QPen(color, 1.5))
        painter.drawLine(QPointF(at.x(), ends[0]), QPointF(at.x(), ends[1]))
        for y in ends:
            painter.drawLine(QPointF(at.x() - 4, y), QPointF(at.x() + 4, y))
        painter.setBrush(color)
        size = _MARK + (4 if run is self._hovered else 0)
        painter.drawPath(QTransform(size, 0, 0, size, at.x(), at.y()).map(Symbols[run.style.symbol]))

    def _draw_names(self, painter: QPainter) -> None:
        """Puts each name where there is room around its mark; one without room only shows on hovering."""
        metrics = QFontMetricsF(painter.font())
        taken = [QRectF(at.x() - 7, at.y() - 7, 14, 14) for at in map(self.place, self._runs)]
        for run in self._runs:
            name = metrics.elidedText(run.name, Qt.TextElideMode.ElideMiddle, _NAME_WIDTH)
            at, width, height = self.place(run), metrics.horizontalAdvance(name) + 2, metrics.height()
            for left, top in _places(at, width, height):
                box = QRectF(left, top, width, height)
                inside = QRectF(self.rect()).adjusted(_LEFT, 0, -2, -_BOTTOM).contains(box)
                if inside and not any(box.intersects(other) for other in taken):
                    taken.append(box)
                    painter.setPen(theme.current().color("text"))
                    painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
                    break

    def _hover(self, run: SizedRun | None) -> None:
        if run is not self._hovered:
            self._hovered = run
            self.setToolTip(self._describe(run) if run is not None else "")
            self.update()

    def _describe(self, run: SizedRun) -> str:
        return f"{run.name}: {run.accuracy.text()} right, {count_text(run.size)} {self._title}"


def count_text(count: float) -> str:
    """A count with its SI prefix: 65180 is "65 k"."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size * 0.9995:
            value = count / size
            return (
                f"{value:.0f} {unit}" if value >= 9.95 or math.isclose(value, round(value)) else f"{value:.1f} {unit}"
            )
    return f"{count:.0f}"


def _round_sizes(low: float, high: float) -> list[float]:
    """1, 2 and 5 times each power of ten; only powers of ten over three or more decades."""
    factors = (1, 2, 5) if high - low < 3 else (1,)
    decades = range(math.floor(low), math.ceil(high) + 1)
    return [f * 10.0**d for d in decades for f in factors if low <= math.log10(f * 10.0**d) <= high]


def _places(at: QPointF, width: float, height: float) -> list[tuple[float, float]]:
    """Candidate positions (left, top) of a name around a mark, best first."""
    right, left, middle = at.x() + _GAP, at.x() - _GAP - width, at.x() - width / 2
    return [
        (right, at.y() - height / 2),
        (left, at.y() - height / 2),
        (right, at.y() - 1.2 * height),
        (left, at.y() - 1.2 * height),
        (right, at.y() + 0.2 * height),
        (left, at.y() + 0.2 * height),
        (middle, at.y() - height - _GAP),
        (middle, at.y() + _GAP),
    ]
