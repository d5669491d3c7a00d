"""The chapter on TC-ResNet: every layer with its shape and costs."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QSizePolicy

from kws_gui import theme
from kws_gui.pages.learn.chapter import ChapterPage
from kws_gui.pages.learn.chapters import CHAPTERS
from kws_gui.pages.learn.controls import Choice, Slider, Spin
from kws_gui.pages.learn.drawing import Drawing
from kws_gui.pages.learn.figures import LEFT, RIGHT, box, grouped, head, small, text
from kws_gui.pages.learn.layer_counts import CountedLayer, CountedNetwork, count_tc_resnet
from kws_gui.services.project_model import ProjectModel

_ROW = 30  # px
_TOP = 26
_LANE = 34  # px left of the rows, for the shortcuts
_FEATURES, _HOP_MS, _WINDOW_MS = 40, 10, 30
_EXPLAINED = {
    "input": "The features of a clip: one vector of channels per frame.",
    "plain": "",
    "first": "First half of a block: where the number of channels changes, only every second frame is computed.",
    "second": "Second half of a block: its output is added to that of the shortcut, followed by ReLU.",
    "shortcut": "The path around the block: a 1 x 1 convolution that makes channels and frames match.",
}


class LayerDrawing(Drawing):
    """One row per layer, from the input down to the scores, with shortcuts as arcs on the left.

    Signals:
        chosen(row): A row was selected by click, or by the Up and Down keys.
    """

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__("Layers of TC-ResNet", height=300, width=380)
        self._network = CountedNetwork(())
        self._row = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_network(self, network: CountedNetwork, row: int) -> None:
        """Shows a network, with one row selected."""
        self._network = network
        self._row = row
        height = _TOP + _ROW * (len(network.layers) + 1) + 8
        self._size.setHeight(height)
        self.setMinimumSize(self._size)
        self.updateGeometry()
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        move = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()), 0)
        if move:
            self._choose(self._row + move)
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._choose(int((event.position().y() - _TOP) // _ROW))

    def _choose(self, row: int) -> None:
        self.chosen.emit(min(max(row, 0), len(self._network.layers) - 1))

    def paint(self, painter: QPainter, area: QRectF) -> None:
        columns = _columns(area)
        for name, (left, right) in columns.items():
            align = LEFT if name == "layer" else RIGHT
            words = "layer (bar: parameters)" if name == "layer" else name
            small(painter, QRectF(left, area.top(), right - left, _TOP), words, align=align)
        for row, layer in enumerate(self._network.layers):
            self._paint_row(painter, layer, row, columns, area)
        self._paint_shortcuts(painter)
        y = _TOP + _ROW * len(self._network.layers)
        sums = {"parameters": grouped(self._network.parameters), "MACs": grouped(self._network.macs)}
        text(painter, QRectF(columns["layer"][0], y, 120, _ROW), "Total", align=LEFT, bold=True)
        for name, words in sums.items():
            left, right = columns[name]
            text(painter, QRectF(left - 20, y, right - left + 20, _ROW), words, align=RIGHT, bold=True)

    def _paint_row(
        self, painter: QPainter, layer: CountedLayer, row: int, columns: dict[str, tuple[float, float]], area: QRectF
    ) -> None:
        y = _TOP + row * _ROW
        if row == self._row:
            ground = QRectF(_LANE - 4, y + 1, area.width() - _LANE, _ROW - 2)
            box(painter, ground, role="accent", border="accent", alpha=0.14)
        left, right = columns["layer"]
        shape = QRectF(left, y + 4, right - left, _ROW - 8)
        role = {"input": "muted", "shortcut": "training", "plain": "detection"}.get(layer.role, "validation")
        _bar(painter, shape, layer, role, self._network)
        text(painter, shape.adjusted(8, 0, 0, 0), layer.title, align=LEFT)
        field = "all" if not layer.field else str(layer.field)
        words = {"shape": " x ".join(map(str, layer.shape)), "parameters": _count(layer.parameters)}
        words |= {"MACs": _count(layer.macs), "frames seen": field}
        for name, value in words.items():
            left, right = columns[name]
            text(painter, QRectF(left - 10, y, right - left + 10, _ROW), value, align=RIGHT)

    def _paint_shortcuts(self, painter: QPainter) -> None:
        """Draws the shortcuts around the blocks, and the main path down the rows."""
        rows = list(enumerate(self._network.layers))
        blocks = sorted({layer.block for layer in self._network.layers if layer.block})
        for block in blocks:
            first = next(row for row, layer in rows if layer.block == block)
            second = next(row for row, layer in rows if layer.block == block and layer.role == "second")
            start, end = _TOP + first * _ROW - 1, _TOP + (second + 1) * _ROW - 6
            _arc(painter, start, end)
        painter.setPen(QPen(theme.current().color("muted"), 1))
        straight = [row for row, layer in rows if layer.role != "shortcut"]
        for one, other in pairwise(straight):
            if other == one + 1:
                x = _LANE + 16.0
                y = _TOP + other * _ROW
                painter.drawLine(QPointF(x, y - 4), QPointF(x, y + 4))


@CHAPTERS.register("tc_resnet", "TC-ResNet, layer by layer", order=125)
class TcResNetChapter(ChapterPage):
    """Choose depth and width, and see the cost of every layer."""

    def __init__(self, model: ProjectModel) -> None:
        super().__init__(model)
        self._row = 1
        self.text(
            "TC-ResNet reads the spectrogram as a time series: every convolution moves along time and sees all "
            "channels. Where the number of channels grows, the number of frames is halved, so that later layers "
            "see more of the word with less work. Each block has a shortcut around it.",
        )
        self._make_parts()
        self.text(
            "The frames seen (the receptive field) show how much of the sound one value depends on: a kernel of 9 "
            "adds 8 frames, and 16 once the frames are halved. At the end it should span a whole word. The mean "
            "over time then makes the result independent of when the word was said.",
            "MACs are multiply-accumulate operations per clip; the paper counts two operations for each. Batch "
            "norm has two parameters per channel and is counted with its convolution.",
            source="Choi et al. 2019, Temporal convolution for real-time keyword spotting on mobile devices.",
        )
        self._refresh()

    def network(self) -> CountedNetwork:
        """The network that is drawn."""
        return count_tc_resnet(
            n_frames=self.frames.value(),
            n_features=_FEATURES,
            n_labels=self.labels.value(),
            depth="14" if self.depth_choice.value() == "14" else "8",
            width=self.width_slider.value(),
        )

    def _make_parts(self) -> None:
        words = len(self.model.project.words) if self.model.project else 10
        self.depth_choice = Choice("Depth", ("8", "14"))
        self.width_slider = Slider(
            "Width", low=0.25, high=3.0, value=1.0, step=0.25, format_value=lambda width: f"x {width:g}"
        )
        self.frames = Spin("Frames of a clip", low=16, high=300, value=98)
        self.labels = Spin("Labels", low=2, high=200, value=words + 2)
        self.layers = LayerDrawing()
        self.controls(self.depth_choice, self.width_slider)
        self.controls(self.frames, self.labels)
        self.drawing(self.layers)
        self.caption = self.readout()
        self.layers.chosen.connect(self._on_chosen)
        self.depth_choice.valueChanged.connect(self._refresh)
        self.width_slider.valueChanged.connect(self._refresh)
        self.frames.valueChanged.connect(self._refresh)
        self.labels.valueChanged.connect(self._refresh)

    def _on_chosen(self, row: int) -> None:
        self._row = row
        self._refresh()

    def _refresh(self) -> None:
        network = self.network()
        self._row = min(self._row, len(network.layers) - 1)
        self.layers.show_network(network, self._row)
        layer = network.layers[self._row]
        words = f"{layer.title}: {_EXPLAINED[layer.role]} {_field(layer)}".replace("  ", " ")
        self.caption.setText(words.strip())
        self.layers.say(
            f"{len(network.layers)} rows, {grouped(network.parameters)} parameters, {grouped(network.macs)} MACs; row "
            f"{self._row + 1}: {layer.title}, {grouped(layer.parameters)} parameters, {grouped(layer.macs)} MACs"
        )
        depth, width = self.depth_choice.value(), self.width_slider.value()
        self.try_it(
            {"model.name": "tc_resnet", "model.blocks": depth, "model.width": f"{width:g}"},
            f"Opens Train with TC-ResNet {depth}, width {width:g}.",
        )


def _columns(area: QRectF) -> dict[str, tuple[float, float]]:
    """Left and right edge of each column; the last four have fixed widths."""
    widths = {"shape": 82, "parameters": 74, "MACs": 76, "frames seen": 74}
    right = area.right() - 8
    found: dict[str, tuple[float, float]] = {}
    for name, width in reversed(widths.items()):
        found[name] = (right - width, right)
        right -= width
    return {"layer": (_LANE, right), **dict(reversed(found.items()))}


def _bar(painter: QPainter, area: QRectF, layer: CountedLayer, role: str, network: CountedNetwork) -> None:
    """Draws a bar as long as the layer's parameters in relation to the largest layer."""
    box(painter, area, role="surface", border="border")
    largest = max(other.parameters for other in network.layers)
    if layer.parameters:
        filled = QRectF(area.left(), area.top(), max(6.0, area.width() * layer.parameters / largest), area.height())
        box(painter, filled, role=role, border=role, alpha=0.22)


def _arc(painter: QPainter, start: float, end: float) -> None:
    color = theme.current().color("training")
    path = QPainterPath(QPointF(_LANE, start))
    path.cubicTo(QPointF(2, start + 4), QPointF(2, end - 4), QPointF(_LANE - 2, end))
    painter.setPen(QPen(color, 2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(path)
    head(painter, QPointF(_LANE - 12, end - 1), QPointF(_LANE, end), color)


def _count(count: int) -> str:
    return grouped(count) if count else "–"


def _field(layer: CountedLayer) -> str:
    if not layer.field:
        return "It sees the whole clip."
    ms = (layer.field - 1) * _HOP_MS + _WINDOW_MS
    frames = "1 frame" if layer.field == 1 else f"{layer.field} frames"
    return f"Each of its values depends on {frames}, {ms} ms of sound."
