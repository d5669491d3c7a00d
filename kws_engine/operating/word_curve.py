"""What a word's threshold gives, for every threshold: from the model file, or from the report of its run."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class WordCurve:
    """One word.

    Attributes:
        hit_peaks: The highest score of each take, in rising order; empty where there were no takes.
        per_hour: False alarms an hour that are expected at each threshold of `grid`; empty where that is not known.
        alarm_peaks: The highest scores where the word was not said, in falling order, in
        hours: of sound: what counts where no rates are known.
    """

    hit_peaks: Sequence[float]
    per_hour: Sequence[float] = ()
    alarm_peaks: Sequence[float] = ()
    hours: float = 0.0

    def missed(self, threshold: float) -> float | None:
        """The share of the takes that a threshold misses, 0..1; None without takes."""
        if not self.hit_peaks:
            return None
        return bisect.bisect_left(self.hit_peaks, threshold) / len(self.hit_peaks)

    def alarms(self, threshold: float) -> float | None:
        """False alarms an hour; None where nothing is known of them, 0 at a threshold that no score reaches."""
        if threshold >= 1:
            return 0.0
        if self.per_hour:
            return _between(self.per_hour, logit(threshold))
        if not self.hours:
            return None
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
    alarms = [curves[word].alarms(threshold) for word, threshold in thresholds.items()]
    rates = [rate for rate in alarms if rate is not None]
    takes = sum(len(curves[word].hit_peaks) for word in thresholds)
    missed = sum((curves[word].missed(one) or 0.0) * len(curves[word].hit_peaks) for word, one in thresholds.items())
    hours = min(curves[word].hours for word in thresholds)
    return told(sum(rates) if len(rates) == len(alarms) else None, missed / takes if takes else None, hours=hours)


def stored(report: Report) -> dict[str, dict[str, list[float]]]:
    """The curves of a report as a model file stores them; none of a report without rates."""
    words = report.words.items()
    return {name: {"hit_peaks": word.hit_peaks, "per_hour": word.per_hour} for name, word in words if word.per_hour}


def curves_of(quality: Mapping[str, Any]) -> dict[str, WordCurve]:
    """The curves among the qualities of a manifest, by word; those that are damaged are left out."""
    curves = quality.get(CURVES)
    found = {}
    for word, one in curves.items() if isinstance(curves, dict) else ():
        hit_peaks, per_hour = (_numbers(one, name) for name in ("hit_peaks", "per_hour"))
        if hit_peaks is not None and per_hour is not None and len(per_hour) == len(_LOGITS):
            found[str(word)] = WordCurve(sorted(hit_peaks), per_hour)
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


def _numbers(values: object, name: str) -> list[float] | None:
    numbers = values.get(name) if isinstance(values, dict) else None
    if not isinstance(numbers, list) or not all(isinstance(one, int | float) for one in numbers):
        return None
    return numbers if all(math.isfinite(one) and one >= 0 for one in numbers) else None
