"""Builds layers from layer rows. Imports torch, so the registry skips this module."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from kws_engine.layer_rows import LayerRow, Size
from kws_engine.models import _layers, tracing
from kws_engine.models.tracing import Shape


class AlongTime(nn.Module):
    """A 2-D layer along the time of (B, C, T, F) with the features as channels: to (B, C', T', 1)."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, values: Tensor) -> Tensor:
        batch, channels, frames, features = values.shape
        if channels == 1 or features == 1:
            along = values.permute(0, 3, 1, 2) if channels == 1 else values.permute(0, 1, 3, 2)
        else:
            along = values.permute(0, 1, 3, 2).reshape(batch, channels * features, 1, frames)
        columns: Tensor = self.layer(along)
        return columns.transpose(2, 3)


class GlobalMax(nn.Module):
    """The largest value of each map, (B, C, T, F) to (B, C)."""

    def forward(self, values: Tensor) -> Tensor:
        return torch.amax(values, dim=(2, 3))


def build_body(layers: Sequence[LayerRow], *, n_features: int, n_frames: int) -> list[nn.Module]:
    """The layers of rows in which `tracing.trace` finds no error, without the last layer to the labels."""
    start = Shape(1, (n_frames, n_features))
    infos = tracing.trace(layers, n_features, n_frames, n_labels=1)
    stack: list[tuple[Shape, list[nn.Module]]] = [(start, [])]
    before = start
    for (row, bias), info in zip(tracing.steps(layers), infos, strict=False):
        if row.kind == "residual":
            stack.append((before, []))
        elif row.kind == "end":
            opened, inner = stack.pop()
            stack[-1][1].append(_residual(inner, opened, before))
        else:
            stack[-1][1].append(_layer(row, before, bias=bias))
        before = info.shape
    return stack[0][1]


def _residual(body: Sequence[nn.Module], start: Shape, end: Shape) -> nn.Module:
    """Without an activation: that is a row of its own."""
    return _layers.Residual(nn.Sequential(*body), _shortcut(start, end), relu=False)


def _layer(row: LayerRow, before: Shape, *, bias: bool) -> nn.Module:
    if row.kind in ("conv2d", "conv1d", "depthwise"):
        return _convolution(row, before, bias=bias)
    if row.kind == "dense":
        return _with_penalties(nn.Linear(before.maps, row.units, bias=bias), row)
    if row.kind == "bn":
        norm = nn.BatchNorm1d if before.size is None else nn.BatchNorm2d
        return norm(before.maps, momentum=1 - row.momentum)
    plain: dict[str, Callable[[], nn.Module]] = {
        "relu": nn.ReLU,
        "dropout": lambda: nn.Dropout(row.share),
        "spatial_dropout": lambda: nn.Dropout2d(row.share),
        "gap": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        "gmp": GlobalMax,
        "flatten": nn.Flatten,
        "maxpool": lambda: nn.MaxPool2d(row.kernel, _pool_stride(row)),
        "avgpool": lambda: nn.AvgPool2d(row.kernel, _pool_stride(row)),
        "minpool": lambda: _layers.MinPool2d(row.kernel, _pool_stride(row)),
    }
    return plain[row.kind]()


def _pool_stride(row: LayerRow) -> Size:
    return row.stride[0] or row.kernel[0], row.stride[1] or row.kernel[1]


def _convolution(row: LayerRow, before: Shape, *, bias: bool) -> nn.Module:
    assert before.size is not None
    kernel, stride, dilation = row.kernel, row.stride, row.dilation
    maps = before.maps
    if row.kind == "conv1d":
        maps *= before.size[1]
        kernel, stride, dilation = (1, kernel[0]), (1, stride[0]), (1, dilation[0])
    units, groups = (maps, maps) if row.kind == "depthwise" else (row.units, 1)
    made: list[nn.Module] = []
    if row.padding == "same" and kernel != (1, 1):
        made.append(_layers.same_padding(((kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1)))
    if kernel == (1, 1) and stride != (1, 1):
        made.append(_layers.Subsample(*stride))
        stride = (1, 1)
    made.append(_with_penalties(nn.Conv2d(maps, units, kernel, stride, 0, dilation, groups, bias), row))
    layer = nn.Sequential(*made)
    return AlongTime(layer) if row.kind == "conv1d" else layer


def _with_penalties(layer: nn.Module, row: LayerRow) -> nn.Module:
    """Notes the row's own penalties on its layer, where the regularizers find them."""
    layer.own_l1, layer.own_l2 = row.l1, row.l2  # type: ignore[assignment]
    return layer


def _shortcut(before: Shape, after: Shape) -> nn.Module:
    """What a residual adds: its start unchanged, or projected to fit by a 1 x 1 convolution or a dense layer."""
    if before == after:
        return nn.Identity()
    if before.size is None or after.size is None:
        return nn.Linear(before.maps, after.maps)
    maps, size = tracing.folded(before, after.size)
    stride = tracing.shortcut_stride(size, after.size)
    assert stride is not None
    fold = size != before.size
    made: list[nn.Module] = []
    if stride != (1, 1):
        made.append(_layers.Subsample(*(reversed(stride) if fold else stride)))
    made.append(nn.Conv2d(maps, after.maps, 1))
    layer = nn.Sequential(*made)
    return AlongTime(layer) if fold else layer
