"""Shape, parameters and MACs of TC-ResNet, layer by layer, computed without building the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kws_gui.pages.learn.arithmetic import Convolution

Depth = Literal["8", "14"]
STEM_CHANNELS = 16
BLOCKS: dict[str, tuple[int, ...]] = {"8": (24, 32, 48), "14": (24, 24, 32, 32, 48, 48)}
_POOL = 4


@dataclass(frozen=True)
class CountedLayer:
    """One layer, or the input.

    Attributes:
        title: For instance "Convolution 9 x 1".
        role: "input", "plain", "first" or "second" of a block, or the "shortcut" around it.
        block: The block it belongs to, from 1; 0 for none.
        shape: Output as (time, frequency, channels); only channels after the pooling.
        parameters: Weights, and the scale and shift of batch norm.
        macs: Multiply-accumulates per clip.
        field: Receptive field in frames of the input; 0 for the whole clip.
    """

    title: str
    role: str
    block: int
    shape: tuple[int, ...]
    parameters: int
    macs: int
    field: int


@dataclass(frozen=True)
class CountedNetwork:
    """All layers from the input to the scores, and their totals."""

    layers: tuple[CountedLayer, ...]

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)


def scaled(channels: int, width: float) -> int:
    """A channel count times the width multiplier, rounded down, at least 1."""
    return max(1, int(channels * width))


def picture_stem(n_features: int, *, depth: Depth, width: float) -> int:
    """Channels of the 2-D variant's first layer that give it as many parameters as the temporal network."""
    channels, after = scaled(STEM_CHANNELS, width), scaled(BLOCKS[depth][0], width)
    return max(1, (3 * n_features * channels + 10 * channels * after) // (9 + 10 * after))


def count_tc_resnet(
    *,
    n_frames: int,
    n_features: int,
    n_labels: int,
    depth: Depth = "8",
    width: float = 1.0,
    kernel: int = 9,
    picture: bool = False,
    pooled: bool = False,
) -> CountedNetwork:
    """Counts the network of Choi et al. 2019 for a clip (n_frames, n_features), or a 2-D variant for comparison."""
    tally = _Tally(n_frames, n_features, kernel, picture=picture)
    stem = picture_stem(n_features, depth=depth, width=width) if picture else scaled(STEM_CHANNELS, width)
    tally.stem(stem)
    if picture and pooled:
        tally.pool(_POOL)
    for number, channels in enumerate(BLOCKS[depth], 1):
        tally.block(number, scaled(channels, width))
    tally.head(n_labels)
    return CountedNetwork(tuple(tally.layers))


class _Tally:
    """Tracks size, channels and receptive field through the layers."""

    def __init__(self, n_frames: int, n_features: int, kernel: int, *, picture: bool) -> None:
        self.picture = picture
        self.kernel = kernel
        self.size, self.channels = ((n_frames, n_features), 1) if picture else ((n_frames, 1), n_features)
        self.field = 1
        self.jump = 1
        kind = "an image" if picture else "a time series"
        self.layers = [CountedLayer(f"Spectrogram as {kind}", "input", 0, self.shape, 0, 0, 1)]

    @property
    def shape(self) -> tuple[int, int, int]:
        return (*self.size, self.channels)

    def stem(self, channels: int) -> None:
        self._convolve(channels, 3, role="plain")

    def block(self, number: int, channels: int) -> None:
        before, at_input = (self.size, self.channels, self.field), self.channels
        step = 1 if channels == at_input else 2
        kernel = 3 if self.picture else self.kernel
        self._convolve(channels, kernel, step=step, role="first", block=number)
        self._convolve(channels, kernel, role="second", block=number)
        if step == 2:
            self._shortcut(before, channels, number)

    def pool(self, cell: int) -> None:
        self.size = (self.size[0] // cell, self.size[1] // cell)
        self.field = self.field + (cell - 1) * self.jump
        self.jump = self.jump * cell
        self.layers.append(CountedLayer(f"Mean of {cell} x {cell} cells", "plain", 0, self.shape, 0, 0, self.field))

    def head(self, n_labels: int) -> None:
        self.layers.append(CountedLayer("Mean over all positions", "plain", 0, (self.channels,), 0, 0, 0))
        weights = self.channels * n_labels
        self.layers.append(CountedLayer("Fully connected", "plain", 0, (n_labels,), weights + n_labels, weights, 0))

    def _convolve(self, channels: int, kernel: int, *, step: int = 1, role: str, block: int = 0) -> None:
        columns = kernel if self.picture else 1
        across = step if self.picture else 1
        layer = Convolution(
            self.size, self.channels, channels, (kernel, columns), (step, across), (kernel // 2, columns // 2)
        )
        self.size = layer.output
        self.channels = channels
        self.field = self.field + (kernel - 1) * self.jump
        self.jump = self.jump * step
        stride = f", stride {step}" if step > 1 else ""
        title = f"Convolution {kernel} x {columns}{stride}"
        parameters = layer.weights + 2 * channels
        self.layers.append(CountedLayer(title, role, block, self.shape, parameters, layer.macs, self.field))

    def _shortcut(self, before: tuple[tuple[int, int], int, int], channels: int, block: int) -> None:
        size, channels_in, field = before
        layer = Convolution(size, channels_in, channels, (1, 1), (2, 2 if self.picture else 1))
        parameters = layer.weights + 2 * channels
        title = "Shortcut 1 x 1, stride 2"
        self.layers.append(CountedLayer(title, "shortcut", block, self.shape, parameters, layer.macs, field))
