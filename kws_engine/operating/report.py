"""What a model misses and how often it fires falsely, with all that a page needs to show where both come from."""

from __future__ import annotations

import bisect
import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kws_engine.evaluation.interval import Z_95, Interval, poisson_upper, wilson

_PEOPLE_ABOVE_SYNTHETIC, _PEOPLE_SPREAD = 2.0, 0.45
"""On the scale of logits: how much more of people's takes are missed, and how much that differs between models.

Six models of words by the starter's voices (down, eight, go; five, left, one; right, up, zero; two seeds each), on 450
takes of Speech Commands each, at 0.5 to 20 false alarms an hour.
"""


@dataclass(frozen=True)
class Counted:
    """So many of so many takes were missed.

    Attributes:
        effective: How many independent takes tell as much about other voices: takes of one voice are missed or heard
            together. 0 where they are independent as far as is known.
        synthetic: Synthetic voices said them. A network that knows no other voices hears them far better than people.
    """

    missed: int
    takes: int
    effective: float = 0.0
    synthetic: bool = False

    @property
    def interval(self) -> Interval:
        """The share of people's takes that are missed, with its 95% bounds; 0 to 1 without takes."""
        if not self.takes:
            return Interval(0.0, 0.0, 1.0)
        total = max(1.0, self.effective or self.takes)
        counted = wilson(self.missed / self.takes * total, total)
        return _of_people(counted) if self.synthetic else counted


def _of_people(counted: Interval) -> Interval:
    """What the share of synthetic takes that are missed says of people's.

    A model between the two has the same shift on the scale of logits at every rate of false alarms; how much it differs
    between models was measured with words and networks other than those that are reported.
    """
    shift, spread = _PEOPLE_ABOVE_SYNTHETIC, Z_95 * _PEOPLE_SPREAD
    shares = zip((counted.share, counted.low, counted.high), (shift, shift - spread, shift + spread), strict=True)
    return Interval(*(1 / (1 + (1 / share - 1) * math.exp(-by)) if share else 0.0 for share, by in shares))


@dataclass(frozen=True)
class InNoise(Counted):
    """Misses in noise `snr_db` below the speech; None without noise."""

    snr_db: float | None = None


@dataclass(frozen=True)
class OfSource:
    """False alarms in one source of sound."""

    count: int
    hours: float


@dataclass(frozen=True)
class FiredOn:
    """A false alarm: the word detected, in which file and where, how sure, and what was said there if that is known."""

    word: str
    stream: str
    at_s: float
    score: float
    text: str = ""


@dataclass(frozen=True)
class MissedTake:
    """A take that was not heard: its file, and the highest score it had."""

    clip: str
    word: str
    score: float


@dataclass(frozen=True)
class WordReport:
    """One word.

    Attributes:
        threshold: The word's, 0..1.
        missed: Of `takes`.
        false_alarms: In all the talk.
        hit_peaks: The highest score of each take, in rising order: with the next, misses and alarms of any threshold.
        alarm_peaks: The highest scores where the word was not said, in falling order.
        per_hour: False alarms an hour expected in each source of sound, at each threshold of `operating.curve.grid`;
            empty in older reports.
    """

    threshold: float
    missed: int
    takes: int
    false_alarms: int
    hit_peaks: list[float]
    alarm_peaks: list[float]
    per_hour: dict[str, list[float]] = field(default_factory=dict)

    def misses_at(self, threshold: float) -> Counted:
        """What another threshold would miss."""
        return Counted(bisect.bisect_left(self.hit_peaks, threshold), len(self.hit_peaks))

    def false_alarms_at(self, threshold: float) -> int:
        """How often it would fire; a lower bound below the last of `alarm_peaks`."""
        return bisect.bisect_right(self.alarm_peaks, -threshold, key=lambda peak: -peak)


@dataclass(frozen=True)
class Report:
    """All figures of one model.

    Attributes:
        promised: False alarms an hour that the thresholds were set to, all words together.
        expected: The rate they are expected to give; above `promised` where that would have cost too many words.
        low: In an hour of people's talk there are at least so many,
        high: and at most so many, with 95% certainty.
        calibration_hours: Of sound on which the thresholds rest.
        takes_from: The parts of the project that the takes are of: "testing", "validation" or "validation and testing".
        missed: Takes that were not heard, laid into talk and noise `snr_db` below them.
        snr: The same in other noise.
        speakers: The same by speaker.
        latency_ms: From a word's end to its detection: median and 95th percentile; None where nothing was heard.
        missed_takes: Some of those that were missed.
        false_alarms: By source of sound.
        alarms: What it fired on, the surest first.
        words: By word.
        would_miss: Share of the takes that thresholds for `promised` would miss, where `expected` is above it.
    """

    promised: float
    expected: float
    low: int
    high: int
    calibration_hours: float
    takes_from: str
    missed: Counted
    snr_db: float
    snr: list[InNoise]
    speakers: dict[str, Counted]
    latency_ms: tuple[int | None, int | None]
    missed_takes: list[MissedTake]
    false_alarms: dict[str, OfSource]
    alarms: list[FiredOn]
    words: dict[str, WordReport] = field(default_factory=dict)
    would_miss: float | None = None

    @property
    def false_alarm_count(self) -> int:
        """In all sources together."""
        return sum(one.count for one in self.false_alarms.values())

    @property
    def hours(self) -> float:
        """Of sound in which false alarms were counted."""
        return sum(one.hours for one in self.false_alarms.values())

    @property
    def upper_95(self) -> float:
        """False alarms an hour that this count excludes with 95% certainty; infinite without sound."""
        return poisson_upper(self.false_alarm_count) / self.hours if self.hours else math.inf

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Report:
        """The inverse of `to_dict`.

        Raises:
            LookupError, TypeError, ValueError: It is damaged.
        """
        median, p95 = values["latency_ms"]
        return cls(
            promised=_number(values["promised"]),
            expected=_number(values["expected"]),
            low=int(values["low"]),
            high=int(values["high"]),
            calibration_hours=_number(values["calibration_hours"]),
            takes_from=str(values["takes_from"]),
            missed=_counted(values["missed"]),
            snr_db=_number(values["snr_db"]),
            snr=[InNoise(**vars(_counted(one)), snr_db=_maybe(one["snr_db"])) for one in values["snr"]],
            speakers={str(name): _counted(one) for name, one in values["speakers"].items()},
            latency_ms=(None if median is None else int(median), None if p95 is None else int(p95)),
            missed_takes=[
                MissedTake(str(one["clip"]), str(one["word"]), _number(one["score"])) for one in values["missed_takes"]
            ],
            false_alarms={
                str(name): OfSource(int(one["count"]), _number(one["hours"]))
                for name, one in values["false_alarms"].items()
            },
            alarms=[
                FiredOn(
                    str(one["word"]),
                    str(one["stream"]),
                    _number(one["at_s"]),
                    _number(one["score"]),
                    str(one.get("text", "")),
                )
                for one in values["alarms"]
            ],
            words={str(name): _word(one) for name, one in values["words"].items()},
            would_miss=_maybe(values.get("would_miss")),
        )


def _word(values: Mapping[str, Any]) -> WordReport:
    return WordReport(
        _number(values["threshold"]),
        int(values["missed"]),
        int(values["takes"]),
        int(values["false_alarms"]),
        [_number(one) for one in values["hit_peaks"]],
        [_number(one) for one in values["alarm_peaks"]],
        {str(source): [_number(one) for one in rates] for source, rates in values.get("per_hour", {}).items()},
    )


def _ints(values: Mapping[str, Any]) -> dict[str, int]:
    return {"missed": int(values["missed"]), "takes": int(values["takes"])}


def _counted(values: Mapping[str, Any]) -> Counted:
    effective = _number(values.get("effective", 0.0))
    counted = Counted(**_ints(values), effective=effective, synthetic=values.get("synthetic") is True)
    if not 0 <= counted.missed <= counted.takes:
        raise ValueError("more takes were missed than there are")
    return counted


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("no number")
    return number


def _maybe(value: Any) -> float | None:
    return None if value is None else _number(value)
