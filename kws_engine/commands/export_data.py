"""`kws export-data`: a project's clips as a folder or zip that other programs read, or the project as a zip."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from kws_engine.clips.exporting import KINDS, Kind, export_data
from kws_engine.clips.project import Project
from kws_engine.commands.interrupts import INTERRUPTED, interrupts
from kws_engine.commands.output import Output


def add(add_command: Any) -> None:
    command = add_command("export-data", _export, help="write a project's clips as a folder, a zip or a project")
    command.add_argument("project", type=Path)
    command.add_argument("target", type=Path, help="a new folder, or the zip to write")
    command.add_argument(
        "--as",
        choices=KINDS,
        dest="kind",
        help="folder or zip in the layout of Speech Commands, or a zip of the project (by the target's name)",
    )
    command.add_argument("--with-runs", action="store_true", help="with --as project: its runs and models, too")


def _export(arguments: argparse.Namespace, output: Output) -> int:
    def progress(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} of {total} files", end="" if done < total else "\n", file=sys.stderr, flush=True)

    by_name: Kind = "zip" if arguments.target.suffix.lower() == ".zip" else "folder"
    kind: Kind = arguments.kind or ("project" if arguments.with_runs else by_name)
    with interrupts() as interrupted:
        exported = export_data(
            Project.open(arguments.project),
            arguments.target,
            kind=kind,
            with_runs=arguments.with_runs,
            progress=progress,
            should_stop=lambda: bool(interrupted),
        )
    values = {
        "event": "exported",
        "target": str(exported.target),
        "clips": exported.clips,
        "noises": exported.noises,
        "left_out": exported.left_out,
        "runs": exported.runs,
        "stopped": exported.stopped,
    }
    left_out = f"; {exported.left_out} that are left out of training stayed out" if exported.left_out else ""
    runs = f", {exported.runs} runs" if exported.runs else ""
    text = f"{exported.target}: {exported.clips} clips, {exported.noises} recordings of noise{runs}{left_out}"
    output.result(values, "Cancelled: nothing was written." if exported.stopped else text)
    return INTERRUPTED if exported.stopped else 0
