"""What a sweep has found: its trials, the best, what mattered, and the lines of a plot."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kws_engine.clips.project import Project
from kws_engine.settings import Settings
from kws_engine.sweeps import remaining
from kws_engine.sweeps.events import Trial
from kws_engine.sweeps.folder import SweepFolder
from kws_engine.sweeps.space import Axis, Space, settings_with
from kws_engine.sweeps.storage import as_written, explained_errors, quieten
from kws_engine.training.old_failures import stored_kind

if TYPE_CHECKING:
    import optuna

FEWEST_FOR_IMPORTANCE = 5
_TICKS = 5


@dataclass(frozen=True)
class Results:
    """A sweep as it is now.

    Attributes:
        wanted: Trials requested.
        importance: Share of each option in what makes a trial good, largest first; empty for fewer than 5 complete
            trials.
    """

    name: str
    by: str
    wanted: int
    trials: tuple[Trial, ...]
    space: Space
    best: Trial | None
    importance: dict[str, float]

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The options that are searched."""
        return self.space.axes

    def settings_of(self, trial: Trial) -> Settings:
        """All options of a trial, to fill a form with.

        Raises:
            SpecError: They no longer fit the program's options.
        """
        return settings_with(self.space, trial.options)


@dataclass(frozen=True)
class ParallelAxis:
    """One vertical line of a parallel-coordinates plot; the last one is the value itself.

    Attributes:
        ticks: Position, 0 at the bottom to 1, and text.
    """

    path: str
    title: str
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class ParallelLine:
    """One trial in the plot.

    Attributes:
        positions: One an axis, 0 to 1.
        goodness: 1 for the best value of the sweep, 0 for the worst.
    """

    number: int
    state: str
    positions: tuple[float, ...]
    goodness: float


@dataclass(frozen=True)
class Parallel:
    """A parallel-coordinates plot in plain numbers."""

    axes: tuple[ParallelAxis, ...]
    lines: tuple[ParallelLine, ...]


def results(project: Path, name: str, *, storage: str = "") -> Results:
    """Reads a sweep's storage, also while it runs; loads optuna.

    Raises:
        ProjectError, TrainingError: There is no such sweep, or its storage cannot be used.
    """
    from kws_engine.sweeps.study import read_sweep

    sweep = read_sweep(Project.open(project), name, address=storage)
    quieten()
    with as_written(sweep.where), explained_errors(sweep.where):
        found = sweep.trials()
        importance = importance_of(sweep.study)
        trials = tuple(trial_of(one) for one in remaining.distinct(found))
    past = SweepFolder.of(project, name).read()
    wanted = past.trials if past else len(remaining.by_slot(found))
    definition = sweep.definition
    best = best_of(trials, by=definition.by)
    return Results(name, definition.by, wanted, trials, definition.space, best, importance)


def trial_of(trial: optuna.trial.FrozenTrial) -> Trial:
    """A study's trial in a sweep's terms."""
    stored = trial.user_attrs
    value = trial.value if trial.values else None
    return Trial(
        number=trial.number,
        state=remaining.state_of(trial),
        value=value if value is not None and math.isfinite(value) else None,
        options=dict(trial.params),
        run=stored.get("run", ""),
        machine=stored.get("machine", ""),
        message=stored.get(remaining.MESSAGE, ""),
        parameters=stored.get("parameters", 0),
        macs=stored.get("macs", 0),
        best_epoch=stored.get("best_epoch", 0),
        seconds=stored.get("seconds", 0.0),
        validation_loss=stored.get("validation_loss"),
        validation_accuracy=stored.get("validation_accuracy"),
        retry_of=stored.get(remaining.RETRY_OF),
        kind=stored_kind(stored.get(remaining.KIND), stored[remaining.MESSAGE])
        if remaining.MESSAGE in stored
        else None,
    )


def best_of(trials: Sequence[Trial], *, by: str) -> Trial | None:
    """The complete trial with the lowest loss or the highest accuracy; the earlier of two alike."""
    sign = 1.0 if by == "loss" else -1.0
    complete = [
        (sign * one.value, one.number, one) for one in trials if one.state == "complete" and one.value is not None
    ]
    return min(complete, key=lambda one: one[:2])[2] if complete else None


def importance_of(study: optuna.Study) -> dict[str, float]:
    """Share of each option in what sets good trials apart from the others, largest first (PED-ANOVA, Watanabe 2023).

    Needs no further library, unlike fANOVA, which takes scikit-learn's forests. Complete trials only; of fewer than
    five, or of results that are all alike, there is no importance.
    """
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
    from optuna.trial import TrialState

    if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) < FEWEST_FOR_IMPORTANCE:
        return {}
    quieten()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Target and region quantiles select the same")
        try:
            found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
        except UserWarning:
            return {}
    if not all(math.isfinite(share) for share in found.values()):
        return {}
    return {path: float(share) for path, share in sorted(found.items(), key=lambda one: -one[1])}


def parallel(found: Results) -> Parallel:
    """The lines of every finished trial: one axis an option, in the order of their importance, and the value last."""
    shown = [one for one in found.trials if _is_drawn(one, found.axes)]
    order = sorted(found.axes, key=lambda one: -found.importance.get(one.path, 0.0))
    values = [one.value for one in shown if one.value is not None]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    lines = []
    for one, value in zip(shown, values, strict=True):
        place = _place(value, low, high, log=False)
        positions = tuple(_position(axis, one.options[axis.path]) for axis in order)
        lines.append(
            ParallelLine(one.number, one.state, (*positions, place), 1 - place if found.by == "loss" else place)
        )
    title = "Validation loss" if found.by == "loss" else "Validation accuracy"
    last = ParallelAxis("", title, _ticks(low, high, log=False, whole=False))
    return Parallel((*(_axis(one) for one in order), last), tuple(lines))


def _is_drawn(trial: Trial, axes: Sequence[Axis]) -> bool:
    """Whether a trial has a value, and one for each option that its axis can place."""
    if trial.state not in ("complete", "pruned") or trial.value is None:
        return False
    return all(_has_place(axis, trial.options.get(axis.path)) for axis in axes)


def _has_place(axis: Axis, value: float | str | None) -> bool:
    if axis.kind == "choice":
        return value in axis.choices
    return isinstance(value, int | float) and (not axis.log or value > 0)


def _axis(axis: Axis) -> ParallelAxis:
    if axis.kind == "choice":
        ticks = tuple((_position(axis, choice), choice) for choice in axis.choices)
    else:
        ticks = _ticks(axis.low, axis.high, log=axis.log, whole=axis.kind == "int")
    return ParallelAxis(axis.path, axis.title, ticks)


def _position(axis: Axis, value: float | str) -> float:
    if isinstance(value, str):
        return axis.choices.index(value) / max(1, len(axis.choices) - 1)
    return _place(value, axis.low, axis.high, log=axis.log)


def _place(value: float, low: float, high: float, *, log: bool) -> float:
    if high <= low:
        return 0.5
    if log:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _ticks(low: float, high: float, *, log: bool, whole: bool) -> tuple[tuple[float, str], ...]:
    """A few values, evenly spaced on the axis; of whole numbers, those next to them."""
    if high <= low:
        return ((0.5, f"{low:.3g}"),)
    ticks: dict[str, float] = {}
    for number in range(_TICKS):
        share = number / (_TICKS - 1)
        value = low * (high / low) ** share if log else low + share * (high - low)
        value = round(value) if whole else value
        ticks.setdefault(f"{value:.3g}" if not whole else str(int(value)), _place(value, low, high, log=log))
    return tuple((position, text) for text, position in ticks.items())
