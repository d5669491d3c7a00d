"""The run that is being trained, all that it has reported so far, and the queue behind it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from kws_engine.errors import KwsError
from kws_engine.runs.job import Job
from kws_engine.runs.queue import QueueClaim, Waiting
from kws_engine.settings import Settings
from kws_engine.training.events import Epoch, Failed, Finished, Progress, Promised, Skipped, Started
from kws_gui.bridges.training import TrainingBridge, training_threads
from kws_gui.services import remembered
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.run_queue import RunQueue


@dataclass
class LiveRun:
    """A run since this window started it, also after it has ended.

    Attributes:
        folder: None until it has one.
        was_queued: Whether it was started from the queue.
        started: None while its clips are read.
        progress: How far the work before the next epoch, or after the last, is.
        promised: What the model misses and how often it fires falsely; None before that was measured.
        epochs: Those that a resumed run had before, too.
        began_s: On the monotonic clock; moves on by each pause, so that pauses are not counted.
        paused_s: On the monotonic clock; None while the run is not paused.
        writing_s: How long its model and evaluation will take to write: as long as those of the run before.
        trained_s: On the monotonic clock, when its newest epoch came; None before the first.
    """

    job: Job
    folder: Path | None = None
    was_queued: bool = False
    started: Started | None = None
    progress: Progress | None = None
    promised: Promised | None = None
    skipped: list[Skipped] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    began_s: float = field(default_factory=time.monotonic)
    paused_s: float | None = None
    writing_s: float = 0.0
    trained_s: float | None = None
    has_ended: bool = False

    @property
    def settings(self) -> Settings | None:
        """None where this program no longer knows all of them."""
        try:
            return Settings.from_dict(self.job.settings)
        except KwsError:
            return None

    @property
    def has_learned(self) -> bool:
        """Whether it leaves a model when it is stopped now."""
        work = self.progress
        is_prepared = self.started is not None and work is not None and work.done >= work.total
        return bool(self.epochs) or is_prepared

    @property
    def elapsed_s(self) -> float:
        """How long it has run, without its pauses."""
        return (self.paused_s or time.monotonic()) - self.began_s

    @property
    def remaining_s(self) -> float | None:
        """Until its model is written, if it trains all epochs; None before the first has shown how long one takes."""
        if not self.epochs or self.started is None or self.trained_s is None:
            return None
        epoch_s = sum(epoch.seconds for epoch in self.epochs) / len(self.epochs)
        to_do = self.started.epochs - len(self.epochs)
        written_s = 0.0 if to_do else (self.paused_s or time.monotonic()) - self.trained_s
        return epoch_s * to_do + max(self.writing_s - written_s, 0.0)

    def set_paused(self, paused: bool) -> None:
        """Stops or restarts the clock of `elapsed_s`."""
        if paused == (self.paused_s is not None):
            return
        now = time.monotonic()
        if self.paused_s is not None:
            self.began_s += now - self.paused_s
        self.paused_s = now if paused else None


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Attributes:
        was_stopped: Whether a person stopped it.
    """

    run: LiveRun
    event: Finished | Failed
    was_stopped: bool


class Training(QObject):
    """Starts, pauses and stops runs one after another, for the project that is open.

    A queued run stays in the queue until it has started, so that nothing that happens before loses it; meanwhile it is
    claimed, so that no other window starts it too. The next one starts when the one before came to an end, good or
    bad; not when a person stopped it, nor when it could not start: whatever hindered it hinders the next one too.
    When another project is opened, or none, the run is stopped and keeps its best weights.

    Signals:
        began(LiveRun): A run was started; its clips are read first.
        progressed(): The live run has reported something else than an epoch.
        started(): The live run has a folder, and its first epoch begins.
        epochsAdded(list[Epoch]): All that came together; a resumed run reports hundreds at once.
        ended(Ending): Emitted before the next run begins.
        queued(Job): A run waits because another one is running.
        changed(): Something else runs, or it was paused, resumed or stopped.
        gone(): A run that was left has ended.
    """

    began = Signal(object)
    progressed = Signal()
    started = Signal()
    epochsAdded = Signal(list)
    ended = Signal(object)
    queued = Signal(object)
    changed = Signal()
    gone = Signal()

    def __init__(self, project: ProjectModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._project = project
        self._bridge = TrainingBridge(self)
        self.queue = RunQueue(self)
        self._live: LiveRun | None = None
        self._was_stopped = False
        self._claim: QueueClaim | None = None
        self._new_epochs: list[Epoch] = []
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._add_epochs)
        self._connect_bridge()
        project.opened.connect(self._on_opened)
        self._on_opened()

    @property
    def live(self) -> LiveRun | None:
        """The run that was started last, running or not; None before the first."""
        return self._live

    @property
    def is_running(self) -> bool:
        """Whether a run has not ended yet."""
        return self._bridge.is_running()

    @property
    def is_paused(self) -> bool:
        """Whether the run waits until somebody resumes it."""
        return self._bridge.is_paused and not self.is_stopping

    @property
    def is_stopping(self) -> bool:
        """Whether the run was stopped and has not ended yet."""
        return self.is_running and self._was_stopped

    @property
    def pid(self) -> int | None:
        """The process id of the run, or None without one."""
        return self._bridge.pid

    def start(self, job: Job) -> None:
        """Starts a run; none may be running."""
        self._begin(job, None)

    def start_or_queue(self, job: Job) -> None:
        """Starts a run now, or puts it at the end of the queue where one is running."""
        if not self.is_running:
            self.start(job)
        elif self.queue.add(job):
            self.queued.emit(job)

    def start_next(self) -> bool:
        """Starts the first that waits and that no other window starts, if nothing runs; whether there was one."""
        claim = None if self.is_running else self.queue.claim_next()
        if claim is not None:
            job = claim.waiting.job
            self._begin(job if job.threads else replace(job, threads=training_threads()), claim)
        return claim is not None

    def pause(self) -> None:
        """Lets the run wait after its current step."""
        self._bridge.pause()
        self._on_changed()

    def resume(self) -> None:
        """Lets a paused run train on."""
        self._bridge.resume()
        self._on_changed()

    def stop(self) -> None:
        """Ends the run with the best weights so far."""
        self._was_stopped = True
        self._on_changed()
        self._bridge.stop()

    def leave(self) -> None:
        """Ends the run without waiting for its model, which it still writes; the queue stays as it is."""
        was_running = self.is_running
        self._was_stopped = True  # the next one does not start
        self._bridge.leave()
        self._release()
        if was_running and self._live is not None:
            self._add_epochs()
            self._live.has_ended = True
            self._on_changed()

    def shutdown(self, *, seconds: float | None = None) -> None:
        """As `leave`, and returns when every process is gone; with `seconds`, it is ended after that time."""
        self.leave()
        if seconds is None:
            self._bridge.shutdown()
        else:
            self._bridge.shutdown(seconds=seconds)

    # -- the queue

    def waiting(self) -> list[Waiting]:
        """The queue without the run that is just being started from it."""
        starting = self._claim.waiting.key if self._claim else ""
        return [waiting for waiting in self.queue.waiting() if waiting.key != starting]

    def remove(self, waiting: Waiting) -> bool:
        """Takes a run out of the queue, undoable; whether that was stored."""
        at = [one.key for one in self.queue.waiting()].index(waiting.key)
        return self._project.push(
            "Remove from the queue",
            redo=lambda: self.queue.remove(waiting.key),
            undo=lambda: self.queue.add(waiting.job, at=at, key=waiting.key),
        )

    # -- the live run

    def _on_opened(self) -> None:
        if self.is_running:
            self.stop()
        self.queue.open(self._folder())

    def _folder(self) -> Path | None:
        return self._project.project.folder if self._project.project is not None else None

    def _begin(self, job: Job, claim: QueueClaim | None) -> None:
        self._bridge.start(job)
        self._was_stopped = False
        self._live = LiveRun(job, job.resume, was_queued=claim is not None, writing_s=remembered.writing_s())
        self._claim = claim
        self.began.emit(self._live)
        self._on_changed()

    def _on_progress(self, event: Progress) -> None:
        assert self._live is not None
        self._add_epochs()
        self._live.progress = event
        self.progressed.emit()

    def _on_skipped(self, event: Skipped) -> None:
        assert self._live is not None
        self._live.skipped.append(event)
        self.progressed.emit()

    def _on_started(self, event: Started) -> None:
        assert self._live is not None
        self._live.folder = Path(event.run)
        self._live.started = event
        self._live.progress = None
        if self._claim is not None:
            self.queue.remove(self._claim.waiting.key)
            self._release()
        self.started.emit()

    def _on_epoch(self, event: Epoch) -> None:
        self._new_epochs.append(event)
        self._soon.start()

    def _on_promised(self, event: Promised) -> None:
        assert self._live is not None
        self._live.promised = event

    def _add_epochs(self) -> None:
        self._soon.stop()
        epochs, self._new_epochs = self._new_epochs, []
        if epochs and self._live is not None:
            self._live.epochs += epochs
            self._live.trained_s = time.monotonic()
            self._live.progress = None
            self.epochsAdded.emit(epochs)

    def _on_ended(self, event: Finished | Failed) -> None:
        self._add_epochs()
        self._release()
        live = self._live
        assert live is not None
        live.has_ended = True
        if isinstance(event, Finished) and live.trained_s is not None and not self._was_stopped:
            remembered.remember_writing(time.monotonic() - live.trained_s)
        self._on_changed()
        self.ended.emit(Ending(live, event, self._was_stopped))
        could_start = live.started is not None or isinstance(event, Finished)
        if could_start and not self._was_stopped and live.job.project == self._folder():
            self.start_next()

    def _on_changed(self) -> None:
        if self._live is not None:
            self._live.set_paused(self.is_paused)
        self.changed.emit()

    def _release(self) -> None:
        claim, self._claim = self._claim, None
        if claim is not None:
            claim.release()

    def _connect_bridge(self) -> None:
        bridge = self._bridge
        bridge.progressed.connect(self._on_progress)
        bridge.skipped.connect(self._on_skipped)
        bridge.started.connect(self._on_started)
        bridge.epochEnded.connect(self._on_epoch)
        bridge.promised.connect(self._on_promised)
        bridge.finished.connect(self._on_ended)
        bridge.failed.connect(self._on_ended)
        bridge.gone.connect(self.gone)
