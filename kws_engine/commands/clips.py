"""`kws clips`: the clips of a project by word, speaker, part, problem, text, or left out, in any order."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from kws_engine.caring.arrangement import CHECKED_KEYS, SORT_KEYS
from kws_engine.clips.project import Project
from kws_engine.commands.choosing import add_filter, checked, counted, filtered, in_order, values_of
from kws_engine.commands.output import Output, table

_SHOWN = 1_000


def add(add_command: Any) -> None:
    command = add_command("clips", _clips, help="list clips, by word, speaker, part, problem, text, or left out")
    command.add_argument("project", type=Path)
    add_filter(command)
    needing = ", ".join(key for key in SORT_KEYS if key in CHECKED_KEYS)
    command.add_argument("--sort", choices=SORT_KEYS, help=f"their order; {needing} need a check, which is made")
    command.add_argument("--descending", action="store_true", help="the other way round")


def _clips(arguments: argparse.Namespace, output: Output) -> None:
    project = Project.open(arguments.project)
    clips, found = filtered(project, arguments.filter, output)
    if arguments.sort is not None:
        if arguments.sort in CHECKED_KEYS and found is None:
            found = checked(project, output)
        clips = in_order(project, clips, arguments.sort, found=found, descending=arguments.descending)
    elif arguments.descending:
        clips = clips[::-1]
    rows = []
    for clip in clips[:_SHOWN] if not output.as_json else []:
        problems = "" if found is None else ", ".join(map(str, found.of(clip.key)))
        part = "left out" if clip.excluded else clip.split
        rows.append([clip.key, clip.speaker, part, f"{clip.seconds:.2f} s", problems])
    lines = [table(rows, header=["clip", "speaker", "part", "length", "problems"])] if rows else []
    if len(clips) > _SHOWN:
        lines.append(f"… and {len(clips) - _SHOWN} more: --json lists all")
    lines.append(counted(len(clips)))
    values = {"event": "clips", "clips": [values_of(clip, found) for clip in clips]}
    output.result(values, "\n".join(lines))
