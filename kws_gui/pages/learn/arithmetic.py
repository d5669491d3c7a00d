"""Convolution and pooling in numpy, and their sizes and costs, for the chapters that explain them."""

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
    """Number of window positions along one axis, `floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1`.

    0 if the window does not fit (Dumoulin & Visin 2016).
    """
    return max(0, (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1)


def convolved(image: Numbers, kernel: Numbers, *, stride: int = 1, padding: int = 0) -> Numbers:
    """Convolves an image (H, W), zero-padded, with a kernel (K, L).

    As in every neural network, the kernel is not flipped: strictly, this is a cross-correlation.
    """
    windows = _windows(np.pad(image, padding), (kernel.shape[0], kernel.shape[1]), stride)
    summed: Numbers = np.einsum("hwkl,kl->hw", windows, kernel)
    return summed


def pooled(image: Numbers, *, how: str, cell: int, stride: int, padding: int = 0) -> Numbers:
    """The largest, mean or smallest value of every cell; values outside the image (H, W) do not count.

    Padding with zeros would win every comparison with negative values.

    Raises:
        ValueError: The padding is so large that a cell would lie wholly outside.
    """
    if padding >= cell:
        raise ValueError(f"a padding of {padding} leaves cells of {cell} with nothing in them")
    around = np.pad(image.astype(float), padding, constant_values=np.nan)
    windows = _windows(around, (cell, cell), stride)
    result = np.empty(windows.shape[:2])
    for row, column in np.ndindex(*result.shape):
        values = windows[row, column]
        result[row, column] = _POOLS[how](values[~np.isnan(values)])
    return result


def _windows(image: Numbers, size: tuple[int, int], stride: int) -> Numbers:
    if size[0] > image.shape[0] or size[1] > image.shape[1]:
        return np.empty((0, 0, *size))
    return sliding_window_view(image, size)[::stride, ::stride]


@dataclass(frozen=True)
class Convolution:
    """A convolution layer without its bias.

    Attributes:
        size: Rows and columns of the input.
        channels_in: Channels of the input.
        channels_out: Channels of the output: the number of kernels.
        kernel: Rows and columns.
        stride: Along rows and columns.
        padding: Along rows and columns, at both ends.
    """

    size: tuple[int, int]
    channels_in: int
    channels_out: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)

    @property
    def output(self) -> tuple[int, int]:
        """Rows and columns of the output."""
        parts = zip(self.size, self.kernel, self.stride, self.padding, strict=True)
        rows, columns = (output_size(n, kernel=k, stride=s, padding=p) for n, k, s, p in parts)
        return rows, columns

    @property
    def weights(self) -> int:
        """Number of weights; each kernel spans all input channels."""
        return self.kernel[0] * self.kernel[1] * self.channels_in * self.channels_out

    @property
    def outputs(self) -> int:
        """Number of output values."""
        return self.output[0] * self.output[1] * self.channels_out

    @property
    def macs(self) -> int:
        """Multiply-accumulates: one per weight and output position, products with padding included."""
        return self.output[0] * self.output[1] * self.weights


def gradient_share(layers: int, *, slope: float, shortcut: bool) -> float:
    """The share of the last layer's gradient that reaches the first of `layers` equal layers.

    Each layer f multiplies it by its slope f', or with a shortcut, x + f(x), by 1 + f' (He et al. 2016).
    """
    return float((slope + shortcut) ** layers)
