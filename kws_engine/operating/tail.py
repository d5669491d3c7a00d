"""The rate of false alarms above a threshold, from the highest peaks of other speech, and beyond the highest of them.

A generalized Pareto distribution is fitted to the logits of the highest peaks of all words (peaks over threshold:
Pickands, Statistical inference using extreme order statistics, Annals of Statistics 3, 1975). Scale and shape keep
their uncertainty, on a grid, so that a rate of which no event was seen has an interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kws_engine.operating.curve import logit
from kws_engine.operating.peaks import FLOOR

Doubles = NDArray[np.float64]
_SHAPES = np.linspace(-0.5, 0.3, 41)
_SHAPE_SPREAD = 0.08
_SCALES = np.exp(np.linspace(np.log(0.1), np.log(8.0), 80))  # logits
_LEAST_COUNT = 0.5  # where there is no peak at all
_USUAL_SCALE, _SCALE_SPREAD = 1.2, 0.5  # and its spread in logarithms


@dataclass(frozen=True)
class Prior:
    """What is known of a kind of tail before any peak is.

    Attributes:
        peaks: How many of the highest are of one tail.
        shape: The usual one; below 0 they fall off faster than an exponential.
    """

    peaks: int
    shape: float


OF_THE_FORMS = Prior(25, -0.05)
"""Networks that hear shipped talk."""
OF_TAUGHT_WORDS = Prior(100, -0.1)
"""Scores on the speech embedding, averaged, in all kinds of sound together: on the bank, 19 models of 13 words have
shapes from -0.24 to 0.18, -0.08 in the mean."""


@dataclass(frozen=True)
class Tail:
    """How often a word's score exceeds a level, in logits.

    rate(z) = count / hours * (1 + shape * (z - start) / scale) ** (-1 / shape) for z >= start.

    Attributes:
        start: Peaks above it were counted.
        count: How many.
        hours: In how much sound.
        scales: For each of the shapes, the probability of each of the scales (shapes, scales); it sums to 1.
        levels: All peaks, the highest first; they tell the rate below the start.
    """

    start: float
    count: float
    hours: float
    scales: Doubles
    levels: tuple[float, ...] = ()

    def rate(self, level: float) -> float:
        """Expected events an hour above a level."""
        if level < self.start:
            return max(self.count, sum(one >= level for one in self.levels)) / self.hours
        return self.count / self.hours * float((self.scales * _exceeding(level - self.start)).sum())

    def level(self, per_hour: float, *, highest: float) -> float:
        """The lowest level up to `highest` that is exceeded at most so often; `highest` where none is."""
        low, high = self.start, highest
        if self.rate(low) <= per_hour:
            allowed = int(per_hour * self.hours)
            below = np.nextafter(self.levels[allowed], np.inf) if allowed < len(self.levels) else logit(FLOOR)
            return min(low, float(below))
        if self.rate(high) > per_hour:
            return high
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if self.rate(middle) > per_hour else (low, middle)
        return high

    def drawn_rates(self, level: float, generator: np.random.Generator, *, draws: int) -> Doubles:
        """Rates (draws,) above a level, as uncertain as the few peaks leave them.

        Words of one model that draw from the same seed get the same scale and shape.
        """
        cells = generator.choice(self.scales.size, draws, p=self.scales.ravel())
        counts = generator.gamma(self.count, 1.0, draws)
        return np.asarray(counts / self.hours * _exceeding(max(0.0, level - self.start)).ravel()[cells])


def fit_tails(peaks: Mapping[str, Sequence[float]], hours: float, *, prior: Prior = OF_THE_FORMS) -> dict[str, Tail]:
    """The tails of the words of one model: one tail that fits the highest peaks of all of them together.

    Their scores are of one softmax, so a level means the same for each, and a word's share of the rate is its share of
    those peaks. A tail for each word by itself would be told by next to no peaks.

    Args:
        peaks: Scores 0..1 of the peaks where the word was not spoken, by word.
        hours: Of sound in which they were seen.
        prior: What kind of tail it is.

    Raises:
        ValueError: There is no sound.
    """
    if not hours > 0:
        raise ValueError("A rate needs some hours of sound")
    levels = {word: tuple(sorted((logit(score) for score in scores), reverse=True)) for word, scores in peaks.items()}
    highest = np.array(sorted((level for own in levels.values() for level in own), reverse=True)[: prior.peaks + 1])
    start = float(highest[prior.peaks]) if len(highest) > prior.peaks else logit(FLOOR)
    excesses = highest[: prior.peaks] - start
    logs = _log_likelihood(excesses) - (np.log(_SCALES / _USUAL_SCALE) / _SCALE_SPREAD) ** 2 / 2
    logs -= ((_SHAPES[:, None] - prior.shape) / _SHAPE_SPREAD) ** 2 / 2
    scales = np.exp(logs - logs.max())
    scales /= scales.sum()
    counts = {word: sum(level >= start for level in own) for word, own in levels.items()}
    share = max(_LEAST_COUNT, len(excesses)) / max(1, sum(counts.values()))
    least = _LEAST_COUNT / max(1, len(levels))
    return {word: Tail(start, max(least, counts[word] * share), hours, scales, own) for word, own in levels.items()}


def joint(tails: Iterable[Tail]) -> Tail:
    """The tail of all words of a model together."""
    first, *others = tails
    levels = tuple(sorted((level for one in (first, *others) for level in one.levels), reverse=True))
    return replace(first, count=first.count + sum(one.count for one in others), levels=levels)


def _log_likelihood(excesses: Doubles) -> Doubles:
    """Of each shape and scale (shapes, scales), for excesses (N,) over the start."""
    shape, scale = _SHAPES[:, None, None], _SCALES[None, :, None]
    inside = 1 + shape * excesses / scale
    with np.errstate(divide="ignore", invalid="ignore"):
        curved = -(1 + 1 / shape) * np.log(inside)
    each = np.where(np.abs(shape) < 1e-6, -excesses / scale, curved) - np.log(scale)
    total = np.where(inside > 0, each, -1e3).sum(axis=2)
    return np.asarray(total)


def _exceeding(excess: float) -> Doubles:
    """The share of the peaks that exceed the start by so much, for each shape and scale (shapes, scales)."""
    shape, scale = _SHAPES[:, None], _SCALES[None, :]
    inside = np.maximum(1 + shape * excess / scale, 0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        curved = inside ** (-1 / shape)
    return np.asarray(np.where(np.abs(shape) < 1e-6, np.exp(-excess / scale), curved))
