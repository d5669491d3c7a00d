"""The chapter on kernel size, stride, padding and pooling: a grid to step through."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QPainter, QPen

from kws_gui import theme
from kws_gui.pages.learn.arithmetic import POOLINGS, convolved, output_size, pooled
from kws_gui.pages.learn.chapter import ChapterPage
from kws_gui.pages.learn.chapters import CHAPTERS
from kws_gui.pages.learn.controls import Choice, Spin, push_button
from kws_gui.pages.learn.drawing import Drawing
from kws_gui.pages.learn.figures import LEFT, arrow, draw_cell, short_number, signed_color, small, text
from kws_gui.services.project_model import ProjectModel

Numbers = NDArray[np.float64]
_CONVOLUTION = "convolution"
_OPERATIONS = (_CONVOLUTION, *(f"{name} pooling" for name in POOLINGS))
_STEP_MS = 450
_GAP = 90  # px of width for the margins and the arrow


def numbers(size: int) -> Numbers:
    """The input (size, size): integers -4..9, always the same."""
    return np.random.default_rng(7).integers(-4, 10, size=(size, size)).astype(float)


def edge(kernel: int) -> Numbers:
    """A kernel that compares left with right: -1 in the first column, 1 in the last; for size 1, a single 1."""
    weights = np.zeros((kernel, kernel))
    weights[:, 0] -= 1
    weights[:, -1] += 1
    return weights if kernel > 1 else np.ones((1, 1))


class Grid(Drawing):
    """The padded input on the left, the output filled so far on the right, and the current window in both.

    Signals:
        stepped(direction): An arrow key requests the next (1) or the previous step (-1).
    """

    stepped = Signal(int)

    def __init__(self) -> None:
        super().__init__("Kernel moving over a grid", height=330)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._input: Numbers = np.zeros((1, 1))
        self._output: Numbers = np.zeros((1, 1))
        self._weights: Numbers | None = None
        self._kernel = 1
        self._stride = 1
        self._padding = 0
        self._place = 0

    def show_step(
        self,
        picture: Numbers,
        output: Numbers,
        *,
        kernel: int,
        stride: int,
        padding: int,
        place: int,
        weights: Numbers | None,
    ) -> None:
        """Shows the window of output value number `place`, counted row by row; `weights` are drawn into it."""
        self._input = picture
        self._output = output
        self._weights = weights
        self._kernel = kernel
        self._stride = stride
        self._padding = padding
        self._place = place
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        direction = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()), 0)
        if direction:
            self.stepped.emit(direction)
        else:
            super().keyPressEvent(event)

    def paint(self, painter: QPainter, area: QRectF) -> None:
        around = self._input.shape[0] + 2 * self._padding
        columns = max(1, self._output.shape[1])
        cell = min(40.0, (area.height() - 44) / around, (area.width() - _GAP) / (around + columns))
        top = area.top() + 28
        left = area.left() + max(8, (area.width() - _GAP - cell * (around + columns)) / 2 + 8)
        right = left + cell * around + _GAP - 24
        inner = self._input.shape[0]
        small(painter, QRectF(left, area.top(), 260, 24), f"Input {inner} x {inner}", role="text", align=LEFT)
        rows = self._output.shape[0]
        words = f"Output {rows} x {rows}" if self._output.size else "No output"
        small(painter, QRectF(right, area.top(), 200, 24), words, role="text", align=LEFT)
        self._paint_input(painter, QPointF(left, top), cell)
        middle = top + cell * around / 2
        arrow(painter, QPointF(left + cell * around + 12, middle), QPointF(right - 12, middle))
        if self._output.size:
            self._paint_output(painter, QPointF(right, top), cell)
            self._paint_window(painter, QPointF(left, top), cell)

    def _paint_input(self, painter: QPainter, origin: QPointF, cell: float) -> None:
        around = np.pad(self._input, self._padding, constant_values=np.nan)
        row, column = self._window()
        for (at_row, at_column), value in np.ndenumerate(around):
            area = _cell(origin, at_row, at_column, cell)
            outside = bool(np.isnan(value))
            draw_cell(painter, area, theme.current().color("sunken") if outside else signed_color(value / 24))
            weight = self._weight(at_row - row, at_column - column)
            lifted = area.adjusted(0, 0, 0, -cell * 0.22) if weight else area
            words = ("0" if self._weights is not None else "·") if outside else short_number(value)
            _draw_number(painter, lifted, words, cell, role="muted" if outside else "text")
            if weight:
                _draw_number(painter, area.adjusted(0, cell * 0.5, -2, 0), weight, cell * 0.72, role="training_text")

    def _paint_output(self, painter: QPainter, origin: QPointF, cell: float) -> None:
        largest = max(1.0, float(np.abs(self._output).max()))
        for place, value in enumerate(self._output.flat):
            row, column = divmod(place, self._output.shape[1])
            area = _cell(origin, row, column, cell)
            filled = place <= self._place
            draw_cell(
                painter, area, signed_color(0.45 * value / largest) if filled else theme.current().color("sunken")
            )
            if filled:
                _draw_number(painter, area, short_number(value), cell, bold=place == self._place)
        row, column = divmod(self._place, self._output.shape[1])
        _draw_frame(painter, _cell(origin, row, column, cell))

    def _paint_window(self, painter: QPainter, origin: QPointF, cell: float) -> None:
        first = _cell(origin, *self._window(), cell)
        _draw_frame(painter, QRectF(first.topLeft(), first.size() * self._kernel))

    def _window(self) -> tuple[int, int]:
        """Row and column of the first cell of the window, including the padding."""
        if not self._output.size:
            return -self._kernel, -self._kernel
        row, column = divmod(self._place, self._output.shape[1])
        return row * self._stride, column * self._stride

    def _weight(self, row: int, column: int) -> str:
        """The kernel weight at a cell of the window, as text; empty outside or without weights."""
        if self._weights is None or not (0 <= row < self._kernel and 0 <= column < self._kernel):
            return ""
        return "×" + short_number(float(self._weights[row, column]))


@CHAPTERS.register("stride_pooling", "Kernel, stride, padding, pooling", order=105)
class StridePoolingChapter(ChapterPage):
    """Each choice changes the size of the output; the formula below has the numbers filled in."""

    def __init__(self, model: ProjectModel) -> None:
        super().__init__(model)
        self._place = 0
        self.text(
            "Four numbers determine the output size of a convolution: the size of the input, the size of the "
            "kernel, how far the kernel moves from one position to the next (stride), and how many zeros surround "
            "the input (padding). Pooling moves a window in the same way but has nothing to learn: it takes the "
            "largest, the mean or the smallest value of each cell.",
        )
        self._make_parts()
        self.text(
            "A stride of 2, or pooling over 2 x 2 cells, quarters the work of all later layers, and each of their "
            "values then sees twice as far. Padding preserves the size and lets the kernel reach the edges; "
            "pooling ignores what lies outside. Maximum pooling asks whether a pattern occurred, no matter where "
            "exactly; average pooling, how much of it; minimum pooling, what was there all the time.",
            source="Dumoulin & Visin 2016, A guide to convolution arithmetic for deep learning.",
        )
        self.try_it({})
        self._restart()

    def shutdown(self) -> None:
        self.timer.stop()

    def sizes(self) -> tuple[int, int, int, int]:
        """Input size, kernel, stride and padding."""
        return self.size_box.value(), self.kernel.value(), self.stride.value(), self.padding.value()

    def output(self) -> Numbers:
        """The complete output."""
        size, kernel, stride, padding = self.sizes()
        picture, operation = numbers(size), self.operation.value()
        if operation == _CONVOLUTION:
            return convolved(picture, edge(kernel), stride=stride, padding=padding)
        return pooled(picture, how=operation.split()[0], cell=kernel, stride=stride, padding=padding)

    def _make_parts(self) -> None:
        self.operation = Choice("Operation", _OPERATIONS)
        self.size_box = Spin("Input size", low=1, high=9, value=6)
        self.kernel = Spin("Kernel or cell", low=1, high=5, value=3)
        self.stride = Spin("Stride", low=1, high=4, value=1)
        self.padding = Spin("Padding", low=0, high=3, value=1)
        self.back = push_button("Back", "mdi6.step-backward", "One step back (left arrow in the drawing)")
        self.next = push_button("Step", "mdi6.step-forward", "One step forward (right arrow in the drawing)")
        self.play = push_button("Play", "mdi6.play", "Step automatically")
        self.play.setCheckable(True)
        self.grid = Grid()
        self.timer = QTimer(self, interval=_STEP_MS)
        self.controls(self.operation)
        self.controls(self.size_box, self.kernel, self.stride, self.padding)
        self.drawing(self.grid)
        self.controls(self.back, self.next, self.play)
        self.caption = self.readout()
        for spin in (self.size_box, self.kernel, self.stride, self.padding):
            spin.valueChanged.connect(self._restart)
        self.operation.valueChanged.connect(self._restart)
        self.back.clicked.connect(lambda: self._step(-1))
        self.next.clicked.connect(lambda: self._step(1))
        self.grid.stepped.connect(self._step)
        self.play.toggled.connect(self._on_play)
        self.timer.timeout.connect(lambda: self._step(1))

    def _restart(self) -> None:
        self._place = 0
        pools = self.operation.value() != _CONVOLUTION
        self.padding.box.setMaximum(min(3, max(0, self.kernel.value() - 1)) if pools else 3)
        self._show()

    def _step(self, direction: int) -> None:
        count = max(1, self.output().size)
        self._place = (self._place + direction) % count
        self._show()

    def _on_play(self, playing: bool) -> None:
        self.play.setText("Pause" if playing else "Play")
        theme.set_icon(self.play, "mdi6.pause" if playing else "mdi6.play")
        if playing:
            self.timer.start()
        else:
            self.timer.stop()

    def hideEvent(self, event: QHideEvent) -> None:
        self.play.setChecked(False)

    def _show(self) -> None:
        size, kernel, stride, padding = self.sizes()
        result = self.output()
        weights = edge(kernel) if self.operation.value() == _CONVOLUTION else None
        self.grid.show_step(
            numbers(size), result, kernel=kernel, stride=stride, padding=padding, place=self._place, weights=weights
        )
        out = output_size(size, kernel=kernel, stride=stride, padding=padding)
        formula = f"⌊({size} + 2 · {padding} − {kernel}) / {stride}⌋ + 1 = {out}"
        if not result.size:
            words = f"A window of {kernel} does not fit into {size} + 2 · {padding} cells; make it smaller."
        else:
            words = f"Output size = ⌊(input + 2 · padding − kernel) / stride⌋ + 1 = {formula}.\n{self._sum(result)}"
        self.caption.setText(words)
        self.grid.say(words)
        self._offer()

    def _sum(self, result: Numbers) -> str:
        place, value = self._place + 1, short_number(float(result.flat[self._place]))
        if self.operation.value() == _CONVOLUTION:
            return f"Position {place} of {result.size}: the sum of the products is {value}."
        kind = {"max": "largest value", "average": "mean", "min": "smallest value"}[self.operation.value().split()[0]]
        return f"Position {place} of {result.size}: the {kind} in the cell is {value}."

    def _offer(self) -> None:
        """Offers the same numbers for the configurable CNN, as far as it has these options."""
        _, kernel, stride, padding = self.sizes()
        options = {"model.name": "cnn"}
        if self.operation.value() == _CONVOLUTION:
            options |= {"model.kernel_time": str(kernel), "model.kernel_freq": str(kernel)}
            options |= {"model.stride_time": str(stride), "model.padding": "same" if padding else "valid"}
            what = f"Opens Train with a convolutional network, {kernel} x {kernel} kernels, stride {stride} in time."
        else:
            how = self.operation.value().split()[0]
            options |= {"model.pooling": how, "model.pool_time": str(kernel), "model.pool_freq": str(kernel)}
            what = f"Opens Train with a convolutional network and {how} pooling over {kernel} x {kernel} cells."
        self.try_it(options, what)


def _cell(origin: QPointF, row: int, column: int, size: float) -> QRectF:
    return QRectF(origin.x() + column * size, origin.y() + row * size, size, size)


def _draw_frame(painter: QPainter, area: QRectF) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(theme.current().color("detection"), 3))
    painter.drawRoundedRect(area, 2, 2)


def _draw_number(
    painter: QPainter, area: QRectF, words: str, cell: float, *, role: str = "text", bold: bool = False
) -> None:
    text(painter, area, words, role=role, scale=min(1.0, cell / 32), bold=bold)
