"""What a network costs: parameters and multiply-accumulates; knows no architecture by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Cost:
    """Counted for one clip.

    Attributes:
        parameters: Everything trained: weights, biases, batch norm's scale and shift.
        macs: Multiply-accumulates of convolutions and dense layers, padding included; biases, batch norm, activations,
            pooling and residual sums are not counted (as in Choi et al. 2019).
    """

    parameters: int
    macs: int


def count(network: nn.Module, *, n_frames: int, n_features: int) -> Cost:
    """The cost of one clip of (n_frames, n_features), measured by running it."""
    import torch
    from torch import nn

    macs = 0

    def add(layer: Any, _inputs: Any, output: torch.Tensor) -> None:
        nonlocal macs
        weights_per_output = layer.weight[0].numel()
        macs += output[0].numel() * weights_per_output

    kinds = (nn.Conv1d, nn.Conv2d, nn.Linear)
    hooks = [layer.register_forward_hook(add) for layer in network.modules() if isinstance(layer, kinds)]
    parameter = next(network.parameters())
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            network(torch.zeros(1, n_frames, n_features, device=parameter.device, dtype=parameter.dtype))
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    return Cost(sum(weights.numel() for weights in network.parameters() if weights.requires_grad), macs)
