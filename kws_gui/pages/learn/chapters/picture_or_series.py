"""The chapter on two views of a spectrogram: an image, or many series over time."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from kws_gui import theme
from kws_gui.pages.learn.arithmetic import Convolution
from kws_gui.pages.learn.chapter import ChapterPage
from kws_gui.pages.learn.chapters import CHAPTERS
from kws_gui.pages.learn.controls import Spin
from kws_gui.pages.learn.drawing import Drawing
from kws_gui.pages.learn.figures import LEFT, Table, arrow, grouped, small
from kws_gui.pages.learn.layer_counts import count_tc_resnet
from kws_gui.services.project_model import ProjectModel

_LABELS = 12  # ten words, other words and silence, as in the papers


class Volumes(Drawing):
    """Input, window and output of a convolution as blocks of time x frequency x channels."""

    def __init__(self, name: str) -> None:
        super().__init__(name, height=196, width=240)
        self._name = name
        self._layer = Convolution((98, 40), 1, 16, (3, 3), padding=(1, 1))

    def show_layer(self, layer: Convolution) -> None:
        """Shows a layer; sizes are drawn as square roots, so that large and small ones fit side by side."""
        self._layer = layer
        self.say(
            f"{self._name}: input {layer.size[0]} x {layer.size[1]} x {layer.channels_in}, window {layer.kernel[0]} x "
            f"{layer.kernel[1]} over all channels, output {layer.output[0]} x {layer.output[1]} x {layer.channels_out}"
        )

    def paint(self, painter: QPainter, area: QRectF) -> None:
        small(painter, QRectF(8, 0, area.width() - 8, 22), self._name, role="text", align=LEFT)
        layer = self._layer
        half = area.width() / 2
        floor = area.bottom() - 46
        before = _slab(area.left() + 14, floor, layer.size, layer.channels_in, half)
        after = _slab(area.left() + half + 22, floor, layer.output, layer.channels_out, half)
        _paint_slab(painter, before, "muted")
        _paint_slab(painter, after, "training")
        self._paint_window(painter, before)
        middle = floor - 30
        arrow(painter, QPointF(area.left() + half - 14, middle), QPointF(area.left() + half + 12, middle))
        _shape(painter, QRectF(area.left() + 8, floor + 4, half, 20), layer.size, layer.channels_in)
        _shape(painter, QRectF(area.left() + half + 16, floor + 4, half, 20), layer.output, layer.channels_out)
        small(painter, QRectF(8, floor + 22, area.width() - 16, 20), "time x frequency x channels", align=LEFT)

    def _paint_window(self, painter: QPainter, slab: tuple[QRectF, float]) -> None:
        front, depth = slab
        wide = max(5.0, front.width() * self._layer.kernel[0] / self._layer.size[0])
        high = max(4.0, front.height() * min(1.0, self._layer.kernel[1] / self._layer.size[1]))
        left = front.left() + 0.35 * front.width()
        top = front.top() + (front.height() - high) * 0.45
        _paint_slab(painter, (QRectF(left, top, wide, high), depth), "detection", filled=0.75)


@CHAPTERS.register("picture_or_series", "Spectrogram: image or time series", order=120)
class PictureOrSeriesChapter(ChapterPage):
    """The same layer in both views, and the whole networks of Choi et al."""

    def __init__(self, model: ProjectModel) -> None:
        super().__init__(model)
        self.text(
            "As an image, a spectrogram is T x F x 1: a 3 x 3 window moves along time and along frequency, and "
            "each output map is as large as the image. A window sees three neighbouring bands, so it takes many "
            "layers to see low and high frequencies at once.",
            "As a time series, it is T x 1 x F: one vector of F channels per frame. The window moves along time "
            "only and sees all frequencies in the first layer. A pattern is found at any time, but no longer at a "
            "different pitch. The output maps have no height, and that makes the computation so cheap.",
        )
        self.picture = Volumes("Image, T x F x 1")
        self.series = Volumes("Time series, T x 1 x F")
        self.drawing(self.picture, self.series)
        self._make_parts()
        self.text(
            "With the same number of weights, the time series needs only a fraction of the computation and of the "
            "memory between layers, which is what takes the time on small processors. On a mobile phone, Choi et "
            "al. measured more than 385 times the speed of the most accurate network until then, at a higher "
            "accuracy.",
            source="Choi et al. 2019, Temporal convolution for real-time keyword spotting on mobile devices.",
        )
        self.try_it(
            {"model.name": "tc_resnet", "model.convolutions": "time and frequency"},
            "Opens Train with TC-ResNet over time and frequency, the image; choose Time there for the time series.",
        )
        self._refresh()

    def layers(self) -> tuple[Convolution, Convolution]:
        """The layer over the image and the one over the series."""
        frames, features = self.frames.value(), self.features.value()
        kernel = self.kernel.value()
        picture = Convolution((frames, features), 1, self.maps.value(), (3, 3), padding=(1, 1))
        series = Convolution((frames, 1), features, self.channels.value(), (kernel, 1), padding=(kernel // 2, 0))
        return picture, series

    def _make_parts(self) -> None:
        self.frames = Spin("Frames T", low=16, high=300, value=98)
        self.features = Spin("Features F", low=8, high=128, value=40)
        self.maps = Spin("Image: maps", low=1, high=512, value=160)
        self.channels = Spin("Series: maps", low=1, high=512, value=12)
        self.kernel = Spin("Series: kernel in time", low=1, high=31, value=3, step=2)
        self.controls(self.frames, self.features)
        self.controls(self.maps, self.channels, self.kernel)
        rows = (
            "First layer: output",
            "Output values",
            "Weights",
            "Multiply-accumulates",
            "Bands seen at once",
            f"8-layer ResNet, {_LABELS} labels: parameters",
            "8-layer ResNet: multiply-accumulates",
        )
        self.table = Table("Costs of the two views", ("image", "time series"), rows)
        self.drawing(self.table)
        self.caption = self.readout()
        for spin in (self.frames, self.features, self.maps, self.channels, self.kernel):
            spin.valueChanged.connect(self._refresh)

    def _refresh(self) -> None:
        picture, series = self.layers()
        self.table.fill(self._counts(picture, picture=True), self._counts(series, picture=False))
        self._describe(picture, series)

    def _counts(self, layer: Convolution, *, picture: bool) -> list[str]:
        frames, features = self.frames.value(), self.features.value()
        network = count_tc_resnet(n_frames=frames, n_features=features, n_labels=_LABELS, picture=picture)
        shape = f"{layer.output[0]} x {layer.output[1]} x {layer.channels_out}"
        bands = min(3, features) if picture else features
        counts = layer.outputs, layer.weights, layer.macs, bands, network.parameters, network.macs
        return [shape, *map(grouped, counts)]

    def _describe(self, picture: Convolution, series: Convolution) -> None:
        self.picture.show_layer(picture)
        self.series.show_layer(series)
        self.caption.setText(
            f"Image: 3 · 3 · 1 · {picture.channels_out} = {grouped(picture.weights)} weights at {picture.size[0]} · "
            f"{picture.size[1]} positions. Series: {series.kernel[0]} · {series.channels_in} · {series.channels_out} = "
            f"{grouped(series.weights)} weights at {series.size[0]} positions: {picture.macs / series.macs:.1f} times "
            f"fewer multiply-accumulates and {picture.outputs / series.outputs:.0f} times fewer values."
        )


def _slab(left: float, floor: float, size: tuple[int, int], channels: int, room: float) -> tuple[QRectF, float]:
    """Front face and depth in px, as square roots of the sizes."""
    depth = min(40.0, max(4.0, 3.2 * channels**0.5))
    wide = min(12 * size[0] ** 0.5, room - 42 - 0.8 * depth)
    high = min(14 * size[1] ** 0.5, 104.0) if size[1] > 1 else 7.0
    return QRectF(left, floor - high, wide, high), depth


def _paint_slab(painter: QPainter, slab: tuple[QRectF, float], role: str, *, filled: float = 0.16) -> None:
    front, depth = slab
    shift = QPointF(depth * 0.8, -depth * 0.5)
    colors = theme.current()
    painter.setPen(QPen(colors.color(role), 1.3))
    for share, corners in (
        (filled, [front.topLeft(), front.topRight(), front.topRight() + shift, front.topLeft() + shift]),
        (filled, [front.topRight(), front.bottomRight(), front.bottomRight() + shift, front.topRight() + shift]),
        (min(1.0, filled * 1.6), [front.topLeft(), front.topRight(), front.bottomRight(), front.bottomLeft()]),
    ):
        painter.setBrush(colors.color(role, share))
        painter.drawPolygon(QPolygonF(corners), Qt.FillRule.OddEvenFill)


def _shape(painter: QPainter, area: QRectF, size: tuple[int, int], channels: int) -> None:
    small(painter, area, f"{size[0]} x {size[1]} x {channels}", role="text", align=LEFT)
