"""`kws check`: what is wrong with the clips of a project, and what is missing."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from kws_engine.caring.checking import Check
from kws_engine.caring.missing import Missing, missing
from kws_engine.caring.problems import PROBLEM_KINDS, TITLES
from kws_engine.clips.project import Project
from kws_engine.commands.choosing import checked, counted, problems_of
from kws_engine.commands.output import Output


def add(add_command: Any) -> None:
    command = add_command("check", _check, help="find clips that are noisy, cut off, mislabelled ..., and what lacks")
    command.add_argument("project", type=Path)


def _check(arguments: argparse.Namespace, output: Output) -> None:
    project = Project.open(arguments.project)
    found = checked(project, output)
    lacks = missing(found.table)
    clips = [
        {"path": str(clip.path), "word": clip.word, "excluded": clip.excluded, **problems_of(found, clip.key)}
        for clip in found.table.clips()
    ]
    clips += [
        {"path": str(clip.path), "word": clip.word, "excluded": False, "problems": ["unreadable"]}
        for clip in found.unreadable
    ]
    values = {
        "event": "checked",
        "clips": clips,
        "counts": found.counts,
        "missing": [{**dataclasses.asdict(one), "text": str(one)} for one in lacks],
    }
    output.result(values, _text(project, found, lacks))


def _text(project: Project, found: Check, lacks: list[Missing]) -> str:
    lines = []
    for row, problems in enumerate(found.problems):
        if problems:
            left_out = " (left out)" if found.table.excluded[row] else ""
            lines.append(f"{found.table.key(row)}{left_out}: {', '.join(map(str, problems))}")
    lines += [f"{clip.key}: unreadable" for clip in found.unreadable]
    if lines:
        lines.append("")
    total = len(found.table) + len(found.unreadable)
    parts = [f"{found.counts[kind]} {TITLES[kind].rstrip('?')}" for kind in PROBLEM_KINDS if kind in found.counts]
    clips = counted(total)
    lines.append(f"{clips} checked: {', '.join(parts) if parts else 'nothing found'}")
    lines += [f"{one}." for one in lacks]
    if parts:
        lines.append(f"Next: kws exclude {project.folder} CLIP..., kws relabel {project.folder} WORD CLIP...")
    return "\n".join(lines)
