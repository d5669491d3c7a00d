"""Sets a model's thresholds to a number of false alarms an hour, and says how far that can be trusted.

All words have one threshold, the lowest that keeps to the rate in talk without the words, shipped and a person's own:
in sentences, in single words, and in noise, by a tail fitted to the highest peaks of all words there. An equal share of
half an alarm an hour for each word would be a guess far beyond what was heard.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kws_engine.operating.curve import from_logit, grid, logit
from kws_engine.operating.tail import OF_TAUGHT_WORDS, OF_THE_FORMS, Tail, fit_tails, joint
from kws_engine.operating.talk_hearing import OTHER_WORDS, OWN, Fired
from kws_engine.training.config import TrainingConfig

PER_HOUR = TrainingConfig().false_alarms_per_hour
"""What is promised unless something else is asked for: false alarms an hour of talk, of all words together."""
LOWEST, HIGHEST = 0.2, 0.99999
"""No threshold lies outside."""
_POOLED = "all"
_PEOPLE = {"sentence": 1.0, "word": 4.0, "noise": 0.3}
"""How often people's sound fires a model, to a firing by shipped sound of that kind.

On 7 h of recordings by people (sentences, single words in 17 languages, conversation, noise) that neither train nor
ship, by three models trained with talk, at thresholds for 0.5, 2 and 10 an hour: about the geometric means.
The bank that sets the thresholds of networks on the speech embedding is of people already: it counts as it is.
"""
_MAY_HAVE = {"word": 4.0}
"""How many times the rate asked for a kind of sound may have: a list of single words is no talk, though the bounds
count it."""
_SPREAD = 1.0
"""Of the same ratios: the standard deviation of their logarithms."""
_DRAWS = 4000
_ALONE_HOURS = 0.1
_OWN_MARGIN = 0.3  # logits
_JOINS = {OWN: "sentence", OTHER_WORDS: "word"}
"""With which shipped sound a person's own counts where there is too little of it to tell a rate by itself."""


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
    """The tails of every word in every source; they give thresholds for any rate without hearing anything again."""

    def __init__(self, fired: Mapping[str, Fired], words: Sequence[str], *, pooled: bool = False) -> None:
        """Fits the tails.

        Args:
            fired: Peaks by source.
            words: Of the model.
            pooled: Whether all sources are one, as where a network on the speech embedding decides, alone or with
                another: it was trained on people and fires alike at all of them, and one source has too few peaks.
        """
        self._words = tuple(words)
        fired = dict(fired) if pooled else _with_enough(fired)
        self._sources = {source: one.hours for source, one in fired.items() if one.hours > 0}
        self._own = fired.get(OWN, Fired()) if pooled else Fired()
        fired = {_POOLED: _joined(fired.values())} if pooled else fired
        prior = OF_TAUGHT_WORDS if pooled else OF_THE_FORMS
        self._streams = {
            source: _Stream(
                fit_tails({word: one.peaks.get(word, ()) for word in words}, one.hours, prior=prior),
                _PEOPLE.get(source, 1.0),
                _MAY_HAVE.get(source, 1.0),
            )
            for source, one in fired.items()
            if one.hours > 0
        }

    def promise(self, per_hour: float = PER_HOUR) -> Promise:
        """The thresholds for a rate.

        Raises:
            ValueError: The rate is not above 0.
        """
        if not per_hour > 0:
            raise ValueError("A rate of false alarms is above 0")
        level = self._level(per_hour, logit(HIGHEST))
        thresholds = {word: self._threshold(word, per_hour, level) for word in self._words}
        expected = self.expected(thresholds)
        low, high = self._bounds(thresholds)
        return Promise(per_hour, thresholds, expected, low, high, sum(self._sources.values()), dict(self._sources))

    def expected(self, thresholds: Mapping[str, float]) -> float:
        """False alarms an hour of people's talk that thresholds are expected to give, in the worst of the sources."""
        rates = [stream.rate(thresholds) / stream.may_have for stream in self._streams.values()]
        return max(rates, default=math.inf)

    def curve(self, word: str) -> dict[str, list[float]]:
        """The rate that is expected of one word in each source, at each threshold of `grid`."""
        return {
            source: [float(f"{stream.rate({word: one}) / stream.may_have:.4g}") for one in grid()]
            for source, stream in self._streams.items()
        }

    def _threshold(self, word: str, per_hour: float, level: float) -> float:
        level = max(level, self._above_own(word, per_hour / len(self._words)))
        return round(min(HIGHEST, max(from_logit(level), LOWEST)), 7)

    def _level(self, per_hour: float, highest: float) -> float:
        """The lowest level that all words may have."""
        levels = [
            joint(stream.tails.values()).level(per_hour * stream.may_have / stream.people, highest=highest)
            for stream in self._streams.values()
        ]
        return max(levels, default=highest)

    def _above_own(self, word: str, per_hour: float) -> float:
        """Just above the peaks in a person's own talk, but for as many as the rate allows there.

        A few minutes are lost among hours of others' talk, though nothing is as like what the model will hear.
        """
        peaks = sorted(self._own.peaks.get(word, ()), reverse=True)
        allowed = int(per_hour * self._own.hours)
        return logit(peaks[allowed]) + _OWN_MARGIN if len(peaks) > allowed else -math.inf

    def _bounds(self, thresholds: Mapping[str, float]) -> tuple[int, int]:
        """The 2.5th and 97.5th percentile of the count in an hour: of few peaks, of talk unlike ours, and of chance."""
        stream = max(self._streams.values(), key=lambda one: one.rate(thresholds), default=None)
        if stream is None:
            return 0, 0
        rates = sum(
            stream.tails[word].drawn_rates(logit(thresholds[word]), np.random.default_rng(0), draws=_DRAWS)
            for word in self._words
        )
        generator = np.random.default_rng(1)
        rates = rates * stream.people * np.exp(generator.normal(0.0, _SPREAD, _DRAWS))
        low, high = np.percentile(generator.poisson(np.minimum(rates, 1e6)), (2.5, 97.5))
        return math.floor(low), math.ceil(high)


def _joined(fired: Iterable[Fired]) -> Fired:
    """All sources as one."""
    whole = Fired()
    for one in fired:
        whole.hours += one.hours
        for word, scores in one.peaks.items():
            whole.peaks.setdefault(word, []).extend(scores)
    return whole


def _with_enough(fired: Mapping[str, Fired]) -> dict[str, Fired]:
    """The sources, of which those of a few minutes are part of a larger one."""
    joined = dict(fired)
    for source, other in _JOINS.items():
        if source in joined and other in joined and joined[source].hours < _ALONE_HOURS:
            few, many = joined.pop(source), joined[other]
            peaks = {word: [*many.peaks.get(word, ()), *few.peaks.get(word, ())] for word in {*many.peaks, *few.peaks}}
            joined[other] = Fired(many.hours + few.hours, peaks)
    return joined


@dataclass(frozen=True)
class _Stream:
    """The tails of the words in one source.

    Attributes:
        people: How many times its rate people's sound of that kind has.
        may_have: How many times the rate asked for it may have.
    """

    tails: dict[str, Tail]
    people: float
    may_have: float

    def rate(self, thresholds: Mapping[str, float]) -> float:
        """False alarms an hour of people's sound, all words together."""
        return self.people * sum(self.tails[word].rate(logit(level)) for word, level in thresholds.items())
