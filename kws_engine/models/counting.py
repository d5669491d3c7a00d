"""What a network costs: parameters and multiply-accumulates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Cost:
    """Counted for one clip.

    Attributes:
        parameters: Everything trained: weights, biases, scales and shifts of norms, learned embeddings.
        macs: Multiply-accumulates of convolutions, dense layers, recurrent layers and attention, padding included;
            biases, norms of every kind (sub-spectral as well), activations, gates, softmax, pooling and residual sums
            are not counted (as in Choi et al. 2019).

            A convolution: outputs x weights that each one sees (a depthwise one sees its own channel only). A dense
            layer: the same, for every frame it is used on. A GRU: each of its matrices once a frame and direction.
            Attention: queries x keys and weights x values, tokens^2 x dimension each; its projections are dense layers.
    """

    parameters: int
    macs: int


def count(network: nn.Module, *, n_frames: int, n_features: int) -> Cost:
    """The cost of one clip of (n_frames, n_features), measured by running it.

    A module that multiplies by other means has a method `macs(output)`, output being (1, ...), whose result is added.
    """
    import torch

    macs = 0

    def add(layer: Any, _inputs: Any, output: Any) -> None:
        nonlocal macs
        macs += _macs(layer, output)

    hooks = [layer.register_forward_hook(add) for layer in network.modules()]
    parameter = next(network.parameters())
    training = {layer: layer.training for layer in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            network(torch.zeros(1, n_frames, n_features, device=parameter.device, dtype=parameter.dtype))
    finally:
        for layer, was_training in training.items():
            layer.training = was_training
        for hook in hooks:
            hook.remove()
    return Cost(sum(weights.numel() for weights in network.parameters() if weights.requires_grad), macs)


def _macs(layer: nn.Module, output: Any) -> int:
    """Multiply-accumulates of one call of one layer on one clip."""
    from torch import nn

    if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear):
        outputs: Tensor = output
        return outputs[0].numel() * layer.weight[0].numel()
    if isinstance(layer, nn.GRU):
        frames: int = output[0].shape[1 if layer.batch_first else 0]
        return frames * sum(weights.numel() for weights in layer.parameters() if weights.ndim > 1)
    own = getattr(layer, "macs", None)
    return int(own(output)) if callable(own) else 0
