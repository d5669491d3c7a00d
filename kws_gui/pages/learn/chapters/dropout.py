"""The chapter on dropout: a small network that drops units in training and uses all of them at inference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPen

from kws_gui import theme
from kws_gui.pages.learn.chapter import ChapterPage
from kws_gui.pages.learn.chapters import CHAPTERS
from kws_gui.pages.learn.controls import Choice, Slider, push_button
from kws_gui.pages.learn.drawing import Axes, Drawing, draw_mark, number
from kws_gui.services.project_model import ProjectModel
from kws_gui.widgets.axis import SMALL

Array = NDArray[np.float64]
_INPUTS, _HIDDEN, _RADIUS = 4, 8, 15
_MANY = 200
_TRAINING, _INFERENCE = "Training", "Inference"
_SHOWN = (-2.0, 5.0)  # outputs, at least


@dataclass(frozen=True)
class SmallNetwork:
    """Four inputs, eight hidden units with ReLU, one linear output; its weights are fixed."""

    inputs: Array
    first: Array
    second: Array

    @staticmethod
    def fixed() -> SmallNetwork:
        """The network that is drawn."""
        rng = np.random.default_rng(4)
        first = rng.normal(0.15, 0.6, (_HIDDEN, _INPUTS))
        return SmallNetwork(np.array([0.9, 0.4, 0.7, 1.0]), first, rng.normal(0.35, 0.35, _HIDDEN))

    def hidden(self) -> Array:
        """Outputs of the hidden units without dropout."""
        return np.maximum(self.first @ self.inputs, 0.0)

    def output(self, kept: NDArray[np.bool_] | None, rate: float) -> float:
        """The output with the kept units scaled by 1 / (1 - rate); None is inference: all units, unscaled."""
        hidden = self.hidden()
        return float(self.second @ (hidden if kept is None else hidden * kept / (1 - rate)))


class NetworkDrawing(Drawing):
    """The network; clicking a hidden unit, or Space on the selected one, drops or restores it.

    Signals:
        toggled(unit): A unit was toggled by click or key.
    """

    toggled = Signal(int)

    def __init__(self, network: SmallNetwork) -> None:
        super().__init__("A small network with dropout", height=330, width=260)
        self._network = network
        self._kept: NDArray[np.bool_] | None = np.ones(_HIDDEN, bool)
        self._rate = 0.5
        self._chosen = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip("Click a hidden unit to drop or restore it (keyboard: Up, Down and Space)")

    def show_state(self, kept: NDArray[np.bool_] | None, rate: float) -> None:
        """Shows which units are kept; None for inference."""
        self._kept = kept
        self._rate = rate
        dropped = 0 if kept is None else int((~kept).sum())
        self.say(f"{dropped} of {_HIDDEN} hidden units dropped; output {self._network.output(kept, rate):.2f}.")

    def unit_at(self, unit: int) -> QPointF:
        """The centre of a hidden unit, in px."""
        return _column(QRectF(self.rect()), 1, _HIDDEN)[unit]

    def mousePressEvent(self, event: QMouseEvent) -> None:
        for unit in range(_HIDDEN):
            away = event.position() - self.unit_at(unit)
            if np.hypot(away.x(), away.y()) <= _RADIUS + 3:
                self._chosen = unit
                self.toggled.emit(unit)
                return

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if step is not None:
            self._chosen = (self._chosen + step) % _HIDDEN
            self.update()
        elif event.key() == Qt.Key.Key_Space:
            self.toggled.emit(self._chosen)
        else:
            super().keyPressEvent(event)

    def paint(self, painter: QPainter, area: QRectF) -> None:
        kept = np.ones(_HIDDEN, bool) if self._kept is None else self._kept
        scale = 1.0 if self._kept is None else 1 / (1 - self._rate)
        columns = [_column(area, at, count) for at, count in enumerate((_INPUTS, _HIDDEN, 1))]
        self._draw_wires(painter, columns, kept)
        for at, value in zip(columns[0], self._network.inputs, strict=True):
            _draw_unit(painter, at, f"{value:.1f}", "muted")
        for unit, (at, value) in enumerate(zip(columns[1], self._network.hidden() * scale, strict=True)):
            if kept[unit]:
                _draw_unit(painter, at, f"{value:.1f}", "training")
            else:
                _draw_dropped(painter, at)
            if self.hasFocus() and unit == self._chosen:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(theme.current().color("accent"), 2))
                painter.drawEllipse(at, _RADIUS + 4, _RADIUS + 4)
        _draw_unit(painter, columns[2][0], number(self._network.output(self._kept, self._rate), 1), "detection")
        self._name_columns(painter, columns)

    def _draw_wires(self, painter: QPainter, columns: list[list[QPointF]], kept: NDArray[np.bool_]) -> None:
        colors = theme.current()
        for unit, at in enumerate(columns[1]):
            alpha = 0.75 if kept[unit] else 0.10
            for before, weight in zip(columns[0], self._network.first[unit], strict=True):
                painter.setPen(QPen(colors.color("muted", alpha), 0.6 + 1.4 * abs(float(weight))))
                painter.drawLine(before, at)
            painter.setPen(QPen(colors.color("muted", alpha), 0.6 + 2.4 * abs(float(self._network.second[unit]))))
            painter.drawLine(at, columns[2][0])

    def _name_columns(self, painter: QPainter, columns: list[list[QPointF]]) -> None:
        painter.setFont(theme.font(SMALL))
        painter.setPen(theme.current().color("muted"))
        for column, name in zip(columns, ("inputs", "hidden", "output"), strict=True):
            box = QRectF(column[0].x() - 50, 0, 100, 20)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, name)


def _column(area: QRectF, at: int, count: int) -> list[QPointF]:
    """The centres of the units of one layer."""
    x = area.left() + 34 + at * (area.width() - 68) / 2
    top, height = area.top() + 22, area.height() - 22
    pitch = height / _HIDDEN
    first = top + (height - pitch * (count - 1)) / 2
    return [QPointF(x, first + pitch * unit) for unit in range(count)]


def _draw_unit(painter: QPainter, at: QPointF, text: str, role: str) -> None:
    colors = theme.current()
    painter.setPen(QPen(colors.color(role), 2))
    painter.setBrush(colors.color("surface"))
    painter.drawEllipse(at, _RADIUS, _RADIUS)
    painter.setPen(colors.color("text"))
    painter.setFont(theme.font(SMALL))
    box = QRectF(at.x() - _RADIUS, at.y() - _RADIUS, 2 * _RADIUS, 2 * _RADIUS)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def _draw_dropped(painter: QPainter, at: QPointF) -> None:
    colors = theme.current()
    painter.setPen(QPen(colors.color("field_border"), 1.5, Qt.PenStyle.DashLine))
    painter.setBrush(colors.color("sunken"))
    painter.drawEllipse(at, _RADIUS, _RADIUS)
    draw_mark(painter, at, colors.color("error"), mark="x", size=5)


class OutputPlot(Drawing):
    """A histogram of the outputs in training, with their mean and the output at inference."""

    def __init__(self, network: SmallNetwork) -> None:
        super().__init__("Outputs with dropout", height=330, width=240)
        self._network = network
        self._outputs: list[float] = []

    def show_outputs(self, outputs: list[float]) -> None:
        """Shows the outputs so far."""
        self._outputs = outputs
        self.say(f"{len(outputs)} outputs, mean {np.mean(outputs):.2f}." if outputs else "No output yet.")

    def paint(self, painter: QPainter, area: QRectF) -> None:
        colors = theme.current()
        low, high = (
            float(np.floor(min([_SHOWN[0], *self._outputs]))),
            float(np.ceil(max([_SHOWN[1], *self._outputs]))),
        )
        counts, edges = np.histogram(self._outputs, bins=28, range=(low, high))
        axes = Axes.inside(area, (low, high), (0, max(6.0, 1.6 * float(counts.max()))))
        axes.frame(painter, title=f"Outputs so far: {len(self._outputs)}", x_label="output")
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors.color("training", 0.75))
        for count, left, right in zip(counts, edges, edges[1:], strict=False):
            if count:
                painter.drawRect(QRectF(axes.point(left, count), axes.point(right, 0)).adjusted(1, 0, -1, 0))
        inference = self._network.output(None, 0.0)
        axes.across(painter, inference, colors.color("detection_text"), f"inference {number(inference)}")
        if self._outputs:
            mean = float(np.mean(self._outputs))
            axes.across(
                painter, mean, colors.color("training_text"), f"mean {number(mean)}", row=1, before=mean < inference
            )


@CHAPTERS.register("dropout", "Dropout", order=40)
class DropoutChapter(ChapterPage):
    """Units drop at a click; with scaling, their average output is that of the whole network."""

    def __init__(self, model: ProjectModel) -> None:
        super().__init__(model)
        self._network = SmallNetwork.fixed()
        self._rng = np.random.default_rng(0)
        self._kept = np.ones(_HIDDEN, bool)
        self._outputs: list[float] = []
        self.text(
            "In each training step, dropout silences units at random. No unit can rely on any other particular "
            "unit, so each has to be useful by itself, and the network cannot memorize single clips.",
            "At inference all units are active. So that the next layer receives the same level as in training, the "
            "kept units are multiplied by 1 / (1 − rate) during training: the average over many draws is then the "
            "output of the whole network, and inference needs no scaling.",
            source="N. Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting (2014)",
        )
        self._drawing = NetworkDrawing(self._network)
        self._plot = OutputPlot(self._network)
        self.drawing(self._drawing, self._plot, stretches=(6, 5))
        self.rate = Slider(
            "Dropout", low=0.0, high=0.9, value=0.5, step=0.05, format_value=lambda value: f"{value:.0%}"
        )
        self.mode = Choice("Mode", (_TRAINING, _INFERENCE))
        self.again = push_button("Drop again", "mdi6.dice-5-outline", "Drop a different set of units")
        self.many = push_button(f"{_MANY} times", "", f"Drop {_MANY} times and watch the mean settle")
        self.controls(self.rate, self.again, self.many)
        self.controls(self.mode)
        self._caption = self.readout()
        self.rate.valueChanged.connect(self._restart)
        self.mode.valueChanged.connect(self._show)
        self.again.clicked.connect(lambda: self._draw_units(1))
        self.many.clicked.connect(lambda: self._draw_units(_MANY))
        self._drawing.toggled.connect(self._on_toggled)
        self._draw_units(1)

    def kept(self) -> tuple[bool, ...]:
        """Which hidden units are kept in training."""
        return tuple(bool(kept) for kept in self._kept)

    def _restart(self) -> None:
        self._outputs = []
        self._draw_units(1)

    def _draw_units(self, times: int) -> None:
        rate = self.rate.value()
        for _ in range(times):
            self._kept = self._rng.random(_HIDDEN) >= rate
            self._outputs.append(self._network.output(self._kept, rate))
        if self.mode.value() != _TRAINING:
            self.mode.setValue(_TRAINING)  # also draws
        self._show()

    def _on_toggled(self, unit: int) -> None:
        self._kept = self._kept.copy()
        self._kept[unit] = not self._kept[unit]
        self.mode.setValue(_TRAINING)
        self._show()

    def _show(self) -> None:
        rate, training = self.rate.value(), self.mode.value() == _TRAINING
        kept = self._kept if training else None
        self._drawing.show_state(kept, rate)
        self._plot.show_outputs(self._outputs)
        output = self._network.output(kept, rate)
        if training:
            count = int(self._kept.sum())
            self._caption.setText(
                f"{count} of {_HIDDEN} units kept, each multiplied by {1 / (1 - rate):.2f}: output {number(output)}. "
                f"Mean of all outputs so far: {number(float(np.mean(self._outputs)))}; at inference: "
                f"{number(self._network.output(None, rate))}."
            )
        else:
            self._caption.setText(f"All {_HIDDEN} units, none scaled: output {number(output)}, the same every time.")
        self.try_it({"model.dropout": f"{rate:g}"}, f"Opens Train with a dropout of {rate:.0%}.")
