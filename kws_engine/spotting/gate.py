"""Whether there may be speech in a stream, by its level against that of its own quietest moments; numpy alone."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

_PART_S: Final = 0.03
_RISE: Final = 2.0  # 3 dB: a word as loud as the noise is louder than that somewhere
_FLOOR_S: Final = 3.0  # over which the quietest moment is looked for; speech without any pause is shorter
_FLOORS: Final = 6
_LEAST: Final = 1e-10  # mean square: below the steps of 16 bits


class SpeechGate:
    """Open while any 30 ms are louder than the quietest of the last seconds, and for some time after.

    Levels are those of the sound and of its differences, in which the high frequencies count: either opens. Until the
    quietest moment is known the gate is open, so that nothing is lost at the start. What is decided depends on the
    blocks alone, which have a fixed place in the stream.

    Args:
        block_samples: How many samples are decided on at once.
        rate: Samples a second.
        hold_samples: How much sound it stays open for after the last loud moment.
    """

    def __init__(self, block_samples: int, *, rate: int, hold_samples: int) -> None:
        self._parts = max(1, round(block_samples / (_PART_S * rate)))
        self._size = block_samples // self._parts
        self._blocks_a_floor = max(1, round(_FLOOR_S / _FLOORS * rate / block_samples))
        self._hold = -(-hold_samples // block_samples)
        self.reset()

    def reset(self) -> None:
        """Starts over, open."""
        self._left = self._hold  # blocks that it stays open for
        self._counted = 0
        self._lowest = [np.inf, np.inf]  # of the floor that is being looked for
        self._past: deque[list[float]] = deque(maxlen=_FLOORS)
        self._bounds = [0.0, 0.0]

    def take(self, block: NDArray[np.float32]) -> bool:
        """Whether it is open at the end of this block (block_samples,)."""
        parts = block[: self._parts * self._size].reshape(self._parts, self._size)
        differences = parts[:, 1:] - parts[:, :-1]
        is_loud = False
        for band, values in enumerate((parts, differences)):
            powers = np.einsum("ij,ij->i", values, values).tolist()
            most = max(powers)
            if not most <= self._bounds[band]:  # nor where it is not a number
                is_loud = True
            self._lowest[band] = min(self._lowest[band], *powers)
        self._counted += 1
        if self._counted == self._blocks_a_floor:
            self._next_floor()
        self._left = self._hold if is_loud else max(0, self._left - 1)
        return self._left > 0

    def _next_floor(self) -> None:
        self._past.append(self._lowest)
        self._counted, self._lowest = 0, [np.inf, np.inf]
        if len(self._past) == _FLOORS:
            least = _LEAST * self._size
            self._bounds = [_RISE * max(least, min(one[band] for one in self._past)) for band in (0, 1)]
