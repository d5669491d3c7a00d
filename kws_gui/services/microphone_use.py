"""What reads from the open microphone until it is stopped, and waits where that went away."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QObject, QTimer, Signal

from kws_engine.errors import KwsError
from kws_engine.microphone import Reader
from kws_gui.services.microphone import MicrophoneService

State = Literal["idle", "opening", "listening", "recording"]


class MicrophoneUse(QObject):
    """One use of the microphone; a subclass reads in `_on_tick`, while there is a reader.

    Signals:
        stateChanged(state): idle, opening (also while the microphone is away), or what it does while that is open.
    """

    stateChanged = Signal(str)

    def __init__(
        self, microphones: MicrophoneService, *, active: State, poll_ms: int, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._microphones = microphones
        self._active: State = active
        self._state: State = "idle"
        self._reader: Reader | None = None
        self._rate = 16_000
        self._timer = QTimer(self, interval=poll_ms)
        self._timer.timeout.connect(self._on_tick)
        microphones.opened.connect(self._on_opened)
        microphones.closed.connect(self._on_away)

    @property
    def state(self) -> State:
        return self._state

    def _use(self, rate: int) -> None:
        """Reads at that rate as soon as the microphone is open."""
        self._rate = rate
        self._set("opening")
        self._microphones.acquire(self)
        if self._microphones.is_open:
            self._on_opened()

    def _end_use(self) -> None:
        self._let_go()
        self._set("idle")
        self._microphones.release(self)

    def _begin(self) -> None:
        """Called each time that the microphone has opened, before the first tick."""

    def _on_tick(self) -> None:
        raise NotImplementedError

    def _let_go(self) -> None:
        self._timer.stop()
        self._reader = None

    def _on_opened(self) -> None:
        if self._state == "idle":
            return
        try:
            self._reader = self._microphones.reader(self._rate)
        except KwsError:  # it went away again: `closed` follows
            return
        self._begin()
        self._timer.start()
        self._set(self._active)

    def _on_away(self) -> None:
        if self._state == self._active:
            self._let_go()
            self._set("opening")

    def _set(self, state: State) -> None:
        if state != self._state:
            self._state = state
            self.stateChanged.emit(state)
