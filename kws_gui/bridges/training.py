"""Events of a training process as signals."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject, Signal, SignalInstance

from kws_engine.processors import cores
from kws_engine.runs.job import Job
from kws_engine.runs.process import TrainingProcess
from kws_engine.training.events import Epoch, Event, Failed, Finished, Progress, Promised, Skipped, Started
from kws_gui.bridges.process_bridge import ProcessBridge

POLL_MS = 50
_PATIENCE_S = 600.0  # so long may writing the model take on a machine that is busy or slow
_STOPPED_EARLY = "The run was stopped before it began: nothing was trained, start it again"


class TrainingBridge(ProcessBridge[TrainingProcess]):
    """Runs one job at a time in a process of its own; every run ends with exactly one of `finished` and `failed`.

    Signals:
        progressed(Progress), skipped(Skipped), started(Started), epochEnded(Epoch), promised(Promised): As they come.
        finished(Finished), failed(Failed): The ending; a process that vanished fails, too.
    """

    progressed = Signal(object)
    skipped = Signal(object)
    started = Signal(object)
    epochEnded = Signal(object)
    promised = Signal(object)
    finished = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(poll_ms=POLL_MS, endings=(Finished, Failed), parent=parent)
        self._has_started = False

    @property
    def pid(self) -> int | None:
        """The process id of the run, or None without one."""
        return self._process.pid if self._process else None

    def start(self, job: Job) -> None:
        """Starts a run; returns at once.

        Raises:
            RuntimeError: One is running.
        """
        if self._process is not None:
            raise RuntimeError("a run is running")
        self._has_started = False
        self._begin(TrainingProcess(job))

    @property
    def is_paused(self) -> bool:
        """Whether the run waits, or will after its current step."""
        return self._process is not None and self._process.is_paused

    def pause(self) -> None:
        """Halts the run after its current step; its process stays, with everything in memory."""
        if self._process is not None:
            self._process.pause()

    def resume(self) -> None:
        """Resumes a paused run."""
        if self._process is not None:
            self._process.resume()

    def stop(self) -> None:
        """Asks politely: the run ends after its current step with the best weights so far.

        One that is still reading its clips has nothing to lose and ends at once.
        """
        if self._process is None:
            return
        if self._has_started:
            self._process.stop()
            return
        self._end_at_once()
        self.failed.emit(Failed(_STOPPED_EARLY, kind="stopped"))

    def leave(self) -> None:
        """Lets the run end in its own time, with a model of the best weights so far, and reports nothing of it."""
        self._on_tick()  # it may have started by now
        if self._process is not None and not self._has_started:
            self._end_at_once()
        super().leave()

    def shutdown(self, *, seconds: float = _PATIENCE_S) -> None:
        """Ends the run, politely at first, and returns when the process has ended.

        A process that is slow is waited for: the model of the best weights so far is what the person was promised.
        """
        self.leave()
        super().shutdown(seconds=seconds)

    def _end_at_once(self) -> None:
        """It has nothing to lose yet."""
        assert self._process is not None
        self._process.close(seconds=0)
        self._process = None

    def _emit(self, event: Event) -> None:
        self._has_started = self._has_started or isinstance(event, Started)
        super()._emit(event)

    def _signals(self) -> Mapping[type, SignalInstance]:
        return {
            Progress: self.progressed,
            Skipped: self.skipped,
            Started: self.started,
            Epoch: self.epochEnded,
            Promised: self.promised,
            Finished: self.finished,
            Failed: self.failed,
        }


def training_threads() -> int:
    """Torch's threads for a run beside the window: one core stays free for it."""
    return max(1, cores() - 1)
