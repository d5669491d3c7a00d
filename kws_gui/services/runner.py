"""Starts, pauses and stops runs, one after another: the one asked for, then those that wait; knows no page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from kws_engine.runs.job import Job
from kws_engine.runs.queue import QueueClaim, Waiting
from kws_engine.training.events import Failed, Finished, Started
from kws_gui.bridges.training import TrainingBridge, training_threads
from kws_gui.services.run_queue import RunQueue


class Runner(QObject):
    """The run that runs, and the queue behind it.

    A run that waits stays in the queue until it stands, so that nothing that happens before loses it; meanwhile it is
    claimed, so that no other window begins it, too. The next one starts when the one before came to an end, good or
    bad; not when a person stopped it, nor when it could not begin: whatever hindered it hinders the next, too.

    Signals:
        began(Job): A run was started; its clips are read.
        finished(Finished), failed(Failed): The ending, before the next one begins.
        changed(): What runs, whether it is paused or being stopped.
    """

    began = Signal(object)
    finished = Signal(object)
    failed = Signal(object)
    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.training = TrainingBridge(self)
        self.queue = RunQueue(self)
        self.job: Job | None = None
        self.folder: Path | None = None
        self.was_stopped = False
        self._project: Path | None = None
        self._claim: QueueClaim | None = None
        self._stands = False
        self.training.started.connect(self._on_started)
        self.training.finished.connect(self._on_finished)
        self.training.failed.connect(self._on_failed)

    def open(self, project: Path | None) -> None:
        """Another project is open: the run of the one before ends with what it has, and the new one's queue waits."""
        self._project = project
        if self.training.is_running():
            self.stop()
        self.queue.open(project)

    @property
    def is_running(self) -> bool:
        """Whether a run has not ended yet."""
        return self.training.is_running()

    @property
    def is_paused(self) -> bool:
        """Whether it waits until somebody lets it go on."""
        return self.training.is_paused and not self.is_stopping

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to stop and has not ended yet."""
        return self.is_running and self.was_stopped

    def start(self, job: Job) -> None:
        """Starts a run; none may be running."""
        self._begin(job, None)

    def start_or_queue(self, job: Job) -> bool:
        """Starts a run now, or puts it at the end of the queue where one is running; whether it was started."""
        if self.is_running:
            self.queue.add(job)
            return False
        self.start(job)
        return True

    def start_next(self) -> bool:
        """Starts the first that waits and that no other window begins, if nothing runs; whether there was one."""
        claim = None if self.is_running else self.queue.claim_next()
        if claim is not None:
            job = claim.waiting.job
            self._begin(job if job.threads else replace(job, threads=training_threads()), claim)
        return claim is not None

    def pause(self) -> None:
        """Lets the run wait after its current step."""
        self.training.pause()
        self.changed.emit()

    def go_on(self) -> None:
        """Lets a paused run go on."""
        self.training.go_on()
        self.changed.emit()

    def stop(self) -> None:
        """Ends the run with the best weights so far."""
        self.was_stopped = True
        self.changed.emit()
        self.training.stop()

    def shutdown(self) -> None:
        """Ends the run and returns when its process is gone; what waits, waits on."""
        self.training.shutdown()
        self._release()

    def beginning(self) -> str:
        """The key of the run that is still in the queue while its clips are read; else empty."""
        return self._claim.waiting.key if self._claim else ""

    def waiting(self) -> list[Waiting]:
        """What waits behind the run that runs."""
        return [waiting for waiting in self.queue.waiting() if waiting.key != self.beginning()]

    def _begin(self, job: Job, claim: QueueClaim | None) -> None:
        self.was_stopped = self._stands = False
        self.job, self.folder, self._claim = job, job.resume, claim
        self.training.start(job)
        self.began.emit(job)
        self.changed.emit()

    def _on_started(self, event: Started) -> None:
        self.folder, self._stands = Path(event.run), True
        if self._claim is not None:
            self.queue.remove(self._claim.waiting.key)
            self._release()

    def _on_finished(self, event: Finished) -> None:
        self.changed.emit()
        self.finished.emit(event)
        self._follow()

    def _on_failed(self, event: Failed) -> None:
        self._release()
        self.changed.emit()
        self.failed.emit(event)
        if self._stands:
            self._follow()

    def _release(self) -> None:
        claim, self._claim = self._claim, None
        if claim is not None:
            claim.release()

    def _follow(self) -> None:
        if not self.was_stopped and self.job is not None and self.job.project == self._project:
            self.start_next()
