"""Takes of a word without a press for each: what is said into the open microphone, found and judged."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QObject, QTimer, Signal

from kws_engine.clips.recording import evaluate_take
from kws_engine.clips.utterances import Utterance, UtteranceFinder, refusal
from kws_engine.errors import KwsError
from kws_engine.microphone import Reader
from kws_gui.services.microphone import MicrophoneService

_POLL_MS = 30
_QUIET_S = 6.0  # then somebody may wonder whether anything is heard

State = Literal["idle", "opening", "listening"]
_LOST = "Some of the sound was lost, because the computer is busy: say it again."
_CUT = "Too long: say the word once, then pause for a moment."


class HandsFree(QObject):
    """Listens until `stop`; where the microphone went away it waits, and goes on when that is back.

    Signals:
        stateChanged(state): idle, opening (also while the microphone is away) or listening.
        taken(Take): A good take.
        refused(sentence): A take was heard that is not one to learn from, and what to do.
        quiet(): Nothing was said for some seconds; again after as many more.
    """

    stateChanged = Signal(str)
    taken = Signal(object)
    refused = Signal(str)
    quiet = Signal()

    def __init__(self, microphones: MicrophoneService, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._microphones = microphones
        self._state: State = "idle"
        self._rate = self._clip_samples = 0
        self._reader: Reader | None = None
        self._finder: UtteranceFinder | None = None
        self._told_s = 0.0
        self._timer = QTimer(self, interval=_POLL_MS)
        self._timer.timeout.connect(self._on_tick)
        microphones.opened.connect(self._on_opened)
        microphones.closed.connect(self._on_away)

    @property
    def state(self) -> State:
        return self._state

    @property
    def hears_voice(self) -> bool:
        """Whether something is being said just now."""
        return self._finder is not None and self._finder.is_inside

    def start(self, *, rate: int, clip_samples: int) -> None:
        """Listens as soon as the microphone is open."""
        if self._state != "idle":
            return
        self._rate, self._clip_samples = rate, clip_samples
        self._set("opening")
        self._microphones.acquire(self)
        if self._microphones.is_open:
            self._on_opened()

    def stop(self) -> None:
        """Stops; what is being said just now is dropped."""
        if self._state == "idle":
            return
        self._let_go()
        self._set("idle")
        self._microphones.release(self)

    def _on_opened(self) -> None:
        if self._state == "idle":
            return
        try:
            self._reader = self._microphones.reader(self._rate)
        except KwsError:  # it went away again: `closed` follows
            return
        self._finder = UtteranceFinder(self._rate, clip_samples=self._clip_samples)
        self._told_s = 0.0
        self._timer.start()
        self._set("listening")

    def _on_away(self) -> None:
        if self._state == "listening":
            self._let_go()
            self._set("opening")

    def _let_go(self) -> None:
        self._timer.stop()
        self._reader = self._finder = None

    def _on_tick(self) -> None:
        if self._reader is None or self._finder is None:
            return
        heard = self._reader.read()
        if heard.lost and self._finder.is_inside:
            self._finder = UtteranceFinder(self._rate, clip_samples=self._clip_samples)
            self.refused.emit(_LOST)
        finder = self._finder
        for utterance in finder.feed(heard.samples):
            self._judge(utterance)
            if self._finder is not finder:  # somebody stopped
                return
        if finder.quiet_s < self._told_s:
            self._told_s = 0.0
        if finder.quiet_s - self._told_s >= _QUIET_S:
            self._told_s = finder.quiet_s
            self.quiet.emit()

    def _judge(self, utterance: Utterance) -> None:
        take = evaluate_take(utterance.samples, self._rate, clip_samples=self._clip_samples)
        sentence = _CUT if utterance.is_cut else refusal(take, self._rate)
        if sentence:
            self.refused.emit(sentence)
        else:
            self.taken.emit(take)

    def _set(self, state: State) -> None:
        if state != self._state:
            self._state = state
            self.stateChanged.emit(state)
