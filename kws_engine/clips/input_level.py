"""Watches the level of a microphone: its noise floor from the first second on, and how to set its input."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

FLOOR_S: Final = 1.0
"""So long is listened before the floor is known."""
_QUIETEST_SHARE: Final = 20.0  # per cent of a second: somebody may speak in it, but not all the time
_RISE_DB: Final = 12.0  # of RMS above the floor: somebody speaks
_LOUDEST_SHARE: Final = 90.0  # percentile of the RMS of what is said
_SPOKEN, _AMONG = 5, 8  # levels, 50 ms long and 33 ms apart: a click is shorter
_PAUSE: Final = 15  # levels without one: it is over
_WANTED_PEAK_DB: Final = -14.0
_QUIET_PEAK_DB, _LOUD_PEAK_DB, _CLIPPED_DB = -26.0, -3.0, -0.1
_STEP_DB: Final = 3  # nobody turns a knob by one
_LOUD_ROOM_DB: Final = -40.0
_CLEAR_DB: Final = 20.0  # speech above the floor, RMS
_SILENT_DB: Final = -90.0  # no microphone is so quiet

CLIPPED: Final = "Turn the input down: it clips."
_SOFTER: Final = "Turn the input down by about {} dB."
_LOUDER: Final = "Louder by about {} dB: go closer."
_ROOM: Final = "The room is loud: go closer."


class InputLevel:
    """Takes levels in dBFS, one after another; what it advises changes when the floor is known and after a word.

    `per_second` is how many levels there are in a second; each is of the newest 50 ms.
    """

    def __init__(self, *, per_second: float = 30.0) -> None:
        self._newest: deque[float] = deque(maxlen=max(1, round(FLOOR_S * per_second)))
        self._recent: deque[bool] = deque(maxlen=_AMONG)
        self._said: list[tuple[float, float]] = []  # peak and RMS of each level since somebody began to speak
        self._quiet = 0  # levels since the last loud one
        self._floor_db: float | None = None
        self._advice = ""

    @property
    def floor_db(self) -> float | None:
        """The noise floor, RMS in dBFS; None in the first second. A quieter second later on lowers it."""
        return self._floor_db

    @property
    def advice(self) -> str:
        """How to set the input, one sentence; empty where it is well set or not known yet."""
        return self._advice

    def hear(self, peak_db: float, rms_db: float) -> None:
        """Takes the newest level; -inf is digital silence."""
        self._newest.append(max(rms_db, -120.0))
        if len(self._newest) < self._newest.maxlen:  # type: ignore[operator]
            return
        floor_db = float(np.percentile(self._newest, _QUIETEST_SHARE))
        if self._floor_db is None:
            self._floor_db = floor_db
            self._advice = _ROOM if floor_db > _LOUD_ROOM_DB else ""
        self._floor_db = min(self._floor_db, floor_db)
        self._listen(peak_db, rms_db, max(self._floor_db, _SILENT_DB))

    def _listen(self, peak_db: float, rms_db: float, floor_db: float) -> None:
        is_loud = rms_db > floor_db + _RISE_DB
        self._recent.append(is_loud)
        self._quiet = 0 if is_loud else self._quiet + 1
        if self._said or sum(self._recent) >= _SPOKEN:
            self._said.append((peak_db, rms_db))
        if self._said and self._quiet >= _PAUSE:
            self._advice = self._advise(floor_db)
            self._said.clear()
        elif self._said and peak_db >= _CLIPPED_DB:
            self._advice = CLIPPED

    def _advise(self, floor_db: float) -> str:
        peak_db = max(peak for peak, _ in self._said)
        rms_db = float(np.percentile([rms for _, rms in self._said[: -self._quiet] or self._said], _LOUDEST_SHARE))
        if peak_db >= _CLIPPED_DB:
            return CLIPPED
        if rms_db - floor_db < _CLEAR_DB:
            return _ROOM
        if peak_db > _LOUD_PEAK_DB:
            return _SOFTER.format(_steps(peak_db - _WANTED_PEAK_DB))
        return _LOUDER.format(_steps(_WANTED_PEAK_DB - peak_db)) if peak_db < _QUIET_PEAK_DB else ""


def _steps(db: float) -> int:
    return max(1, round(db / _STEP_DB)) * _STEP_DB
