"""Gives each trial to one worker: adds what is owed, takes what waits, and says that it lives; knows no training."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from kws_engine.errors import TrainingError
from kws_engine.sweeps import remaining as slots
from kws_engine.sweeps.storage import in_words, quiet
from kws_engine.sweeps.study import Sweep, sampler_of

if TYPE_CHECKING:
    import optuna
    from optuna.storages import RDBStorage

_AHEAD = 8
"""Attempts added at once: enough that workers seldom add the same, few enough to begin at once."""


@dataclass(frozen=True)
class Claim:
    """A trial that this worker alone runs, and its sign of life."""

    trial: optuna.Trial
    trial_id: int
    number: int
    retry_of: int | None
    heart: Heart


class Heart:
    """Says at each interval, in a thread of its own, that the trial's worker lives.

    A worker that is killed says nothing more; after three intervals any other gives up its trial and does it again.
    """

    def __init__(self, storage: RDBStorage, trial_id: int, *, seconds: float) -> None:
        self._storage = storage
        self._trial_id = trial_id
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Heart:
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
                with in_words("storage"):
                    self._storage.record_heartbeat(self._trial_id)
            except TrainingError:
                continue  # a server that is away for a moment; the next beat may reach it


def claim(sweep: Sweep, *, total: int) -> Claim | None:
    """A trial to run now; None while others run all that is left, or where nothing is left."""
    from optuna.storages import fail_stale_trials

    with in_words(sweep.where), quiet():
        fail_stale_trials(sweep.study)
        for trial in slots.dropped(sweep.trials()):
            _set_state(sweep, trial.number, "FAIL")
        taken = _take(sweep, total=total)
        if taken is None and _add_owed(sweep, total=total):
            taken = _take(sweep, total=total)
        return taken


def _take(sweep: Sweep, *, total: int) -> Claim | None:
    for waiting in slots.counting(sweep.trials()):
        if waiting.state.name == "WAITING" and waiting.user_attrs[slots.SLOT] < total:
            # Its first beat comes before it runs: a worker killed in between would leave a trial that nobody misses.
            trial_id = _id(sweep, waiting.number)
            sweep.storage.record_heartbeat(trial_id)
            if _set_state(sweep, waiting.number, "RUNNING"):
                return _claimed(sweep, waiting, trial_id)
    return None


def _claimed(sweep: Sweep, waiting: optuna.trial.FrozenTrial, trial_id: int) -> Claim:
    import optuna

    slot, attempt = waiting.user_attrs[slots.SLOT], waiting.user_attrs[slots.ATTEMPT]
    sweep.study.sampler = sampler_of(sweep.definition, slot=slot, attempt=attempt)
    trial = optuna.Trial(sweep.study, trial_id)
    interval = sweep.storage.get_heartbeat_interval()
    heart = Heart(sweep.storage, trial_id, seconds=float(interval or 60))
    return Claim(trial, trial_id, waiting.number, waiting.user_attrs.get(slots.RETRY_OF), heart)


def _add_owed(sweep: Sweep, *, total: int) -> bool:
    import optuna

    found = slots.owed(sweep.trials(), total=total, most=_AHEAD)
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
