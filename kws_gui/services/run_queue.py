"""The queue of the open project's runs; every change is stored at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from kws_engine.errors import KwsError
from kws_engine.runs import queue
from kws_engine.runs.job import Job
from kws_engine.runs.queue import QueueClaim, Waiting


class RunQueue(QObject):
    """What waits in the open project, the next first.

    Signals:
        changed(): Something came, went or moved.
        failed(str): It could not be read or stored.
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._project: Path | None = None
        self._waiting: tuple[Waiting, ...] = ()
        self._failure = ""

    @property
    def failure(self) -> str:
        """Why the queue could not be read or stored when that was last tried; empty if it could."""
        return self._failure

    def open(self, project: Path | None) -> None:
        """Reads another project's queue; None for no project."""
        self._project = project
        self._waiting = ()
        self._failure = ""
        if project is not None:
            self._attempt(lambda: queue.read_queue(project))
        self.changed.emit()

    def waiting(self) -> tuple[Waiting, ...]:
        """What waits."""
        return self._waiting

    def add(self, job: Job, *, at: int | None = None, key: str = "") -> bool:
        """Puts a job at the end, or back at its place; whether it was stored."""
        return self._change(lambda project: queue.add(project, job, at=at, key=key))

    def remove(self, key: str) -> bool:
        """Takes a job out; whether that was stored."""
        return self._change(lambda project: queue.remove(project, key))

    def move(self, key: str, by: int) -> bool:
        """Moves a job towards the front (below 0) or the end; whether that was stored."""
        return self._change(lambda project: queue.move(project, key, by))

    def claim_next(self) -> QueueClaim | None:
        """Claims the first run on the disk that no other window has claimed; None where there is none."""
        project = self._project
        if project is None or not self._attempt(lambda: queue.read_queue(project)):
            return None
        self.changed.emit()
        try:
            return queue.claim(project)
        except KwsError as error:
            self.failed.emit(str(error))
            return None

    def _change(self, change: Callable[[Path], tuple[Waiting, ...]]) -> bool:
        project = self._project
        if project is None or not self._attempt(lambda: change(project)):
            return False
        self.changed.emit()
        return True

    def _attempt(self, read: Callable[[], tuple[Waiting, ...]]) -> bool:
        try:
            self._waiting = read()
        except KwsError as error:
            self._failure = str(error)
            self.failed.emit(self._failure)
            return False
        self._failure = ""
        return True
