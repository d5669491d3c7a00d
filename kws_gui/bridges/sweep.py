"""Events of a search's workers as signals."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject, Signal, SignalInstance

from kws_engine.sweeps.events import (
    SweepEnded,
    SweepFailed,
    SweepStarted,
    TrialEnded,
    TrialEpoch,
    TrialStarted,
    WorkerLost,
)
from kws_engine.sweeps.job import SweepJob
from kws_engine.sweeps.process import SweepProcess
from kws_gui.bridges.process_bridge import ProcessBridge

POLL_MS = 100


class SweepBridge(ProcessBridge[SweepProcess]):
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
        super().__init__(poll_ms=POLL_MS, endings=(SweepEnded, SweepFailed), parent=parent)

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
        self._begin(SweepProcess(job, workers=workers))

    def stop(self) -> None:
        """Asks the workers to end: running trials stop after their step, and are repeated when the sweep is resumed."""
        if self._process is not None:
            self._process.stop()

    def shutdown(self, *, seconds: float = 10.0) -> None:
        """Ends the sweep, politely at first, and returns when its processes are gone."""
        super().shutdown(seconds=seconds)

    def _signals(self) -> Mapping[type, SignalInstance]:
        return {
            SweepStarted: self.started,
            TrialStarted: self.trialStarted,
            TrialEpoch: self.epochEnded,
            TrialEnded: self.trialEnded,
            WorkerLost: self.workerLost,
            SweepEnded: self.ended,
            SweepFailed: self.failed,
        }
