"""Exports a network as a graph with states: each step takes the newest frames and answers for the window they end.

    graph = to_streaming(network, n_frames=pipeline.n_frames(window_samples), n_features=pipeline.n_features)
    states = graph.silence()
    logits, *found = session.run(None, {"features": newest_frames, **states})
    states = dict(zip(states, found))

Where a network's convolutions over time see nothing beyond the window, each keeps the last frames of its input, and a
step costs as much as its frames. Other networks get the window itself as their state and are computed whole:
`why_whole` says why. From `steps_until_whole` steps on, the logits are those of the whole window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from kws_engine.errors import TrainingError
from kws_engine.export.onnx import TOLERANCE, exported, lean_copy

if TYPE_CHECKING:
    from torch import Tensor, nn

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class StreamingGraph:
    """An ONNX graph with the inputs "features" (1, frames, n_features) and each state, the outputs "logits" (1, labels)
    and each new state in the same order.

    Attributes:
        content: The graph.
        states: The shape of each state by the name of its input.
        frames: That a step takes.
        steps_until_whole: From this step on, counted from 1, the answer is that of a whole window.
        why_whole: Why the network is computed whole in each step; "" where only the newest columns are.
    """

    content: bytes
    states: dict[str, tuple[int, ...]]
    frames: int
    steps_until_whole: int
    why_whole: str

    def silence(self) -> dict[str, Floats]:
        """The states before the first step."""
        return {name: np.zeros(shape, np.float32) for name, shape in self.states.items()}


def to_streaming(network: nn.Module, *, n_frames: int, n_features: int, frames: int = 1) -> StreamingGraph:
    """The graph of a network that maps (B, n_frames, n_features) to logits (B, labels), in steps of so many frames.

    Raises:
        TrainingError: The graph's answer differs from the network's by more than 1e-4 of its size.
    """
    import torch

    network = network.cpu().eval()
    reason = why_whole(network)
    make = window_network if reason else streaming_network
    stepping, shapes = make(lean_copy(network), n_frames=n_frames, n_features=n_features, frames=frames)
    names = [f"state{number}" for number in range(len(shapes))]
    content = exported(
        stepping,
        (torch.randn(1, frames, n_features), *(torch.randn(shape) for shape in shapes)),
        inputs=["features", *names],
        outputs=["logits", *(f"new_{name}" for name in names)],
    )
    steps = -(-n_frames // frames)
    graph = StreamingGraph(content, dict(zip(names, shapes, strict=True)), frames, steps, reason)
    _check(graph, network, n_frames, n_features)
    return graph


def why_whole(network: nn.Module) -> str:
    """Why a network must be computed whole for each window; "" where its layers can keep what they have seen."""
    return next(_obstacles(network), "") if _flattens_maps(network) else _obstacle_of_end(network)


def streaming_network(
    network: nn.Module, *, n_frames: int, n_features: int, frames: int
) -> tuple[nn.Module, list[tuple[int, ...]]]:
    """The network in steps: a module from frames (1, frames, n_features) and states to logits and new states, and the
    states' shapes. Only for networks of which `why_whole` says nothing.
    """
    import torch
    from torch import nn

    from kws_engine.models._layers import Committee

    class Stepping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, features: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
            found: list[Tensor] = []
            logits = self.walk(self.network, features, iter(states), found)
            return (logits, *found)

        def walk(self, module: nn.Module, values: Tensor, states: Iterator[Tensor], found: list[Tensor]) -> Tensor:
            if isinstance(module, nn.Sequential):
                for child in module:
                    values = self.walk(child, values, states, found)
                return values
            if isinstance(module, Committee):
                every = [self.walk(member, values, states, found) for member in module.members]
                return torch.stack(every).mean(dim=0)
            if isinstance(module, nn.Conv1d) and module.kernel_size[0] > 1:
                joined = torch.cat((next(states), values), dim=2)
                found.append(joined[:, :, joined.shape[2] - _reach(module) :])
                values = joined
            elif isinstance(module, nn.Flatten) and values.dim() == 3:
                joined = torch.cat((next(states), values), dim=2)
                found.append(joined[:, :, values.shape[2] :])
                values = joined
            result: Tensor = module(values)
            return result

    return Stepping().eval(), list(_state_shapes(network, n_frames, n_features, frames))


def window_network(
    network: nn.Module, *, n_frames: int, n_features: int, frames: int
) -> tuple[nn.Module, list[tuple[int, ...]]]:
    """The same with the window's earlier frames as the only state, for any network."""
    import torch
    from torch import nn

    class Windowed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, features: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
            window = torch.cat((before, features), dim=1)
            return self.network(window), window[:, frames:]

    return Windowed().eval(), [(1, n_frames - frames, n_features)]


def _reach(convolution: nn.Conv1d) -> int:
    """Frames before its newest that a convolution sees."""
    return (convolution.kernel_size[0] - 1) * convolution.dilation[0]


def _state_shapes(network: nn.Module, n_frames: int, n_features: int, frames: int) -> Iterator[tuple[int, ...]]:
    """Of each layer with a state, in the order in which the layers are met."""
    from torch import nn

    channels, left = n_features, n_frames
    for layer in _layers_of(network):
        if layer is None:  # a member begins
            channels, left = n_features, n_frames
        elif isinstance(layer, nn.Conv1d):
            if layer.kernel_size[0] > 1:
                yield 1, channels, _reach(layer)
            channels, left = layer.out_channels, left - _reach(layer)
        elif isinstance(layer, nn.Flatten):
            yield 1, channels, left - frames


def _layers_of(network: nn.Module) -> Iterator[nn.Module | None]:
    """The layers in the order of their work; None before those of each member of a committee."""
    from torch import nn

    from kws_engine.models._layers import Committee

    if isinstance(network, nn.Sequential):
        for child in network:
            yield from _layers_of(child)
    elif isinstance(network, Committee):
        for member in network.members:
            yield None
            yield from _layers_of(member)
    else:
        yield network


def _flattens_maps(network: nn.Module) -> bool:
    """Whether convolutions over time are followed by a layer that takes all their columns."""
    from torch import nn

    layers = [layer for layer in _layers_of(network) if layer is not None]
    kinds = [type(layer) for layer in layers]
    return nn.Conv1d in kinds and nn.Flatten in kinds and kinds.index(nn.Conv1d) < kinds.index(nn.Flatten)


def _obstacles(network: nn.Module) -> Iterator[str]:
    """What stands in the way, among the layers before all columns are taken together."""
    from torch import nn

    from kws_engine.models._layers import TimeLast

    by_frame = (TimeLast, nn.BatchNorm1d, nn.Dropout, nn.ReLU, nn.Identity)
    is_over_time = True
    for layer in _layers_of(network):
        if layer is None:
            is_over_time = True
        elif isinstance(layer, nn.Flatten):
            is_over_time = False
        elif is_over_time and isinstance(layer, nn.Conv1d):
            if layer.padding not in (0, (0,)):
                yield _PADDED
            if layer.stride != (1,):
                yield "its convolutions skip frames, and which ones depends on where the window begins"
        elif is_over_time and not isinstance(layer, by_frame):
            yield _obstacle_of_end(layer)


_PADDED = "its convolutions see zeros beyond the window's edges, which move with it: nearly every column changes"


def _obstacle_of_end(network: nn.Module) -> str:
    """The same of a network, or a part of one, that is not made of convolutions over time alone."""
    from torch import nn

    if any(isinstance(module, nn.GRU | nn.LSTM) for module in network.modules()):
        return "its recurrent layer begins anew in each window"
    for module in network.modules():
        padding: Any = getattr(module, "padding", 0)
        if isinstance(module, nn.ZeroPad2d) or (isinstance(module, nn.Conv2d) and any(padding)):
            return _PADDED
    return "each of its layers sees the whole window"


def _check(graph: StreamingGraph, network: nn.Module, n_frames: int, n_features: int) -> None:
    """Steps through random frames, and compares each whole answer with the network's."""
    import torch

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph.content, settings, providers=["CPUExecutionProvider"])
    steps = graph.steps_until_whole + 4
    sound = np.random.default_rng(0).standard_normal((1, steps * graph.frames, n_features)).astype(np.float32)
    states = graph.silence()
    for step in range(steps):
        end = (step + 1) * graph.frames
        logits, *found = session.run(None, {"features": sound[:, end - graph.frames : end], **states})
        states = dict(zip(states, found, strict=True))
        if step + 1 < graph.steps_until_whole:
            continue
        with torch.no_grad():
            expected = network(torch.from_numpy(sound[:, end - n_frames : end])).numpy()
        difference = float(np.abs(logits - expected).max())
        if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise TrainingError(f"The streaming network differs from the trained one by {difference:.2g}: report this")
