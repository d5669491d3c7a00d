"""`kws train`: a run in the terminal; Ctrl-C ends it politely with the best weights so far."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.commands.interrupts import interrupts
from kws_engine.commands.output import Output
from kws_engine.errors import KwsError, ProjectError
from kws_engine.evaluation.few_clips import caution
from kws_engine.runs.job import Job, project_settings
from kws_engine.settings import RECIPES
from kws_engine.training.events import Epoch, Event, Failed, Finished, Progress, Promised, Skipped, Started, to_dict


def add(add_command: Any) -> None:
    train = add_command("train", _train, help="train a network on a project's clips")
    add_options(train)


def add_options(command: argparse.ArgumentParser) -> None:
    """The arguments from which `job_of` makes a job."""
    command.add_argument("project", type=Path)
    command.add_argument("--model", metavar="NAME[:PRESET]", help="the network, as listed by `kws models`")
    command.add_argument("--recipe", metavar="NAME", help=f"settings that belong together: {', '.join(RECIPES)}")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        dest="assignments",
        help="any option, as in model.width=1.5 or training.epochs=30; may be given again",
    )
    command.add_argument("--seed", type=_seed, default=0, help="of weights, order and augmentation (0)")
    command.add_argument("--threads", type=_threads, metavar="N", help="processor cores to use (all)")


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63 - 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {2**63 - 2}")
    return int(text)


def _threads(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of cores from 1 to 1024")
    return int(text)


def _train(arguments: argparse.Namespace, output: Output) -> int:
    job = job_of(arguments, output)
    try:
        _check_writable(ProjectFolder(job.project))
    except ProjectError as error:
        output.failure(error)
        raise
    return follow(job, output)


def _check_writable(project: ProjectFolder) -> None:
    """Before all clips are read.

    Raises:
        ProjectError: No run can be stored in the project.
    """
    place = project.runs if project.runs.is_dir() else project.path
    if not os.access(place, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise ProjectError(
            f"{place} is read-only, and a run is stored there: copy the project to where you may write, and train that"
        )


def job_of(arguments: argparse.Namespace, output: Output) -> Job:
    """The job that the arguments of `add_options` describe; reports a refusal as an event before raising it.

    Raises:
        KwsError: The project cannot be opened, or there are no such settings.
    """
    try:
        project = Project.open(arguments.project)
        settings = project_settings(project)
        if arguments.model:
            settings = settings.with_model(arguments.model)
        if arguments.recipe:
            settings = settings.with_recipe(arguments.recipe, keeps_network=bool(arguments.model))
        settings = settings.with_options(arguments.assignments, keeps_network=bool(arguments.model))
    except KwsError as error:
        output.failure(error)
        raise
    except OSError as error:
        where, why = error.filename or arguments.project, error.strerror or error
        refusal = ProjectError(f"{where} cannot be read ({why}): check its name and permissions")
        output.failure(refusal)
        raise refusal from error
    return Job(arguments.project.resolve(), settings.to_dict(), arguments.seed, arguments.threads)


def follow(job: Job, output: Output, *, command: str = "train") -> int:
    """Runs the job here, printing its events for the command of that name; the exit status."""
    from kws_engine.runs.run import run  # torch is imported only when something trains
    from kws_engine.training.scale_out import from_environment

    last: Event | None = None
    validated: Mapping[str, int] = {}
    processes = from_environment()
    with interrupts() as interrupted:
        for event in run(job, lambda: bool(interrupted) or processes.is_orphan, processes=processes):
            if isinstance(event, Started):
                validated = event.validation
            if not isinstance(event, Progress | Skipped):
                output.result(_values(event), "" if isinstance(event, Failed) else _text(event, validated))
            elif processes.is_first:
                output.message(_text(event, validated))
            last = event
        if isinstance(last, Failed) and last.message:
            output.message(f"kws {command}: {last.message}")
    return 0 if isinstance(last, Finished) else 1


def _values(event: Event) -> dict[str, Any]:
    """As promised for `--json`; what only the curves need stays in the run's events.jsonl."""
    return {name: value for name, value in to_dict(event).items() if name not in ("penalty", "best", "terms")}


def _text(event: Event, validated: Mapping[str, int]) -> str:
    """For people; `validated` is how many clips of each label the run is validated on."""
    match event:
        case Progress():
            return f"{event.what}: {event.done} of {event.total}"
        case Skipped():
            return f"left out {event.path}: {event.reason}"
        case Started():
            clips = f"{sum(event.training.values())} clips, {sum(event.validation.values())} to validate"
            size = f"{event.parameters:,} parameters, {event.macs / 1e6:.2f} M MACs"
            header = "epoch   loss train  validation   accuracy train  validation"
            return f"{event.run}\n{clips}; {size}; on {event.device}\n{header}"
        case Epoch():
            losses = f"{event.train_loss:10.3f}  {event.validation_loss:10.3f}"
            accuracies = f"{event.train_accuracy:14.1%}  {event.validation_accuracy:10.1%}"
            return f"{event.epoch:5d}   {losses}   {accuracies}  {'best' if event.best else ''}".rstrip()
        case Finished():
            ended = "stopped early" if event.stopped_early else "all epochs done"
            right = f"{event.validation_accuracy:.1%} of the validation clips right"
            return f"{ended}; best epoch {event.best_epoch}: {caution(validated)}{right}\n{event.model}"
        case Promised():
            return event.told
        case Failed():
            return event.message
        case _:
            return ""
