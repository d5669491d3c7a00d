"""Lays takes into continuous sound, as a spotter meets them: talk before and after, and noise under all of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws_engine.clips.trimming import speech_core
from kws_engine.operating.truth import Spoken

Samples = NDArray[np.float32]
CLEAN = None
"""As an SNR: no noise is added."""
_GAP_S = (0.5, 1.0)
_TALK_S = (0.8, 2.0)
_QUIET_S = (0.6, 1.2)
_FADE_S = 0.02


@dataclass(frozen=True)
class Take:
    """A recording of a word.

    Attributes:
        word: The word.
        samples: (N,) at the model's rate.
        name: Of its file.
        speaker: Who says it; empty where that is not known.
    """

    word: str
    samples: Samples
    name: str = ""
    speaker: str = ""


class Laid:
    """A stream of takes; each is used once, in a random order.

    Args:
        takes: What is said.
        noise: Sound without speech (N,), cut at random places; empty for none.
        talk: Pieces of speech without the words, one before each take; none leave quiet in its place.
        snr_db: How far a take's speech lies above the noise under it and around it; `CLEAN` for no noise.
        rate: Samples a second.
        seed: Of order, gaps and cuts.
    """

    def __init__(
        self,
        takes: Sequence[Take],
        *,
        noise: Samples,
        talk: Sequence[Samples],
        snr_db: float | None,
        rate: int,
        seed: int,
    ) -> None:
        self._takes, self._noise, self._talk = takes, noise, talk
        self._snr_db, self._rate = snr_db, rate
        self._random = np.random.default_rng(seed)
        self.order = [int(number) for number in self._random.permutation(len(takes))]
        self.spoken: list[Spoken] = []

    def blocks(self) -> Iterator[Samples]:
        """The stream, a block for each take; when it has ended, `spoken` tells where each take's speech lies."""
        at = 0
        for number in self.order:
            take = self._takes[number]
            before = self._before(take)
            core = speech_core(take.samples, self._rate) or (0, len(take.samples))
            block = np.concatenate((before, take.samples, np.zeros(self._seconds(_GAP_S), np.float32)))
            block += self._noise_under(len(block), _power(take.samples[slice(*core)]))
            start = at + len(before)
            self.spoken.append(Spoken(take.word, start + core[0], start + core[1]))
            at += len(block)
            yield np.clip(block, -1.0, 1.0).astype(np.float32)

    def _before(self, take: Take) -> Samples:
        """Quiet, or talk as loud as the take, and a gap."""
        gap = np.zeros(self._seconds(_GAP_S), np.float32)
        if not self._talk:
            return np.concatenate((np.zeros(self._seconds(_QUIET_S), np.float32), gap))
        piece = self._cut(self._talk[int(self._random.integers(len(self._talk)))], self._seconds(_TALK_S))
        level = np.sqrt(_power(take.samples) / max(_power(piece), 1e-12))
        fade = np.minimum(1.0, np.arange(1, len(piece) + 1) / (_FADE_S * self._rate))
        return np.concatenate((gap, piece * min(level, 30.0) * fade * fade[::-1], gap)).astype(np.float32)

    def _noise_under(self, length: int, speech_power: float) -> Samples:
        if self._snr_db is None or not len(self._noise):
            return np.zeros(length, np.float32)
        piece = self._cut(self._noise, length)
        wanted = speech_power / 10 ** (self._snr_db / 10)
        return np.asarray(piece * np.sqrt(wanted / max(_power(piece), 1e-12)), dtype=np.float32)

    def _cut(self, sound: Samples, length: int) -> Samples:
        start = int(self._random.integers(max(1, len(sound) - length)))
        return np.resize(sound[start : start + length], length)

    def _seconds(self, bounds: tuple[float, float]) -> int:
        return round(float(self._random.uniform(*bounds)) * self._rate)


def _power(samples: Samples) -> float:
    return float(np.mean(np.square(samples))) if len(samples) else 0.0
