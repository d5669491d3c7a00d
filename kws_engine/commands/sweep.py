"""`kws sweep`: many runs in search of good options; Ctrl-C ends it politely, the same command resumes it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from kws_engine.clips.project import Project
from kws_engine.commands.interrupts import INTERRUPTED, interrupts
from kws_engine.commands.output import Output
from kws_engine.errors import KwsError
from kws_engine.runs.job import project_settings
from kws_engine.sweeps.events import (
    SweepEnded,
    SweepEvent,
    SweepFailed,
    SweepStarted,
    Trial,
    TrialEnded,
    TrialStarted,
    WorkerLost,
)
from kws_engine.sweeps.folder import SweepFolder
from kws_engine.sweeps.job import By, Pruning, SweepJob

_POLL_S = 0.1


def add(add_command: Any) -> None:
    sweep = add_command("sweep", _sweep, help="search good options: many runs, most of them ended early")
    sweep.add_argument("project", type=Path)
    sweep.add_argument("--model", metavar="NAME[:PRESET]", help="the network, as listed by `kws models`")
    sweep.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="OPTION=LOW:HIGH",
        dest="assignments",
        help="a range to search, OPTION=LOW:HIGH[:log|:STEP] or OPTION=A|B|C, or a value for all, OPTION=VALUE; "
        "without any, a sweep is resumed",
    )
    sweep.add_argument("--trials", type=_count, default=30, metavar="N", help="finished trials of all workers (30)")
    sweep.add_argument("--workers", type=_count, default=1, metavar="N", help="processes on this machine (1)")
    sweep.add_argument(
        "--storage",
        default="",
        metavar="URL",
        help="a database that machines share, as postgresql://user:password@machine/database; the password may be in "
        "PGPASSWORD or ~/.pgpass instead (a file in the project)",
    )
    sweep.add_argument("--name", default="", help="of the sweep (made of its options)")
    sweep.add_argument("--by", choices=get_args(By), default="loss", help="validation loss or accuracy (loss)")
    sweep.add_argument("--pruning", choices=get_args(Pruning), default="median", help="which trials end early (median)")
    sweep.add_argument("--seed", type=_seed, default=0, help="of the search and of every run (0)")
    sweep.add_argument("--threads", type=_count, metavar="N", help="processor cores of each worker (all, shared)")


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 100000")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63 - 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {2**63 - 2}")
    return int(text)


def _sweep(arguments: argparse.Namespace, output: Output) -> int:
    try:
        job = _job(arguments)
        _check(job)
    except KwsError as error:
        output.failure(error)
        raise
    with interrupts() as interrupted:
        folder: SweepFolder | None = None
        last: SweepEvent | None = None
        for event in _events(job, arguments.workers, interrupted):
            if isinstance(event, SweepStarted):
                folder = SweepFolder(Path(event.folder))
            _say(event, folder, output)
            last = event
    if isinstance(last, SweepEnded):
        return INTERRUPTED if last.stopped else 0
    return 1


def _job(arguments: argparse.Namespace) -> SweepJob:
    settings = None
    if arguments.model:
        settings = project_settings(Project.open(arguments.project)).with_model(arguments.model).to_dict()
    return SweepJob(
        arguments.project.resolve(),
        tuple(arguments.assignments),
        settings,
        arguments.name,
        arguments.trials,
        arguments.by,
        arguments.pruning,
        arguments.storage,
        arguments.seed,
        arguments.threads,
    )


def _check(job: SweepJob) -> None:
    """Everything that can be refused before a process starts, so that wrong usage is reported as such."""
    from kws_engine.sweeps.definition import defined
    from kws_engine.sweeps.study import open_sweep

    if job.assignments:
        defined(job, Project.open(job.project))
    open_sweep(job)


def _events(job: SweepJob, workers: int, interrupted: list[int]) -> Iterator[SweepEvent]:
    if workers == 1:
        from kws_engine.sweeps.worker import work

        yield from work(job, lambda: bool(interrupted))
        return
    from kws_engine.sweeps.process import SweepProcess

    process = SweepProcess(job, workers=workers)
    try:
        while not process.ended:
            if interrupted:
                process.stop()
            yield from process.poll()
            time.sleep(_POLL_S)
    finally:
        process.close()


def _say(event: SweepEvent, folder: SweepFolder | None, output: Output) -> None:
    match event:
        case SweepStarted():
            options = ", ".join(f"{path}={text}" for path, text in event.options.items())
            output.message(f"sweep {event.name!r} of {options}; {event.finished} of {event.trials} trials finished")
        case TrialStarted():
            output.message(f"trial {event.number} begins: {_options(event.options)}")
        case TrialEnded():
            output.result({"event": "trial", **_values(event.trial, folder)}, _text(event.trial))
        case WorkerLost():
            output.message(event.message)
        case SweepFailed():
            output.result({"event": "failed", "message": event.message, "kind": event.kind})
            output.message(f"kws sweep: {event.message}")
        case SweepEnded():
            output.result(_ending(event), _ending_text(event))


def _values(trial: Trial, folder: SweepFolder | None) -> dict[str, Any]:
    return {**asdict(trial), "run": str(folder.run(trial.run).path) if folder is not None and trial.run else ""}


def _ending(event: SweepEnded) -> dict[str, Any]:
    best = None if event.best is None else _values(event.best, SweepFolder(Path(event.folder)))
    return {"event": "finished", **asdict(event), "best": best}


def _text(trial: Trial) -> str:
    value = "" if trial.value is None else f" {trial.value:.4f}"
    why = f": {trial.message}" if trial.message else ""
    return f"trial {trial.number} {trial.state}{value}  {_options(trial.options)}{why}"


def _ending_text(event: SweepEnded) -> str:
    lines = [f"{event.finished} trials finished" + (f", {event.failed} failed" if event.failed else "")]
    if event.stopped:
        lines.append("stopped; the same command resumes the sweep")
    if event.best is not None:
        run = SweepFolder(Path(event.folder)).run(event.best.run).path
        where = f"{run} on the machine {event.best.machine}" if event.best.is_elsewhere else str(run)
        lines += [f"best: trial {event.best.number}, {event.best.value:.4f}: {_options(event.best.options)}", where]
    lines += [f"{share:6.1%}  {path}" for path, share in event.importance.items()]
    return "\n".join(lines)


def _options(options: dict[str, Any]) -> str:
    return ", ".join(
        f"{path}={value:.4g}" if isinstance(value, float) else f"{path}={value}" for path, value in options.items()
    )
