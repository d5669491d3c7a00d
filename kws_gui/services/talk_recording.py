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
from kws_gui.services.storing import Store, Storing

WANTED_S = 120.0
"""How much talk is asked for: a minute to learn from and a minute to measure on."""
_POLL_MS = 100
_QUIET_DB = -45.0
_QUIET_S = 4.0


class TalkRecording(MicrophoneUse):
    """Records until there are two minutes, in as many pieces as a person likes; each is stored when it ends.

    It is stored in the background.

    Signals:
        stateChanged(state): idle, opening or recording.
        grown(seconds): So much talk there is now, stored or not.
        quiet(is_quiet): Nobody has talked for some seconds, or somebody does again.
        slow(): Storing takes longer than a moment.
        settled(): Nothing is being stored any more.
        failed(sentence): A piece could not be stored; it waits in memory for the next `stop`.
    """

    grown = Signal(float)
    quiet = Signal(bool)
    slow = Signal()
    settled = Signal()
    failed = Signal(str)

    def __init__(self, project: ProjectModel, microphones: MicrophoneService, parent: QObject | None = None) -> None:
        super().__init__(microphones, active="recording", poll_ms=_POLL_MS, parent=parent)
        self._project = project
        self._sound = Storing(self)
        self._stored_s = 0.0
        self._file: Path | None = None  # what was recorded here last
        self._quiet_s = 0.0
        self._sound.stored.connect(self._on_stored)
        self._sound.failed.connect(self._on_not_stored)
        self._sound.slow.connect(self.slow)
        project.opened.connect(self._on_project)
        self._on_project()

    @property
    def seconds(self) -> float:
        """How much talk there is, stored or not."""
        return self._stored_s + self._sound.in_memory / self._rate

    @property
    def is_storing(self) -> bool:
        """Whether something is on its way to the disk."""
        return self._sound.is_running

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
        self._go_on()

    def shutdown(self) -> None:
        """Stops, and returns when what was said is on disk."""
        if self._state != "idle":
            self._end_use()
        if self._sound.in_memory:
            try:
                self._sound.settle(self._store())
            except KwsError as error:
                self.failed.emit(str(error))

    def _go_on(self) -> None:
        """Stores what waits, unless something is being said or stored."""
        if self._state == "idle" and self._project.project is not None:
            self._sound.begin(self._store())

    def _store(self) -> Store:
        """Stores a piece, in another thread."""
        project, rate, after = self._project.project, self._rate, self._file
        assert project is not None
        folder = ProjectFolder(project.folder).talk
        return lambda samples: add_talk(folder, samples, rate=rate, after=after)

    def _on_stored(self, file: Path, samples: int) -> None:
        self._file = file
        self._stored_s += samples / self._rate
        self._go_on()
        if not self.is_storing:
            self.settled.emit()

    def _on_not_stored(self, sentence: str) -> None:
        self._file = None
        self.failed.emit(sentence)
        self.settled.emit()

    def _on_project(self) -> None:
        project = self._project.project
        self._sound.forget()
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
        self._sound.put(samples)
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
