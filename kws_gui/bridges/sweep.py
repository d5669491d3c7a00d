"""Events of a search's workers as signals; knows no page and no project."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from kws_engine.sweeps.events import (
    SweepEnded,
    SweepEvent,
    SweepFailed,
    SweepStarted,
    TrialEnded,
    TrialEpoch,
    TrialStarted,
    WorkerLost,
)
from kws_engine.sweeps.job import SweepJob
from kws_engine.sweeps.process import SweepProcess

POLL_MS = 100


class SweepBridge(QObject):
    """Runs one sweep at a time in processes of its own; each ends with exactly one of `ended` and `failed`.

    Signals:
        started(SweepStarted), trialStarted(TrialStarted), epochEnded(TrialEpoch), trialEnded(TrialEnded),
        workerLost(WorkerLost): As they come.
        ended(SweepEnded), failed(SweepFailed): The ending.
    """

    started = Signal(object)
    trialStarted = Signal(object)
    epochEnded = Signal(object)
    trialEnded = Signal(object)
    workerLost = Signal(object)
    ended = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: SweepProcess | None = None
        self._leaving: list[SweepProcess] = []
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self._on_tick)
        self._signals = {
            SweepStarted: self.started,
            TrialStarted: self.trialStarted,
            TrialEpoch: self.epochEnded,
            TrialEnded: self.trialEnded,
            WorkerLost: self.workerLost,
            SweepEnded: self.ended,
            SweepFailed: self.failed,
        }

    def is_running(self) -> bool:
        """Whether a sweep has not ended yet."""
        return self._process is not None

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers."""
        return self._process.pids if self._process else []

    def start(self, job: SweepJob, *, workers: int = 1) -> None:
        """Starts a sweep; returns at once.

        Raises:
            RuntimeError: One is running.
        """
        if self._process is not None:
            raise RuntimeError("a sweep is running")
        self._process = SweepProcess(job, workers=workers)
        self._timer.start()

    def stop(self) -> None:
        """Asks politely: running trials end after their step and are done again when the sweep goes on."""
        if self._process is not None:
            self._process.stop()

    def shutdown(self, *, seconds: float = 10.0) -> None:
        """Ends the sweep, politely at first, and returns when the processes are gone."""
        self._timer.stop()
        for process in (*self._leaving, *([self._process] if self._process else [])):
            process.close(seconds=seconds)
        self._leaving.clear()
        self._process = None

    def _on_tick(self) -> None:
        process = self._process
        for event in process.poll() if process else []:
            if isinstance(event, SweepEnded | SweepFailed):
                self._let_go()
            self._tell(event)
        self._leaving = [leaving for leaving in self._leaving if not _is_gone(leaving)]
        if self._process is None and not self._leaving:
            self._timer.stop()

    def _tell(self, event: SweepEvent) -> None:
        self._signals[type(event)].emit(event)

    def _let_go(self) -> None:
        assert self._process is not None
        self._leaving.append(self._process)
        self._process = None


def _is_gone(process: SweepProcess) -> bool:
    if process.is_alive():
        return False
    process.close()
    return True
