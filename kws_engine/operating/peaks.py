"""The peaks of each word's score in a stream, which give the misses and false alarms of every threshold at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws_engine.spotting.decision import DetectorConfig
from kws_engine.spotting.looks import Scores

FLOOR = 0.01
"""Peaks of lower scores are not kept: no threshold goes so low."""


@dataclass(frozen=True)
class Peak:
    """A score that no other of its word exceeds nearby, at the end of the sound it needed."""

    word: str
    at_sample: int
    score: float


class PeakFinder:
    """Finds the peaks of scores that arrive in pieces: of each word, one per refractory time and re-arm.

    So the peaks that reach a threshold are as many as a detector with that threshold has detections of the word, when
    no other word is in its way.
    """

    def __init__(self, columns: Mapping[str, int], config: DetectorConfig, *, rate: int) -> None:
        self._columns = dict(columns)
        self._rearm = config.rearm
        self._apart = round(config.refractory_ms * rate / 1000)
        self._open: dict[str, _Open] = {}

    def feed(self, scores: Scores) -> list[Peak]:
        """The peaks that are settled by these looks."""
        found: list[Peak] = []
        for word, column in self._columns.items():
            values = scores.scores[:, column]
            found += self._feed(word, values, scores.at_samples)
        return sorted(found, key=lambda peak: peak.at_sample)

    def flush(self) -> list[Peak]:
        """The peaks that were still open at the end of the sound."""
        found = [one.peak for one in self._open.values()]
        self._open.clear()
        return sorted(found, key=lambda peak: peak.at_sample)

    def _feed(self, word: str, values: NDArray[np.float32], at_samples: NDArray[np.int64]) -> list[Peak]:
        found: list[Peak] = []
        last = -1
        for number in np.flatnonzero(values >= FLOOR).tolist():
            score, at_sample = float(values[number]), int(at_samples[number])
            before = self._open.get(word)
            if before is not None and number != last + 1:
                before.lowest = 0.0  # below the floor in between
            last = number
            if before is None:
                self._open[word] = _Open(Peak(word, at_sample, score), score)
                continue
            before.lowest = min(before.lowest, score)
            is_new = at_sample - before.peak.at_sample > self._apart and before.lowest < self._rearm * before.peak.score
            if is_new:
                found.append(before.peak)
                self._open[word] = _Open(Peak(word, at_sample, score), score)
            elif score > before.peak.score:
                self._open[word] = _Open(Peak(word, at_sample, score), score)
        if (before := self._open.get(word)) is not None and last != len(values) - 1:
            before.lowest = 0.0
            if len(at_samples) and int(at_samples[-1]) - before.peak.at_sample > self._apart:
                found.append(before.peak)
                del self._open[word]
        return found


@dataclass
class _Open:
    """The newest peak of a word, and the lowest score since."""

    peak: Peak
    lowest: float
