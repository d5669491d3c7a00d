"""Blocks that several networks share. Imports torch, so the registry skips this module."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from kws_engine.layer_rows import Size


class FeaturesAsChannels(nn.Module):
    """(B, T, F) to (B, F, 1, T), or (B, F, T, 1) along rows, for convolutions along time; a channels-last view.

    Convolutions across channels train faster along columns, depthwise ones along rows (two to four times).
    """

    def __init__(self, *, along_rows: bool = False) -> None:
        super().__init__()
        self.along_rows = along_rows

    def forward(self, features: Tensor) -> Tensor:
        return features.transpose(1, 2).unsqueeze(3 if self.along_rows else 2)


class TimeLast(nn.Module):
    """(B, T, F) to (B, F, T), as convolutions over time take it."""

    def forward(self, features: Tensor) -> Tensor:
        return features.transpose(1, 2)


class Committee(nn.Module):
    """Networks side by side: in training each gets its own share of a batch, else their mean logits answer.

    Each sees other examples, so they err on other sounds (bagging: Breiman, Machine Learning 24, 1996). A step costs as
    much as with one network.
    """

    def __init__(self, members: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, features: Tensor) -> Tensor:
        count = len(self.members)
        if self.training and len(features) >= 2 * count:
            logits = [member(features[at::count]) for at, member in enumerate(self.members)]
            order = torch.cat([torch.arange(at, len(features), count, device=features.device) for at in range(count)])
            return torch.cat(logits)[torch.argsort(order)]
        total: Tensor = self.members[0](features)
        for member in list(self.members)[1:]:
            total = total + member(features)
        return total * (1 / count)


class DepthwiseAlongRows(nn.Module):
    """A depthwise convolution of (B, C, T, 1) along T, with an odd kernel, same padding and no bias.

    With a dilation of d the frames are dealt into d columns, each convolved without dilation: the same numbers, twenty
    times as fast in training (kernel 29, dilation 2: 2 ms instead of 47).
    """

    def __init__(self, channels: int, kernel: int, *, dilation: int = 1) -> None:
        super().__init__()
        self.dilation = dilation
        self.each = nn.Conv2d(channels, channels, (kernel, 1), padding=(kernel // 2, 0), groups=channels, bias=False)

    def forward(self, values: Tensor) -> Tensor:
        batch, channels, frames, _ = values.shape
        missing = -frames % self.dilation
        if missing:
            values = nn.functional.pad(values, (0, 0, 0, missing))
        dealt = values.reshape(batch, channels, (frames + missing) // self.dilation, self.dilation)
        together: Tensor = self.each(dealt).reshape(batch, channels, frames + missing, 1)
        return together[:, :, :frames] if missing else together


class FrequencyAsRows(nn.Module):
    """(B, T, F) to (B, 1, F, T), for norms over bands of rows; a view."""

    def forward(self, features: Tensor) -> Tensor:
        return features.transpose(1, 2).unsqueeze(1)


class FeaturesAsImage(nn.Module):
    """(B, T, F) to (B, 1, T, F), for convolutions over time and frequency."""

    def forward(self, features: Tensor) -> Tensor:
        return features.unsqueeze(1)


class Subsample(nn.Module):
    """Every n-th row and m-th column of (B, C, H, W), the only ones that a 1 x 1 convolution with a stride sees.

    Taking them first gives the same numbers with the same operations, but it is safe: the backward pass of such a
    convolution (8 to 12 channels, stride 2, channels last, 2 threads; oneDNN in torch 2.13) writes outside its memory.
    """

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.rows = rows
        self.columns = columns

    def forward(self, values: Tensor) -> Tensor:
        if not self.training:
            return values[:, :, :: self.rows, :: self.columns]
        # Indexed with the channels last, so that the gradient has the memory layout of the maps.
        return values.permute(0, 2, 3, 1)[:, :: self.rows, :: self.columns].permute(0, 3, 1, 2)


class MapMeans(nn.Module):
    """The mean of each map, (B, C, H, W) to (B, C, 1, 1), by one operator when exported."""

    def forward(self, values: Tensor) -> Tensor:
        return values.mean(dim=(2, 3), keepdim=True)


class Residual(nn.Module):
    """relu(body(x) + shortcut(x)), or the sum alone; without a shortcut x is added as it is."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None, *, relu: bool = True) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut or nn.Identity()
        self.relu = relu

    def forward(self, values: Tensor) -> Tensor:
        total: Tensor = self.body(values) + self.shortcut(values)
        return torch.relu_(total) if self.relu else total


@dataclass(frozen=True)
class LayerStyle:
    """What the layers of one network have in common.

    Attributes:
        batch_norm: After each convolution; without it each has a bias.
        momentum: Share of the running statistics that a step keeps, as in Keras (torch's is 1 minus it).
        affine: Whether batch norm has a scale and a shift to train.
        spatial_dropout: Share of feature maps dropped after each activation.
    """

    batch_norm: bool = True
    momentum: float = 0.9
    affine: bool = True
    spatial_dropout: float = 0.0

    @classmethod
    def from_config(cls, config: Any, *, affine: bool = True) -> LayerStyle:
        """The style that a config with the options of `_options` describes."""
        spatial = getattr(config, "spatial_dropout", 0.0)
        return cls(config.batch_norm, config.bn_momentum, affine, spatial)

    def norm(self, channels: int) -> list[nn.Module]:
        """Batch norm over maps, or no layer."""
        return [nn.BatchNorm2d(channels, momentum=1 - self.momentum, affine=self.affine)] if self.batch_norm else []

    def spatial_dropouts(self) -> list[nn.Module]:
        """Spatial dropout, or no layer."""
        return [nn.Dropout2d(self.spatial_dropout)] if self.spatial_dropout else []


def convolution(
    channels_in: int,
    channels_out: int,
    *,
    kernel: Size,
    stride: Size = (1, 1),
    padding: Size = (0, 0),
    dilation: Size = (1, 1),
    depthwise: bool = False,
    style: LayerStyle,
    bias: bool | None = None,
    relu: bool = True,
) -> nn.Sequential:
    """A 2-D convolution, then batch norm or by default a bias in its place, then ReLU and spatial dropout."""
    layers: list[nn.Module] = []
    if kernel == (1, 1) and stride != (1, 1) and padding == (0, 0):
        layers.append(Subsample(*stride))
        stride = (1, 1)
    groups = channels_in if depthwise else 1
    bias = not style.batch_norm if bias is None else bias
    layers.append(nn.Conv2d(channels_in, channels_out, kernel, stride, padding, dilation, groups, bias))
    layers += style.norm(channels_out)
    if relu:
        layers += [nn.ReLU(inplace=True), *style.spatial_dropouts()]
    return nn.Sequential(*layers)


def dense(n_in: int, n_out: int, *, style: LayerStyle) -> list[nn.Module]:
    """A fully connected layer, then batch norm (or a bias in its place), then ReLU."""
    norm: list[nn.Module] = [nn.BatchNorm1d(n_out, momentum=1 - style.momentum)] if style.batch_norm else []
    return [nn.Linear(n_in, n_out, bias=not style.batch_norm), *norm, nn.ReLU()]


def head(channels: int, n_labels: int, *, dropout: float) -> list[nn.Module]:
    """Maps (B, C, H, W) to logits: the mean of each map, dropout, a dense layer."""
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels, n_labels)]


def same_padding(kernel: Size) -> nn.Module:
    """Zero padding with which a stride of s leaves one s-th; even kernels get the extra row or column at the end."""
    before = (kernel[0] - 1) // 2, (kernel[1] - 1) // 2
    return nn.ZeroPad2d((before[1], kernel[1] - 1 - before[1], before[0], kernel[0] - 1 - before[0]))


def scale_channels(channels: int, width: float) -> int:
    """A channel count times the width multiplier, rounded down, at least 1."""
    return max(1, int(channels * width))


class MinPool2d(nn.Module):
    """The smallest value of each cell."""

    def __init__(self, cell: Size, stride: Size | None = None) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(cell, stride)

    def forward(self, values: Tensor) -> Tensor:
        smallest: Tensor = -self.pool(-values)
        return smallest


class SubSpectralNorm(nn.Module):
    """Sub-spectral norm: batch norm of each frequency band by itself (Chang et al. 2021), (B, C, F, T) with `rows` = F.

    Each band has its own statistics, scale and shift for every channel: `bands` times the parameters of batch norm.
    Where the rows do not divide evenly, some bands have one row more; with fewer rows than bands, each row is a band.
    """

    def __init__(self, channels: int, *, rows: int, bands: int, momentum: float) -> None:
        super().__init__()
        bands = min(bands, rows)
        self.heights = [(band + 1) * rows // bands - band * rows // bands for band in range(bands)]
        self.even = rows % bands == 0
        counts = [channels * bands] if self.even else [channels] * bands
        self.norms = nn.ModuleList(nn.BatchNorm2d(count, momentum=1 - momentum) for count in counts)

    def forward(self, values: Tensor) -> Tensor:
        if self.even:
            batch, channels, rows, frames = values.shape
            bands = len(self.heights)
            split = values.reshape(batch, channels * bands, rows // bands, frames)
            together: Tensor = self.norms[0](split).reshape(batch, channels, rows, frames)
            return together.contiguous(
                memory_format=torch.channels_last
            )  # the layout of what it is added to: saves 10% of a step
        parts = torch.split(values, self.heights, dim=2)
        return torch.cat([norm(part) for norm, part in zip(self.norms, parts, strict=True)], dim=2)


class BroadcastResidual(nn.Module):
    """relu(f + along_time(mean of f over frequency) + x), with f = over_frequency(x); (B, C, F, T).

    Without `around`, where the number of channels changes, x is not added.
    """

    def __init__(self, over_frequency: nn.Module, along_time: nn.Module, *, around: bool) -> None:
        super().__init__()
        self.over_frequency = over_frequency
        self.along_time = along_time
        self.around = around
        self.relu = nn.ReLU()

    def forward(self, values: Tensor) -> Tensor:
        every = self.over_frequency(values)
        total = every + self.along_time(every.mean(dim=2, keepdim=True))
        result: Tensor = self.relu(total + values if self.around else total)
        return result


class Recurrent(nn.Module):
    """A GRU over the frames of maps: (B, C, T, F) to (B, T, units), with twice the units when it is bidirectional."""

    def __init__(self, n_in: int, units: int, *, layers: int, both_ways: bool) -> None:
        super().__init__()
        self.gru = nn.GRU(n_in, units, layers, batch_first=True, bidirectional=both_ways)

    def forward(self, values: Tensor) -> Tensor:
        outputs: Tensor = self.gru(values.transpose(1, 2).flatten(2))[0]
        return outputs
