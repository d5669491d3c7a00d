"""What thresholds other than the promised ones miss and fire at, by the peaks that a report keeps."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

from kws_engine.evaluation.interval import poisson_interval, poisson_upper
from kws_engine.operating.curve import from_logit, logit
from kws_engine.operating.report import Counted, Report, WordReport
from kws_engine.operating.telling import missed_of, rounded, two_digits

_LEAST_HOURS = 1e-9


@dataclass(frozen=True)
class WorkingPoint:
    """Misses, and false alarms in so many hours."""

    missed: Counted
    false_alarms: int
    hours: float

    @property
    def per_hour(self) -> float:
        """False alarms an hour."""
        return self.false_alarms / max(self.hours, _LEAST_HOURS)

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which the rate lies with 95% certainty, an hour; above only where nothing fired."""
        if not self.false_alarms:
            return 0.0, self.upper_95
        low, high = poisson_interval(self.false_alarms)
        return low / max(self.hours, _LEAST_HOURS), high / max(self.hours, _LEAST_HOURS)

    @property
    def upper_95(self) -> float:
        """False alarms an hour that this count excludes with 95% certainty; infinite without sound."""
        return poisson_upper(self.false_alarms) / self.hours if self.hours else math.inf

    def told(self) -> str:
        """Both in a line: "missed 1 of 20 (1-24%) · 3 false alarms in 2.1 h: 1.4 an hour (0.3-4.2)"."""
        return f"{missed_of(self.missed)} · {self._alarms()}"

    def _alarms(self) -> str:
        if not self.hours:
            return "false alarms not counted"
        low, high = self.bounds
        number = "1 false alarm" if self.false_alarms == 1 else f"{self.false_alarms} false alarms"
        if not self.false_alarms:
            return f"{number} in {self.hours:.1f} h: fewer than {rounded(high)} an hour"
        bounds = f"{two_digits(low)}-{two_digits(high)}"
        return f"{number} in {self.hours:.1f} h: {two_digits(self.per_hour)} an hour ({bounds})"


def of_word(word: WordReport, hours: float, threshold: float) -> WorkingPoint:
    """One word at a threshold."""
    return WorkingPoint(word.misses_at(threshold), word.false_alarms_at(threshold), hours)


def of_all(report: Report, thresholds: Mapping[str, float]) -> WorkingPoint:
    """All words together, each at its threshold; a word without one stays at the promised."""
    points = [of_word(word, report.hours, thresholds.get(name, word.threshold)) for name, word in report.words.items()]
    missed = dataclasses.replace(
        report.missed, missed=sum(one.missed.missed for one in points), takes=sum(one.missed.takes for one in points)
    )
    return WorkingPoint(missed, sum(one.false_alarms for one in points), report.hours)


def steps(word: WordReport) -> list[float]:
    """Thresholds in rising order of which each misses or fires otherwise than the one before.

    Each lies halfway, on the scale of logits, between two peaks; the promised threshold is one of them. None is below
    the lowest peak that was kept: what fires there was not counted.
    """
    peaks = sorted({*word.hit_peaks, *word.alarm_peaks})
    low = word.alarm_peaks[-1] if word.alarm_peaks else 0.0
    halves = [from_logit((logit(one) + logit(other)) / 2) for one, other in itertools.pairwise(peaks)]
    above = [from_logit(logit(peaks[-1]) + 0.5)] if peaks else []
    return sorted({*(one for one in (*halves, *above) if one >= low), word.threshold})
