"""What a spotter heard over hours or days, a line each, so that its use becomes a measurement.

{"event": "listening", "time": "2026-01-31T08:00:00", "model": "...", "rate": 16000}
{"event": "detected", "word": "left", "at_s": 12.345, "score": 0.97}
{"event": "listened", "seconds": 3600.0}
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from kws_engine.errors import ProjectError, quoted
from kws_engine.operating.peaks import Peak
from kws_engine.spotting.decision import Detection
from kws_engine.spotting.detector import Step

_LISTENED_EVERY_S = 60.0
_PEAK_S = 2.0  # after a detection its score no longer rises


class ListeningLog:
    """Adds one time of listening to a file; what a killed program had heard stays counted to the minute.

    Raises:
        ProjectError: The file cannot be written.
    """

    def __init__(self, path: Path, *, model: Path, rate: int) -> None:
        self._rate = rate
        self._told_s = 0.0
        self._newest: Detection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: TextIO = path.open("a", encoding="utf-8")
        except OSError as error:
            raise ProjectError(f"The log {path} cannot be written ({error.strerror}): choose another place") from None
        self._path = path
        self._add(event="listening", time=f"{datetime.now():%Y-%m-%dT%H:%M:%S}", model=model.name, rate=rate)

    def take(self, steps: Iterable[Step]) -> None:
        """Adds what these looks detected, each detection when its peak is past; once a minute how much was heard."""
        for step in steps:
            newest = step.detection or step.risen
            if self._newest is not None:
                is_over = step.detection is not None or step.at_sample - self._newest.at_sample > _PEAK_S * self._rate
                if is_over:
                    self._write_newest()
            self._newest = newest or self._newest
            if step.at_sample / self._rate - self._told_s >= _LISTENED_EVERY_S:
                self._tell(step.at_sample)

    def close(self, samples: int) -> None:
        """Ends this time of listening, of so many samples."""
        self._write_newest()
        self._tell(samples)
        self._file.close()

    def _write_newest(self) -> None:
        if self._newest is not None:
            one, self._newest = self._newest, None
            at_s = round(one.at_sample / self._rate, 3)
            self._add(event="detected", word=one.word, at_s=at_s, score=round(one.score, 6))

    def _tell(self, samples: int) -> None:
        self._told_s = samples / self._rate
        self._add(event="listened", seconds=round(self._told_s, 3))

    def _add(self, **values: Any) -> None:
        try:
            self._file.write(json.dumps(values, ensure_ascii=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise ProjectError(f"The log {self._path} cannot be written ({error.strerror}): free some space") from None


@dataclass
class Logged:
    """A whole log as one stream: its times of listening one after another."""

    samples: int = 0
    detections: list[Detection] = field(default_factory=list)

    @property
    def peaks(self) -> list[Peak]:
        """The detections' peaks: no lower ones were logged."""
        return [Peak(one.word, one.at_sample, one.score) for one in self.detections]


def read_log(path: Path, *, rate: int) -> Logged:
    """What a log tells, its times in samples at `rate`; a damaged last line is what a killed program leaves.

    Raises:
        ProjectError: It cannot be read or is no log.
    """
    logged, before_s, heard_s = Logged(), 0.0, 0.0
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                entry = _entry(line)
                if entry is None:
                    if line.endswith("\n"):
                        raise ProjectError(f"{path}, line {number}, is no line of a log: {quoted(line.strip())}")
                    continue
                if entry["event"] == "listening":
                    before_s, heard_s = before_s + heard_s, 0.0
                elif entry["event"] == "listened":
                    heard_s = max(heard_s, float(entry["seconds"]))
                else:
                    at_s, score = float(entry["at_s"]), float(entry["score"])
                    logged.detections.append(Detection(str(entry["word"]), round((before_s + at_s) * rate), score))
                    heard_s = max(heard_s, at_s)
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(
            f"The log {path} cannot be read ({error}): choose one that `kws listen --log` wrote"
        ) from None
    logged.samples = round((before_s + heard_s) * rate)
    return logged


def _entry(line: str) -> dict[str, Any] | None:
    """A line's content; None where it is damaged."""
    needed = {"listening": (), "listened": ("seconds",), "detected": ("at_s", "score")}
    try:
        entry = json.loads(line)
        numbers = [float(entry[name]) for name in needed[entry["event"]]]
        is_good = all(math.isfinite(number) and number >= 0 for number in numbers)
        return entry if is_good and (entry["event"] != "detected" or isinstance(entry["word"], str)) else None
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
