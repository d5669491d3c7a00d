"""Takes of a word, by voice or by key: what is said into the open microphone, found and judged."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from kws_engine.clips.judging import Judged, KeyedTakes, SpokenTakes
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.microphone_use import MicrophoneUse

_POLL_MS = 30


class HandsFree(MicrophoneUse):
    """Listens until `stop`; where the microphone went away it waits, and goes on when that is back.

    With `strict`, noisy takes are refused, too, and so is what begins before `ask`.

    Signals:
        stateChanged(state): idle, opening or listening.
        taken(Take): A good take.
        refused(sentence): A take was heard that is not one to learn from, and what to do.
        quiet(): Nothing was said for some seconds; again after as many more.
        judged(Judged): Each of these three, with its kind.
    """

    taken = Signal(object)
    refused = Signal(str)
    quiet = Signal()
    judged = Signal(object)

    def __init__(self, microphones: MicrophoneService, parent: QObject | None = None, *, strict: bool = False) -> None:
        super().__init__(microphones, active="listening", poll_ms=_POLL_MS, parent=parent)
        self._strict = strict
        self._clip_samples = 0
        self._by_key = False
        self._takes: SpokenTakes | KeyedTakes | None = None

    @property
    def hears_voice(self) -> bool:
        """Whether something is being said just now, or a take that a key began is being recorded."""
        return self._takes is not None and self._takes.is_inside

    def start(self, *, rate: int, clip_samples: int, by_key: bool = False) -> None:
        """Listens as soon as the microphone is open; `by_key`, a take begins with `begin_take`, not with the voice."""
        if self._state == "idle":
            self._clip_samples = clip_samples
            self._by_key = by_key
            self._use(rate)

    def stop(self) -> None:
        """Stops; what is being said just now is dropped."""
        if self._state != "idle":
            self._end_use()

    def ask(self) -> None:
        """What to say is shown now: what began before is not it."""
        if self._takes is not None:
            self._takes.ask()

    def begin_take(self) -> None:
        """Begins a take by key, unless one is being recorded."""
        if isinstance(self._takes, KeyedTakes):
            self._takes.begin()

    def _begin(self) -> None:
        if self._by_key:
            self._takes = KeyedTakes(self._rate, clip_samples=self._clip_samples)
        else:
            self._takes = SpokenTakes(self._rate, clip_samples=self._clip_samples, strict=self._strict)

    def _let_go(self) -> None:
        super()._let_go()
        self._takes = None

    def _on_tick(self) -> None:
        if self._reader is None or self._takes is None:
            return
        takes, heard = self._takes, self._reader.read()
        for judged in takes.feed(heard.samples, lost=heard.lost):
            self._tell(judged)
            if self._takes is not takes:  # somebody stopped
                return

    def _tell(self, judged: Judged) -> None:
        self.judged.emit(judged)
        if judged.kind is None:
            self.taken.emit(judged.take)
        elif judged.take is None and judged.kind == "nothing_said":
            self.quiet.emit()
        else:
            self.refused.emit(judged.sentence)
