"""What a word's threshold gives, for every threshold: from the model file, or from the report of its run."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kws_engine.operating.curve import grid, logit
from kws_engine.operating.quality import quality_in
from kws_engine.operating.report import Report
from kws_engine.operating.telling import two_digits

CURVES = "curves"
"""Where the qualities of a model file have them."""
_LOGITS = [logit(threshold) for threshold in grid()]
_LEAST_RATE = 1e-9
_HITS, _RATES = "hit_peaks", "per_hour:"  # in a file; a source's name follows
_COUNTED = "counted"


@dataclass(frozen=True)
class WordCurve:
    """One word.

    Attributes:
        hit_peaks: The highest score of each take, in rising order; empty where there were no takes.
        per_hour: False alarms an hour that are expected in each source of sound, at each threshold of `grid`; empty
            where that is not known.
        alarm_peaks: The highest scores where the word was not said, in falling order, in
        hours: of sound: what counts where no rates are known.
    """

    hit_peaks: Sequence[float]
    per_hour: Mapping[str, Sequence[float]] = field(default_factory=dict)
    alarm_peaks: Sequence[float] = ()
    hours: float = 0.0

    def missed(self, threshold: float) -> float | None:
        """The share of the takes that a threshold misses, 0..1; None without takes."""
        if not self.hit_peaks:
            return None
        return bisect.bisect_left(self.hit_peaks, threshold) / len(self.hit_peaks)

    def alarms(self, threshold: float) -> float | None:
        """False alarms an hour; None where nothing is known of them, 0 at a threshold that no score reaches."""
        return max(self.alarms_in(threshold).values(), default=None)

    def alarms_in(self, threshold: float) -> dict[str, float]:
        """The same by source of sound."""
        if self.per_hour:
            return {
                source: 0.0 if threshold >= 1 else _between(rates, logit(threshold))
                for source, rates in self.per_hour.items()
            }
        return {_COUNTED: self._counted(threshold)} if self.hours else {}

    def _counted(self, threshold: float) -> float:
        return bisect.bisect_right(self.alarm_peaks, -threshold, key=lambda peak: -peak) / self.hours

    def told(self, threshold: float) -> str:
        """Like "0.06/h, misses 3%"; empty where nothing is known."""
        return told(self.alarms(threshold), self.missed(threshold), hours=self.hours)


def told(per_hour: float | None, missed: float | None, *, hours: float = 0.0) -> str:
    """A rate and a share in little room: "0.5/h, misses 3%"; `hours` bound a rate that was counted and is 0."""
    rate = ""
    if per_hour is not None:
        rate = f"under {two_digits(1 / hours)}/h" if per_hour <= 0 < hours else f"{_rate(per_hour)}/h"
    return ", ".join(part for part in (rate, "" if missed is None else f"misses {missed:.0%}") if part)


def told_of_all(curves: Mapping[str, WordCurve], thresholds: Mapping[str, float]) -> str:
    """The same for all words together, each at its threshold; empty where a word's curve is not known."""
    if not thresholds or not all(word in curves for word in thresholds):
        return ""
    alarms = [curves[word].alarms_in(threshold) for word, threshold in thresholds.items()]
    sources = set.intersection(*map(set, alarms))
    rate = max((sum(one[source] for one in alarms) for source in sources), default=None)
    takes = sum(len(curves[word].hit_peaks) for word in thresholds)
    missed = sum((curves[word].missed(one) or 0.0) * len(curves[word].hit_peaks) for word, one in thresholds.items())
    hours = min(curves[word].hours for word in thresholds)
    return told(rate, missed / takes if takes else None, hours=hours)


def stored(report: Report) -> dict[str, dict[str, list[float]]]:
    """The curves of a report as a model file stores them; none of a report without rates."""
    return {
        name: {_HITS: word.hit_peaks, **{f"{_RATES}{source}": rates for source, rates in word.per_hour.items()}}
        for name, word in report.words.items()
        if word.per_hour
    }


def curves_of(quality: Mapping[str, Any]) -> dict[str, WordCurve]:
    """The curves among the qualities of a manifest, by word; those that are damaged are left out."""
    curves = quality.get(CURVES)
    found = {}
    for word, one in curves.items() if isinstance(curves, dict) else ():
        numbers = (
            {name: values for name, values in one.items() if _are_numbers(values)} if isinstance(one, dict) else {}
        )
        rates = {name.removeprefix(_RATES): values for name, values in numbers.items() if name.startswith(_RATES)}
        if _HITS in numbers and rates and all(len(values) == len(_LOGITS) for values in rates.values()):
            found[str(word)] = WordCurve(sorted(numbers[_HITS]), rates)
    return found


def curves_in(path: Path) -> dict[str, WordCurve]:
    """The curves that a model file stores, without opening its network; none where it has none or cannot be read."""
    return curves_of(quality_in(path))


def counted(report: Report) -> dict[str, WordCurve]:
    """The curves of an older report: its rates, or what was counted in its talk."""
    return {
        name: WordCurve(word.hit_peaks, word.per_hour, word.alarm_peaks, 0.0 if word.per_hour else report.hours)
        for name, word in report.words.items()
    }


def _between(per_hour: Sequence[float], level: float) -> float:
    """The rate at a level in logits: its logarithm is drawn straight between two thresholds."""
    at = min(max(bisect.bisect_right(_LOGITS, level) - 1, 0), len(_LOGITS) - 2)
    share = min(max((level - _LOGITS[at]) / (_LOGITS[at + 1] - _LOGITS[at]), 0.0), 1.0)
    low, high = (math.log(max(rate, _LEAST_RATE)) for rate in per_hour[at : at + 2])
    return math.exp(low + share * (high - low))


def _rate(per_hour: float) -> str:
    return "0" if per_hour <= 0 else "under 0.01" if per_hour < 0.01 else two_digits(per_hour)


def _are_numbers(values: object) -> bool:
    return isinstance(values, list) and all(
        isinstance(one, int | float) and math.isfinite(one) and one >= 0 for one in values
    )
