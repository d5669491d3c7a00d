"""The chapter on outliers: one point drags a fitted line, with squared and with absolute loss."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter

from kws_gui import theme
from kws_gui.pages.learn.chapter import ChapterPage
from kws_gui.pages.learn.chapters import CHAPTERS
from kws_gui.pages.learn.controls import Slider
from kws_gui.pages.learn.drawing import Axes, Drawing, LegendEntry, draw_legend, number
from kws_gui.services.project_model import ProjectModel

Array = NDArray[np.float64]
FittedLine = tuple[float, float]  # height at 0, slope
_LOW, _HIGH = -5.0, 12.0
_DASH = Qt.PenStyle.DashLine


def made_points() -> tuple[Array, Array]:
    """Ten points near the line y = 1 + x / 2; the last but one can be dragged."""
    x = np.linspace(0.5, 9.5, 10)
    return x, 1 + 0.5 * x + 0.35 * np.random.default_rng(31).standard_normal(10)


def squared_fit(x: Array, y: Array) -> FittedLine:
    """The line with the smallest sum of squared residuals."""
    slope, height = np.polyfit(x, y, 1)
    return float(height), float(slope)


def absolute_fit(x: Array, y: Array) -> FittedLine:
    """The line with the smallest sum of absolute residuals; an optimal one goes through two of the points."""

    def through(one: int, other: int) -> FittedLine:
        slope = (y[other] - y[one]) / (x[other] - x[one])
        return float(y[one] - slope * x[one]), float(slope)

    lines = [through(one, other) for one, other in combinations(range(len(x)), 2)]
    return min(lines, key=lambda line: float(np.abs(y - line[0] - line[1] * x).sum()))


class LinePlot(Drawing):
    """The points and both lines; the outlier follows the pointer.

    Signals:
        dragged(height): The outlier was dragged to that height.
    """

    dragged = Signal(float)

    def __init__(self, x: Array, outlier: int) -> None:
        super().__init__("Points and lines", height=320, width=280)
        self._x = x
        self._y = np.zeros_like(x)
        self._outlier = outlier
        self._squared: FittedLine = (0, 0)
        self._absolute: FittedLine = (0, 0)
        self.setCursor(Qt.CursorShape.SizeVerCursor)
        self.setToolTip("Drag the red point up and down")

    def show_points(self, y: Array, squared: FittedLine, absolute: FittedLine) -> None:
        """Shows the points and both lines."""
        self._y = y
        self._squared = squared
        self._absolute = absolute
        self.say(f"Outlier at {y[self._outlier]:.1f}; slopes {squared[1]:.2f} (squared), {absolute[1]:.2f} (absolute).")

    def place_of(self, height: float) -> QPointF:
        """The pixel position of the outlier at that height."""
        return self._axes().point(self._x[self._outlier], height)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.mouseMoveEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.dragged.emit(min(max(self._axes().data(event.position())[1], _LOW), _HIGH))

    def paint(self, painter: QPainter, area: QRectF) -> None:
        colors, axes = theme.current(), self._axes()
        axes.frame(painter, title="A line through ten points", x_label="x")
        ends = np.array([axes.left, axes.right])
        for line, role, dash in ((self._squared, "validation", _DASH), (self._absolute, "training", None)):
            y = line[0] + line[1] * ends
            axes.curve(painter, ends, y, colors.color(role), dash=dash or Qt.PenStyle.SolidLine, width=2.5)
        rest = np.arange(len(self._x)) != self._outlier
        axes.points(painter, self._x[rest], self._y[rest], colors.color("text"), size=4)
        at = slice(self._outlier, self._outlier + 1)
        axes.points(painter, self._x[at], self._y[at], colors.color("error"), mark="s", size=7)
        entries = [
            LegendEntry("least squares", colors.color("validation"), "--"),
            LegendEntry("least absolute", colors.color("training")),
            LegendEntry("outlier: drag it", colors.color("error"), "s"),
        ]
        draw_legend(painter, axes.area, entries, right=False)

    def _axes(self) -> Axes:
        return Axes.inside(QRectF(self.rect()), (0, 10), (_LOW - 0.5, _HIGH + 4.5))


class LossPlot(Drawing):
    """Squared and absolute loss of one point by its distance from the line."""

    def __init__(self) -> None:
        super().__init__("Loss of one point", height=320, width=200)
        self._distance = 0.0
        self._share = 0.0

    def show_distance(self, distance: float, share: float) -> None:
        """Marks the outlier: its distance from the least-squares line, and its share of the squared loss."""
        self._distance = distance
        self._share = share
        self.say(f"The outlier is {abs(distance):.1f} away and accounts for {share:.0%} of the squared loss.")

    def paint(self, painter: QPainter, area: QRectF) -> None:
        colors = theme.current()
        axes = Axes.inside(area, (-10, 10), (0, 90))
        axes.frame(painter, title="Loss of one point", x_label="distance d from the line")
        d = np.linspace(-10, 10, 201)
        axes.curve(painter, d, d**2, colors.color("validation"), dash=_DASH, width=2.5)
        axes.curve(painter, d, np.abs(d), colors.color("training"), width=2.5)
        at = [self._distance]
        axes.points(painter, at, np.square(at), colors.color("error"), mark="s", size=6)
        axes.points(painter, at, np.abs(at), colors.color("error"), mark="s", size=6)
        entries = [LegendEntry("d²", colors.color("validation"), "--"), LegendEntry("|d|", colors.color("training"))]
        draw_legend(painter, axes.area.adjusted(axes.area.width() / 2 - 40, 0, 0, 0), entries, right=False)


@CHAPTERS.register("outliers", "Outliers", order=60)
class OutliersChapter(ChapterPage):
    """A squared loss lets a single distant point dominate."""

    def __init__(self, model: ProjectModel) -> None:
        super().__init__(model)
        self._x, self._y = made_points()
        self._outlier = len(self._x) - 2
        self.text(
            "An outlier is an example that does not belong: a cough, a click, a word with the wrong label. How "
            "much harm it does depends on the loss. With a squared loss, a point ten times as far away counts a "
            "hundred times as much, and the whole line tilts towards it.",
            "Drag the red point. The least-squares line follows it all the way. For the line of least absolute "
            "distances, it only matters on which side a point lies, so it stays with the other nine.",
            source="P. J. Huber, Robust Estimation of a Location Parameter (1964)",
        )
        self._lines = LinePlot(self._x, self._outlier)
        self._loss = LossPlot()
        self.drawing(self._lines, self._loss, stretches=(3, 2))
        self.height_of = Slider("Height of the outlier", low=_LOW, high=_HIGH, value=-3, step=0.25, format_value=number)
        self.controls(self.height_of)
        self._caption = self.readout()
        self.text(
            "Keyword spotting uses the cross-entropy loss, which also grows without bound for a mislabelled clip "
            "that the network is sure about. The Results page shows which clips the network got wrong: listen to "
            "them, and leave out those that do not belong. Label smoothing helps as well: it gives the network "
            "each label with some doubt, since a label may be wrong."
        )
        self.try_it({"training.label_smoothing": "0.1"}, "Opens Train with label smoothing of 0.1.")
        self.height_of.valueChanged.connect(self._show)
        self._lines.dragged.connect(self.height_of.setValue)
        self._show()

    def _show(self) -> None:
        y = self._y.copy()
        y[self._outlier] = self.height_of.value()
        squared, absolute = squared_fit(self._x, y), absolute_fit(self._x, y)
        away = y - squared[0] - squared[1] * self._x
        share = float(away[self._outlier] ** 2 / np.square(away).sum())
        self._lines.show_points(y, squared, absolute)
        self._loss.show_distance(float(away[self._outlier]), share)
        self._caption.setText(
            f"The true slope is 0.50: least squares finds {number(squared[1])}, least absolute {number(absolute[1])}. "
            f"The outlier alone accounts for {share:.0%} of the squared loss."
        )
