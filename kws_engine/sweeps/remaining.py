"""Which trials a sweep still has to run, by plain rules over those that exist.

A sweep of 30 trials has 30 remaining. A slot is filled by attempts 0, 1, ...: the next one exists only because the one
before failed (then with new options) or was stopped or lost (then with the same). Workers add attempts independently of
each other; where two add the same one, the lower number counts and the other is dropped before anybody runs it.

slot 0   #0 complete
slot 1   #1 lost, its worker killed  →  #4 complete, the same options
slot 2   #2 failed, no such network  →  #5 running, new options     (#6, the same attempt again: dropped)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kws_engine.sweeps.events import State

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

SLOT, ATTEMPT, RETRY_OF = "slot", "attempt", "retry_of"
MESSAGE, KIND, STOPPED = "message", "kind", "stopped"
_LOST_BEFORE_FAILED = 3
"""A set of options that crashed this many workers (by the memory it needs, say) is not tried again."""


@dataclass(frozen=True)
class RemainingTrial:
    """A trial to be added, with the options of the one that it repeats, if any."""

    slot: int
    attempt: int = 0
    params: dict[str, Any] = field(default_factory=dict)
    distributions: dict[str, BaseDistribution] = field(default_factory=dict)
    retry_of: int | None = None

    @property
    def attributes(self) -> dict[str, Any]:
        """The trial's user attributes."""
        again = {} if self.retry_of is None else {RETRY_OF: self.retry_of}
        return {SLOT: self.slot, ATTEMPT: self.attempt, **again}


def by_slot(trials: Sequence[FrozenTrial]) -> dict[int, list[FrozenTrial]]:
    """The attempts at each slot in their order, each once."""
    found: dict[int, dict[int, FrozenTrial]] = {}
    for trial in sorted(trials, key=lambda one: one.number):
        if SLOT in trial.user_attrs:
            found.setdefault(trial.user_attrs[SLOT], {}).setdefault(trial.user_attrs[ATTEMPT], trial)
    return {slot: [attempts[number] for number in sorted(attempts)] for slot, attempts in sorted(found.items())}


def distinct(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Every attempt once, by number."""
    return sorted((one for attempts in by_slot(trials).values() for one in attempts), key=lambda one: one.number)


def state_of(trial: FrozenTrial) -> State:
    """A trial's state in a sweep's terms."""
    name = trial.state.name
    if name == "FAIL":
        return "failed" if MESSAGE in trial.user_attrs else "stopped" if STOPPED in trial.user_attrs else "lost"
    states: dict[str, State] = {
        "COMPLETE": "complete",
        "PRUNED": "pruned",
        "RUNNING": "running",
        "WAITING": "waiting",
    }
    return states[name]


def finished(trials: Sequence[FrozenTrial]) -> int:
    """How many slots are filled."""
    return sum(state_of(attempts[-1]) in ("complete", "pruned") for attempts in by_slot(trials).values())


def failed(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that failed by their options or by what they met, not by being stopped or lost."""
    return [trial for trial in distinct(trials) if state_of(trial) == "failed"]


def next_attempts(trials: Sequence[FrozenTrial], *, total: int, most: int) -> list[RemainingTrial]:
    """The attempts to be added next, so that every slot below `total` has one that waits, runs or is finished."""
    known = by_slot(trials)
    found = []
    for slot in range(total):
        attempts = known.get(slot, [])
        if not attempts:
            found.append(RemainingTrial(slot))
        elif attempts[-1].state.name == "FAIL":
            found.append(_next(slot, attempts))
        if len(found) == most:
            break
    return found


def _next(slot: int, attempts: list[FrozenTrial]) -> RemainingTrial:
    last = attempts[-1]
    lost = [one for one in attempts if state_of(one) == "lost" and one.params == last.params]
    if state_of(last) == "failed" or len(lost) >= _LOST_BEFORE_FAILED:
        return RemainingTrial(slot, len(attempts))
    return RemainingTrial(slot, len(attempts), dict(last.params), dict(last.distributions), last.number)


def duplicates(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Those that wait although another with a lower number is the same attempt."""
    counts = {trial.number for trial in distinct(trials)}
    return [trial for trial in trials if trial.state.name == "WAITING" and trial.number not in counts]
