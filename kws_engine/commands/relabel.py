"""`kws relabel`: clips are put under the word that is said in them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from kws_engine.clips.changes import Changes
from kws_engine.clips.project import Project
from kws_engine.clips.words import UNKNOWN
from kws_engine.commands.choosing import add_filter, counted, filtered
from kws_engine.commands.exclude import undo_last
from kws_engine.commands.output import Output
from kws_engine.errors import ProjectError


def add(add_command: Any) -> None:
    command = add_command("relabel", _relabel, help="put clips under another word; they keep speaker and part")
    command.add_argument("project", type=Path)
    command.add_argument("word", nargs="?", help=f"the word that is said in them, or {UNKNOWN}")
    command.add_argument("clips", nargs="*", metavar="CLIP", help="word/name, or a path")
    add_filter(command)
    command.add_argument("--undo", action="store_true", help="undo the last relabelling")
    command.add_argument("--dry-run", action="store_true", help="only say what would be changed")


def _relabel(arguments: argparse.Namespace, output: Output) -> None:
    project = Project.open(arguments.project)
    changes = Changes(project)
    if arguments.undo:
        if arguments.word is not None or arguments.filter:
            raise ProjectError("--undo undoes the last relabelling as a whole: name no word and no clips.")
        undo_last(changes, ("relabel",), output, dry_run=arguments.dry_run)
        return
    word = arguments.word
    if word is None or not (arguments.clips or arguments.filter):
        raise ProjectError("kws relabel needs a word and clips: name some, or add --filter.")
    if word not in (*project.words, UNKNOWN):
        raise ProjectError(f"{project.folder} has no word “{word}”: there is {', '.join((*project.words, UNKNOWN))}.")
    chosen, _ = filtered(project, arguments.filter, output, paths=arguments.clips)
    clips = [clip for clip in chosen if clip.word != word]
    change = None if arguments.dry_run else changes.relabel(clips, word)
    to = [key for _, key in changes.moves(change)] if change is not None else [None] * len(clips)
    count = counted(len(clips))
    lines = [f"{clip.key} → {key or f'{word}/'}" for clip, key in zip(clips, to, strict=True)]
    lines.append(f"{count} {'would be put' if arguments.dry_run else 'put'} under “{word}”")
    if change is not None:
        lines.append(f"undo: kws relabel {project.folder} --undo")
    values = {
        "event": "relabelled",
        "word": word,
        "clips": [
            {"path": str(clip.path), "word": clip.word, "to": None if key is None else str(project.clips_folder / key)}
            for clip, key in zip(clips, to, strict=True)
        ],
        "dry_run": arguments.dry_run,
    }
    output.result(values, "\n".join(lines))
