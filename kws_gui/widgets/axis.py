"""Round ticks, and the time axis shared by all widgets that draw sound."""

from __future__ import annotations

import functools
import math

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen, QStaticText

from kws_gui import theme

AXIS_HEIGHT = 22  # px
GUTTER = 112  # px left of live displays for names and numbers, so that their time axes line up
LIVE_SECONDS = 10.0
SMALL = 0.9  # of the body size: tick labels


def ticks(low: float, high: float, *, at_most: int) -> list[float]:
    """Round values (1, 2 or 5 times a power of ten) in [low, high], at most `at_most` + 1 of them."""
    if high <= low:
        return []
    step = nice_step((high - low) / max(at_most, 1))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def nice_step(at_least: float) -> float:
    """The smallest 1, 2 or 5 times a power of ten that is no smaller than `at_least`."""
    decade = 10.0 ** math.floor(math.log10(at_least))
    return next(factor * decade for factor in (1, 2, 5, 10) if factor * decade >= at_least * (1 - 1e-9))


def draw_time_axis(painter: QPainter, area: QRectF, start_s: float, end_s: float) -> None:
    """Draws ticks and labels in seconds below `area`, which spans start to end; labels stay within its sides."""
    colors = theme.current()
    painter.setFont(theme.font(SMALL))
    metrics = QFontMetricsF(painter.font())
    at_most = max(1, int(area.width() / 72))
    shown = ticks(start_s, end_s, at_most=at_most)
    step = shown[1] - shown[0] if len(shown) > 1 else 1.0
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    for value in shown:
        x = area.left() + (value - start_s) / (end_s - start_s) * area.width()
        painter.setPen(QPen(colors.color("field_border"), 1))
        painter.drawLine(QPointF(x, area.bottom()), QPointF(x, area.bottom() + 4))
        label = _time_text(value, decimals)
        width = metrics.horizontalAdvance(label)
        left = min(max(x - width / 2, area.left()), area.right() - width)
        painter.setPen(colors.color("muted"))
        painter.drawStaticText(QPointF(left, area.bottom() + 5), _static(label))


def _time_text(seconds: float, decimals: int) -> str:
    """Like "12 s" and "1.5 s", and after an hour "1:00:12"."""
    if seconds < 3600:
        return f"{seconds:.{decimals}f} s"
    hours, rest = divmod(round(seconds, decimals), 3600)
    return f"{hours:.0f}:{rest // 60:02.0f}:{rest % 60:0{decimals + 3 if decimals else 2}.{decimals}f}"


@functools.lru_cache(maxsize=256)
def _static(label: str) -> QStaticText:
    """A label that is laid out once: the axes of live displays are drawn thirty times a second."""
    return QStaticText(label)


def draw_focus(painter: QPainter, area: QRectF, *, radius: float = 8) -> None:
    """Draws the ring around a custom widget that has the keyboard focus."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(theme.current().color("accent"), 2))
    painter.drawRoundedRect(area.adjusted(1, 1, -1, -1), radius, radius)
