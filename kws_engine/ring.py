"""The newest samples of a live source: one writer, and any number of readers that never block it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Read:
    """What a reader got: `samples` end at `position` (the next `since`); `lost` ones before them were overwritten."""

    samples: NDArray[np.float32]
    position: int
    lost: int


class Ring:
    """A ring buffer of `capacity_samples` mono float32 samples, allocated once.

        slots   [ 8 9 | 2 3 4 5 6 7 ]      capacity 8, position 10: samples 2..9 can be read
                      ^ next slot

    Positions count samples since the start and never wrap. The writer announces what it is about to overwrite
    (`_claimed`), copies, then publishes (`_position`); a reader copies first and looks at `_claimed` afterwards, so it
    knows exactly which of its samples may have changed meanwhile. No lock: the audio callback never waits. The
    interpreter keeps the order of the three steps.
    """

    def __init__(self, capacity_samples: int) -> None:
        if capacity_samples < 1:
            raise ValueError(f"capacity_samples: {capacity_samples} is below 1")
        self._slots = np.zeros(capacity_samples, np.float32)
        self._claimed = 0
        self._position = 0

    @property
    def capacity(self) -> int:
        """How many of the newest samples can be read."""
        return len(self._slots)

    @property
    def position(self) -> int:
        """How many samples were written so far."""
        return self._position

    def write(self, samples: NDArray[np.float32]) -> None:
        """Appends `samples` (samples,), any stride; for one writer only."""
        capacity = len(self._slots)
        start, end = self._position, self._position + len(samples)
        if len(samples) > capacity:
            samples = samples[-capacity:]
            start = end - capacity
        self._claimed = end
        slot = start % capacity
        until_wrap = min(len(samples), capacity - slot)
        self._slots[slot : slot + until_wrap] = samples[:until_wrap]
        self._slots[: len(samples) - until_wrap] = samples[until_wrap:]
        self._position = end

    def read(self, since: int) -> Read:
        """Everything from position `since` that is still there, as a copy, and exactly how much was overwritten.

        Raises:
            ValueError: `since` is negative or beyond what was written.
        """
        end = self._position
        if not 0 <= since <= end:
            raise ValueError(f"since: {since} is outside 0 to {end}")
        start = max(since, end - len(self._slots))
        copied = self._copy(start, end)
        intact_from = min(end, max(start, self._claimed - len(self._slots)))
        return Read(copied[intact_from - start :], end, intact_from - since)

    def _copy(self, start: int, end: int) -> NDArray[np.float32]:
        slot = start % len(self._slots)
        until_wrap = min(end - start, len(self._slots) - slot)
        copied = np.empty(end - start, np.float32)
        copied[:until_wrap] = self._slots[slot : slot + until_wrap]
        copied[until_wrap:] = self._slots[: end - start - until_wrap]
        return copied
