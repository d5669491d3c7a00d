"""The chapter on early stopping: where patience ends a simulated run, and which weights are kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter

from kws_gui import theme
from kws_gui.pages.learn.chapter import ChapterPage
from kws_gui.pages.learn.chapters import CHAPTERS
from kws_gui.pages.learn.controls import Slider, push_button
from kws_gui.pages.learn.drawing import Axes, Drawing, LegendEntry, draw_legend
from kws_gui.services.project_model import ProjectModel

Array = NDArray[np.float64]
_EPOCHS = 100
_DASH = Qt.PenStyle.DashLine


@dataclass(frozen=True)
class SimulatedRun:
    """Simulated loss by epoch of a run that overfits after about a third of its epochs."""

    training: Array
    validation: Array

    @staticmethod
    def draw(seed: int, noise: float) -> SimulatedRun:
        """`noise` is the standard deviation of the validation loss from epoch to epoch."""
        rng = np.random.default_rng(seed)
        epochs, turn = np.arange(1, _EPOCHS + 1), rng.uniform(20, 40)
        falling = np.exp(-epochs / rng.uniform(8, 13))
        training = 0.04 + 1.3 * falling + 0.01 * rng.standard_normal(_EPOCHS)
        rise = 0.006 * np.maximum(epochs - turn, 0) ** 1.05
        validation = 0.28 + 1.2 * falling + rise + noise * rng.standard_normal(_EPOCHS)
        return SimulatedRun(np.maximum(training, 0.01), np.maximum(validation, 0.05))


def stop(validation: Array, *, patience: int, minimum_gain: float) -> tuple[int, int]:
    """(best epoch, last epoch), from 1; as in training, an epoch is only better if it gains more than the minimum."""
    best = 1
    for epoch, loss in enumerate(validation, 1):
        if epoch > 1 and loss < validation[best - 1] - minimum_gain:
            best = epoch
        if epoch - best >= patience:
            return best, epoch
    return best, len(validation)


class RunPlot(Drawing):
    """Both losses, the best epoch and the end of the run."""

    def __init__(self) -> None:
        super().__init__("Loss by epoch", height=320)
        self._run = SimulatedRun.draw(0, 0.03)
        self._best = 1
        self._last = 1

    def show_run(self, run: SimulatedRun, best: int, last: int) -> None:
        """Shows a run."""
        self._run = run
        self._best = best
        self._last = last
        self.say(f"Stopped after epoch {last}; the weights of epoch {best} are kept.")

    def paint(self, painter: QPainter, area: QRectF) -> None:
        colors, run, last = theme.current(), self._run, self._last
        axes = Axes.inside(area, (0, _EPOCHS), (0, 1.7))
        axes.frame(painter, title="Loss", x_label="epoch")
        epochs = np.arange(1, _EPOCHS + 1)
        for losses, role, dash in ((run.training, "training", None), (run.validation, "validation", _DASH)):
            line = dash or Qt.PenStyle.SolidLine
            axes.curve(painter, epochs[last - 1 :], losses[last - 1 :], colors.color(role, 0.28), dash=line)
            axes.curve(painter, epochs[:last], losses[:last], colors.color(role), dash=line)
        self._draw_waiting(painter, axes)
        entries = [
            LegendEntry("training", colors.color("training")),
            LegendEntry("validation", colors.color("validation"), "--"),
            LegendEntry("kept weights", colors.color("detection"), "o"),
        ]
        draw_legend(painter, axes.area, entries)

    def _draw_waiting(self, painter: QPainter, axes: Axes) -> None:
        """Marks the epochs of patience between the best and the last."""
        colors, best, last = theme.current(), self._best, self._last
        start, end = axes.point(best, axes.high), axes.point(last, axes.low)
        painter.fillRect(QRectF(start, end), colors.color("warning", 0.14))
        axes.across(painter, best, colors.color("detection_text"), f"best: {best}", row=1, before=True)
        if last < _EPOCHS:
            axes.across(painter, last, colors.color("text"), f"stop: {last}", row=2)
        axes.points(painter, [best], [self._run.validation[best - 1]], colors.color("detection"), size=6)


@CHAPTERS.register("early_stopping", "Early stopping", order=70)
class EarlyStoppingChapter(ChapterPage):
    """Patience: long enough that noise does not end the run, short enough to save time."""

    def __init__(self, model: ProjectModel) -> None:
        super().__init__(model)
        self._seed = 0
        self.text(
            "While a network trains, the loss on its training clips keeps falling. The loss on clips that it does "
            "not learn from falls too, and then rises: from then on, the network memorizes. Early stopping watches "
            "the validation loss and ends the run once it has not improved for a number of epochs, the patience.",
            "Validation loss is noisy: with little patience, a run ends after a chance dip, long before its best "
            "epoch. With a lot, it only takes longer, since the weights of the best epoch are kept in any case. A "
            "minimum gain ignores improvements that are too small to matter.",
            source="L. Prechelt, Early Stopping - But When? (1998)",
        )
        self._plot = RunPlot()
        self.drawing(self._plot)
        self.patience = Slider("Patience", low=1, high=40, value=10, format_value=lambda value: f"{value:.0f} epochs")
        self.gain = Slider(
            "Minimum gain", low=0, high=0.1, value=0, step=0.005, format_value=lambda value: f"{value:.3f}"
        )
        self.noise = Slider("Noise", low=0, high=0.1, value=0.03, step=0.01, format_value=lambda value: f"{value:.2f}")
        self.new = push_button("New run", "mdi6.dice-5-outline", "Simulate another run")
        self.controls(self.patience, self.gain)
        self.controls(self.noise, self.new)
        self._caption = self.readout()
        for slider in (self.patience, self.gain, self.noise):
            slider.valueChanged.connect(self._show)
        self.new.clicked.connect(self._on_new)
        self._show()

    def _on_new(self) -> None:
        self._seed += 1
        self._show()

    def _show(self) -> None:
        patience, gain = int(self.patience.value()), self.gain.value()
        run = SimulatedRun.draw(self._seed, self.noise.value())
        best, last = stop(run.validation, patience=patience, minimum_gain=gain)
        self._plot.show_run(run, best, last)
        lowest = int(np.argmin(run.validation)) + 1
        missed = run.validation[best - 1] - run.validation[lowest - 1]
        ended = f"Stopped after epoch {last}" if last < _EPOCHS else f"Ran all {_EPOCHS} epochs"
        verdict = "no later epoch is better" if missed <= 0 else f"epoch {lowest} would be better by {missed:.3f}"
        self._caption.setText(
            f"{ended}; the weights of epoch {best} are kept, with a validation loss of "
            f"{run.validation[best - 1]:.3f}; {verdict}. {_EPOCHS - last} of {_EPOCHS} epochs saved."
        )
        self.try_it(
            {
                "training.early_stopping": "yes",
                "training.patience": str(patience),
                "training.minimum_gain": f"{gain:g}",
            },
            f"Opens Train with early stopping, a patience of {patience} epochs and a minimum gain of {gain:g}.",
        )
