"""Takes of a word without a press for each: what is said into the open microphone, found and judged."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from kws_engine.clips.recording import evaluate_take
from kws_engine.clips.utterances import Utterance, UtteranceFinder, refusal
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.microphone_use import MicrophoneUse

_POLL_MS = 30
_QUIET_S = 6.0  # then somebody may wonder whether anything is heard

_LOST = "Some of the sound was lost, because the computer is busy: say it again."
_CUT = "Too long: say the word once, then pause for a moment."


class HandsFree(MicrophoneUse):
    """Listens until `stop`; where the microphone went away it waits, and goes on when that is back.

    Signals:
        stateChanged(state): idle, opening or listening.
        taken(Take): A good take.
        refused(sentence): A take was heard that is not one to learn from, and what to do.
        quiet(): Nothing was said for some seconds; again after as many more.
    """

    taken = Signal(object)
    refused = Signal(str)
    quiet = Signal()

    def __init__(self, microphones: MicrophoneService, parent: QObject | None = None) -> None:
        super().__init__(microphones, active="listening", poll_ms=_POLL_MS, parent=parent)
        self._clip_samples = 0
        self._finder: UtteranceFinder | None = None
        self._told_s = 0.0

    @property
    def hears_voice(self) -> bool:
        """Whether something is being said just now."""
        return self._finder is not None and self._finder.is_inside

    def start(self, *, rate: int, clip_samples: int) -> None:
        """Listens as soon as the microphone is open."""
        if self._state == "idle":
            self._clip_samples = clip_samples
            self._use(rate)

    def stop(self) -> None:
        """Stops; what is being said just now is dropped."""
        if self._state != "idle":
            self._end_use()

    def _begin(self) -> None:
        self._finder = UtteranceFinder(self._rate, clip_samples=self._clip_samples)
        self._told_s = 0.0

    def _let_go(self) -> None:
        super()._let_go()
        self._finder = None

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
