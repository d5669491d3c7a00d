"""One worker of a sweep: takes a trial, runs it, reports to the study, and repeats that to the end."""

from __future__ import annotations

import math
import platform
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws_engine.errors import KwsError, SpecError, TrainingError
from kws_engine.runs.job import Job
from kws_engine.sweeps import remaining
from kws_engine.sweeps.claims import TrialClaim, claim
from kws_engine.sweeps.events import (
    State,
    SweepEnded,
    SweepEvent,
    SweepFailed,
    SweepStarted,
    Trial,
    TrialEnded,
    TrialEpoch,
    TrialStarted,
)
from kws_engine.sweeps.job import SweepJob
from kws_engine.sweeps.results import best_of, importance_of, trial_of
from kws_engine.sweeps.space import Value, settings_with
from kws_engine.sweeps.storage import explained_errors, quieten, shown
from kws_engine.sweeps.study import Sweep, open_sweep, suggested
from kws_engine.training.events import Epoch, Event, Failed, Finished, Started

if TYPE_CHECKING:
    import optuna

ShouldStop = Callable[[], bool]
_POLL_S = 0.5
_FIRST_FAILURES = 3


@dataclass
class Course:
    """How far a trial's run is, and whether it was asked to end."""

    epochs: list[Epoch] = field(default_factory=list)
    wanted_epochs: int = 0
    ending: Finished | Failed | None = None
    pruned: bool = False
    stopped: bool = False
    lost: bool = False

    @property
    def best(self) -> Epoch | None:
        """The last epoch that was a new best."""
        return next((epoch for epoch in reversed(self.epochs) if epoch.best), None)

    @property
    def whole(self) -> bool:
        """Whether it ran to its own end."""
        cut = self.stopped and len(self.epochs) < self.wanted_epochs
        return isinstance(self.ending, Finished) and not cut


def work(job: SweepJob, should_stop: ShouldStop = lambda: False, *, worker: int = 0) -> Iterator[SweepEvent]:
    """Yields the events of a worker; exactly one ending, `SweepEnded` or `SweepFailed`, is the last of them.

    Runs trials until as many as the job asks for are finished, whoever finished them.
    """
    try:
        sweep = open_sweep(job)
        yield _started(sweep, job)
        stopped = yield from _trials(sweep, job, should_stop, worker)
        yield ended(sweep, stopped=stopped)
    except Exception as error:  # noqa: BLE001 - the worker's edge: every end is an event
        yield _sweep_failed(error)


def _sweep_failed(error: Exception) -> SweepFailed:
    details = "".join(traceback.format_exception(error))
    if isinstance(error, KwsError):
        return SweepFailed(str(error), details, error.kind)
    return SweepFailed(f"The sweep failed: {error or type(error).__name__}", details)


def ended(sweep: Sweep, *, stopped: bool) -> SweepEnded:
    """What the sweep has reached by now."""
    quieten()
    with explained_errors(sweep.where):
        trials = sweep.trials()
        best = best_of(tuple(trial_of(one) for one in remaining.distinct(trials)), by=sweep.definition.by)
        importance = importance_of(sweep.study)
    counts = remaining.finished(trials), len(remaining.failed(trials))
    return SweepEnded(sweep.name, str(sweep.folder.path), best, importance, *counts, stopped)


def _started(sweep: Sweep, job: SweepJob) -> SweepStarted:
    with explained_errors(sweep.where):
        finished = remaining.finished(sweep.trials())
    definition = sweep.definition
    options = {one.path: one.text() for one in definition.space.axes}
    return SweepStarted(
        sweep.name, str(sweep.folder.path), shown(sweep.address), definition.by, job.trials, finished, options
    )


def _trials(sweep: Sweep, job: SweepJob, should_stop: ShouldStop, worker: int) -> Generator[SweepEvent, None, bool]:
    """Trial after trial; returns whether it was asked to stop before the end."""
    while not should_stop():
        with explained_errors(sweep.where):
            trials = sweep.trials()
        if remaining.finished(trials) >= job.trials:
            return False
        _check_failures(trials, job.trials)
        claimed = claim(sweep, total=job.trials)
        if claimed is None:  # others run what is left; one of them may be lost yet
            time.sleep(_POLL_S)
        else:
            with claimed.heartbeat:
                yield from _trial(sweep, job, claimed, should_stop, worker)
    return True


def _check_failures(trials: list[optuna.trial.FrozenTrial], total: int) -> None:
    """Gives up where nothing works.

    Raises:
        TrainingError: The first three failed, or as many as were requested; with the last reason.
    """
    failed = remaining.failed(trials)
    if len(failed) >= (_FIRST_FAILURES if remaining.finished(trials) == 0 else max(_FIRST_FAILURES, total)):
        last = failed[-1].user_attrs[remaining.MESSAGE]
        count = f"The first {len(failed)}" if remaining.finished(trials) == 0 else str(len(failed))
        raise TrainingError(f"{count} trials of the sweep failed, it cannot go on like this. The last one: {last}")


def _trial(
    sweep: Sweep, job: SweepJob, claimed: TrialClaim, should_stop: ShouldStop, worker: int
) -> Iterator[SweepEvent]:
    begun = time.monotonic()
    course = Course()
    quieten()
    with explained_errors(sweep.where):
        options = suggested(claimed.trial, sweep.definition.space.axes)
    yield TrialStarted(worker, claimed.number, options)

    def ends() -> bool:
        return course.pruned or course.lost or _asked(should_stop, course)

    try:
        for event in _run(sweep, job, claimed.number, options, ends):
            _note(sweep, claimed, course, event)
            if isinstance(event, Epoch):
                yield _epoch(worker, claimed.number, course, event)
    except SpecError as error:  # options that no network has
        course.ending = Failed(str(error), kind=error.kind)
    quieten()
    with explained_errors(sweep.where):
        _report(sweep, claimed, course, seconds=time.monotonic() - begun)
        number = claimed.number
        ended = next(trial for trial in sweep.trials() if trial.number == number)
    yield TrialEnded(worker, _without_result(claimed, options) if course.lost else trial_of(ended))


def _run(
    sweep: Sweep, job: SweepJob, number: int, options: dict[str, Value], should_stop: ShouldStop
) -> Iterator[Event]:
    from kws_engine.runs.run import run  # torch is imported only when something trains

    settings = settings_with(sweep.definition.space, options)
    one = Job(
        job.project.absolute(),
        settings.to_dict(),
        seed=sweep.definition.seed,
        threads=job.threads,
        name=f"trial {number}",
        runs_folder=sweep.folder.runs.absolute(),
    )
    yield from run(one, should_stop)


def _asked(should_stop: ShouldStop, course: Course) -> bool:
    course.stopped = course.stopped or should_stop()
    return course.stopped


def _note(sweep: Sweep, claimed: TrialClaim, course: Course, event: Event) -> None:
    """Records an event, in the study what others are to see, and decides on pruning."""
    from optuna.exceptions import UpdateFinishedTrialError

    trial = claimed.trial
    try:
        quieten()
        with explained_errors(sweep.where):
            if isinstance(event, Started):
                course.wanted_epochs = event.epochs
                for name, value in {
                    "run": Path(event.run).name,
                    "machine": platform.node(),
                    "parameters": event.parameters,
                    "macs": event.macs,
                }.items():
                    trial.set_user_attr(name, value)
            elif isinstance(event, Epoch):
                course.epochs.append(event)
                trial.report(_measure(sweep, event), event.epoch)
                course.pruned = event.epoch < course.wanted_epochs and trial.should_prune()
            elif isinstance(event, Finished | Failed):
                course.ending = event
    except UpdateFinishedTrialError:  # silent for too long (a laptop asleep): another worker has it now
        course.lost = True


def _report(sweep: Sweep, claimed: TrialClaim, course: Course, *, seconds: float) -> None:
    """Ends the trial in the study."""
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.trial import TrialState

    try:
        for name, value in _results(course, seconds).items():
            claimed.trial.set_user_attr(name, value)
        if course.best is not None and (course.pruned or course.whole):
            state = TrialState.PRUNED if course.pruned else TrialState.COMPLETE
            value = None if course.pruned else _measure(sweep, course.best)
            sweep.study.tell(claimed.number, value, state)
        else:
            sweep.study.tell(claimed.number, state=TrialState.FAIL)
    except (UpdateFinishedTrialError, ValueError):  # as in `_note`; the study takes no second result
        course.lost = True


def _results(course: Course, seconds: float) -> dict[str, Any]:
    """The trial's user attributes at its end."""
    found: dict[str, Any] = {"seconds": seconds}
    if course.best is not None:
        found |= {
            "best_epoch": course.best.epoch,
            "validation_loss": course.best.validation_loss,
            "validation_accuracy": course.best.validation_accuracy,
        }
    if course.pruned or course.whole:
        return found
    if course.stopped:
        return found | {remaining.STOPPED: True}
    if isinstance(course.ending, Failed):
        return found | {remaining.MESSAGE: course.ending.message, remaining.KIND: course.ending.kind}
    return found | {remaining.MESSAGE: "the run had no epoch that can be measured", remaining.KIND: "other"}


def _measure(sweep: Sweep, epoch: Epoch) -> float:
    value = epoch.validation_loss if sweep.definition.by == "loss" else epoch.validation_accuracy
    return value if math.isfinite(value) else math.nan


def _epoch(worker: int, number: int, course: Course, event: Epoch) -> TrialEpoch:
    return TrialEpoch(
        worker,
        number,
        event.epoch,
        course.wanted_epochs,
        event.train_loss,
        event.validation_loss,
        event.validation_accuracy,
    )


def _without_result(claimed: TrialClaim, options: dict[str, Value]) -> Trial:
    state: State = "lost"
    return Trial(claimed.number, state, options=options, retry_of=claimed.retry_of)
