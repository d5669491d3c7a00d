"""Continuous talk in pieces of equal length, read when they are needed: the first epoch does not wait for the rest."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kws_engine import audio
from kws_engine.training.events import Skipped

Samples = NDArray[np.float32]
LONGEST_TALK_S = 3600.0
_PIECE_S = 10.0
_WINDOWS_A_PIECE = 4  # a piece is at least as long as so many clips


class Talk:
    """What is read is kept, as 16-bit samples."""

    def __init__(self, segments: Iterable[Samples | Skipped], *, rate: int, clip_samples: int) -> None:
        """Reads nothing yet.

        Args:
            segments: Stretches of talk (N,) in -1..1 of any length, and the files that cannot be read. None of the
                words to learn is spoken in them, and what follows on one is a different place.
            rate: Samples a second.
            clip_samples: Length of a clip.
        """
        self.piece_samples = max(round(_PIECE_S * rate), _WINDOWS_A_PIECE * clip_samples)
        self.most = max(1, int(LONGEST_TALK_S * rate / self.piece_samples))  # pieces
        self._skipped: list[Skipped] = []
        self._pieces: list[Tensor] = []
        self._unread = itertools.islice(self._cut(segments), self.most)

    def read_up_to(self, count: int) -> int:
        """Reads on until there are so many pieces, or all; returns how many there are of those asked for."""
        self._pieces += itertools.islice(self._unread, max(0, count - len(self._pieces)))
        return min(count, len(self._pieces))

    def piece(self, number: int) -> Tensor:
        """Samples (1, piece_samples) in -1..1 of a piece that has been read."""
        return self._pieces[number].float().mul_(1 / 32768).unsqueeze(0)

    def newly_skipped(self) -> list[Skipped]:
        """The files found to be unreadable since the last call."""
        new = list(self._skipped)
        self._skipped.clear()
        return new

    def _cut(self, segments: Iterable[Samples | Skipped]) -> Iterator[Tensor]:
        """Pieces (piece_samples,) int16 of the segments, one after another; the rest at the very end is left out.

        Talk that is shorter than a piece is repeated until it fills one.
        """
        waiting, is_first = np.zeros(0, np.int16), True
        for segment in segments:
            if isinstance(segment, Skipped):
                self._skipped.append(segment)
                continue
            waiting = np.concatenate((waiting, audio.pcm16(segment)))
            while len(waiting) >= self.piece_samples:
                yield torch.from_numpy(waiting[: self.piece_samples].copy())
                waiting, is_first = waiting[self.piece_samples :], False
        if is_first and len(waiting):
            yield torch.from_numpy(np.resize(waiting, self.piece_samples))


NO_TALK = Talk((), rate=1, clip_samples=1)
