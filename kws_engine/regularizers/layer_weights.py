"""The options that penalties on weights share, and their sum over a network's layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import Tensor, nn

Penalty = Callable[["nn.Module"], "Tensor"]


@dataclass(frozen=True)
class LayerWeightsConfig:
    """How strongly the weights of which layers are penalised; biases and batch norm never are."""

    weight: float = option(
        0.0,
        "All layers",
        "Strength of the penalty on every layer's weights; 0 is off, 1e-5 is weak.",
        low=0.0,
        high=1.0,
        log=True,
    )
    conv: float = option(
        0.0, "Convolutions", "Additional strength for the weights of convolutions.", low=0.0, high=1.0, log=True
    )
    dense: float = option(
        0.0,
        "Dense layers",
        "Additional strength for the weights of fully connected layers.",
        low=0.0,
        high=1.0,
        log=True,
    )


@dataclass(frozen=True)
class PenalizedWeights:
    """The weights of one layer under one penalty.

    Attributes:
        name: The parameter's, as in `named_parameters`.
        layer: The layer that they belong to.
        factor: The strength of the penalty on them; 0 is none.
        weights: Of two or more dimensions; biases and the scales of norms are left out.
    """

    name: str
    layer: nn.Module
    factor: float
    weights: Tensor


def penalty(config: LayerWeightsConfig, size: Callable[[Tensor], Tensor], *, own: str) -> Penalty:
    """A function of a network: the sum over its layers of factor times the size of the weights.

    `own` is the attribute in which a layer has an additional factor of its own, as rows of a custom network may:
    "own_l1".
    """

    def penalise(network: nn.Module) -> Tensor:
        import torch

        terms = [one.factor * size(one.weights) for one in penalized_weights(config, network, own=own) if one.factor]
        return torch.stack(terms).sum() if terms else torch.zeros((), device=next(network.parameters()).device)

    return penalise


def penalized_weights(config: LayerWeightsConfig, network: nn.Module, *, own: str) -> Iterator[PenalizedWeights]:
    """The weights of every layer with their factor."""
    from torch import nn

    for path, layer in network.named_modules():
        factor = config.weight + float(getattr(layer, own, 0.0))
        if isinstance(layer, nn.Conv1d | nn.Conv2d):
            factor += config.conv
        elif isinstance(layer, nn.Linear):
            factor += config.dense
        for name, weights in layer.named_parameters(recurse=False):
            if name.startswith("weight") and weights.ndim > 1:
                yield PenalizedWeights(f"{path}.{name}" if path else name, layer, factor, weights)
