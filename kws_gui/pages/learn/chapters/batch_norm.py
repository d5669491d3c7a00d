"""The chapter on batch norm: training and inference on one feature whose values drift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter

from kws_gui import theme
from kws_gui.pages.learn.chapter import ChapterPage
from kws_gui.pages.learn.chapters import CHAPTERS
from kws_gui.pages.learn.controls import Choice, Slider, push_button
from kws_gui.pages.learn.drawing import Axes, Drawing, LegendEntry, draw_legend, number
from kws_gui.services.project_model import ProjectModel

Array = NDArray[np.float64]
_STEPS, _MOVED_AT = 60, 20
_EPSILON = 1e-5
_TRAINING, _INFERENCE = "Training", "Inference"
_DASH = Qt.PenStyle.DashLine


@dataclass(frozen=True)
class DriftingFeature:
    """Batches of one feature whose mean and spread change at batch 20, as if the previous layer had learned."""

    batches: Array
    means: Array
    spreads: Array

    @staticmethod
    def draw(seed: int, size: int) -> DriftingFeature:
        """Draws 60 batches of `size` values."""
        late = np.arange(_STEPS) >= _MOVED_AT
        means, spreads = np.where(late, 2.5, -1.0), np.where(late, 1.4, 0.6)
        noise = np.random.default_rng(seed).standard_normal((_STEPS, 128))[:, :size]
        return DriftingFeature(means[:, None] + spreads[:, None] * noise, means, spreads)

    def running(self, momentum: float) -> tuple[Array, Array]:
        """Running mean and variance after each batch, starting at 0 and 1; momentum is the share kept, as in Keras.

        The variance of a batch is the unbiased one, as in PyTorch.
        """
        mean, variance, found = 0.0, 1.0, []
        for batch in self.batches:
            mean = momentum * mean + (1 - momentum) * float(batch.mean())
            variance = momentum * variance + (1 - momentum) * float(batch.var(ddof=1))
            found.append((mean, variance))
        means, variances = np.array(found).T
        return means, variances


class BatchPlot(Drawing):
    """One batch before and after normalization."""

    def __init__(self) -> None:
        super().__init__("A batch before and after", height=310)
        self._before = np.zeros(2)
        self._after = np.zeros(2)

    def show_batch(self, before: Array, after: Array) -> None:
        """Shows a batch."""
        self._before = before
        self._after = after
        self.say(
            f"Before: mean {before.mean():.2f}, deviation {before.std():.2f}. "
            f"After: mean {after.mean():.2f}, deviation {after.std():.2f}."
        )

    def paint(self, painter: QPainter, area: QRectF) -> None:
        colors = theme.current()
        half = area.height() / 2
        shown = (("Before", self._before, "validation"), ("After", self._after, "training"))
        for row, (title, values, role) in enumerate(shown):
            part = QRectF(area.left(), area.top() + row * half, area.width(), half)
            counts, edges = np.histogram(np.clip(values, -6, 7.99), bins=35, range=(-6, 8))
            axes = Axes.inside(part, (-6, 8), (0, max(0.2, 1.3 * float(counts.max()) / len(values))))
            axes.frame(painter, title=title, x_label="value" if row else "", y_numbers=False)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colors.color(role, 0.75))
            for share, left, right in zip(counts / len(values), edges, edges[1:], strict=False):
                if share:
                    painter.drawRect(QRectF(axes.point(left, share), axes.point(right, 0)))
            mean, spread = values.mean(), values.std()
            axes.across(painter, mean, colors.color("text"), f"{number(mean, 1)} ± {spread:.1f}")


class RunningPlot(Drawing):
    """Running mean and standard deviation, with the means of the batches."""

    def __init__(self) -> None:
        super().__init__("Running mean and deviation", height=310)
        self._feature = DriftingFeature.draw(0, 32)
        self._momentum = 0.9
        self._at = 0

    def show_at(self, feature: DriftingFeature, momentum: float, at: int) -> None:
        """Shows the running values for a momentum, and marks a batch."""
        self._feature = feature
        self._momentum = momentum
        self._at = at
        means, variances = feature.running(momentum)
        self.say(f"After batch {at + 1}: running mean {means[at]:.2f}, deviation {np.sqrt(variances[at]):.2f}.")

    def paint(self, painter: QPainter, area: QRectF) -> None:
        colors, feature = theme.current(), self._feature
        axes = Axes.inside(area, (1, _STEPS), (-3, 8))
        axes.frame(painter, title="Mean and deviation", x_label="batch")
        steps = np.arange(1, _STEPS + 1)
        means, variances = feature.running(self._momentum)
        axes.points(painter, steps, feature.batches.mean(axis=1), colors.color("validation", 0.7), mark="s", size=2)
        axes.curve(painter, steps, means, colors.color("training"), width=2.5)
        for sign in (-1, 1):
            axes.curve(
                painter, steps, means + sign * np.sqrt(variances), colors.color("training"), dash=_DASH, width=1.5
            )
        axes.across(painter, self._at + 1, colors.color("text"))
        entries = [
            LegendEntry("batch's own mean", colors.color("validation"), "s"),
            LegendEntry("running mean", colors.color("training")),
            LegendEntry("± running deviation", colors.color("training"), "--"),
        ]
        draw_legend(painter, axes.area, entries, right=False)


@CHAPTERS.register("batch_norm", "Batch norm", order=50)
class BatchNormChapter(ChapterPage):
    """Training normalizes by the batch, inference by running statistics of all batches."""

    def __init__(self, model: ProjectModel) -> None:
        super().__init__(model)
        self._seed = 0
        self.text(
            "While a layer learns, its outputs drift, and the next layer has to learn from a moving target. Batch norm "
            "subtracts the mean of the batch and divides by its standard deviation, feature by feature; two learned "
            "numbers, γ and β, then set a new scale and centre (here γ = 1, β = 0).",
            "At inference there is no batch: the result for a clip must not depend on other clips. So training "
            "keeps a running mean and variance: new = momentum × old + (1 − momentum) × the batch's. With a high "
            "momentum they are smooth but lag behind: after few steps, the network sees one thing in training and "
            "another in use.",
            source="S. Ioffe and C. Szegedy, Batch Normalization (2015); momentum as Keras counts it",
        )
        self._batch_plot = BatchPlot()
        self._running_plot = RunningPlot()
        self.drawing(self._batch_plot, self._running_plot)
        self.batch = Slider("Batch", low=1, high=_STEPS, value=_MOVED_AT + 4)
        self.momentum = Slider("Momentum", low=0.5, high=0.99, value=0.9, step=0.01, format_value=lambda v: f"{v:.2f}")
        self.batch_size = Slider("Batch size", low=4, high=128, value=32, step=2, log=True)
        self.mode = Choice("Mode", (_TRAINING, _INFERENCE))
        self.new = push_button("New values", "mdi6.dice-5-outline", "Draw new batches")
        self.controls(self.batch, self.momentum)
        self.controls(self.batch_size, self.mode, self.new)
        self._caption = self.readout()
        for control in (self.batch, self.momentum, self.batch_size, self.mode):
            control.valueChanged.connect(self._show)
        self.new.clicked.connect(self._on_new)
        self._show()

    def _on_new(self) -> None:
        self._seed += 1
        self._show()

    def _show(self) -> None:
        at, momentum = int(self.batch.value()) - 1, self.momentum.value()
        feature = DriftingFeature.draw(self._seed, int(self.batch_size.value()))
        batch = feature.batches[at]
        means, variances = feature.running(momentum)
        training = self.mode.value() == _TRAINING
        mean, variance = (batch.mean(), batch.var()) if training else (means[at], variances[at])
        after = (batch - mean) / np.sqrt(variance + _EPSILON)
        self._batch_plot.show_batch(batch, after)
        self._running_plot.show_at(feature, momentum, at)
        whose = "the batch's own" if training else "the running"
        self._caption.setText(
            f"{self.mode.value()}: batch {at + 1}, normalized by {whose} mean {number(mean)} and deviation "
            f"{np.sqrt(variance):.2f}, has mean {number(after.mean())}, deviation {after.std():.2f}."
        )
        self.try_it(
            {"model.batch_norm": "yes", "model.bn_momentum": f"{momentum:g}"},
            f"Opens Train with batch norm and a momentum of {momentum:.2f}.",
        )
