"""The chapter on residual connections: how much of the gradient reaches the first of many layers."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen

from kws_gui import theme
from kws_gui.pages.learn.arithmetic import gradient_share
from kws_gui.pages.learn.chapter import ChapterPage
from kws_gui.pages.learn.chapters import CHAPTERS
from kws_gui.pages.learn.controls import Slider
from kws_gui.pages.learn.drawing import Axes, Drawing, LegendEntry, draw_legend
from kws_gui.pages.learn.figures import LEFT, arrow, box, head, small, text
from kws_gui.services.project_model import ProjectModel

_BLOCKS = 3
_LOWEST = -12  # power of ten at the bottom of the plot


class Flow(Drawing):
    """Three blocks in a row, with or without shortcuts around them."""

    def __init__(self, name: str, words: str, *, shortcut: bool) -> None:
        super().__init__(name, height=150, width=240)
        self._name = name
        self._words = words
        self._shortcut = shortcut
        self.say(words)

    def paint(self, painter: QPainter, area: QRectF) -> None:
        small(painter, QRectF(8, 0, area.width(), 22), self._name, role="text", align=LEFT)
        step = (area.width() - 44) / _BLOCKS
        middle, width = area.top() + 88, min(60.0, step * 0.5)
        x = area.left() + 26
        text(painter, QRectF(area.left() + 4, middle - 12, 18, 24), "x")
        for _ in range(_BLOCKS):
            x = self._paint_block(painter, x, middle, step, width)
        small(painter, QRectF(8, area.bottom() - 24, area.width() - 16, 22), self._words, align=LEFT)

    def _paint_block(self, painter: QPainter, x: float, middle: float, step: float, width: float) -> float:
        end = x + step
        block = QRectF(x + step * 0.24, middle - 18, width, 36)
        arrow(painter, QPointF(x, middle), QPointF(block.left(), middle))
        box(painter, block, role="surface")
        text(painter, block, "f")
        if not self._shortcut:
            arrow(painter, QPointF(block.right(), middle), QPointF(end, middle))
            return end
        plus = QPointF(end - step * 0.1, middle)
        arrow(painter, QPointF(block.right(), middle), QPointF(plus.x() - 8, middle))
        painter.setPen(QPen(theme.current().color("muted"), 1.5))
        painter.setBrush(theme.current().color("surface"))
        painter.drawEllipse(plus, 8, 8)
        text(painter, QRectF(plus.x() - 8, plus.y() - 8, 16, 16), "+", bold=True)
        _around(painter, QPointF(x + step * 0.1, middle), QPointF(plus.x(), middle - 8), middle - 48)
        return end - step * 0.1 + 8


class Gradients(Drawing):
    """The share of the gradient that reaches each layer, counted from the last, as a power of ten."""

    def __init__(self) -> None:
        super().__init__("Gradient by layer", height=250)
        self._layers = 20
        self._slope = 0.3

    def show_product(self, layers: int, slope: float) -> None:
        """Shows `layers` layers, each of slope `slope`."""
        self._layers = layers
        self._slope = slope
        self.update()

    def paint(self, painter: QPainter, area: QRectF) -> None:
        highest = math.log10(gradient_share(self._layers, slope=self._slope, shortcut=True))
        axes = Axes.inside(area, (0, self._layers), (_LOWEST, max(3.0, highest * 1.15)))
        axes.frame(
            painter,
            title="Remaining gradient (power of ten)",
            x_label="layers passed on the way back",
        )
        passed = np.arange(self._layers + 1)
        colors = theme.current()
        for shortcut, color, dash, mark in _LINES:
            shares = [gradient_share(int(n), slope=self._slope, shortcut=shortcut) for n in passed]
            powers = np.log10(np.maximum(shares, 1e-300))
            axes.curve(painter, passed, powers, colors.color(color), dash=dash)
            axes.points(painter, passed, powers, colors.color(color), mark=mark, size=3)
        entries = [
            LegendEntry("with shortcuts (solid, discs)", colors.color("training"), "o"),
            LegendEntry("without (dashed, squares)", colors.color("validation"), "s"),
        ]
        draw_legend(painter, axes.area.adjusted(0, axes.area.height() - 50, 0, 0), entries, right=False)


_LINES = (
    (True, "training", Qt.PenStyle.SolidLine, "o"),
    (False, "validation", Qt.PenStyle.DashLine, "s"),
)


@CHAPTERS.register("residual", "Residual connections", order=115)
class ResidualChapter(ChapterPage):
    """The product of many slopes, with and without the 1 from the shortcut."""

    def __init__(self, model: ProjectModel) -> None:
        super().__init__(model)
        self.text(
            "A deep network learns by sending the error back through all its layers. Each layer multiplies it by "
            "its own slope f′. The product of many small numbers is next to zero: the first layers receive almost "
            "no gradient and learn nothing.",
            "A residual block adds its input to its output, x + f(x). The slope of that is 1 + f′, so the error "
            "also travels back unchanged along the shortcut, and a block only has to learn what is still missing, "
            "the residual. A block that is not needed can learn to be 0.",
        )
        plain = Flow("Without shortcuts", "slope of a layer: f′", shortcut=False)
        around = Flow("With shortcuts", "slope of a block: 1 + f′", shortcut=True)
        self.drawing(plain, around)
        self.layers = Slider("Layers", low=1, high=60, value=20, format_value=lambda n: f"{n:.0f}")
        self.slope = Slider(
            "Slope f′ of each", low=0.05, high=1.2, value=0.3, step=0.05, format_value=lambda n: f"{n:.2f}"
        )
        self.plot = Gradients()
        self.controls(self.layers, self.slope)
        self.drawing(self.plot)
        self.caption = self.readout()
        self.text(
            "With shortcuts the product may grow. That is one reason why batch norm follows each convolution: it "
            "keeps the branches small compared with the shortcut. Where a block changes the number of channels or "
            "halves the number of frames, a 1 x 1 convolution in the shortcut makes the shapes match.",
            source="He et al. 2016, Deep residual learning; De & Smith 2020 on batch norm; keywords: Tang & Lin 2018.",
        )
        self.try_it(
            {"model.name": "resnet"},
            "Opens Train with a residual network over spectrograms (Tang & Lin 2018).",
        )
        self.layers.valueChanged.connect(self._refresh)
        self.slope.valueChanged.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        layers, slope = round(self.layers.value()), self.slope.value()
        self.plot.show_product(layers, slope)
        without, around = (gradient_share(layers, slope=slope, shortcut=shortcut) for shortcut in (False, True))
        words = (
            f"Through {layers} layers: without shortcuts {slope:.2f}{_power(layers)} = {_short(without)} of the "
            f"gradient reaches the first layer, with them {1 + slope:.2f}{_power(layers)} = {_short(around)}."
        )
        if slope >= 1:
            words += " With slopes of 1 or more, gradients do not vanish but explode."
        self.caption.setText(words)
        self.plot.say(words)


def _around(painter: QPainter, start: QPointF, end: QPointF, top: float) -> None:
    """Draws the shortcut around a block."""
    color = theme.current().color("training")
    path = QPainterPath(start)
    path.lineTo(start.x(), top + 10)
    path.quadTo(start.x(), top, start.x() + 10, top)
    path.lineTo(end.x() - 10, top)
    path.quadTo(end.x(), top, end.x(), top + 10)
    path.lineTo(end.x(), end.y() - 4)
    painter.setPen(QPen(color, 2.2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(path)
    head(painter, QPointF(end.x(), top), end, color)


def _power(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _short(value: float) -> str:
    """Two digits: 0.35, 4.2, 190, 3.5 · 10⁻¹¹."""
    if 0.01 <= value < 10_000:
        return f"{value:.2g}" if value < 100 else f"{value:.0f}"
    exponent = math.floor(math.log10(value))
    sign = "⁻" if exponent < 0 else ""
    return f"{value / 10**exponent:.1f} · 10{sign}{_power(abs(exponent))}"
