"""The chapter on fully connected and convolutional layers, and what each of them costs."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter, QPen

from kws_gui import theme
from kws_gui.pages.learn.arithmetic import Convolution
from kws_gui.pages.learn.chapter import ChapterPage
from kws_gui.pages.learn.chapters import CHAPTERS
from kws_gui.pages.learn.controls import Spin
from kws_gui.pages.learn.drawing import Drawing
from kws_gui.pages.learn.figures import LEFT, Table, grouped, small
from kws_gui.services.project_model import ProjectModel

_NODES = 7
_BYTES = 4  # per weight
_COLORS = ("training", "validation", "detection")
_DASHES = ([1, 0], [5, 3], [1.5, 2.5])  # so that colour is not the only cue


class Connections(Drawing):
    """Inputs above, outputs below, and a line per connection; shared weights have the same colour and dashes."""

    def __init__(self, name: str, words: str, *, shared: bool) -> None:
        super().__init__(name, height=176)
        self._name = name
        self._words = words
        self._shared = shared
        self.say(words)

    def paint(self, painter: QPainter, area: QRectF) -> None:
        small(painter, QRectF(8, 0, area.width(), 22), self._name, role="text", align=LEFT)
        top, bottom = area.top() + 40, area.bottom() - 40
        across = (area.width() - 48) / (_NODES - 1)
        places = [24 + at * across for at in range(_NODES)]
        for start in range(_NODES):
            for end in range(_NODES):
                pen = self._pen(start - end)
                if pen is not None:
                    painter.setPen(pen)
                    painter.drawLine(QPointF(places[start], top), QPointF(places[end], bottom))
        for y in (top, bottom):
            for x in places:
                painter.setPen(QPen(theme.current().color("muted"), 1.5))
                painter.setBrush(theme.current().color("surface"))
                painter.drawEllipse(QPointF(x, y), 7, 7)
        small(painter, QRectF(8, bottom + 14, area.width() - 16, 22), self._words, align=LEFT)

    def _pen(self, distance: int) -> QPen | None:
        if not self._shared:
            return QPen(theme.current().color("muted", 0.7), 1)
        if abs(distance) > 1:
            return None
        pen = QPen(theme.current().color(_COLORS[distance + 1]), 2.2)
        if distance:
            pen.setDashPattern(_DASHES[distance + 1] if distance > 0 else [5, 3])
        return pen


@CHAPTERS.register("weights", "Fully connected or convolution", order=110)
class WeightsChapter(ChapterPage):
    """One layer over a spectrogram in both forms, with its costs."""

    def __init__(self, model: ProjectModel) -> None:
        super().__init__(model)
        self.text(
            "A fully connected layer connects every input to every output, each with its own weight. A convolution "
            "has two facts about sound built in: what belongs together lies close together, and a pattern is the "
            "same pattern if it comes earlier or later. So each output sees a small window, and all windows share "
            "one set of weights.",
        )
        dense = Connections("Fully connected", f"{_NODES} x {_NODES} = {_NODES**2} weights", shared=False)
        shared = Connections("Convolution, kernel of 3", "3 weights, used at every position", shared=True)
        self.drawing(dense, shared)
        self._make_parts()
        self.text(
            "Fewer weights need fewer recordings: what is learned at one moment applies to all moments. The price "
            "is computation, since every position is computed separately. The last layer of nearly every network "
            "is fully connected all the same: only a few values are left, and each may mean something different.",
            source="LeCun et al. 1998; for keywords Sainath & Parada 2015.",
        )
        self.try_it(
            {"model.name": "fnn"},
            "Opens Train with a fully connected network: compare its parameters with those of the others.",
        )
        self._refresh()

    def dense(self) -> Convolution:
        """The fully connected layer: a convolution whose only window is the whole image."""
        size = (self.frames.value(), self.features.value())
        return Convolution(size, 1, self.units.value(), size)

    def convolution(self) -> Convolution:
        """The convolution, zero-padded to keep the size."""
        kernel = self.kernel_time.value(), self.kernel_freq.value()
        padding = kernel[0] // 2, kernel[1] // 2
        return Convolution((self.frames.value(), self.features.value()), 1, self.maps.value(), kernel, padding=padding)

    def _make_parts(self) -> None:
        self.heading("Count for your own sizes")
        self.frames = Spin("Frames", low=1, high=300, value=98)
        self.features = Spin("Features", low=1, high=128, value=40)
        self.units = Spin("Fully connected: units", low=1, high=1024, value=64)
        self.maps = Spin("Convolution: maps", low=1, high=1024, value=64)
        self.kernel_time = Spin("Kernel in time", low=1, high=31, value=3, step=2)
        self.kernel_freq = Spin("Kernel in frequency", low=1, high=31, value=3, step=2)
        self.controls(self.frames, self.features, self.units)
        self.controls(self.maps, self.kernel_time, self.kernel_freq)
        rows = ("Weights", "Biases", "Memory of both", "Output values", "Multiply-accumulates per clip")
        self.table = Table("Costs of the two layers", ("fully connected", "convolution"), rows)
        self.drawing(self.table)
        self.caption = self.readout()
        for spin in (self.frames, self.features, self.units, self.maps, self.kernel_time, self.kernel_freq):
            spin.valueChanged.connect(self._refresh)

    def _refresh(self) -> None:
        layers = self.dense(), self.convolution()
        self.table.fill(*[_counts(layer) for layer in layers])
        dense, shared = layers
        self.caption.setText(
            f"Fully connected: {dense.size[0]} · {dense.size[1]} · {dense.channels_out} = {grouped(dense.weights)} "
            f"weights. Convolution: {shared.kernel[0]} · {shared.kernel[1]} · {shared.channels_out} = "
            f"{grouped(shared.weights)}, {_ratio(dense.weights / shared.weights)}; {_more(shared.macs / dense.macs)}."
        )


def _counts(layer: Convolution) -> list[str]:
    biases = layer.channels_out
    memory = _memory((layer.weights + biases) * _BYTES)
    return [grouped(layer.weights), grouped(biases), memory, grouped(layer.outputs), grouped(layer.macs)]


def _memory(count: int) -> str:
    return f"{grouped(count)} bytes" if count < 10_000 else f"{grouped(round(count / 1024))} KiB"


def _ratio(ratio: float) -> str:
    return f"{_times(ratio)} fewer" if ratio > 1 else f"{_times(1 / ratio)} as many"


def _more(ratio: float) -> str:
    return f"it multiplies {_times(ratio)} as often" if ratio >= 1 else f"it multiplies {_times(1 / ratio)} less often"


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio < 10 else f"{grouped(round(ratio))} times"
