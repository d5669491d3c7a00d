"""A committee of equal heads on vectors as one network: the same sums in a sixth of the operators. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kws_engine.models._layers import Committee, TimeLast

_DENSE = [nn.Flatten, nn.Dropout, nn.Linear, nn.ReLU, nn.Dropout, nn.Linear]
_CONVOLUTION = [nn.Conv1d, nn.BatchNorm1d, nn.ReLU]


def merged(committee: Committee) -> nn.Module | None:
    """One network with the answers of a committee in evaluation mode; None where its members are not such heads.

    The convolutions of all members stand side by side, in groups; a dense layer over all columns is a convolution that
    sees all of them; and the last layers and the mean are one layer.
    """
    heads = [_parts(member) for member in committee.members]
    known = [head for head in heads if head is not None]
    if len(known) < len(heads) or len({_shapes(head) for head in known}) != 1:
        return None
    layers: list[nn.Module] = [TimeLast()]
    depth = len(known[0]) - 2
    for number in range(depth):
        layers += [_side_by_side([head[number] for head in known], groups=1 if number == 0 else len(known)), nn.ReLU()]
    layers += [_side_by_side([head[depth] for head in known], groups=len(known)), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*layers, _mean([head[depth + 1] for head in known])).eval()


Weights = tuple[Tensor, Tensor]


def _parts(member: nn.Module) -> list[Weights] | None:
    """Weights and biases of a head: convolutions with their norms, the dense layer as a convolution, the last layer."""
    layers: list[Any] = list(member) if isinstance(member, nn.Sequential) else []
    count = (len(layers) - 2 - len(_DENSE)) // len(_CONVOLUTION)
    kinds = [TimeLast, nn.BatchNorm1d, *_CONVOLUTION * count, *_DENSE]
    if count < 1 or [type(layer) for layer in layers] != kinds:
        return None
    before = layers[1]
    found: list[Weights] = []
    for at in range(2, 2 + len(_CONVOLUTION) * count, len(_CONVOLUTION)):
        convolution, norm = layers[at], layers[at + 1]
        if convolution.padding != (0,) or convolution.stride != (1,) or convolution.dilation != (1,):
            return None
        found.append(_folded(convolution, before if at == 2 else None, norm))
    hidden, last = layers[-4], layers[-1]
    columns = hidden.in_features // len(found[-1][0])
    found.append((hidden.weight.reshape(hidden.out_features, -1, columns), hidden.bias))
    return [*found, (last.weight, last.bias)]


def _folded(convolution: nn.Conv1d, before: nn.BatchNorm1d | None, after: nn.BatchNorm1d) -> Weights:
    """The weights of a convolution with the batch norms around it."""
    weight = convolution.weight
    bias = torch.zeros(len(weight)) if convolution.bias is None else convolution.bias
    if before is not None:
        scale, shift = _scale(before)
        bias = bias + (weight * shift[None, :, None]).sum(dim=(1, 2))
        weight = weight * scale[None, :, None]
    scale, shift = _scale(after)
    return weight * scale[:, None, None], bias * scale + shift


def _scale(norm: nn.BatchNorm1d) -> Weights:
    assert norm.running_var is not None and norm.running_mean is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


def _shapes(head: Sequence[Weights]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(weight.shape) for weight, _ in head)


def _side_by_side(parts: Sequence[Weights], *, groups: int) -> nn.Module:
    weight, bias = torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])
    layer = nn.Conv1d(weight.shape[1] * groups, len(weight), weight.shape[2], groups=groups)
    layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
    return layer


def _mean(parts: Sequence[Weights]) -> nn.Module:
    weight = torch.cat([part[0] for part in parts], dim=1) / len(parts)
    layer = nn.Linear(weight.shape[1], len(weight))
    layer.weight = nn.Parameter(weight)
    layer.bias = nn.Parameter(torch.stack([part[1] for part in parts]).mean(dim=0))
    return layer
