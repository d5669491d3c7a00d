"""Records the user's own talk from the open microphone into the project's folder of talk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.own_talk import add_talk, seconds_of_talk
from kws_engine.errors import KwsError
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.microphone_use import MicrophoneUse
from kws_gui.services.project_model import ProjectModel

WANTED_S = 120.0
"""How much talk is asked for: a minute to learn from and a minute to measure on."""
_POLL_MS = 100
_QUIET_DB = -45.0
_QUIET_S = 4.0


class TalkRecording(MicrophoneUse):
    """Records until there are two minutes, in as many pieces as a person likes; each is stored when it ends.

    Signals:
        stateChanged(state): idle, opening or recording.
        grown(seconds): So much talk there is now, stored or not.
        quiet(is_quiet): Nobody has talked for some seconds, or somebody does again.
        failed(sentence): A piece could not be stored; it waits in memory for the next `stop`.
    """

    grown = Signal(float)
    quiet = Signal(bool)
    failed = Signal(str)

    def __init__(self, project: ProjectModel, microphones: MicrophoneService, parent: QObject | None = None) -> None:
        super().__init__(microphones, active="recording", poll_ms=_POLL_MS, parent=parent)
        self._project = project
        self._pieces: list[NDArray[np.float32]] = []
        self._stored_s = 0.0
        self._file: Path | None = None  # what was recorded here last
        self._quiet_s = 0.0
        project.opened.connect(self._on_project)
        self._on_project()

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
        if self._state == "idle" and project is not None:
            self._use(project.rate)

    def stop(self) -> None:
        """Stops and stores what was said."""
        if self._state != "idle":
            self._end_use()
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

    def _begin(self) -> None:
        self._quiet_s = 0.0

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
