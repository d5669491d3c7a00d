"""Over- and underfitting: a polynomial through noisy points, then the right feature; knows no network."""

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
from kws_gui.pages.learn.drawing import Axes, Drawing, Key, draw_legend
from kws_gui.services.project_model import ProjectModel

Array = NDArray[np.float64]
_DEGREES = range(0, 13)
_NOISE = 0.25
_DASH = Qt.PenStyle.DashLine
_TEST_POINTS = 200
_AS_GOOD = 1.15  # times the lowest error on new points
_CELLS = 72  # of the ground behind the plane, each way
_RADIUS = 0.6  # of the circle between the two classes


class Polynomial:
    """Noisy points of a wave, and the best polynomial of every degree through the training points."""

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
    """What the points are drawn from."""
    return np.asarray(np.sin(4.5 * x), float)


def rms(errors: Array) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(errors))))


class PolynomialPlot(Drawing):
    """The points and the polynomial."""

    def __init__(self) -> None:
        super().__init__("Points and polynomial", height=290)
        self._data = Polynomial(0, 14)
        self._degree = 1

    def show_fit(self, data: Polynomial, degree: int) -> None:
        """Draws another fit."""
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
        keys = [
            Key("training points", colors.color("text"), "o"),
            Key("polynomial", colors.color("accent")),
            Key("the truth", colors.color("muted"), "--"),
        ]
        draw_legend(painter, axes.area, keys, right=False)


class ErrorPlot(Drawing):
    """Training and test error of every degree."""

    def __init__(self) -> None:
        super().__init__("Error by degree", height=290)
        self._data = Polynomial(0, 14)
        self._degree = 1

    def show_fit(self, data: Polynomial, degree: int) -> None:
        """Marks another degree."""
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
        keys = [
            Key("new points", colors.color("validation"), "--"),
            Key("training points", colors.color("training")),
        ]
        draw_legend(painter, axes.area, keys, right=False)


class Ring:
    """Two classes, inside and outside of a circle with a fuzzy edge; fitted in x and y, and in r alone.

    A fit is least squares on +1 (inside) and -1 (outside); its sign decides.
    """

    def __init__(self, seed: int, n_points: int = 48) -> None:
        rng = np.random.default_rng(seed + 100)
        self.points, self.labels = _ring_points(rng, n_points)
        self.test_points, self.test_labels = _ring_points(rng, 600)
        self.radial = np.linalg.lstsq(_radial(self.points), self.labels, rcond=None)[0]

    def fit(self, degree: int) -> Array:
        """The weights of the polynomial in x and y."""
        return np.asarray(np.linalg.lstsq(terms(self.points, degree), self.labels, rcond=None)[0])

    def errors(self, degree: int) -> tuple[float, float]:
        """Shares of wrong decisions in x and y: training, new points."""
        fit = self.fit(degree)
        return tuple(  # type: ignore[return-value]
            float(np.mean(np.sign(terms(points, degree) @ fit) != labels))
            for points, labels in ((self.points, self.labels), (self.test_points, self.test_labels))
        )

    def radial_errors(self) -> tuple[float, float]:
        """The same in r."""
        return tuple(  # type: ignore[return-value]
            float(np.mean(np.sign(_radial(points) @ self.radial) != labels))
            for points, labels in ((self.points, self.labels), (self.test_points, self.test_labels))
        )

    @property
    def threshold(self) -> float:
        """The r at which the decision changes."""
        return float(-self.radial[0] / self.radial[1])


def _ring_points(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
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
    """The two classes in x and y with what a polynomial takes for inside."""

    def __init__(self) -> None:
        super().__init__("Two classes in x and y", height=300)
        self._ring = Ring(0)
        self._degree = 1

    def show_fit(self, ring: Ring, degree: int) -> None:
        """Draws another fit."""
        self._ring = ring
        self._degree = degree
        train, test = ring.errors(degree)
        self.say(f"In x and y with degree {degree}: {train:.0%} of the training points wrong, {test:.0%} of new ones.")

    def paint(self, painter: QPainter, area: QRectF) -> None:
        colors, ring = theme.current(), self._ring
        axes = Axes.inside(area, (-1, 1), (-1, 1))
        axes.frame(painter, title=f"x and y, degree {self._degree}", x_label="x", y_label="y")
        painter.drawImage(axes.area, self._ground())
        for label, role, mark in ((1, "training", "o"), (-1, "validation", "s")):
            chosen = ring.points[ring.labels == label]
            axes.points(painter, chosen[:, 0], chosen[:, 1], colors.color(role), mark=mark)

    def _ground(self) -> QImage:
        """Blue where the polynomial says inside, orange where it says outside, both faint."""
        colors, at = theme.current(), (np.arange(_CELLS) + 0.5) / _CELLS * 2 - 1
        x, y = np.meshgrid(at, -at)
        score = terms(np.stack([x.ravel(), y.ravel()], axis=1), self._degree) @ self._ring.fit(self._degree)
        inside, outside = (colors.color(role, 0.22).rgba() for role in ("training", "validation"))
        cells = np.where(score > 0, inside, outside).astype(np.uint32).reshape(_CELLS, _CELLS)
        return QImage(cells.tobytes(), _CELLS, _CELLS, 4 * _CELLS, QImage.Format.Format_ARGB32).copy()


class RadiusPlot(Drawing):
    """The same points by their distance from the middle, with one threshold."""

    def __init__(self) -> None:
        super().__init__("The same two classes by r", height=300)
        self._ring = Ring(0)

    def show_fit(self, ring: Ring) -> None:
        """Draws other points."""
        self._ring = ring
        train, test = ring.radial_errors()
        self.say(f"By r with one threshold: {train:.0%} of the training points wrong, {test:.0%} of new ones.")

    def paint(self, painter: QPainter, area: QRectF) -> None:
        colors, ring = theme.current(), self._ring
        axes = Axes.inside(area, (0, 1.45), (0, 1))
        axes.frame(painter, title="r = √(x² + y²)", x_label="r", y_numbers=False)
        left, cut = axes.area.left(), axes.point(ring.threshold, 0).x()
        top, height = axes.area.top(), axes.area.height()
        painter.fillRect(QRectF(left, top, cut - left, height), colors.color("training", 0.22))
        painter.fillRect(QRectF(cut, top, axes.area.right() - cut, height), colors.color("validation", 0.22))
        r = np.hypot(ring.points[:, 0], ring.points[:, 1])
        for label, role, mark, y in ((1, "training", "o", 0.36), (-1, "validation", "s", 0.62)):
            chosen = r[ring.labels == label]
            spread = 0.16 * np.modf(np.arange(len(chosen)) * 0.618)[0]
            axes.points(painter, chosen, y + spread - 0.08, colors.color(role), mark=mark)
        axes.across(painter, ring.threshold, colors.color("text"), f"threshold {ring.threshold:.2f}")
        keys = [Key("inside", colors.color("training"), "o"), Key("outside", colors.color("validation"), "s")]
        draw_legend(painter, axes.area, keys, right=False)


@CHAPTERS.register("overfitting", "Over- and underfitting", order=10)
class OverfittingChapter(ChapterPage):
    """A degree too low misses the shape, one too high learns the noise; the right feature needs neither."""

    def __init__(self, model: ProjectModel) -> None:
        super().__init__(model)
        self.text(
            "A model learns from examples and is then asked about something new. Too simple, it misses what the "
            "examples have in common: it underfits. Too flexible, it also learns what is only chance in them: it "
            "overfits, perfect on what it has seen and wrong in between.",
            "Below, a polynomial goes through a few noisy points of a wave. Raise the degree: the error on the "
            "training points only ever falls, while the error on new points falls and then rises. More points push "
            "that rise to higher degrees.",
            source="C. M. Bishop, Pattern Recognition and Machine Learning, section 1.1 (2006)",
        )
        self._fit_plot = PolynomialPlot()
        self._error_plot = ErrorPlot()
        self.drawing(self._fit_plot, self._error_plot)
        self.degree = Slider("Degree", low=0, high=_DEGREES[-1], value=3)
        self.count = Slider("Points", low=14, high=60, value=14)
        self.new_points = push_button("New points", "mdi6.dice-5-outline", "Draw other points of the same wave")
        self.controls(self.degree, self.count, self.new_points)
        self._said = self.readout()
        self._add_ring()
        self._seed = 3
        self.try_it({})
        for slider in (self.degree, self.count, self.plane_degree):
            slider.valueChanged.connect(self._show)
        self.new_points.clicked.connect(self._on_new)
        self.new_ring.clicked.connect(self._on_new_ring)
        self._ring_seed = 0
        self._show()

    def _add_ring(self) -> None:
        self.heading("The right feature")
        self.text(
            "Here a point belongs to the inner or the outer class. In x and y no straight line parts them (degree 1); "
            "degree 2 can draw a circle, and high degrees draw islands around single points.",
            "Measured as the distance r from the middle, the same points need one threshold: two weights that cannot "
            "overfit much. A spectrogram does this for a voice: it shows what matters, so that a small network is "
            "enough.",
        )
        self._plane = PlanePlot()
        self._radius = RadiusPlot()
        self.drawing(self._plane, self._radius)
        self.plane_degree = Slider("Degree in x and y", low=1, high=9, value=1)
        self.new_ring = push_button("New points", "mdi6.dice-5-outline", "Draw other points of the same circle")
        self.controls(self.plane_degree, self.new_ring)
        self._ring_said = self.readout()

    def _on_new(self) -> None:
        self._seed += 1
        self._show()

    def _on_new_ring(self) -> None:
        self._ring_seed += 1
        self._show()

    def _show(self) -> None:
        degree, data = int(self.degree.value()), Polynomial(self._seed, int(self.count.value()))
        self._fit_plot.show_fit(data, degree)
        self._error_plot.show_fit(data, degree)
        best = int(np.argmin(data.test_errors))
        as_good = data.test_errors[degree] < _AS_GOOD * data.test_errors[best]
        verdict = "fits well" if as_good else "underfits" if degree < best else "overfits"
        self._said.setText(
            f"Degree {degree} {verdict}: error {data.train_errors[degree]:.2f} on the training points, "
            f"{data.test_errors[degree]:.2f} on new ones. Lowest on new ones: degree {best}."
        )
        self._show_ring()
        width, name = ("0.25", "narrow") if degree < best else ("3", "wide")
        self.try_it(
            {"model.name": "tc_resnet", "model.width": width, "model.dropout": "0"},
            f"Opens Train with a {name} network (width {width}) without dropout: watch whether the validation loss "
            "parts from the training loss.",
        )

    def _show_ring(self) -> None:
        ring, degree = Ring(self._ring_seed), int(self.plane_degree.value())
        self._plane.show_fit(ring, degree)
        self._radius.show_fit(ring)
        train, test = ring.errors(degree)
        radial_train, radial_test = ring.radial_errors()
        count = (degree + 1) * (degree + 2) // 2
        self._ring_said.setText(
            f"x and y: {count} weights, {train:.0%} of the training points wrong, {test:.0%} of new ones. "
            f"r: 2 weights, {radial_train:.0%} and {radial_test:.0%}."
        )
