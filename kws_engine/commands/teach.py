"""`kws teach`: a word from few takes, in one command: takes in, a model file with thresholds and its promise out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from kws_engine.commands.output import Output
from kws_engine.commands.train import follow
from kws_engine.errors import KwsError
from kws_engine.runs.job import Job
from kws_engine.runs.teaching import add_takes, copy_talk, open_or_create, teach_settings


def add(add_command: Any) -> None:
    teach = add_command(
        "teach", _teach, help="teach a word by a folder of takes; makes the project where it is missing"
    )
    teach.add_argument("project", type=Path)
    teach.add_argument("word", help="the word, or a phrase of two or three")
    teach.add_argument("--clips", type=Path, metavar="FOLDER", help="recordings of the word, in any format")
    teach.add_argument("--takes", type=_count, metavar="N", help="use so many of them, drawn at random (all)")
    teach.add_argument(
        "--talk", type=Path, nargs="+", default=[], metavar="AUDIO", help="a person's talk without the word"
    )
    teach.add_argument(
        "--set", action="append", default=[], metavar="OPTION=VALUE", dest="assignments", help="as in `kws train`"
    )
    teach.add_argument("--seed", type=int, default=0, help="of the draw, weights, order and augmentation (0)")
    teach.add_argument("--threads", type=_count, metavar="N", help="processor cores to use (all)")


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _teach(arguments: argparse.Namespace, output: Output) -> int:
    try:
        project = open_or_create(arguments.project, arguments.word)
        if arguments.clips is not None:
            imported = add_takes(
                project, arguments.word, arguments.clips, most=arguments.takes, seed=max(0, arguments.seed)
            )
            skipped = [{"path": str(one.path), "reason": one.reason} for one in imported.skipped]
            values = {"event": "imported", "clips": imported.clips, "skipped": skipped}
            lines = [f"{imported.clips} takes of “{arguments.word}”"]
            output.result(values, "\n".join([*lines, *(f"left out {one['path']}: {one['reason']}" for one in skipped)]))
        copy_talk(project, arguments.talk)
        project.refresh()
        settings = teach_settings().with_options(arguments.assignments)
    except KwsError as error:
        output.failure(error)
        raise
    job = Job(arguments.project.resolve(), settings.to_dict(), max(0, arguments.seed), arguments.threads)
    return follow(job, output, command="teach")
