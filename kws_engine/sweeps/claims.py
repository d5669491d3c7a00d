"""Gives each trial to one worker: adds remaining trials, takes a waiting one, and reports that the worker is alive."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from kws_engine.errors import TrainingError
from kws_engine.sweeps import remaining
from kws_engine.sweeps.storage import explained_errors, quieten
from kws_engine.sweeps.study import Sweep, sampler_of

if TYPE_CHECKING:
    import optuna
    from optuna.storages import RDBStorage

_AHEAD = 8
"""Attempts added at once: enough that workers seldom add the same, few enough to begin at once."""


@dataclass(frozen=True)
class TrialClaim:
    """A trial that only this worker runs, and its heartbeat."""

    trial: optuna.Trial
    trial_id: int
    number: int
    retry_of: int | None
    heartbeat: Heartbeat


class Heartbeat:
    """Reports at each interval, in a thread of its own, that the trial's worker is alive.

    A worker that is killed falls silent; after three intervals any other gives up its trial and runs it again.
    """

    def __init__(self, storage: RDBStorage, trial_id: int, *, seconds: float) -> None:
        self._storage = storage
        self._trial_id = trial_id
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(self._seconds):
            try:
                with explained_errors("storage"):
                    self._storage.record_heartbeat(self._trial_id)
            except TrainingError:
                continue  # a server that is away for a moment; the next beat may reach it


def claim(sweep: Sweep, *, total: int) -> TrialClaim | None:
    """A trial to run now; None while others run all that is left, or where nothing is left."""
    from optuna.storages import fail_stale_trials

    quieten()
    with explained_errors(sweep.where):
        fail_stale_trials(sweep.study)
        for trial in remaining.duplicates(sweep.trials()):
            _set_state(sweep, trial.number, "FAIL")
        taken = _take(sweep, total=total)
        if taken is None and _add_remaining(sweep, total=total):
            taken = _take(sweep, total=total)
        return taken


def _take(sweep: Sweep, *, total: int) -> TrialClaim | None:
    for waiting in remaining.distinct(sweep.trials()):
        if waiting.state.name == "WAITING" and waiting.user_attrs[remaining.SLOT] < total:
            # Its first beat comes before it runs: a worker killed in between would leave a trial running for ever.
            trial_id = _id(sweep, waiting.number)
            sweep.storage.record_heartbeat(trial_id)
            if _set_state(sweep, waiting.number, "RUNNING"):
                return _claimed(sweep, waiting, trial_id)
    return None


def _claimed(sweep: Sweep, waiting: optuna.trial.FrozenTrial, trial_id: int) -> TrialClaim:
    import optuna

    slot, attempt = waiting.user_attrs[remaining.SLOT], waiting.user_attrs[remaining.ATTEMPT]
    sweep.study.sampler = sampler_of(sweep.definition, slot=slot, attempt=attempt)
    trial = optuna.Trial(sweep.study, trial_id)
    interval = sweep.storage.get_heartbeat_interval()
    heartbeat = Heartbeat(sweep.storage, trial_id, seconds=float(interval or 60))
    return TrialClaim(trial, trial_id, waiting.number, waiting.user_attrs.get(remaining.RETRY_OF), heartbeat)


def _add_remaining(sweep: Sweep, *, total: int) -> bool:
    import optuna

    found = remaining.next_attempts(sweep.trials(), total=total, most=_AHEAD)
    for one in found:
        sweep.study.add_trial(
            optuna.create_trial(
                state=optuna.trial.TrialState.WAITING,
                params=one.params,
                distributions=one.distributions,
                user_attrs=one.attributes,
            )
        )
    return bool(found)


def _set_state(sweep: Sweep, number: int, state: str) -> bool:
    """Whether this worker was the one to set it: of several that try at once, the storage lets one through."""
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.trial import TrialState

    try:
        return sweep.storage.set_trial_state_values(_id(sweep, number), TrialState[state])
    except UpdateFinishedTrialError:
        return False


def _id(sweep: Sweep, number: int) -> int:
    study_id = sweep.storage.get_study_id_from_name(sweep.name)
    return sweep.storage.get_trial_id_from_study_id_trial_number(study_id, number)
