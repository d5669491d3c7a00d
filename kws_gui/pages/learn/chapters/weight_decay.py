"""The chapter on weight decay: compared with an L2 penalty, with SGD and with Adam, on two weights."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter

from kws_engine.training.config import TrainingConfig
from kws_gui import theme
from kws_gui.pages.learn.chapter import ChapterPage
from kws_gui.pages.learn.chapters import CHAPTERS
from kws_gui.pages.learn.controls import Choice, Slider
from kws_gui.pages.learn.drawing import Axes, Drawing, LegendEntry, draw_legend, number
from kws_gui.services.project_model import ProjectModel

_STEPS = 300
_RATE = 0.01  # learning rate
_LARGE, _SMALL = 4.0, 0.04  # sizes of the gradients
_TRIED = "0.3"
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8  # Adam's usual ones


def shrink(optimizer: str, size: float, strength: float, *, decoupled: bool) -> NDArray[np.float64]:
    """The path of a weight that starts at 1 and whose gradients of the given size only alternate in sign.

    The penalty strength/2 w² enters the gradient, or if `decoupled`, the update step itself.
    """
    weight, mean, square = 1.0, 0.0, 0.0
    path = [weight]
    for step in range(1, _STEPS + 1):
        gradient = size * (-1) ** step + (0.0 if decoupled else strength * weight)
        move = gradient
        if optimizer == "Adam":
            mean = _BETA1 * mean + (1 - _BETA1) * gradient
            square = _BETA2 * square + (1 - _BETA2) * gradient**2
            move = mean / (1 - _BETA1**step) / (math.sqrt(square / (1 - _BETA2**step)) + _EPSILON)
        weight -= _RATE * (move + (strength * weight if decoupled else 0.0))
        path.append(weight)
    return np.array(path)


class ShrinkPlot(Drawing):
    """Both weights over the training steps."""

    def __init__(self, *, decoupled: bool) -> None:
        self._title = "Weight decay, separate from the loss" if decoupled else "L2 penalty in the loss"
        super().__init__(self._title, height=280)
        self._decoupled = decoupled
        self._optimizer = "Adam"
        self._strength = 0.5

    def show_at(self, optimizer: str, strength: float) -> None:
        """Shows an optimizer and a strength."""
        self._optimizer = optimizer
        self._strength = strength
        large, small = self.ends()
        self.say(f"{self._title}: after {_STEPS} steps {large:.2f} with large gradients, {small:.2f} with small ones.")

    def ends(self) -> tuple[float, float]:
        """Final values of the weight with large gradients and of the one with small gradients."""
        return float(self._path(_LARGE)[-2:].mean()), float(self._path(_SMALL)[-2:].mean())

    def paint(self, painter: QPainter, area: QRectF) -> None:
        colors = theme.current()
        axes = Axes.inside(area, (0, _STEPS), (-0.05, 1.45))
        axes.frame(painter, title=self._title, x_label="step of the optimizer")
        steps = np.arange(_STEPS + 1)
        axes.curve(painter, steps, self._path(_SMALL), colors.color("training", 0.6), width=5)
        axes.curve(painter, steps, self._path(_LARGE), colors.color("validation"), width=2.5, dash=Qt.PenStyle.DashLine)
        entries = [
            LegendEntry("weight with large gradients", colors.color("validation"), "--"),
            LegendEntry("weight with small gradients", colors.color("training", 0.6)),
        ]
        draw_legend(painter, axes.area, entries)

    def _path(self, size: float) -> NDArray[np.float64]:
        return shrink(self._optimizer, size, self._strength, decoupled=self._decoupled)


@CHAPTERS.register("weight_decay", "Weight decay", order=30)
class WeightDecayChapter(ChapterPage):
    """For SGD the same as L2, for Adam something else."""

    def __init__(self, model: ProjectModel) -> None:
        super().__init__(model)
        self.text(
            "Weight decay removes a small share of every weight at each step. With plain gradient descent (SGD), "
            "that is the same as an L2 penalty, whose gradient is proportional to the weight.",
            "Adam divides each weight's gradient by its typical size, and the L2 penalty along with it: weights "
            "with large gradients hardly shrink, those with small ones vanish. AdamW keeps the decay separate from "
            "the loss, and every weight shrinks by the same share.",
            "Both weights below start at 1 and learn nothing from the data: their gradients only alternate in sign, "
            f"and are {_LARGE / _SMALL:.0f} times larger for one of them. Only the penalty moves them.",
            source="I. Loshchilov and F. Hutter, Decoupled Weight Decay Regularization (2019)",
        )
        self._plots = (ShrinkPlot(decoupled=False), ShrinkPlot(decoupled=True))
        self.drawing(*self._plots)
        self.optimizer = Choice("Optimizer", ("Adam", "SGD"))
        self.strength = Slider("Strength", low=0, high=2, value=0.5, step=0.05, format_value=number)
        self.controls(self.optimizer, self.strength)
        self._caption = self.readout()
        self.optimizer.valueChanged.connect(self._show)
        self.strength.valueChanged.connect(self._show)
        self.try_it(
            {"training.optimizer": "adamw", "training.weight_decay": _TRIED, "regularizers.l2.weight": "0"},
            f"Opens Train with AdamW and a weight decay of {_TRIED}; the default is {TrainingConfig().weight_decay:g}.",
        )
        self._show()

    def _show(self) -> None:
        name, strength = self.optimizer.value(), self.strength.value()
        for plot in self._plots:
            plot.show_at(name, strength)
        (large, small), (decayed_large, decayed_small) = (plot.ends() for plot in self._plots)
        self._caption.setText(
            f"{name}, strength {strength:.2f}, after {_STEPS} steps. L2 in the loss leaves {large:.2f} (large "
            f"gradients) and {small:.2f} (small); decay leaves {decayed_large:.2f} and {decayed_small:.2f}."
        )
