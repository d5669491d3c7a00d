"""The search for better settings: the one that runs or is looked at, its trials so far, and what it found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from kws_engine.sweeps.events import (
    State,
    SweepEnded,
    SweepFailed,
    SweepStarted,
    Trial,
    TrialEnded,
    TrialEpoch,
    TrialStarted,
    WorkerLost,
)
from kws_engine.sweeps.folder import PastSweep, past_sweeps
from kws_engine.sweeps.job import SweepJob
from kws_engine.sweeps.space import Value
from kws_gui.bridges.latest import Latest
from kws_gui.bridges.sweep import SweepBridge
from kws_gui.services.project_model import ProjectModel

if TYPE_CHECKING:
    from kws_engine.sweeps.results import Results

_FINISHED: tuple[State, ...] = ("complete", "pruned", "failed")


@dataclass
class TrialProgress:
    """A trial as far as it has come.

    Attributes:
        epoch: The last epoch that ended, of `epochs`; 0 before the first.
        value: Validation loss or accuracy, whichever the search is by.
        message: Why it failed.
    """

    number: int
    state: State = "running"
    epoch: int = 0
    epochs: int = 0
    value: float | None = None
    options: dict[str, Value] = field(default_factory=dict)
    message: str = ""


class Trials:
    """The trials of one search.

    Attributes:
        paths: The searched options.
        by: What is best: "loss" or "accuracy".
    """

    def __init__(self, paths: Iterable[str] = (), *, by: str = "loss") -> None:
        self.paths = tuple(paths)
        self.by = by
        self._trials: dict[int, TrialProgress] = {}

    def all(self) -> list[TrialProgress]:
        """Every trial, by number."""
        return [self._trials[number] for number in sorted(self._trials)]

    def finished(self) -> int:
        """How many trials need not be repeated when the search is resumed."""
        return sum(trial.state in _FINISHED for trial in self._trials.values())

    def best(self) -> TrialProgress | None:
        """The best complete trial; of equals the first."""
        sign = 1.0 if self.by == "loss" else -1.0
        complete = [trial for trial in self._trials.values() if trial.state == "complete" and trial.value is not None]
        return min(complete, key=lambda trial: (sign * (trial.value or 0.0), trial.number), default=None)

    def begin(self, event: TrialStarted) -> TrialProgress:
        """A worker has begun a trial."""
        return self._put(TrialProgress(event.number, options=dict(event.options)))

    def advance(self, event: TrialEpoch) -> TrialProgress:
        """An epoch of a trial has ended."""
        trial = self._trials.get(event.number) or TrialProgress(event.number)
        trial.state = "running"
        trial.epoch = event.epoch
        trial.epochs = event.epochs
        trial.value = event.validation_loss if self.by == "loss" else event.validation_accuracy
        return self._put(trial)

    def end(self, trial: Trial) -> TrialProgress:
        """A trial has its result."""
        return self._put(
            TrialProgress(
                trial.number,
                trial.state,
                value=trial.value,
                options=dict(trial.options),
                message=trial.message,
            )
        )

    def add_past(self, trials: Iterable[Trial]) -> None:
        """Adds trials that were read; those that are here already are newer."""
        for trial in trials:
            if trial.number not in self._trials and trial.state != "waiting":
                self.end(trial)

    def stop_running(self) -> None:
        """The workers are gone: what was running is repeated when the search is resumed."""
        for trial in self._trials.values():
            if trial.state == "running":
                trial.state = "stopped"

    def _put(self, trial: TrialProgress) -> TrialProgress:
        self._trials[trial.number] = trial
        return trial


class Searching(QObject):
    """One search at a time: a running one stays chosen until it ends. Files are read off the GUI thread.

    Signals:
        changed(): A search was started, has its name and options, is being stopped, or has ended.
        chosen(): `name` is another search, or the trials begin anew; also when another project was opened.
        listed(): `past` was read anew.
        read(): `results` were read anew, and their trials added.
        readFailed(sentence, details): The chosen search could not be read.
        trialChanged(TrialProgress): A trial began, advanced or ended.
        workerLost(sentence): A worker's process vanished; the others carry on.
        ended(SweepEnded), failed(SweepFailed): The end of the running search.
    """

    changed = Signal()
    chosen = Signal()
    listed = Signal()
    read = Signal()
    readFailed = Signal(str, str)
    trialChanged = Signal(object)
    workerLost = Signal(str)
    ended = Signal(object)
    failed = Signal(object)

    def __init__(self, project: ProjectModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._project = project
        self._name = ""
        self._address = ""
        self._job: SweepJob | None = None
        self._is_stopping = False
        self._has_started = False
        self._past: list[PastSweep] = []
        self._results: Results | None = None
        self._trials = Trials()
        self._bridge = SweepBridge(self)
        self._listing = Latest(self)
        self._reading = Latest(self)
        self._connect()
        self._on_opened()

    # -- what there is

    @property
    def is_running(self) -> bool:
        """Whether a search has not ended yet."""
        return self._bridge.is_running()

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to stop and has not ended yet."""
        return self.is_running and self._is_stopping

    @property
    def has_started(self) -> bool:
        """Whether the running search has its name and options: its first workers are ready."""
        return self.is_running and self._has_started

    @property
    def is_reading(self) -> bool:
        """Whether `past` or `results` are about to change."""
        return self._listing.is_working() or self._reading.is_working()

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers."""
        return self._bridge.pids

    @property
    def name(self) -> str:
        """The search that runs or is looked at; empty for a new one."""
        return self._name

    @property
    def job(self) -> SweepJob | None:
        """What was started last in this project."""
        return self._job

    @property
    def past(self) -> list[PastSweep]:
        """The searches of the project, the newest first."""
        return list(self._past)

    @property
    def chosen_past(self) -> PastSweep | None:
        """The search `name`, where its folder was read already."""
        return next((past for past in self._past if past.name == self._name), None)

    @property
    def results(self) -> Results | None:
        """What the search `name` found, where that was read already."""
        return self._results

    @property
    def trials(self) -> Trials:
        """The trials of the search `name`."""
        return self._trials

    # -- what can be done

    def choose(self, name: str, *, address: str = "") -> None:
        """Looks at a past search, or at a new one for an empty name; not while one runs.

        `address` is that of its database; empty for a file in the project.
        """
        if self.is_running:
            return
        self._name = name
        self._begin_trials(Trials())
        self.read_results(address)

    def read_results(self, address: str) -> None:
        """Reads what the search `name` found, from the database at that address or a file in the project."""
        self._address = address
        project = self._project.project
        if project is None or not self._name:
            self._reading.cancel()
            return
        folder = project.folder
        name = self._name
        self._reading.ask(lambda _progress, _should_stop: _read_results(folder, name, address))

    def start(self, job: SweepJob, *, workers: int = 1) -> None:
        """Starts or resumes a search; returns at once.

        Raises:
            RuntimeError: One is running.
        """
        self._bridge.start(job, workers=workers)
        self._job = job
        self._is_stopping = False
        self._has_started = False
        self.changed.emit()

    def stop(self) -> None:
        """Asks the search to end; trials that run are repeated when it is resumed."""
        self._is_stopping = True
        self.changed.emit()
        self._bridge.stop()

    def end(self) -> None:
        """Ends the search and returns when its processes are gone; what is finished is on disk."""
        was_running = self.is_running
        self._bridge.shutdown()
        self._trials.stop_running()
        if was_running:
            self.changed.emit()

    def shutdown(self) -> None:
        """Ends the search and all reading for good."""
        self.end()
        self._listing.shutdown()
        self._reading.shutdown()

    # -- the search that runs

    def _on_started(self, event: SweepStarted) -> None:
        assert self._job is not None
        self._has_started = True
        if event.name != self._name or self._trials.paths != tuple(event.options):
            self._name = event.name
            self._begin_trials(Trials(event.options, by=event.by))
        self._list()
        self.read_results(self._job.storage)  # the trials of a search that is resumed
        self.changed.emit()

    def _on_trial_started(self, event: TrialStarted) -> None:
        self.trialChanged.emit(self._trials.begin(event))

    def _on_epoch(self, event: TrialEpoch) -> None:
        self.trialChanged.emit(self._trials.advance(event))

    def _on_trial_ended(self, event: TrialEnded) -> None:
        self.trialChanged.emit(self._trials.end(event.trial))

    def _on_lost(self, event: WorkerLost) -> None:
        self.workerLost.emit(f"{event.message}.")

    def _on_ended(self, event: SweepEnded) -> None:
        self._on_over()
        self.ended.emit(event)

    def _on_failed(self, event: SweepFailed) -> None:
        self._on_over()
        self.failed.emit(event)

    def _on_over(self) -> None:
        self._trials.stop_running()
        self._list()
        self.read_results(self._address)
        self.changed.emit()

    # -- reading

    def _on_opened(self) -> None:
        self._name = ""
        self._job = None
        self._past = []
        self._reading.cancel()
        self._list()
        self._begin_trials(Trials())

    def _begin_trials(self, trials: Trials) -> None:
        self._results = None
        self._trials = trials
        self.chosen.emit()

    def _list(self) -> None:
        project = self._project.project
        if project is None:
            self._listing.cancel()
            return
        folder = project.folder
        self._listing.ask(lambda _progress, _should_stop: past_sweeps(folder))

    def _on_listed(self, past: list[PastSweep]) -> None:
        self._past = past
        self.listed.emit()

    def _on_read(self, results: Results) -> None:
        paths = tuple(axis.path for axis in results.axes)
        if self._trials.paths != paths:
            self._trials = Trials(paths, by=results.by)
        self._results = results
        self._trials.add_past(results.trials)
        self.read.emit()

    def _connect(self) -> None:
        self._bridge.started.connect(self._on_started)
        self._bridge.trialStarted.connect(self._on_trial_started)
        self._bridge.epochEnded.connect(self._on_epoch)
        self._bridge.trialEnded.connect(self._on_trial_ended)
        self._bridge.workerLost.connect(self._on_lost)
        self._bridge.ended.connect(self._on_ended)
        self._bridge.failed.connect(self._on_failed)
        self._listing.answered.connect(self._on_listed)
        self._listing.failed.connect(self.readFailed)
        self._reading.answered.connect(self._on_read)
        self._reading.failed.connect(self.readFailed)
        self._project.opened.connect(self._on_opened)


def _read_results(project: Path, name: str, address: str) -> Results:
    from kws_engine.sweeps.results import results  # optuna loads here, off the GUI thread, at first use

    return results(project, name, storage=address)
