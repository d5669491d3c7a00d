"""Records the user's own talk from the open microphone into the project's folder of talk."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.own_talk import add_talk, seconds_of_talk
from kws_engine.errors import KwsError
from kws_engine.microphone import Reader
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.project_model import ProjectModel

WANTED_S = 120.0
"""How much talk is asked for: a minute to learn from and a minute to measure on."""
_POLL_MS = 100
_QUIET_DB = -45.0
_QUIET_S = 4.0

State = Literal["idle", "opening", "recording"]


class TalkRecording(QObject):
    """Records until there are two minutes, in as many pieces as a person likes; each is stored when it ends.

    Signals:
        stateChanged(state): idle, opening (also while the microphone is away) or recording.
        grown(seconds): So much talk there is now, stored or not.
        quiet(is_quiet): Nobody has talked for some seconds, or somebody does again.
        failed(sentence): A piece could not be stored; it waits in memory for the next `stop`.
    """

    stateChanged = Signal(str)
    grown = Signal(float)
    quiet = Signal(bool)
    failed = Signal(str)

    def __init__(self, project: ProjectModel, microphones: MicrophoneService, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._project = project
        self._microphones = microphones
        self._state: State = "idle"
        self._reader: Reader | None = None
        self._rate = 16_000
        self._pieces: list[NDArray[np.float32]] = []
        self._stored_s = 0.0
        self._file: Path | None = None  # what was recorded here last
        self._quiet_s = 0.0
        self._timer = QTimer(self, interval=_POLL_MS)
        self._timer.timeout.connect(self._on_tick)
        microphones.opened.connect(self._on_opened)
        microphones.closed.connect(self._on_away)
        project.opened.connect(self._on_project)
        self._on_project()

    @property
    def state(self) -> State:
        return self._state

    @property
    def seconds(self) -> float:
        """How much talk there is, stored or not."""
        return self._stored_s + sum(map(len, self._pieces)) / self._rate

    @property
    def is_enough(self) -> bool:
        """Whether there are two minutes of it."""
        return self.seconds >= WANTED_S

    def start(self) -> None:
        """Records as soon as the microphone is open."""
        project = self._project.project
        if self._state != "idle" or project is None:
            return
        self._rate = project.rate
        self._set("opening")
        self._microphones.acquire(self)
        if self._microphones.is_open:
            self._on_opened()

    def stop(self) -> None:
        """Stops and stores what was said."""
        if self._state != "idle":
            self._let_go()
            self._set("idle")
            self._microphones.release(self)
        self._store()

    def _store(self) -> None:
        project = self._project.project
        if project is None or not self._pieces:
            return
        samples = np.concatenate(self._pieces)
        try:
            self._file = add_talk(ProjectFolder(project.folder).talk, samples, rate=self._rate, after=self._file)
        except KwsError as error:
            self._file = None
            self.failed.emit(str(error))
            return
        self._pieces.clear()
        self._stored_s += len(samples) / self._rate

    def _on_project(self) -> None:
        project = self._project.project
        self._pieces.clear()
        self._file = None
        self._stored_s = seconds_of_talk(ProjectFolder(project.folder).talk) if project is not None else 0.0

    def _on_opened(self) -> None:
        if self._state == "idle":
            return
        try:
            self._reader = self._microphones.reader(self._rate)
        except KwsError:  # it went away again: `closed` follows
            return
        self._quiet_s = 0.0
        self._timer.start()
        self._set("recording")

    def _on_away(self) -> None:
        if self._state == "recording":
            self._let_go()
            self._set("opening")

    def _let_go(self) -> None:
        self._timer.stop()
        self._reader = None

    def _on_tick(self) -> None:
        if self._reader is None:
            return
        samples = self._reader.read().samples
        if not len(samples):
            return
        self._pieces.append(samples)
        self._look_for_quiet(samples)
        self.grown.emit(self.seconds)
        if self.is_enough:
            self.stop()

    def _look_for_quiet(self, samples: NDArray[np.float32]) -> None:
        was_quiet = self._quiet_s >= _QUIET_S
        is_loud = float(np.abs(samples).max()) > 10 ** (_QUIET_DB / 20)
        self._quiet_s = 0.0 if is_loud else self._quiet_s + len(samples) / self._rate
        if (self._quiet_s >= _QUIET_S) != was_quiet:
            self.quiet.emit(not was_quiet)

    def _set(self, state: State) -> None:
        if state != self._state:
            self._state = state
            self.stateChanged.emit(state)
