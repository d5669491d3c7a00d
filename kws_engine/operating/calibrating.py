"""Sets a model's thresholds to a number of false alarms an hour, and says how far that can be trusted.

Each word gets an equal share of the rate. Its threshold is the lowest that keeps to this share in every source of
other speech (sentences, single words, noise, a person's own), by a tail fitted to that source's highest peaks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kws_engine.operating.curve import from_logit, logit
from kws_engine.operating.tail import Tail, fit_tails
from kws_engine.operating.talk_hearing import OWN, Fired

PER_HOUR = 0.5
"""What is promised unless something else is asked for: false alarms an hour of talk, of all words together."""
LOWEST, HIGHEST = 0.2, 0.99999
"""No threshold lies outside."""
_PEOPLE_TO_SHIPPED = 1.0
_SPREAD = 1.1
_DRAWS = 4000


@dataclass(frozen=True)
class Promise:
    """What thresholds were set to.

    Attributes:
        per_hour: False alarms an hour asked for, all words together.
        thresholds: By word.
        expected: The rate that these thresholds are expected to give; above `per_hour` where a threshold cannot go
            higher.
        low: In an hour of people's talk there are at least so many,
        high: and at most so many, with 95% certainty.
        hours: Of sound on which the thresholds rest.
        sources: The same by source.
    """

    per_hour: float
    thresholds: dict[str, float]
    expected: float
    low: int
    high: int
    hours: float
    sources: dict[str, float]


class Calibration:
    """The tails of every word in every source; it gives thresholds for any rate without hearing anything again."""

    def __init__(self, fired: Mapping[str, Fired], words: Sequence[str]) -> None:
        self._words = tuple(words)
        self._sources = {source: one.hours for source, one in fired.items() if one.hours > 0}
        by_source = {
            source: fit_tails({word: fired[source].peaks.get(word, ()) for word in words}, hours)
            for source, hours in self._sources.items()
        }
        self._tails: dict[str, dict[str, Tail]] = {
            word: {source: tails[word] for source, tails in by_source.items()} for word in words
        }

    def promise(self, per_hour: float = PER_HOUR) -> Promise:
        """The thresholds for a rate.

        Raises:
            ValueError: The rate is not above 0.
        """
        if not per_hour > 0:
            raise ValueError("A rate of false alarms is above 0")
        thresholds = {word: self._threshold(word, per_hour / len(self._words)) for word in self._words}
        expected = self.expected(thresholds)
        low, high = self._bounds(thresholds)
        return Promise(per_hour, thresholds, expected, low, high, sum(self._sources.values()), dict(self._sources))

    def expected(self, thresholds: Mapping[str, float]) -> float:
        """False alarms an hour of people's talk that thresholds are expected to give, in the worst of the sources."""
        rates = [
            sum(self._tails[word][source].rate(logit(thresholds[word])) for word in self._words) * _factor(source)
            for source in self._sources
        ]
        return max(rates, default=math.inf)

    def _threshold(self, word: str, per_hour: float) -> float:
        highest = logit(HIGHEST)
        tails = self._tails[word].items()
        levels = [tail.level(per_hour / _factor(source), highest=highest) for source, tail in tails]
        return round(max(from_logit(max(levels, default=highest)), LOWEST), 7)

    def _bounds(self, thresholds: Mapping[str, float]) -> tuple[int, int]:
        """The 2.5th and 97.5th percentile of the count in an hour: of few peaks, of talk unlike ours, and of chance."""
        generator = np.random.default_rng(0)
        total = sum(self._sources.values())
        counts = np.zeros(_DRAWS)
        for source, hours in self._sources.items():
            rates = [
                self._tails[word][source].drawn_rates(logit(thresholds[word]), generator, draws=_DRAWS)
                for word in self._words
            ]
            counts += np.sum(rates, axis=0) * _factor(source) * hours / total
        counts *= np.exp(generator.normal(0.0, _SPREAD, _DRAWS))
        drawn = generator.poisson(np.minimum(counts, 1e6))
        low, high = np.percentile(drawn, (2.5, 97.5))
        return math.floor(low), math.ceil(high)


def _factor(source: str) -> float:
    """How much oftener people's talk fires a model than that source does."""
    return 1.0 if source == OWN else _PEOPLE_TO_SHIPPED
