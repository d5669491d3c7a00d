"""A series of takes with a countdown before each, fed by the open microphone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QElapsedTimer, QObject, QTimer, Signal

from kws_engine.clips.recording import PRE_ROLL_S, Take, TakeRecorder
from kws_engine.errors import KwsError
from kws_engine.microphone import Reader
from kws_gui.services.microphone import MicrophoneService

COUNT_FROM = 3
COUNT_MS = 600
PAUSE_MS = 400  # without a countdown: time to breathe between two takes
_POLL_MS = 30
_MOST_FAILED = 3

State = Literal["idle", "opening", "countdown", "recording"]


@dataclass(frozen=True)
class Series:
    """What to record: a number of takes in a row, each cut to `clip_samples` at `rate` Hz.

    With `any_sound`, as for background noise, a take without speech counts too.
    """

    takes: int
    rate: int
    clip_samples: int
    take_seconds: float = 2.0
    countdown: bool = True
    any_sound: bool = False


class TakeSession(QObject):
    """Counts down, records and emits each take of a series; a take without speech is repeated, at most three times.

    Signals:
        stateChanged: (state) idle, opening, countdown or recording.
        counted: (number, of) "3, 2, 1" before a take.
        grown: (samples, rate) The take so far, while it is recorded.
        taken: (take, number, total) A take is finished and has speech in it.
        unheard: (advice) A take is finished and has none.
        ended: (completed) The series is over; it was not completed if cancelled or if the microphone went away.
    """

    stateChanged = Signal(str)
    counted = Signal(int, int)
    grown = Signal(object, int)
    taken = Signal(object, int, int)
    unheard = Signal(str)
    ended = Signal(bool)

    def __init__(self, microphones: MicrophoneService, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._microphones = microphones
        self._series = Series(1, 16_000, 16_000)
        self._state: State = "idle"
        self._reader: Reader | None = None
        self._recorder: TakeRecorder | None = None
        self._done = 0
        self._failed = 0
        self._count = 0
        self._since_count = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._on_tick)
        microphones.opened.connect(self._on_opened)
        microphones.closed.connect(self._on_lost)
        microphones.failed.connect(self._on_lost)

    @property
    def state(self) -> State:
        return self._state

    @property
    def progress(self) -> tuple[int, int]:
        """The number of this take, from 1, and of how many."""
        return self._done + 1, self._series.takes

    @property
    def take_seconds(self) -> float:
        """How long each take lasts."""
        return self._series.take_seconds

    def start(self, series: Series) -> None:
        """Starts as soon as the microphone is open."""
        if self._state != "idle":
            return
        self._series = series
        self._done = 0
        self._failed = 0
        self._set("opening")
        self._microphones.acquire(self)
        if self._microphones.is_open:
            self._on_opened()

    def cancel(self) -> None:
        """Ends the series; the takes so far were emitted as `taken`."""
        self._end(False)

    # -- from state to state

    def _on_opened(self) -> None:
        if self._state == "idle":
            return
        try:
            self._reader = self._microphones.reader(self._series.rate, before_s=PRE_ROLL_S)
        except KwsError:
            return
        series = self._series
        self._recorder = TakeRecorder(series.rate, clip_samples=series.clip_samples, take_seconds=series.take_seconds)
        self._timer.start()
        self._begin_count()

    def _begin_count(self) -> None:
        self._count = COUNT_FROM if self._series.countdown else 0
        self._since_count.start()
        self._set("countdown")
        self.counted.emit(self._count, COUNT_FROM)

    def _on_tick(self) -> None:
        if self._reader is None or self._recorder is None:
            return
        self._recorder.feed(self._reader.read().samples)
        if self._state == "countdown":
            self._count_on()
        elif self._state == "recording":
            self.grown.emit(self._recorder.raw, self._series.rate)
            if self._recorder.state == "done":
                self._on_take(self._recorder.take())

    def _count_on(self) -> None:
        if self._since_count.elapsed() < (COUNT_MS if self._series.countdown else PAUSE_MS * (self._done > 0)):
            return
        self._count -= 1
        if self._count > 0:
            self._since_count.restart()
            self.counted.emit(self._count, COUNT_FROM)
            return
        assert self._recorder is not None
        self._recorder.start()
        self._set("recording")

    def _on_take(self, take: Take) -> None:
        if take.no_speech and not self._series.any_sound:
            self._failed += 1
            self.unheard.emit(take.advice)
        else:
            self._failed = 0
            self.taken.emit(take, self._done + 1, self._series.takes)
            self._done += 1
        if self._state == "idle":  # a listener cancelled: it could not be saved
            return
        if self._done >= self._series.takes:
            self._end(True)
        elif self._failed >= (1 if self._series.takes == 1 else _MOST_FAILED):
            self._end(False)
        else:
            self._begin_count()

    def _on_lost(self) -> None:
        if self._state != "idle":
            self._end(False)

    def _end(self, completed: bool) -> None:
        if self._state == "idle":
            return
        self._timer.stop()
        self._reader = None
        self._recorder = None
        self._set("idle")
        self._microphones.release(self)
        self.ended.emit(completed)

    def _set(self, state: State) -> None:
        self._state = state
        self.stateChanged.emit(state)
