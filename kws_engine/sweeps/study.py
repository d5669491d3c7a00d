"""Finds or makes a sweep's study in its storage, with its sampler and its pruner."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kws_engine.clips.project import Project
from kws_engine.errors import SpecError, TrainingError
from kws_engine.sweeps.definition import Definition, defined, epochs_of
from kws_engine.sweeps.folder import SweepFolder, past_sweeps
from kws_engine.sweeps.job import SweepJob, name_of
from kws_engine.sweeps.space import Axis, Value
from kws_engine.sweeps.storage import as_written, explained_errors, open_storage, quieten, shown

if TYPE_CHECKING:
    import optuna
    from optuna.storages import RDBStorage

DEFINITION = "definition"
_STARTUP_TRIALS = 10
_PRUNED_FROM_TRIAL = 5


@dataclass(frozen=True)
class Sweep:
    """An open sweep: its study exists and holds its definition."""

    name: str
    folder: SweepFolder
    definition: Definition
    study: optuna.Study
    storage: RDBStorage
    address: str

    @property
    def where(self) -> str:
        """The storage, for messages."""
        return shown(self.address) or str(self.folder.study)

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """Every trial as it is now."""
        return self.study.get_trials(deepcopy=False)


def open_sweep(job: SweepJob) -> Sweep:
    """The sweep that the job names or describes, made if it does not exist; loads optuna.

    Raises:
        SpecError: Options that do not fit, or a name that another sweep has.
        ProjectError, TrainingError: The project or the storage cannot be used.
    """
    project = Project.open(job.project)
    wanted = defined(job, project) if job.assignments else None
    if wanted is None:
        return _checked(_known(project, job), project)
    for name in _names(job, wanted):
        sweep = _opened(project, job, name, wanted)
        if sweep.definition.is_same(wanted):
            sweep.folder.write(definition=wanted.to_dict(), storage=shown(job.storage), trials=job.trials)
            return sweep
        if job.name:
            raise SpecError(
                f"The sweep {name!r} has other options, settings or another seed: give this one another name, "
                f"or resume that one by its name alone"
            )
    raise AssertionError("names never end")


def read_sweep(project: Project, name: str, *, address: str = "") -> Sweep:
    """An existing sweep, for reading only.

    Raises:
        TrainingError: There is none of that name, or its storage cannot be used.
    """
    folder = SweepFolder.of(project.folder, name)
    return _existing(folder, address or _address_of(project, folder), read_only=True)


def sampler_of(definition: Definition, *, slot: int, attempt: int) -> optuna.samplers.BaseSampler:
    """What proposes a trial's options: chance for the first trials, then TPE (Bergstra et al. 2011).

    Seeded by the slot, so that the same sweep tries the same first options on however many workers. Trials that still
    run count as bad ones ("constant liar"), so that workers do not crowd at one place.
    """
    import numpy as np
    from optuna.samplers import TPESampler

    seed = int(np.random.SeedSequence((definition.seed, slot, attempt)).generate_state(1)[0])
    quieten()
    return TPESampler(seed=seed, constant_liar=True, n_startup_trials=_STARTUP_TRIALS)


def pruner_of(definition: Definition) -> optuna.pruners.BasePruner:
    """What ends a trial early; never in the first quarter of its epochs, where the learning rate still rises."""
    from optuna.pruners import HyperbandPruner, MedianPruner, NopPruner

    epochs = epochs_of(definition)
    first = max(1, epochs // 4)
    if definition.pruning == "median":
        return MedianPruner(n_startup_trials=_PRUNED_FROM_TRIAL, n_warmup_steps=first - 1)
    if definition.pruning == "hyperband":
        return HyperbandPruner(min_resource=first, max_resource=epochs)
    return NopPruner()


def suggested(trial: optuna.Trial, axes: tuple[Axis, ...]) -> dict[str, Value]:
    """The trial's value of each option."""
    return {one.path: _suggested(trial, one) for one in axes}


def _suggested(trial: optuna.Trial, axis: Axis) -> Value:
    if axis.kind == "choice":
        return str(trial.suggest_categorical(axis.path, axis.choices))
    if axis.kind == "int":
        step = int(axis.step or 1)
        return trial.suggest_int(axis.path, int(axis.low), int(axis.high), step=step, log=axis.log)
    return trial.suggest_float(axis.path, axis.low, axis.high, step=axis.step, log=axis.log)


def _names(job: SweepJob, wanted: Definition) -> Any:
    if job.name:
        return [job.name]
    first = name_of(sorted(one.path for one in wanted.space.axes))
    return itertools.chain([first], (f"{first}-{number}" for number in itertools.count(2)))


def _opened(project: Project, job: SweepJob, name: str, wanted: Definition) -> Sweep:
    """The study of that name; a new one gets the wanted definition."""
    import optuna

    folder = SweepFolder.of(project.folder, name)
    if not job.storage:
        past = folder.read()
        if past is not None and past.storage:
            raise SpecError(f"The sweep {name!r} is kept at {past.storage}: give --storage, or another name")
        folder.make()
    storage = open_storage(folder.study, job.storage, heartbeat_s=job.heartbeat_s)
    quieten()
    with explained_errors(shown(job.storage) or str(folder.study)):
        direction: Literal["minimize", "maximize"] = "minimize" if wanted.by == "loss" else "maximize"
        pruner = pruner_of(wanted)
        study = optuna.create_study(
            storage=storage, study_name=name, direction=direction, pruner=pruner, load_if_exists=True
        )
        if DEFINITION not in study.user_attrs:
            study.set_user_attr(DEFINITION, wanted.to_text())
        definition = Definition.from_text(study.user_attrs[DEFINITION])
        return Sweep(name, folder, definition, study, storage, job.storage)


def _known(project: Project, job: SweepJob) -> Sweep:
    """The sweep that a job without ranges means: the one named, or the only one."""
    name = job.name or _only(project, job)
    folder = SweepFolder.of(project.folder, name)
    address = job.storage or _address_of(project, folder)
    sweep = _existing(folder, address, heartbeat_s=job.heartbeat_s)
    folder.write(definition=sweep.definition.to_dict(), storage=shown(address), trials=job.trials)
    return sweep


def _address_of(project: Project, folder: SweepFolder) -> str:
    """The address of a sweep's database as its folder records it, without a password; empty for the file in the folder.

    Raises:
        TrainingError: The folder holds no sweep.
    """
    past = folder.read()
    if past is not None and past.storage:
        return past.storage
    if not folder.study.is_file():
        raise TrainingError(f"There is no sweep {folder.name!r} in {project.folder}: start it with --set")
    return ""


def _existing(folder: SweepFolder, address: str, *, heartbeat_s: int | None = None, read_only: bool = False) -> Sweep:
    import optuna

    storage = open_storage(folder.study, address, heartbeat_s=heartbeat_s, read_only=read_only)
    where = shown(address) or str(folder.study)
    quieten()
    with as_written(where), explained_errors(where):
        try:
            study = optuna.load_study(study_name=folder.name, storage=storage)
            definition = Definition.from_text(study.user_attrs[DEFINITION])
        except KeyError:
            missing_at = shown(address) or str(folder.path)
            raise TrainingError(f"There is no sweep {folder.name!r} at {missing_at}: start it with --set") from None
        study.pruner = pruner_of(definition)
        return Sweep(folder.name, folder, definition, study, storage, address)


def _only(project: Project, job: SweepJob) -> str:
    if job.storage:
        storage = open_storage(Path(), job.storage)
        with explained_errors(shown(job.storage)):
            names = [study.study_name for study in storage.get_all_studies()]
    else:
        names = [past.name for past in past_sweeps(project.folder)]
    if len(names) == 1:
        return names[0]
    if not names:
        raise SpecError("There is nothing to search: give at least one range, as in --set model.width=0.5:2")
    raise SpecError(f"There are several sweeps, {', '.join(sorted(names))}: name the one to resume with --name")


def _checked(sweep: Sweep, project: Project) -> Sweep:
    if set(sweep.definition.words) != set(project.words):
        theirs = ", ".join(sweep.definition.words)
        raise TrainingError(f"The sweep {sweep.name!r} is of a project with the words {theirs}: open that project")
    return sweep
