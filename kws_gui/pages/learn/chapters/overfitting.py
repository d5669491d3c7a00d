"""The chapter on over- and underfitting: a polynomial through noisy points, then the right feature."""

from __future__ import annotations

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage, QPainter

from kws_gui import theme
from kws_gui.pages.learn.chapter import ChapterPage
from kws_gui.pages.learn.chapters import CHAPTERS
from kws_gui.pages.learn.controls import Slider, push_button
from kws_gui.pages.learn.drawing import Axes, Drawing, LegendEntry, draw_legend
from kws_gui.services.project_model import ProjectModel

Array = NDArray[np.float64]
_DEGREES = range(0, 13)
_NOISE = 0.25
_DASH = Qt.PenStyle.DashLine
_TEST_POINTS = 200
_AS_GOOD = 1.15  # times the lowest error on new points
_CELLS = 72  # per side of the decision map
_RADIUS = 0.6  # of the circle between the two classes


class PolynomialFits:
    """Noisy points of a wave, and the polynomial of every degree fitted to the training points."""

    def __init__(self, seed: int, n_points: int) -> None:
        rng = np.random.default_rng(seed)
        self.x = np.sort(np.append(rng.uniform(-1, 1, n_points - 2), (-0.98, 0.98)))
        self.y = wave(self.x) + _NOISE * rng.standard_normal(n_points)
        self.test_x = rng.uniform(-0.98, 0.98, _TEST_POINTS)
        self.test_y = wave(self.test_x) + _NOISE * rng.standard_normal(_TEST_POINTS)
        self.fits = [chebyshev.chebfit(self.x, self.y, degree) for degree in _DEGREES]
        self.train_errors = np.array([rms(chebyshev.chebval(self.x, fit) - self.y) for fit in self.fits])
        self.test_errors = np.array([rms(chebyshev.chebval(self.test_x, fit) - self.test_y) for fit in self.fits])


def wave(x: Array) -> Array:
    """The function that the points are drawn from."""
    return np.asarray(np.sin(4.5 * x), float)


def rms(errors: Array) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(errors))))


class PolynomialPlot(Drawing):
    """The points and the polynomial."""

    def __init__(self) -> None:
        super().__init__("Points and polynomial", height=290)
        self._data = PolynomialFits(0, 14)
        self._degree = 1

    def show_fit(self, data: PolynomialFits, degree: int) -> None:
        """Shows a fit."""
        self._data = data
        self._degree = degree
        self.say(f"A polynomial of degree {degree} through {len(data.x)} noisy points.")

    def paint(self, painter: QPainter, area: QRectF) -> None:
        colors, data = theme.current(), self._data
        axes = Axes.inside(area, (-1.05, 1.05), (-2, 3.2))
        axes.frame(painter, title=f"Degree {self._degree}", x_label="x")
        x = np.linspace(-1.05, 1.05, 300)
        axes.curve(painter, x, wave(x), colors.color("muted"), width=1.5, dash=_DASH)
        axes.curve(painter, x, chebyshev.chebval(x, data.fits[self._degree]), colors.color("accent"), width=2.5)
        axes.points(painter, data.x, data.y, colors.color("text"), size=4)
        entries = [
            LegendEntry("training points", colors.color("text"), "o"),
            LegendEntry("polynomial", colors.color("accent")),
            LegendEntry("true function", colors.color("muted"), "--"),
        ]
        draw_legend(painter, axes.area, entries, right=False)


class ErrorPlot(Drawing):
    """Training and test error by degree."""

    def __init__(self) -> None:
        super().__init__("Error by degree", height=290)
        self._data = PolynomialFits(0, 14)
        self._degree = 1

    def show_fit(self, data: PolynomialFits, degree: int) -> None:
        """Shows the errors, and marks a degree."""
        self._data = data
        self._degree = degree
        self.say(f"Training error {data.train_errors[degree]:.2f}, test error {data.test_errors[degree]:.2f}.")

    def paint(self, painter: QPainter, area: QRectF) -> None:
        colors, data = theme.current(), self._data
        axes = Axes.inside(area, (-0.4, _DEGREES[-1] + 0.4), (0, 1.8))
        axes.frame(painter, title="Error (root mean square)", x_label="degree")
        degrees = np.array(_DEGREES)
        axes.curve(painter, degrees, data.test_errors, colors.color("validation"), dash=_DASH)
        axes.curve(painter, degrees, data.train_errors, colors.color("training"))
        axes.points(painter, degrees, data.test_errors, colors.color("validation"), mark="s", size=3)
        axes.points(painter, degrees, data.train_errors, colors.color("training"), size=3)
        axes.across(painter, self._degree, colors.color("text"))
        entries = [
            LegendEntry("new points", colors.color("validation"), "--"),
            LegendEntry("training points", colors.color("training")),
        ]
        draw_legend(painter, axes.area, entries, right=False)


class CircleClasses:
    """Two classes, inside and outside a circle with a fuzzy edge, fitted in x and y, and in r alone.

    A fit is least squares on +1 (inside) and -1 (outside); its sign is the decision.
    """

    def __init__(self, seed: int, n_points: int = 48) -> None:
        rng = np.random.default_rng(seed + 100)
        self.points, self.labels = _circle_points(rng, n_points)
        self.test_points, self.test_labels = _circle_points(rng, 600)
        self.radial = np.linalg.lstsq(_radial(self.points), self.labels, rcond=None)[0]

    def fit(self, degree: int) -> Array:
        """The weights of the polynomial in x and y."""
        return np.asarray(np.linalg.lstsq(terms(self.points, degree), self.labels, rcond=None)[0])

    def errors(self, degree: int) -> tuple[float, float]:
        """Error rates in x and y: on the training points, and on new ones."""
        fit = self.fit(degree)
        return (
            _error_rate(terms(self.points, degree) @ fit, self.labels),
            _error_rate(terms(self.test_points, degree) @ fit, self.test_labels),
        )

    def radial_errors(self) -> tuple[float, float]:
        """The same for r."""
        return (
            _error_rate(_radial(self.points) @ self.radial, self.labels),
            _error_rate(_radial(self.test_points) @ self.radial, self.test_labels),
        )

    @property
    def threshold(self) -> float:
        """The r at which the decision changes."""
        return float(-self.radial[0] / self.radial[1])


def _error_rate(scores: Array, labels: Array) -> float:
    return float(np.mean(np.sign(scores) != labels))


def _circle_points(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Points of the square -1..1, shape (count, 2), and their labels, +1 near the middle, else -1."""
    points = rng.uniform(-1, 1, (count, 2))
    inside = np.hypot(points[:, 0], points[:, 1]) + 0.07 * rng.standard_normal(count) < _RADIUS
    return points, np.where(inside, 1.0, -1.0)


def _radial(points: Array) -> Array:
    return np.stack([np.ones(len(points)), np.hypot(points[:, 0], points[:, 1])], axis=1)


def terms(points: Array, degree: int) -> Array:
    """All products x^i y^j with i + j <= degree (as Chebyshev polynomials), shape (points, terms)."""
    every = chebyshev.chebvander2d(points[:, 0], points[:, 1], [degree, degree])
    i, j = np.divmod(np.arange((degree + 1) ** 2), degree + 1)
    return np.asarray(every[:, i + j <= degree])


class PlanePlot(Drawing):
    """The two classes in x and y, with the decision regions of the polynomial."""

    def __init__(self) -> None:
        super().__init__("Two classes in x and y", height=300)
        self._classes = CircleClasses(0)
        self._degree = 1

    def show_fit(self, classes: CircleClasses, degree: int) -> None:
        """Shows a fit."""
        self._classes = classes
        self._degree = degree
        train, test = classes.errors(degree)
        self.say(f"In x and y with degree {degree}: {train:.0%} of the training points wrong, {test:.0%} of new ones.")

    def paint(self, painter: QPainter, area: QRectF) -> None:
        colors, classes = theme.current(), self._classes
        axes = Axes.inside(area, (-1, 1), (-1, 1))
        axes.frame(painter, title=f"x and y, degree {self._degree}", x_label="x", y_label="y")
        painter.drawImage(axes.area, self._ground())
        for label, role, mark in ((1, "training", "o"), (-1, "validation", "s")):
            chosen = classes.points[classes.labels == label]
            axes.points(painter, chosen[:, 0], chosen[:, 1], colors.color(role), mark=mark)

    def _ground(self) -> QImage:
        """The decision map: faint blue for inside, faint orange for outside."""
        colors, at = theme.current(), (np.arange(_CELLS) + 0.5) / _CELLS * 2 - 1
        x, y = np.meshgrid(at, -at)
        score = terms(np.stack([x.ravel(), y.ravel()], axis=1), self._degree) @ self._classes.fit(self._degree)
        inside, outside = (colors.color(role, 0.22).rgba() for role in ("training", "validation"))
        cells = np.where(score > 0, inside, outside).astype(np.uint32).reshape(_CELLS, _CELLS)
        return QImage(cells.tobytes(), _CELLS, _CELLS, 4 * _CELLS, QImage.Format.Format_ARGB32).copy()


class RadiusPlot(Drawing):
    """The same points by their distance from the centre, with one threshold."""

    def __init__(self) -> None:
        super().__init__("The same two classes by r", height=300)
        self._classes = CircleClasses(0)

    def show_fit(self, classes: CircleClasses) -> None:
        """Shows points."""
        self._classes = classes
        train, test = classes.radial_errors()
        self.say(f"By r with one threshold: {train:.0%} of the training points wrong, {test:.0%} of new ones.")

    def paint(self, painter: QPainter, area: QRectF) -> None:
        colors, classes = theme.current(), self._classes
        axes = Axes.inside(area, (0, 1.45), (0, 1))
        axes.frame(painter, title="r = √(x² + y²)", x_label="r", y_numbers=False)
        left, cut = axes.area.left(), axes.point(classes.threshold, 0).x()
        top, height = axes.area.top(), axes.area.height()
        painter.fillRect(QRectF(left, top, cut - left, height), colors.color("training", 0.22))
        painter.fillRect(QRectF(cut, top, axes.area.right() - cut, height), colors.color("validation", 0.22))
        r = np.hypot(classes.points[:, 0], classes.points[:, 1])
        for label, role, mark, y in ((1, "training", "o", 0.36), (-1, "validation", "s", 0.62)):
            chosen = r[classes.labels == label]
            spread = 0.16 * np.modf(np.arange(len(chosen)) * 0.618)[0]
            axes.points(painter, chosen, y + spread - 0.08, colors.color(role), mark=mark)
        axes.across(painter, classes.threshold, colors.color("text"), f"threshold {classes.threshold:.2f}")
        entries = [
            LegendEntry("inside", colors.color("training"), "o"),
            LegendEntry("outside", colors.color("validation"), "s"),
        ]
        draw_legend(painter, axes.area, entries, right=False)


@CHAPTERS.register("overfitting", "Over- and underfitting", order=10)
class OverfittingChapter(ChapterPage):
    """Too low a degree misses the shape, too high a degree learns the noise; the right feature needs no degree."""

    def __init__(self, model: ProjectModel) -> None:
        super().__init__(model)
        self.text(
            "A model learns from examples and is then asked about something new. Too simple, it misses what the "
            "examples have in common: it underfits. Too flexible, it also learns what is mere chance in them: it "
            "overfits, perfect on what it has seen and wrong in between.",
            "Below, a polynomial is fitted to a few noisy points of a wave. Raise the degree: the error on the "
            "training points only ever falls, while the error on new points falls and then rises. More points push "
            "that rise to higher degrees.",
            source="C. M. Bishop, Pattern Recognition and Machine Learning, section 1.1 (2006)",
        )
        self._fit_plot = PolynomialPlot()
        self._error_plot = ErrorPlot()
        self.drawing(self._fit_plot, self._error_plot)
        self.degree = Slider("Degree", low=0, high=_DEGREES[-1], value=3)
        self.count = Slider("Points", low=14, high=60, value=14)
        self.new_points = push_button("New points", "mdi6.dice-5-outline", "Draw new points of the same wave")
        self.controls(self.degree, self.count, self.new_points)
        self._caption = self.readout()
        self._add_circle()
        self._seed = 3
        self.try_it({})
        for slider in (self.degree, self.count, self.plane_degree):
            slider.valueChanged.connect(self._show)
        self.new_points.clicked.connect(self._on_new)
        self.new_circle.clicked.connect(self._on_new_circle)
        self._circle_seed = 0
        self._show()

    def _add_circle(self) -> None:
        self.heading("The right feature")
        self.text(
            "Here a point belongs to the inner or the outer class. In x and y no straight line separates them "
            "(degree 1); degree 2 can draw a circle, and high degrees draw islands around single points.",
            "Described by their distance r from the centre, the same points need only one threshold: two weights, "
            "which can hardly overfit. A spectrogram does the same for speech: it brings out what matters, so that "
            "a small network is enough.",
        )
        self._plane = PlanePlot()
        self._radius = RadiusPlot()
        self.drawing(self._plane, self._radius)
        self.plane_degree = Slider("Degree in x and y", low=1, high=9, value=1)
        self.new_circle = push_button("New points", "mdi6.dice-5-outline", "Draw new points of the same circle")
        self.controls(self.plane_degree, self.new_circle)
        self._circle_caption = self.readout()

    def _on_new(self) -> None:
        self._seed += 1
        self._show()

    def _on_new_circle(self) -> None:
        self._circle_seed += 1
        self._show()

    def _show(self) -> None:
        degree, data = int(self.degree.value()), PolynomialFits(self._seed, int(self.count.value()))
        self._fit_plot.show_fit(data, degree)
        self._error_plot.show_fit(data, degree)
        best = int(np.argmin(data.test_errors))
        as_good = data.test_errors[degree] < _AS_GOOD * data.test_errors[best]
        verdict = "fits well" if as_good else "underfits" if degree < best else "overfits"
        self._caption.setText(
            f"Degree {degree} {verdict}: error {data.train_errors[degree]:.2f} on the training points, "
            f"{data.test_errors[degree]:.2f} on new ones. Lowest on new ones: degree {best}."
        )
        self._show_circle()
        width, name = ("0.25", "narrow") if degree < best else ("3", "wide")
        self.try_it(
            {"model.name": "tc_resnet", "model.width": width, "model.dropout": "0"},
            f"Opens Train with a {name} network (width {width}) without dropout: watch whether the validation loss "
            "diverges from the training loss.",
        )

    def _show_circle(self) -> None:
        classes, degree = CircleClasses(self._circle_seed), int(self.plane_degree.value())
        self._plane.show_fit(classes, degree)
        self._radius.show_fit(classes)
        train, test = classes.errors(degree)
        radial_train, radial_test = classes.radial_errors()
        count = (degree + 1) * (degree + 2) // 2
        self._circle_caption.setText(
            f"x and y: {count} weights, {train:.0%} of the training points wrong, {test:.0%} of new ones. "
            f"r: 2 weights, {radial_train:.0%} and {radial_test:.0%}."
        )
