"""A sound file as a source that sounds at its own speed, as if it were said now."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.microphone import Heard

Samples = NDArray[np.float32]
_BLOCK_S = 0.25
_AFTER_S = 1.0  # of silence, in which a word at the very end is heard
_LONGEST_READ_S = 1.0  # after a pause of the whole computer


class FileSource:
    """What a detector's thread reads; its file is opened in that thread, at the first `read`.

    Attributes:
        seconds: Of the file, from its header; 0 until it is open.
        ended: Whether all of it was read.
    """

    def __init__(self, path: Path, *, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = 0.0
        self.ended = False
        self._path = path
        self._rate = rate
        self._clock = clock
        self._began_s: float | None = None
        self._blocks: Iterator[Samples] = iter(())
        self._waiting: Samples = np.zeros(0, np.float32)
        self._position = 0

    @property
    def position_s(self) -> float:
        """How much of it was read."""
        return self._position / self._rate

    def read(self) -> Heard:
        """What has sounded since the last call.

        Raises:
            AudioError: It is no sound, or is cut off.
        """
        if self._began_s is None:
            self.seconds = audio.info(self._path).seconds
            self._blocks = audio.blocks(self._path, rate=self._rate, block_seconds=_BLOCK_S)
            self._began_s = self._clock()
        due = math.floor((self._clock() - self._began_s) * self._rate) - self._position
        if due > _LONGEST_READ_S * self._rate:
            self._began_s += due / self._rate - _LONGEST_READ_S
            due = round(_LONGEST_READ_S * self._rate)
        samples = self._take(max(0, due))
        self._position += len(samples)
        return Heard(samples, self._position, 0)

    def _take(self, count: int) -> Samples:
        while len(self._waiting) < count:
            block = next(self._blocks, None)
            if block is None:
                return self._take_last(count)
            self._waiting = np.concatenate((self._waiting, block))
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def _take_last(self, count: int) -> Samples:
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        silence = np.zeros(count - len(taken), np.float32)
        self.ended = self._position + count >= (self.seconds + _AFTER_S) * self._rate
        return np.concatenate((taken, silence))
