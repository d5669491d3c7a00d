"""The chapter on L1 and L2: the minimum of loss plus penalty, for a single weight."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter

from kws_gui import theme
from kws_gui.pages.learn.chapter import ChapterPage
from kws_gui.pages.learn.chapters import CHAPTERS
from kws_gui.pages.learn.controls import Slider
from kws_gui.pages.learn.drawing import Axes, Drawing, LegendEntry, draw_legend, number
from kws_gui.services.project_model import ProjectModel

Kind = Literal["L1", "L2"]
_MOST = 4.0  # lambda
_TRIED = "1e-4"


def minimum(kind: Kind, wanted: float, strength: float) -> float:
    """The w that minimizes (w - wanted)² + strength |w|, or with "L2" (w - wanted)² + strength w²."""
    if kind == "L2":
        return wanted / (1 + strength)
    return float(np.sign(wanted)) * max(abs(wanted) - strength / 2, 0.0)


def penalty(kind: Kind, weight: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
    """The penalty, as defined in Keras and in this program."""
    return strength * (np.abs(weight) if kind == "L1" else np.square(weight))


class BowlPlot(Drawing):
    """Loss, penalty and their sum as functions of one weight."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(f"Loss with {kind}", height=290)
        self._kind: Kind = kind
        self._wanted = 1.0
        self._strength = 1.0

    def show_at(self, wanted: float, strength: float) -> None:
        """Shows a loss and a strength."""
        self._wanted = wanted
        self._strength = strength
        self.say(f"With {self._kind} the minimum is at w = {minimum(self._kind, wanted, strength):.2f}.")

    def paint(self, painter: QPainter, area: QRectF) -> None:
        colors, kind = theme.current(), self._kind
        axes = Axes.inside(area, (-1, 2), (0, 8))
        formula = "|w|" if kind == "L1" else "w²"
        axes.frame(painter, title=f"{kind}: loss + λ {formula}", x_label="weight w")
        w = np.linspace(-1, 2, 301)
        loss, cost = np.square(w - self._wanted), penalty(kind, w, self._strength)
        axes.curve(painter, w, loss, colors.color("training"))
        axes.curve(painter, w, cost, colors.color("warning"), dash=Qt.PenStyle.DashLine)
        axes.curve(painter, w, loss + cost, colors.color("text"), width=2.5)
        at = minimum(kind, self._wanted, self._strength)
        height = (at - self._wanted) ** 2 + float(penalty(kind, np.array(at), self._strength))
        axes.across(painter, at, colors.color("detection"))
        axes.points(painter, [at], [height], colors.color("detection"), size=6)
        entries = [
            LegendEntry("sum", colors.color("text")),
            LegendEntry("loss", colors.color("training")),
            LegendEntry("penalty", colors.color("warning"), "--"),
            LegendEntry("minimum", colors.color("detection"), "o"),
        ]
        draw_legend(painter, axes.area, entries)


class PathPlot(Drawing):
    """Both minima as functions of lambda."""

    def __init__(self) -> None:
        super().__init__("Minimum by lambda", height=230)
        self._wanted = 1.0
        self._strength = 1.0

    def show_at(self, wanted: float, strength: float) -> None:
        """Shows a loss and a strength."""
        self._wanted = wanted
        self._strength = strength
        self.say(f"With L1 the weight is zero from lambda {2 * abs(wanted):.1f} on, with L2 never.")

    def paint(self, painter: QPainter, area: QRectF) -> None:
        colors = theme.current()
        axes = Axes.inside(area, (0, _MOST), (-0.6, 1.8))
        axes.frame(painter, title="The best weight", x_label="strength λ")
        strengths = np.linspace(0, _MOST, 201)
        shown: tuple[tuple[Kind, str, Qt.PenStyle, str], ...] = (
            ("L2", "training", Qt.PenStyle.SolidLine, "o"),
            ("L1", "validation", Qt.PenStyle.DashLine, "s"),
        )
        for kind, role, dash, mark in shown:
            path = [minimum(kind, self._wanted, float(strength)) for strength in strengths]
            axes.curve(painter, strengths, path, colors.color(role), dash=dash, width=2.5)
            at = [minimum(kind, self._wanted, self._strength)]
            axes.points(painter, [self._strength], at, colors.color(role), mark=mark, size=6)
        axes.across(painter, self._strength, colors.color("muted"))
        entries = [
            LegendEntry("L2: λ w²", colors.color("training")),
            LegendEntry("L1: λ |w|", colors.color("validation"), "--"),
        ]
        draw_legend(painter, axes.area, entries)


@CHAPTERS.register("l1_l2", "L1 against L2", order=20)
class L1L2Chapter(ChapterPage):
    """L1 makes a weight exactly zero, L2 only shrinks it."""

    def __init__(self, model: ProjectModel) -> None:
        super().__init__(model)
        self.text(
            "A penalty puts a price on the weights: a weight may only be large if that lowers the loss by more "
            "than it costs. L2 charges the square of each weight, L1 its absolute value. Both are added to the "
            "loss, with a strength λ that you choose.",
            "Move λ. The slope of w² fades near zero, so L2 shrinks a weight but never quite to zero. The slope of "
            "|w| stays the same all the way down to zero: a weight that gains less than that becomes exactly zero, "
            "and the network becomes sparse.",
            source="R. Tibshirani, Regression Shrinkage and Selection via the Lasso (1996); "
            "A. Hoerl and R. Kennard, Ridge Regression (1970)",
        )
        self._bowls = (BowlPlot("L1"), BowlPlot("L2"))
        self.drawing(*self._bowls)
        self.strength = Slider("Strength λ", low=0, high=_MOST, value=1.5, step=0.05, format_value=number)
        self.wanted = Slider("Best w without penalty", low=-0.5, high=1.5, value=1, step=0.05, format_value=number)
        self.controls(self.strength, self.wanted)
        self._caption = self.readout()
        self._path = PathPlot()
        self.drawing(self._path)
        self.text(
            "In a network with many thousands of weights, λ is small, such as 0.0001: each weight costs next to "
            "nothing, but all together they cost as much as the loss itself."
        )
        self.try_it(
            {"regularizers.l1.weight": _TRIED},
            f"Opens Train with L1 on all weights, λ = {_TRIED}; compare it with L2, or with no penalty.",
        )
        self.strength.valueChanged.connect(self._show)
        self.wanted.valueChanged.connect(self._show)
        self._show()

    def _show(self) -> None:
        wanted, strength = self.wanted.value(), self.strength.value()
        for plot in (*self._bowls, self._path):
            plot.show_at(wanted, strength)
        first, second = minimum("L1", wanted, strength), minimum("L2", wanted, strength)
        exactly = "exactly 0" if first == 0 else number(first)
        self._caption.setText(
            f"Without a penalty w = {number(wanted)}. With λ = {strength:.2f}: L1 moves it to {exactly}, "
            f"L2 to {number(second)}."
        )
