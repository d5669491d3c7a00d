"""The sound around the words heard last, to hear them again; in memory only."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
AROUND_S = (1.0, 1.0)
"""How much is kept before the moment at which a word was heard, and after it; more before it for a longer word."""
_MOST = 100  # words: some 6 MB at 16 kHz
_FULL_SCALE = 32_767


class KeptSounds:
    """Sounds by the number of their word; a new one takes the place of the oldest."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._kept: OrderedDict[int, tuple[NDArray[np.int16], int]] = OrderedDict()

    def keep(self, number: int, samples: Samples, rate: int) -> list[int]:
        """Keeps samples (n,) in -1..1; returns the numbers whose sound is gone now."""
        whole = np.round(np.clip(samples, -1, 1) * _FULL_SCALE).astype(np.int16)
        self._kept[number] = (whole, rate)
        gone = list(self._kept)[: -self._most]
        for one in gone:
            del self._kept[one]
        return gone

    def of(self, number: int) -> tuple[Samples, int] | None:
        """The samples (n,) and their rate; None where they are not kept, or not any more."""
        if number not in self._kept:
            return None
        whole, rate = self._kept[number]
        return whole.astype(np.float32) / np.float32(_FULL_SCALE), rate

    def clear(self) -> None:
        """Forgets all."""
        self._kept.clear()
