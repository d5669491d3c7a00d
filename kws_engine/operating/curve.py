"""Misses against false alarms an hour over the threshold: the detection error tradeoff (DET; Martin et al. 1997)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_POINTS = 61
_LOGIT_RANGE = (-2.0, 14.0)


@dataclass(frozen=True)
class Point:
    """What one threshold gives; `miss_rate` is None where no word was spoken."""

    threshold: float
    miss_rate: float | None
    false_alarms_per_hour: float


def logit(score: float) -> float:
    """ln(score / (1 - score)), finite at 0 and 1 too."""
    bounded = min(max(score, 1e-9), 1 - 1e-9)
    return math.log(bounded / (1 - bounded))


def from_logit(value: float) -> float:
    """The inverse of `logit`."""
    return 1 / (1 + math.exp(-value))


def grid() -> list[float]:
    """Thresholds that lie evenly on the scale of logits, where the scores of confident networks spread out."""
    return [from_logit(value) for value in np.linspace(*_LOGIT_RANGE, _POINTS)]


def curve_of(
    hit_peaks: Mapping[str, Sequence[float]],
    alarm_peaks: Mapping[str, Sequence[float]],
    hours: float,
    *,
    thresholds: Iterable[float] | None = None,
) -> list[Point]:
    """All words together, each with the same threshold; up to the first one that nothing reaches.

    Args:
        hit_peaks: The highest score of each word spoken, by word.
        alarm_peaks: The scores of all peaks where that word was not spoken, by word.
        hours: In how much sound.
        thresholds: Those wanted; else `grid`.
    """
    hits = np.sort(np.concatenate([[], *map(np.asarray, hit_peaks.values())]))
    alarms = np.sort(np.concatenate([[], *map(np.asarray, alarm_peaks.values())]))
    points = []
    for threshold in thresholds if thresholds is not None else grid():
        missed = float(np.searchsorted(hits, threshold)) / len(hits) if len(hits) else None
        fired = len(alarms) - int(np.searchsorted(alarms, threshold))
        points.append(Point(threshold, missed, fired / max(hours, 1e-9)))
        if not fired and missed in (None, 1.0):
            break
    return points
