"""The events of a run as it writes them; a resumed run keeps its old ones until the new ones are complete."""

from __future__ import annotations

import contextlib

from kws_engine.errors import TrainingError
from kws_engine.runs.folder import RunFolder
from kws_engine.training.events import Epoch, Event, Failed, Progress


class EventLog:
    """Takes every event and stores those that belong to the run, from `begin` on.

    A resumed run emits its old epochs again. They replace the file in one step when the last epoch of its checkpoint
    has come: a refusal, a full disk or a kill before that leaves the old events, and with them the curves.
    """

    def __init__(self) -> None:
        self._folder: RunFolder | None = None
        self._awaited: Epoch | None = None
        self._again: list[Event] = []
        self._failed: list[Event] = []

    def begin(self, folder: RunFolder, *, after: Epoch | None, finish: bool = False) -> None:
        """The run has a folder.

        Args:
            folder: The run's.
            after: The last epoch of a resumed run, which it emits again; None for a new run.
            finish: Whether it only makes its model: why it failed stays, since that is still true of its curves.
        """
        self._folder = folder
        self._awaited = after
        if finish:
            self._failed = [event for event in folder.events.read() if isinstance(event, Failed)]

    def add(self, event: Event) -> None:
        """Takes one event.

        Raises:
            TrainingError, ProjectError: The disk is full or the folder cannot be written.
        """
        if self._folder is None or isinstance(event, Progress):
            return
        if self._awaited is None or isinstance(event, Failed):
            self._folder.events.append(event)
            return
        self._again.append(event)
        if event is self._awaited:
            self._folder.events.write(self._again + self._failed)
            self._awaited = None

    def add_if_possible(self, event: Event) -> None:
        """Takes the last event; where the disk is full, it is not stored but still emitted."""
        with contextlib.suppress(TrainingError):
            self.add(event)
