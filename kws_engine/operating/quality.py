"""The two numbers of a model as its file tells them; knows neither torch nor onnxruntime, so that lists are quick."""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws_engine.clips.words import SPECIAL
from kws_engine.operating.report import Counted, Report
from kws_engine.operating.telling import alarms_in_short, is_kept, missed_of, rounded
from kws_engine.operating.working_point import WorkingPoint

_LARGEST = 1 << 20  # bytes of a manifest
_MANIFEST = "manifest.json"
_PROMISE = ("promised_per_hour", "expected_per_hour", "promised_low", "promised_high", "promise_hours")
_DAMAGED = (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, LookupError, ValueError, TypeError)


@dataclass(frozen=True)
class Figures:
    """What a model misses and how often it fires falsely.

    Attributes:
        missed: Of takes that neither trained nor chose it.
        takes_from: The parts that they are of.
        false_alarms: In `hours` of talk and noise.
        promised: False alarms an hour; None where somebody moved the thresholds.
        expected: The rate that is expected; above `promised` where that cannot be kept.
    """

    missed: Counted
    takes_from: str
    false_alarms: int
    hours: float
    promised: float | None
    expected: float | None

    def told(self) -> str:
        """Both numbers in a line."""
        if self.promised is None or self.expected is None:
            return f"{WorkingPoint(self.missed, self.false_alarms, self.hours).told()}, thresholds set by hand"
        alarms = alarms_in_short(self.promised, self.expected, count=self.false_alarms, hours=self.hours)
        return f"{missed_of(self.missed)} · {alarms}"

    def missed_in_short(self) -> str:
        """For a list: "5% (1-17%)"; empty without takes."""
        share = self.missed.interval
        return f"{share.share:.0%} ({round(100 * share.low)}-{round(100 * share.high)}%)" if self.missed.takes else ""

    def alarms_in_short(self) -> str:
        """For a list: the rate that is promised, or expected where that is above it, or was counted: "0.5"."""
        if self.promised is None or self.expected is None:
            return rounded(self.false_alarms / self.hours) if self.hours else ""
        return f"{self.promised:g}" if is_kept(self.promised, self.expected) else rounded(self.expected)

    def in_short(self) -> str:
        """For a list of models: "misses 5% · 0.5 false alarms/h"."""
        missed = f"misses {self.missed.interval.share:.0%}" if self.missed.takes else ""
        rate = self.alarms_in_short()
        return " · ".join(part for part in (missed, f"{rate} false alarms/h" if rate else "") if part)

    def to_dict(self) -> dict[str, Any]:
        """As printed with `--json`; a bound without takes or hours is null."""
        missed = self.missed
        upper = WorkingPoint(missed, self.false_alarms, self.hours).upper_95
        return {
            "missed": missed.missed,
            "takes": missed.takes,
            "miss_rate_95": [missed.interval.low, missed.interval.high] if missed.takes else None,
            "takes_from": self.takes_from,
            "synthetic_takes": missed.synthetic,
            "false_alarms": self.false_alarms,
            "false_alarm_hours": self.hours,
            "fa_per_hour_upper_95": upper if math.isfinite(upper) else None,
            "promised_per_hour": self.promised,
            "expected_per_hour": self.expected,
        }


def figures_of(quality: Mapping[str, Any]) -> Figures | None:
    """The figures among the qualities of a manifest; None where it has none, or nonsense."""
    try:
        missed = Counted(
            _count(quality["missed"]),
            _count(quality["takes"]),
            _number(quality.get("effective_takes", 0.0)),
            quality.get("synthetic_takes") is True,
        )
        promised, expected = quality.get("promised_per_hour"), quality.get("expected_per_hour")
        if missed.missed > missed.takes:
            return None
        return Figures(
            missed,
            str(quality.get("takes_from", ""))[:100],
            _count(quality["false_alarms"]),
            _number(quality["false_alarm_hours"]),
            None if promised is None else _number(promised),
            None if expected is None else _number(expected),
        )
    except (LookupError, TypeError, ValueError):
        return None


def figures_in(path: Path) -> Figures | None:
    """The figures in a model file, without opening its network; None where it has none or cannot be read."""
    return figures_of(quality_in(path))


def quality_in(path: Path) -> dict[str, Any]:
    """The qualities in a model file as they stand there; none where it has none or cannot be read."""
    quality = _manifest(path).get("quality")
    return quality if isinstance(quality, dict) else {}


def thresholds_in(path: Path) -> dict[str, float]:
    """The thresholds in a model file, by word; none where it has none of its own or cannot be read."""
    detector = _manifest(path).get("detector")
    thresholds = detector.get("thresholds") if isinstance(detector, dict) else None
    stored = thresholds if isinstance(thresholds, dict) else {}
    return {word: float(one) for word, one in stored.items() if isinstance(one, int | float) and 0 <= one <= 1}


def words_in(path: Path) -> tuple[str, ...]:
    """The words that a model file knows, without `_unknown_` and the like; none where it cannot be read."""
    labels = _manifest(path).get("labels")
    return tuple(str(label) for label in labels if label not in SPECIAL) if isinstance(labels, list) else ()


def _manifest(path: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as file:
            if file.getinfo(_MANIFEST).file_size > _LARGEST:
                return {}
            with file.open(_MANIFEST) as member:
                manifest = json.loads(member.read(_LARGEST))
    except (*_DAMAGED, RecursionError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def moved(quality: Mapping[str, Any], report: Report, point: WorkingPoint) -> dict[str, Any]:
    """The qualities of a model whose thresholds somebody moved: what was counted there, and no promise."""
    kept = {name: value for name, value in quality.items() if name not in _PROMISE}  # the curves stay true
    upper = {"false_alarms_upper_95": point.upper_95} if math.isfinite(point.upper_95) else {}
    return kept | {
        "missed": point.missed.missed,
        "takes": point.missed.takes,
        "effective_takes": point.missed.effective,
        "synthetic_takes": point.missed.synthetic,
        "missed_low": point.missed.interval.low,
        "missed_high": point.missed.interval.high,
        "takes_from": report.takes_from,
        "false_alarms": point.false_alarms,
        "false_alarm_hours": point.hours,
        **upper,
    }


def _number(value: Any) -> float:
    number = float(value)
    if isinstance(value, str) or not math.isfinite(number) or number < 0:
        raise ValueError("no number of hours")
    return number


def _count(value: Any) -> int:
    return round(_number(value))
