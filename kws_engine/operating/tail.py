"""The rate of false alarms above a threshold, from the highest peaks of other speech, and beyond the highest of them.

A generalized Pareto distribution is fitted to the logits of each word's highest peaks (peaks over threshold: Pickands,
Statistical inference using extreme order statistics, Annals of Statistics 3, 1975). Its shape is common to the words of
a model; scale and shape keep their uncertainty, on a grid, so that a rate of which no event was seen has an interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kws_engine.operating.curve import logit
from kws_engine.operating.peaks import FLOOR

Doubles = NDArray[np.float64]
_HIGHEST = 25  # peaks of each word
_SHAPES = np.linspace(-0.5, 0.3, 41)
_USUAL_SHAPE, _SHAPE_SPREAD = -0.05, 0.08  # of the networks of the forms: they fall off faster than an exponential
_SCALES = np.exp(np.linspace(np.log(0.1), np.log(8.0), 80))  # logits
_LEAST_COUNT = 0.1  # of a word without any high peak
_USUAL_SCALE, _SCALE_SPREAD = 1.2, 0.5  # and its spread in logarithms


@dataclass(frozen=True)
class Tail:
    """How often a word's score exceeds a level, in logits.

    rate(z) = count / hours * (1 + shape * (z - start) / scale) ** (-1 / shape) for z >= start.

    Attributes:
        start: Peaks above it were counted.
        count: How many.
        hours: In how much sound.
        scales: For each of the shapes, the probability of each of the scales (shapes, scales); it sums to 1.
    """

    start: float
    count: float
    hours: float
    scales: Doubles

    def rate(self, level: float) -> float:
        """Expected events an hour above a level."""
        return self.count / self.hours * float((self.scales * _exceeding(max(0.0, level - self.start))).sum())

    def level(self, per_hour: float, *, highest: float) -> float:
        """The lowest level from `start` to `highest` that is exceeded at most so often; `highest` where none is."""
        low, high = self.start, highest
        if self.rate(low) <= per_hour:
            return low
        if self.rate(high) > per_hour:
            return high
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if self.rate(middle) > per_hour else (low, middle)
        return high

    def drawn_rates(self, level: float, generator: np.random.Generator, *, draws: int) -> Doubles:
        """Rates (draws,) above a level, as uncertain as the few peaks leave them."""
        counts = generator.gamma(self.count, 1.0, draws)
        cells = generator.choice(self.scales.size, draws, p=self.scales.ravel())
        return np.asarray(counts / self.hours * _exceeding(max(0.0, level - self.start)).ravel()[cells])


def fit_tails(peaks: Mapping[str, Sequence[float]], hours: float) -> dict[str, Tail]:
    """The tails of the words of one model.

    Args:
        peaks: Scores 0..1 of the peaks where the word was not spoken, by word.
        hours: Of sound in which they were seen.

    Raises:
        ValueError: There is no sound.
    """
    if not hours > 0:
        raise ValueError("A rate needs some hours of sound")
    starts, likelihoods = {}, {}
    for word, scores in peaks.items():
        levels = np.array(sorted((logit(score) for score in scores), reverse=True)[: _HIGHEST + 1])
        start = float(levels[_HIGHEST]) if len(levels) > _HIGHEST else logit(FLOOR)
        excesses = levels[:_HIGHEST] - start
        starts[word] = start, max(0.5, float(len(excesses)))
        likelihoods[word] = _log_likelihood(excesses) - (np.log(_SCALES / _USUAL_SCALE) / _SCALE_SPREAD) ** 2 / 2
    of_shape = -(((_SHAPES - _USUAL_SHAPE) / _SHAPE_SPREAD) ** 2) / 2
    marginals = {word: _log_sum(one) for word, one in likelihoods.items()}
    of_shape = of_shape + sum(marginals.values())
    shapes = np.exp(of_shape - _log_sum(of_shape[None])[0])
    return {
        word: Tail(*starts[word], hours, shapes[:, None] * np.exp(one - marginals[word][:, None]))
        for word, one in likelihoods.items()
    }


def fit_common_tail(peaks: Mapping[str, Sequence[float]], hours: float) -> dict[str, Tail]:
    """The tails of words whose scores are compared with one another, as those of one softmax: one tail fits them all.

    Its highest peaks are those of all words together, and a word's share of the rate is its share of them. So a common
    level needs no extrapolation for the words that hardly ever fire.

    Raises:
        ValueError: There is no sound.
    """
    every = [score for scores in peaks.values() for score in scores]
    tail = fit_tails({"": every}, hours)[""]
    above = {word: sum(logit(score) > tail.start for score in scores) for word, scores in peaks.items()}
    scale = tail.count / max(1, sum(above.values()))
    return {word: replace(tail, count=max(_LEAST_COUNT, count * scale)) for word, count in above.items()}


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


def _log_sum(values: Doubles) -> Doubles:
    """Log of the sum of exp, over the last axis."""
    highest = values.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(values - highest).sum(axis=-1)) + highest[..., 0])
