"""The encoder as a torch module, its weights from an ONNX graph and to a file of weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

_CHANNELS = (24, 24, 24, 48, 48, 48, 48, 72, 72, 72, 72, 96, 96, 96, 96, 96, 96, 96, 96, 96)
_POOLS = {2: (2, 2), 6: (1, 2), 10: (2, 2), 14: (1, 2), 18: (2, 2)}
_LAST = len(_CHANNELS) - 1
VALUES = _CHANNELS[-1]


class Encoder(nn.Module):
    """Mel frames (B, T, 32) to vectors (B, n, 96), n = 1 + (T - 76) // 8 (Lin et al. 2020, arXiv:2002.01322)."""

    def __init__(self) -> None:
        super().__init__()
        before = 1
        for number, channels in enumerate(_CHANNELS):
            size = (3, 3) if number == 0 else (1, 3) if number % 2 and number < _LAST else (3, 1)
            padding = (0, 1) if size[1] == 3 else (0, 0)
            self.add_module(f"conv{number}", nn.Conv2d(before, channels, size, padding=padding, bias=number < _LAST))
            before = channels

    def forward(self, frames: Tensor) -> Tensor:
        return self.back(self.front(frames, until=0), since=0)

    def front(self, frames: Tensor, *, until: int) -> Tensor:
        """What the convolution `until` gets."""
        return self._through(frames.unsqueeze(1), range(until))

    def back(self, values: Tensor, *, since: int) -> Tensor:
        """From what the convolution `since` gets to the vectors."""
        return self._through(values, range(since, len(_CHANNELS))).squeeze(3).transpose(1, 2)

    def _through(self, values: Tensor, numbers: range) -> Tensor:
        for number in numbers:
            values = self.get_submodule(f"conv{number}")(values)
            if number < _LAST:
                values = functional.leaky_relu(values, 0.2).clamp_min(-0.4)
            if number in _POOLS:
                values = functional.max_pool2d(values, _POOLS[number])
        return values


def encoder_of_graph(path: Path) -> Encoder:
    """With the weights of an ONNX graph that holds the same convolutions in the same order."""
    graph = onnx.load(path).graph
    stored = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    names = ("weight", "bias")
    encoder = Encoder()
    encoder.load_state_dict(
        {
            f"conv{number}.{name}": torch.tensor(np.asarray(stored[values]))
            for number, node in enumerate(convolutions)
            for name, values in zip(names, node.input[1:], strict=False)
        }
    )
    return encoder.eval()
