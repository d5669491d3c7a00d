"""The lowest and highest sample of each pixel column, fast even for hours of sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLOCK = 256  # samples per precomputed pair of extremes, so that a long sound is scanned once


class Envelope:
    """Extremes of `samples` (mono, any float type) over any number of equally wide columns."""

    def __init__(self, samples: NDArray[np.floating]) -> None:
        self._samples = np.ascontiguousarray(samples, dtype=np.float32)
        starts = np.arange(0, len(self._samples), _BLOCK)
        self._low = np.minimum.reduceat(self._samples, starts) if len(starts) else self._samples
        self._high = np.maximum.reduceat(self._samples, starts) if len(starts) else self._samples

    def columns(self, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(lowest, highest) sample per column, each of shape (count,); zeros for an empty sound."""
        size = len(self._samples)
        if size == 0 or count < 1:
            return np.zeros(max(count, 0), np.float32), np.zeros(max(count, 0), np.float32)
        per_column = size / count
        coarse = per_column >= 4 * _BLOCK
        low, high = (self._low, self._high) if coarse else (self._samples, self._samples)
        starts = np.minimum((np.arange(count) * (len(low) / count)).astype(np.int64), len(low) - 1)
        return np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)
