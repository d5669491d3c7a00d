"""Records without a word to say: free talk, or the sound of the room; stores it piece by piece."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from kws_engine.clips.clip import Clip
from kws_engine.clips.free_recording import store_room, store_talk
from kws_engine.errors import KwsError
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.microphone_use import MicrophoneUse
from kws_gui.services.project_model import ProjectModel

Kind = Literal["talk", "room"]
LONGEST_S: dict[Kind, float] = {"talk": 600.0, "room": 60.0}
_POLL_MS = 100
_STORED_EVERY_S = 20.0  # of talk: no more is lost, and storing it takes no time that anybody notices


class FreeRecording(MicrophoneUse):
    """Records until it is stopped, ten minutes of talk or a minute of a room at most; waits for a lost microphone.

    Signals:
        stateChanged(state): idle, opening or recording.
        grown(seconds): So much was recorded so far.
        ended(kind, clips, seconds): All is on disk; clips of other words, or recordings of noise.
        failed(sentence): It could not be stored, and waits in memory for `stop`.
    """

    grown = Signal(float)
    ended = Signal(str, object, float)
    failed = Signal(str)

    def __init__(self, project: ProjectModel, microphones: MicrophoneService, parent: QObject | None = None) -> None:
        super().__init__(microphones, active="recording", poll_ms=_POLL_MS, parent=parent)
        self._project = project
        self._kind: Kind = "talk"
        self._speaker = ""
        self._pieces: list[NDArray[np.float32]] = []
        self._path: Path | None = None
        self._clips: list[Clip] = []
        self._stored_s = 0.0
        project.opened.connect(self._forget)

    @property
    def kind(self) -> Kind:
        """What is recorded, or was."""
        return self._kind

    @property
    def waits(self) -> bool:
        """Whether something waits in memory that could not be stored."""
        return self._state == "idle" and bool(self._pieces)

    @property
    def seconds(self) -> float:
        """How much was recorded since `start`."""
        return self._stored_s + self._in_memory_s()

    def start(self, kind: Kind, *, speaker: str) -> None:
        """Records as soon as the microphone is open; what still waits is stored first."""
        project = self._project.project
        if self._state != "idle" or project is None or (self._pieces and not self._finish()):
            return
        self._forget()
        self._kind, self._speaker = kind, speaker
        self._use(project.rate)

    def stop(self) -> None:
        """Stops and stores what was recorded."""
        was_running = self._state != "idle"
        if was_running:
            self._end_use()
        if was_running or self._pieces:
            self._finish()

    def _forget(self) -> None:
        self._pieces.clear()
        self._path, self._clips, self._stored_s = None, [], 0.0

    def _finish(self) -> bool:
        if not self._store():
            return False
        self.ended.emit(self._kind, list(self._clips), self._stored_s)
        return True

    def _on_tick(self) -> None:
        if self._reader is None:
            return
        samples = self._reader.read().samples
        if len(samples):
            self._pieces.append(samples)
            self.grown.emit(self.seconds)
        is_long = self._kind == "talk" and self._in_memory_s() >= _STORED_EVERY_S
        if self.seconds >= LONGEST_S[self._kind] or (is_long and not self._store()):
            self.stop()

    def _in_memory_s(self) -> float:
        return sum(map(len, self._pieces)) / self._rate

    def _store(self) -> bool:
        """Stores what is in memory; it stays there where that fails."""
        project = self._project.project
        if project is None or not self._pieces:
            return True
        samples = np.concatenate(self._pieces)
        try:
            if self._kind == "room":
                self._clips += store_room(project, samples, speaker=self._speaker)
            else:
                stored = store_talk(project, samples, speaker=self._speaker, after=self._path)
                self._path = stored.path
                self._clips += stored.clips
        except KwsError as error:
            self.failed.emit(str(error))
            return False
        self._stored_s += len(samples) / self._rate
        self._pieces.clear()
        return True
