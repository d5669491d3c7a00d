"""What the chapters on convolution compute and count, in numpy; knows no screen, no sound and no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

_POOLS: dict[str, Callable[[Numbers], np.floating]] = {"max": np.max, "average": np.mean, "min": np.min}
POOLINGS = tuple(_POOLS)


def output_size(size: int, *, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Places of a window along one axis, `floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1`.

    0 where the window does not fit (Dumoulin & Visin 2016).
    """
    return max(0, (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1)


def convolved(picture: Numbers, kernel: Numbers, *, stride: int = 1, padding: int = 0) -> Numbers:
    """The sums of products of a kernel (K, L) laid on every place of a picture (H, W), zeros around it.

    As in every network the kernel is not turned around: mathematicians call this a cross-correlation.
    """
    windows = _windows(np.pad(picture, padding), (kernel.shape[0], kernel.shape[1]), stride)
    summed: Numbers = np.einsum("hwkl,kl->hw", windows, kernel)
    return summed


def pooled(picture: Numbers, *, how: str, cell: int, stride: int, padding: int = 0) -> Numbers:
    """The largest, mean or smallest value of every cell; what lies outside the picture (H, W) does not count.

    Zeros around it would win every comparison with values below zero. A cell wholly outside is not a number.
    """
    if padding >= cell:
        raise ValueError(f"a padding of {padding} leaves cells of {cell} with nothing in them")
    around = np.pad(picture.astype(float), padding, constant_values=np.nan)
    windows = _windows(around, (cell, cell), stride)
    result = np.empty(windows.shape[:2])
    for row, column in np.ndindex(*result.shape):
        values = windows[row, column]
        result[row, column] = _POOLS[how](values[~np.isnan(values)])
    return result


def _windows(picture: Numbers, size: tuple[int, int], stride: int) -> Numbers:
    if size[0] > picture.shape[0] or size[1] > picture.shape[1]:
        return np.empty((0, 0, *size))
    return sliding_window_view(picture, size)[::stride, ::stride]


@dataclass(frozen=True)
class Convolution:
    """A convolution layer without its bias.

    Attributes:
        size: Rows and columns of the input.
        channels_in: Values at each place of the input.
        channels_out: Kernels, and so values at each place of the output.
        kernel: Rows and columns.
        stride: As `kernel`.
        padding: As `kernel`, at both ends.
    """

    size: tuple[int, int]
    channels_in: int
    channels_out: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)

    @property
    def output(self) -> tuple[int, int]:
        """Rows and columns that it leaves."""
        parts = zip(self.size, self.kernel, self.stride, self.padding, strict=True)
        rows, columns = (output_size(n, kernel=k, stride=s, padding=p) for n, k, s, p in parts)
        return rows, columns

    @property
    def weights(self) -> int:
        """Each kernel sees every channel of its window."""
        return self.kernel[0] * self.kernel[1] * self.channels_in * self.channels_out

    @property
    def outputs(self) -> int:
        """Values that it leaves."""
        return self.output[0] * self.output[1] * self.channels_out

    @property
    def macs(self) -> int:
        """Each output is the sum of so many products as a kernel has weights; those with padding count as well."""
        return self.output[0] * self.output[1] * self.weights


def gradient_share(layers: int, *, slope: float, shortcut: bool) -> float:
    """What the first of so many equal layers gets of the last one's gradient.

    Each layer f multiplies it by its slope f', and with a shortcut, x + f(x), by 1 + f' (He et al. 2016).
    """
    return float((slope + shortcut) ** layers)
