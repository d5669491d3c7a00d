"""The style of each curve: colour, dash and marker, distinguishable without colour too."""

from __future__ import annotations

from dataclasses import dataclass

from pyqtgraph.graphicsItems.ScatterPlotItem import Symbols
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QTransform

from kws_gui.theme import Theme

_SOLID, _DASHED = Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine
_DOTTED, _DASH_DOT = Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine
SWATCH_WIDTH, SWATCH_HEIGHT = 32, 16  # px


@dataclass(frozen=True)
class CurveStyle:
    """Style of one curve; `light` and `dark` are "#RRGGBB" or the name of a theme's role."""

    light: str
    dark: str
    dash: Qt.PenStyle = _SOLID
    symbol: str = "o"

    def color(self, theme: Theme, alpha: float = 1.0) -> QColor:
        """The colour in that theme."""
        wanted = self.light if theme.name == "light" else self.dark
        color = QColor(wanted) if wanted.startswith("#") else theme.color(wanted)
        color.setAlphaF(alpha)
        return color


TRAINING = CurveStyle("training", "training", _SOLID, "o")
VALIDATION = CurveStyle("validation", "validation", _DASHED, "s")
RATE = CurveStyle("text", "text", _SOLID, "d")
TOTAL = CurveStyle("text", "text", _SOLID, "o")
CROSS_ENTROPY = CurveStyle("training", "training", _DASH_DOT, "d")
# Okabe-Ito, darkened for a light ground and lightened for a dark one.
_COLORS = (
    ("training", "training"),
    ("validation", "validation"),
    ("detection", "detection"),
    ("#AA4499", "#E39AC7"),
    ("text", "text"),
    ("#A87400", "#F0E442"),
    ("#3A8FC4", "#A3B8FF"),
)
_DASHES = (_SOLID, _DASHED, _DASH_DOT, _DOTTED)
_SYMBOLS = ("o", "s", "t", "d", "+", "x")


def run_style(index: int) -> CurveStyle:
    """Style of the run at that index; the first 84 all differ."""
    light, dark = _COLORS[index % len(_COLORS)]
    return CurveStyle(light, dark, _DASHES[index % len(_DASHES)], _SYMBOLS[index % len(_SYMBOLS)])


def penalty_style(index: int) -> CurveStyle:
    """Style of a penalty on the weights; never that of training or validation."""
    light, dark = _COLORS[2 + index % (len(_COLORS) - 2)]
    return CurveStyle(light, dark, _DASHES[index % len(_DASHES)], _SYMBOLS[(index + 2) % len(_SYMBOLS)])


def draw_swatch(painter: QPainter, area: QRectF, style: CurveStyle, theme: Theme) -> None:
    """Draws a sample of the curve with its marker across `area`."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    color, middle = style.color(theme), area.center()
    painter.setPen(QPen(color, 2, style.dash))
    painter.drawLine(QPointF(area.left() + 1, middle.y()), QPointF(area.right() - 1, middle.y()))
    painter.setPen(QPen(color, 1.5))
    painter.setBrush(color)
    painter.drawPath(QTransform(8, 0, 0, 8, middle.x(), middle.y()).map(Symbols[style.symbol]))
    painter.restore()
