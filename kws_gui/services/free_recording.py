"""Records without a word to say: free talk, or the sound of the room; stores it piece by piece."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from kws_engine.clips.clip import Clip
from kws_engine.clips.free_recording import StoredTalk, store_room, store_talk
from kws_engine.errors import KwsError
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.microphone_use import MicrophoneUse
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.storing import Store, Storing

Kind = Literal["talk", "room"]
LONGEST_S: dict[Kind, float] = {"talk": 600.0, "room": 60.0}
_POLL_MS = 100
_STORED_EVERY_S = 20.0  # of talk: no more is lost


class FreeRecording(MicrophoneUse):
    """Records until it is stopped, ten minutes of talk or a minute of a room at most; waits for a lost microphone.

    What was recorded is stored and cut in the background.

    Signals:
        stateChanged(state): idle, opening or recording.
        grown(seconds): So much was recorded so far.
        slow(): Storing takes longer than a moment.
        ended(kind, clips, seconds): All is on disk; clips of other words, or recordings of noise.
        failed(sentence): It could not be stored, and waits in memory for `stop`.
    """

    grown = Signal(float)
    slow = Signal()
    ended = Signal(str, object, float)
    failed = Signal(str)

    def __init__(self, project: ProjectModel, microphones: MicrophoneService, parent: QObject | None = None) -> None:
        super().__init__(microphones, active="recording", poll_ms=_POLL_MS, parent=parent)
        self._project = project
        self._kind: Kind = "talk"
        self._speaker = ""
        self._sound = Storing(self)
        self._path: Path | None = None
        self._clips: list[Clip] = []
        self._stored_s = 0.0
        self._is_ending = False
        self._sound.stored.connect(self._on_stored)
        self._sound.failed.connect(self._on_failed)
        self._sound.slow.connect(self.slow)
        project.opened.connect(self._forget)

    @property
    def kind(self) -> Kind:
        """What is recorded, or was."""
        return self._kind

    @property
    def is_storing(self) -> bool:
        """Whether it was stopped, and what was recorded is still on its way to the disk."""
        return self._is_ending

    @property
    def waits(self) -> bool:
        """Whether something waits in memory that could not be stored."""
        return self._state == "idle" and not self._is_ending and self._sound.in_memory > 0

    @property
    def seconds(self) -> float:
        """How much was recorded since `start`."""
        return self._stored_s + self._sound.in_memory / self._rate

    def start(self, kind: Kind, *, speaker: str) -> None:
        """Records as soon as the microphone is open; nothing while something is stored, or waits for `stop`."""
        project = self._project.project
        if self._state != "idle" or project is None or self._sound.in_memory:
            return
        self._forget()
        self._kind, self._speaker = kind, speaker
        self._use(project.rate)

    def stop(self) -> None:
        """Stops and stores what was recorded."""
        was_running = self._state != "idle"
        self._is_ending = self._is_ending or was_running or self.waits
        if was_running:
            self._end_use()
        self._go_on()

    def shutdown(self) -> None:
        """Stops, and returns when what was recorded is on disk."""
        if self._state != "idle":
            self._end_use()
        self._is_ending = self._is_ending or self._sound.in_memory > 0
        if self._sound.in_memory:
            try:
                self._sound.settle(self._store())
            except KwsError as error:
                self._on_failed(str(error))

    def _forget(self) -> None:
        self._sound.forget()
        self._path, self._clips, self._stored_s = None, [], 0.0
        self._is_ending = False

    def _on_tick(self) -> None:
        if self._reader is None:
            return
        samples = self._reader.read().samples
        if len(samples):
            self._sound.put(samples)
            self.grown.emit(self.seconds)
        if self._kind == "talk" and self._sound.waiting >= _STORED_EVERY_S * self._rate:
            self._sound.begin(self._store())
        if self.seconds >= LONGEST_S[self._kind]:
            self.stop()

    def _go_on(self) -> None:
        """Stores what is left of a recording that was stopped, and says when all is stored."""
        if not self._is_ending or self._project.project is None:
            return
        self._sound.begin(self._store())
        if not self._sound.is_running:
            self._is_ending = False
            self.ended.emit(self._kind, list(self._clips), self._stored_s)

    def _store(self) -> Store:
        """Stores a piece, in another thread."""
        project, kind, speaker, after = self._project.project, self._kind, self._speaker, self._path
        assert project is not None

        def store(samples: NDArray[np.float32]) -> StoredTalk | list[Clip]:
            if kind == "room":
                return store_room(project, samples, speaker=speaker)
            return store_talk(project, samples, speaker=speaker, after=after)

        return store

    def _on_stored(self, result: StoredTalk | list[Clip], samples: int) -> None:
        if isinstance(result, StoredTalk):
            self._path = result.path
            self._clips += result.clips
        else:
            self._clips += result
        self._stored_s += samples / self._rate
        self._go_on()

    def _on_failed(self, sentence: str) -> None:
        self._is_ending = False
        if self._state != "idle":
            self._end_use()
        self.failed.emit(sentence)
