"""Blocks that several networks share; needs torch at import, so the registry leaves this module alone."""

from __future__ import annotations

from torch import Tensor, nn


class FeaturesAsChannels(nn.Module):
    """(B, T, F) to (B, F, 1, T), for convolutions along time; a view that is channels-last already."""

    def forward(self, features: Tensor) -> Tensor:
        return features.unsqueeze(1).permute(0, 3, 1, 2)


class FeaturesAsPicture(nn.Module):
    """(B, T, F) to (B, 1, T, F), for convolutions over time and frequency."""

    def forward(self, features: Tensor) -> Tensor:
        return features.unsqueeze(1)


class Every(nn.Module):
    """Every n-th row and m-th column, (B, C, H, W): a 1 x 1 convolution with a stride sees no others.

    Taking them first is the same in numbers and operations. It is not the same in safety: the backward pass of such a
    convolution (8 to 12 channels, stride 2, channels last, 2 threads; oneDNN in torch 2.13) writes outside its memory.
    """

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns

    def forward(self, values: Tensor) -> Tensor:
        return values[:, :, :: self.rows, :: self.columns]


class Residual(nn.Module):
    """relu(body(x) + shortcut(x))."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, values: Tensor) -> Tensor:
        return nn.functional.relu(self.body(values) + self.shortcut(values))


def convolution(
    channels_in: int,
    channels_out: int,
    *,
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    batch_norm: bool = True,
    relu: bool = True,
) -> nn.Sequential:
    """A 2-D convolution, then batch norm (or a bias in its place), then ReLU."""
    layers: list[nn.Module] = []
    if kernel == (1, 1) and stride != (1, 1) and padding == (0, 0):
        layers.append(Every(*stride))
        stride = (1, 1)
    layers.append(nn.Conv2d(channels_in, channels_out, kernel, stride, padding, bias=not batch_norm))
    if batch_norm:
        layers.append(nn.BatchNorm2d(channels_out))
    if relu:
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def dense(n_in: int, n_out: int, *, batch_norm: bool) -> list[nn.Module]:
    """A fully connected layer, then batch norm (or a bias in its place), then ReLU."""
    norm: list[nn.Module] = [nn.BatchNorm1d(n_out)] if batch_norm else []
    return [nn.Linear(n_in, n_out, bias=not batch_norm), *norm, nn.ReLU()]


class MinPool2d(nn.Module):
    """The smallest value of each cell."""

    def __init__(self, cell: tuple[int, int]) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(cell)

    def forward(self, values: Tensor) -> Tensor:
        smallest: Tensor = -self.pool(-values)
        return smallest
