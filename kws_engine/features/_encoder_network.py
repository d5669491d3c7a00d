"""The speech encoders as a torch module: the weights come from the graph that listens. Imports torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kws_engine import resources
from kws_engine.features._encoder import MODELS
from kws_engine.features.encoded import EncoderName

_CHANNELS = (24, 24, 24, 48, 48, 48, 48, 72, 72, 72, 72, 96, 96, 96, 96, 96, 96, 96, 96, 96)
_POOLS = {2: (2, 2), 6: (1, 2), 10: (2, 2), 14: (1, 2), 18: (2, 2)}


class Encoder(nn.Module):
    """Mel frames (B, T, 32) to vectors (B, n, 96), n = 1 + (T - 76) // 8, T >= 76 (Lin et al. 2020).

    Convolutions over bands and over time take turns; only those over bands are padded, so that a vector depends on its
    76 frames and nothing else.
    """

    def __init__(self, encoder: EncoderName) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList()
        before = 1
        for number, channels in enumerate(_CHANNELS):
            size = (3, 3) if number == 0 else (1, 3) if number % 2 and number < len(_CHANNELS) - 1 else (3, 1)
            padding = (0, 1) if size[1] == 3 else (0, 0)
            has_bias = number < len(_CHANNELS) - 1
            self.convolutions.append(nn.Conv2d(before, channels, size, padding=padding, bias=has_bias))
            before = channels
        self.load(_shipped_weights(encoder))
        self.requires_grad_(False)

    def load(self, weights: dict[str, Tensor]) -> None:
        """Takes weights by the graph's names, `conv0.weight` and so on."""
        self.convolutions.load_state_dict({name.removeprefix("conv"): value for name, value in weights.items()})

    def forward(self, frames: Tensor) -> Tensor:
        values = frames.unsqueeze(1)
        for number, convolution in enumerate(self.convolutions):
            values = self._after(number, convolution(values))
        return values.squeeze(3).transpose(1, 2)

    def stream(self, frames: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The next mel frames (B, T, 32) of a stream, T a multiple of 8, to vectors (B, T / 8, 96) and new states."""
        values, before, after = frames.unsqueeze(1), iter(states), []
        for number, convolution in enumerate(self.convolutions):
            kept = _kept(convolution)
            if kept:
                values = torch.cat((next(before), values), dim=2)
                after.append(values[:, :, -kept:])
            values = self._after(number, convolution(values))
        return values.squeeze(3).transpose(1, 2), after

    def states(self) -> list[Tensor]:
        """Those of one stream before its first frames: zeros."""
        found, bands = [], 32
        for number, convolution in enumerate(self.convolutions):
            assert isinstance(convolution, nn.Conv2d)
            if kept := _kept(convolution):
                found.append(torch.zeros(1, convolution.in_channels, kept, bands))
            bands //= _POOLS.get(number, (1, 1))[1]
        return found

    def _after(self, number: int, values: Tensor) -> Tensor:
        """What follows a convolution."""
        if number < len(self.convolutions) - 1:
            values = nn.functional.leaky_relu(values, 0.2).clamp_min(-0.4)
        return nn.functional.max_pool2d(values, _POOLS[number]) if number in _POOLS else values


def _kept(convolution: nn.Module) -> int:
    """How many frames before the newest a convolution sees."""
    assert isinstance(convolution, nn.Conv2d)
    return convolution.kernel_size[0] - 1


def _shipped_weights(encoder: EncoderName) -> dict[str, Tensor]:
    """Of the graph that ships."""
    import onnx

    graph = onnx.load(resources.path(*MODELS[encoder])).graph
    stored = {one.name: torch.tensor(onnx.numpy_helper.to_array(one)) for one in graph.initializer}
    return {name: value for name, value in stored.items() if name.startswith("conv")}
