"""Describes searches and trials, and uses a trial's settings or its model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kws_engine.augment import AUGMENTATIONS
from kws_engine.errors import KwsError
from kws_engine.regularizers import REGULARIZERS
from kws_engine.sweeps.folder import SweepFolder
from kws_gui.runs.rows import counted
from kws_gui.services.project_model import ProjectModel

if TYPE_CHECKING:
    from kws_engine.sweeps.events import Trial
    from kws_engine.sweeps.results import Results


def short_title(path: str, title: str) -> str:
    """An option's title without its section where that is clear: "Width multiplier", "L2: Dense layers"."""
    section, *rest = path.split(".")
    group = {"augment": AUGMENTATIONS, "regularizers": REGULARIZERS}.get(section)
    return f"{group[rest[0]].title.partition(' (')[0]}: {title}" if group and rest[0] in group else title


def titles_of(results: Results) -> dict[str, str]:
    """The titles of the searched options, by path."""
    return {axis.path: short_title(axis.path, axis.title) for axis in results.axes}


def headline(results: Results) -> str:
    """The best value, and how many trials are done."""
    done = sum(trial.state in ("complete", "pruned", "failed") for trial in results.trials)
    far = f"{done} of {counted(results.wanted, 'trial')}"
    return f"Best: {value_text(results.best.value, results.by)} · {far}" if results.best else far


def value_text(value: float | None, by: str) -> str:
    """The value of a trial: "loss 0.123", "93% right"."""
    if value is None:
        return "–"
    return f"loss {value:.3g}" if by == "loss" else f"{value:.1%} right"


def trial_text(trial: Trial, titles: dict[str, str], *, is_best: bool) -> str:
    """A trial in a few lines: number, loss and accuracy, options."""
    reached = [f"validation loss {trial.validation_loss:.3g}"] if trial.validation_loss is not None else []
    reached += [f"{trial.validation_accuracy:.0%} right"] if trial.validation_accuracy is not None else []
    name = f"Trial {trial.number}" + (", the best" if is_best else "")
    early = ["ended early"] if trial.state == "pruned" else []
    early += [f"run on {trial.machine}"] if trial.is_elsewhere else []
    options = [f"{titles.get(path, path)} {option_text(value)}" for path, value in trial.options.items()]
    return "\n".join([", ".join([name, *reached, *early]), *options])


def option_text(value: float | str) -> str:
    """An option's value, rounded to what is worth comparing."""
    return f"{value:.3g}" if isinstance(value, float) else str(value).replace("_", " ")


def use_settings(model: ProjectModel, results: Results, trial: Trial, say: Callable[[str], object]) -> bool:
    """Puts a trial's settings on the form, undoable; False, and `say` gets the reason, where they do not fit."""
    try:
        settings = results.settings_of(trial)
    except KwsError as error:
        say(f"{error}; search anew with this version")
        return False
    return model.use_settings(f"Use trial {trial.number}'s settings", settings)


def open_trial(model: ProjectModel, sweep: str, trial: Trial, say: Callable[[str], object]) -> bool:
    """Makes a trial's model the one to look at; False, and `say` gets the reason, where it has none."""
    assert model.project is not None
    folder = SweepFolder.of(model.project.folder, sweep)
    found = folder.run(trial.run).model() if trial.run else None
    if found is None:
        say(_why_no_model(trial, folder, model.project.folder))
        return False
    model.set_model_path(found)
    return True


def _why_no_model(trial: Trial, folder: SweepFolder, project: Path) -> str:
    run = folder.run(trial.run).path
    there = run.relative_to(project).as_posix()
    if trial.run and trial.is_elsewhere:
        return f"Trial {trial.number} was run on “{trial.machine}”: open {there} in the project there, or copy it here."
    past = folder.read()
    if trial.run and not run.is_dir() and past is not None and past.storage:
        return (
            f"Trial {trial.number} was run on another machine, or in another copy of this project: open {there} there."
        )
    return f"Trial {trial.number} has no model: it ended early, or its run was deleted. Choose another one."
