"""`kws runs`, `kws compare`, `kws repeat`, `kws resume`: what was trained, side by side, once more, and to its end."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from kws_engine.clips import project_file
from kws_engine.clips.layout import ProjectFolder
from kws_engine.commands.output import Output, table
from kws_engine.commands.train import follow
from kws_engine.errors import KwsError, TrainingError
from kws_engine.evaluation.metrics import EvaluatedSplit
from kws_engine.runs import deleting, labels
from kws_engine.runs.comparing import Compared, Comparison, compare
from kws_engine.runs.job import Job
from kws_engine.runs.records import PastRun, past_runs, run_in
from kws_engine.runs.repeating import repetition, resumption


def add(add_command: Any) -> None:
    _add_runs(add_command)

    comparing = add_command("compare", _compare, help="put runs side by side, and test whether they differ")
    comparing.add_argument("first", type=Path, metavar="RUN", help="a run's folder")
    comparing.add_argument("others", type=Path, metavar="RUN", nargs="+", help="one or more to put beside it")
    comparing.add_argument(
        "--split", choices=get_args(EvaluatedSplit), default="validation", help="the clips to compare on (validation)"
    )

    repeat = add_command("repeat", _repeat, help="train a run once more with its settings, seed, threads and clips")
    repeat.add_argument("run_folder", type=Path, metavar="RUN", help="a run's folder")
    repeat.add_argument(
        "--allow-changes", action="store_true", help="train even though clips have changed or are missing since"
    )

    resume = add_command("resume", _resume, help="resume a run that was cut off, stopped or failed")
    resume.add_argument("run_folder", type=Path, metavar="RUN", help="a run's folder")
    resume.add_argument("--finish", action="store_true", help="train no more: write the model of its best epoch so far")


def _add_runs(add_command: Any) -> None:
    listing = add_command("runs", _runs, help="list a project's runs; name, tag, delete or restore one")
    listing.add_argument("project", type=Path)
    what = listing.add_mutually_exclusive_group()
    what.add_argument("--rename", nargs=2, metavar=("RUN", "NAME"), help="give a run a name")
    what.add_argument("--tag", nargs=2, metavar=("RUN", "A,B"), help="put these tags in place of a run's")
    what.add_argument("--note", nargs=2, metavar=("RUN", "TEXT"), help="put a note in place of a run's")
    what.add_argument("--delete", metavar="RUN", help="move a run to the project's trash")
    what.add_argument("--restore", metavar="RUN", help="take a run back out of the trash")
    what.add_argument("--deleted", action="store_true", help="list the runs in the trash instead")


def _runs(arguments: argparse.Namespace, output: Output) -> None:
    project: Path = arguments.project
    project_file.read(project)  # refuses what is no project
    if arguments.deleted:
        for one in deleting.deleted_runs(project):
            named = f"  {one.name}" if one.name else ""
            output.result({"run": str(one.folder), "name": one.name, "state": "deleted"}, one.folder.name + named)
        return
    if arguments.delete:
        deleted = deleting.delete_run(_folder(project, arguments.delete))
        name = deleted.folder.name
        text = f"{name} is in the trash: `kws runs {project} --restore {name}` brings it back"
        output.result({"run": str(deleted.folder), "name": deleted.name, "state": "deleted"}, text)
        return
    changed = _changed(project, arguments)
    runs = [run_in(changed)] if changed is not None else past_runs(ProjectFolder(project).runs)
    if output.as_json:
        for run in runs:
            output.result(run.to_dict())
    else:
        output.result({}, _listed(runs) if runs else "No run yet: kws train")


def _changed(project: Path, arguments: argparse.Namespace) -> Path | None:
    """The run that was changed or restored, if that was requested."""
    if arguments.restore:
        return _restored(project, arguments.restore)
    for change in ("rename", "tag", "note"):
        if asked := getattr(arguments, change):
            folder = run_in(_folder(project, asked[0])).folder
            if change == "rename":
                labels.rename(folder, asked[1])
            elif change == "tag":
                labels.tag(folder, asked[1].split(","))
            else:
                labels.annotate(folder, asked[1])
            return folder
    return None


def _folder(project: Path, run: str) -> Path:
    """A run named by its folder's name alone, or by any path."""
    inside = ProjectFolder(project).runs / run
    return inside if inside.is_dir() else Path(run)


def _restored(project: Path, run: str) -> Path:
    name = Path(run).name
    for one in deleting.deleted_runs(project):
        if one.folder.name == name:
            return deleting.restore_run(one)
    raise TrainingError(f"There is no run {name} in the trash: `kws runs {project} --deleted` lists what is there")


def _listed(runs: list[PastRun]) -> str:
    header = [
        "run",
        "name",
        "tags",
        "state",
        "network",
        "epochs",
        "best",
        "right",
        "loss",
        "parameters",
        "missed",
        "false alarms/h",
    ]
    return table([_row(run) for run in runs], header=header)


def _row(run: PastRun) -> list[str]:
    best = run.best
    reached = [str(best.epoch), f"{best.validation_accuracy:.1%}", f"{best.validation_loss:.3f}"] if best else [""] * 3
    epochs, parameters = str(len(run.epochs)), f"{run.parameters:,}" if run.parameters else ""
    return [
        run.folder.name,
        run.label.name,
        ", ".join(run.label.tags),
        run.state,
        run.network,
        epochs,
        *reached,
        parameters,
        *_promise(run),
    ]


def _promise(run: PastRun) -> list[str]:
    """What the model misses and how often it fires falsely, each empty where that is not known."""
    figures = run.figures
    if figures is None:
        return ["", ""]
    return [figures.missed_in_short(), figures.alarms_in_short()]


def _compare(arguments: argparse.Namespace, output: Output) -> None:
    def progress(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(
                f"\rEvaluating clips: {done / total:4.0%}",
                end="" if done < total else "\n",
                file=sys.stderr,
                flush=True,
            )

    compared = compare([arguments.first, *arguments.others], split=arguments.split, progress=progress)
    for note in compared.notes:
        output.message(note)
    output.result(compared.to_dict(), _side_by_side(compared))


def _side_by_side(compared: Comparison) -> str:
    names = [one.run.title for one in compared.runs]
    columns = zip(*map(_numbers, compared.runs), strict=True)
    rows = [[title, *values] for title, values in zip(_TITLES, columns, strict=True) if any(values)]
    settings = [[path, *map(_shown, values)] for path, values in compared.differs.items()]
    differing = table(settings, header=["differs", *names]) if settings else "All options are the same."
    tested = f"\n\n{compared.mcnemar.text(*names)}" if compared.mcnemar else ""
    return f"{table(rows, header=[f'{compared.split} part', *names])}\n\n{differing}{tested}"


_TITLES = (
    "right",
    "of clips",
    "best accuracy",
    "best loss",
    "best epoch",
    "epochs",
    "seconds",
    "parameters",
    "MACs",
    "missed",
    "false alarms/h",
)


def _numbers(one: Compared) -> list[str]:
    run, best = one.run, one.run.best
    return [
        one.accuracy.text() if one.accuracy else "",
        str(one.clips or ""),
        f"{best.validation_accuracy:.1%}" if best else "",
        f"{best.validation_loss:.3f}" if best else "",
        str(best.epoch) if best else "",
        str(len(run.epochs)),
        f"{one.seconds:.1f}",
        f"{run.parameters:,}" if run.parameters else "",
        f"{run.macs:,}" if run.macs else "",
        *_promise(run),
    ]


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _repeat(arguments: argparse.Namespace, output: Output) -> int:
    try:
        again = repetition(arguments.run_folder, progress=lambda done: output.message(f"Looking at clips: {done}"))
        if arguments.allow_changes:
            if changes := again.changes():
                output.message(f"Not quite the same run: {changes}")
        else:
            again.check()
    except KwsError as error:
        output.failure(error)
        raise
    for sentence in again.notes():
        output.message(sentence)
    return _follow(again.job, output)


def _resume(arguments: argparse.Namespace, output: Output) -> int:
    try:
        job = replace(resumption(arguments.run_folder), finish=arguments.finish)
    except KwsError as error:
        output.failure(error)
        raise
    return _follow(job, output)


def _follow(job: Job, output: Output) -> int:
    return follow(job, output, command="resume" if job.resume else "repeat")
