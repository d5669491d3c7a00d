"""events.jsonl as a run writes it; one gone on with keeps its old lines until the new ones stand; trains nothing."""

from __future__ import annotations

import contextlib
from pathlib import Path

from kws_engine.disk import write_atomically
from kws_engine.errors import TrainingError
from kws_engine.runs.job import append_event, line_of
from kws_engine.runs.records import EVENTS_FILE, read_events
from kws_engine.training.events import Epoch, Event, Failed, Progress


class EventLog:
    """Takes every event that is told and keeps those that belong to the run, from `begin` on.

    What a run that is gone on with tells again, up to the last epoch of its checkpoint, replaces the file in one step:
    a refusal, a full disk or a kill before that leaves the old lines, and with them its curves.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._awaited: Epoch | None = None
        self._again: list[Event] = []
        self._failed: list[Event] = []

    def begin(self, folder: Path, *, after: Epoch | None, finish: bool = False) -> None:
        """The run stands.

        Args:
            folder: The run's.
            after: The last epoch that it had before, which it tells again, or None for a new run.
            finish: It only makes its model: why it failed before stays, since that is true of its curves.
        """
        self._folder, self._awaited = folder, after
        if finish:
            self._failed = [event for event in read_events(folder) if isinstance(event, Failed)]

    def add(self, event: Event) -> None:
        """One event more.

        Raises:
            TrainingError, ProjectError: The disk is full or the folder cannot be written.
        """
        if self._folder is None or isinstance(event, Progress):
            return
        if self._awaited is None or isinstance(event, Failed):
            append_event(self._folder, event)
            return
        self._again.append(event)
        if event is self._awaited:
            write_atomically(self._folder / EVENTS_FILE, b"".join(map(line_of, self._again + self._failed)))
            self._awaited = None

    def add_if_possible(self, event: Event) -> None:
        """The last event; where the disk is full the screen still hears of it."""
        with contextlib.suppress(TrainingError):
            self.add(event)
