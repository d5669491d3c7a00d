"""`kws trim`: clips are cut to their speech, to a stretch, or in two."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from kws_engine.clips.changes import Changes
from kws_engine.clips.clip import Clip
from kws_engine.clips.journal import Change
from kws_engine.clips.project import Project
from kws_engine.clips.speech_span import speech_spans
from kws_engine.commands.choosing import add_filter, counted, filtered, progress_of
from kws_engine.commands.exclude import undo_last
from kws_engine.commands.interrupts import interrupts
from kws_engine.commands.output import Output
from kws_engine.errors import ProjectError

Span = tuple[int, int]


def add(add_command: Any) -> None:
    command = add_command("trim", _trim, help="cut clips to their speech, to a stretch of seconds, or in two")
    command.add_argument("project", type=Path)
    command.add_argument("clips", nargs="*", metavar="CLIP", help="word/name, or a path")
    add_filter(command)
    way = command.add_mutually_exclusive_group()
    way.add_argument("--from-to", nargs=2, type=float, metavar=("START", "END"), help="keep this stretch, in seconds")
    way.add_argument("--split-at", type=float, metavar="SECONDS", help="make two clips of one")
    command.add_argument("--undo", action="store_true", help="undo the last trimming or splitting")
    command.add_argument("--dry-run", action="store_true", help="only say what would be changed")


def _trim(arguments: argparse.Namespace, output: Output) -> None:
    project = Project.open(arguments.project)
    changes = Changes(project)
    if arguments.undo:
        if arguments.clips or arguments.filter:
            raise ProjectError("--undo undoes the last trimming as a whole: name no clips.")
        undo_last(changes, ("trim", "split"), output, dry_run=arguments.dry_run)
        return
    if not arguments.clips and not arguments.filter:
        raise ProjectError("kws trim needs to know which clips: name some, or add --filter.")
    clips, _ = filtered(project, arguments.filter, output, paths=arguments.clips)
    if arguments.split_at is not None:
        if len(clips) != 1:
            raise ProjectError(f"--split-at is a place in one clip, and {len(clips)} are chosen: name one.")
        at = round(arguments.split_at * project.rate)
        spans = [[(0, at), (at, round(clips[0].seconds * project.rate))]]
        change = None if arguments.dry_run else changes.split(clips[0], at)
    else:
        clips, kept = _kept(project, clips, arguments.from_to, output)
        spans = [[span] for span in kept]
        change = None if arguments.dry_run else changes.trim(clips, kept)
    _tell(project, clips, spans, change, output, dry_run=arguments.dry_run)


def _kept(
    project: Project, clips: list[Clip], from_to: list[float] | None, output: Output
) -> tuple[list[Clip], list[Span]]:
    """The clips that are to be trimmed, and what is kept of each."""
    if from_to is not None:
        start, stop = (round(seconds * project.rate) for seconds in from_to)
        return clips, [(start, stop)] * len(clips)
    with interrupts() as interrupted:
        found = speech_spans(
            clips,
            rate=project.rate,
            clip_samples=project.clip_samples,
            progress=progress_of("clips looked at"),
            should_stop=lambda: bool(interrupted),
        )
    if found is None:
        output.message("stopped; nothing was changed")
        raise KeyboardInterrupt
    return found


def _tell(
    project: Project,
    clips: list[Clip],
    spans: list[list[Span]],
    change: Change | None,
    output: Output,
    *,
    dry_run: bool,
) -> None:
    seconds = [[(start / project.rate, stop / project.rate) for start, stop in each] for each in spans]
    lines = [
        f"{clip.key}: {' and '.join(f'{start:.2f} to {stop:.2f} s' for start, stop in each)}"
        for clip, each in zip(clips, seconds, strict=True)
    ]
    count = counted(len(clips))
    lines.append(f"{count} {'would be ' if dry_run else ''}cut")
    if change is not None:
        lines.append(f"undo: kws trim {project.folder} --undo")
    values = {
        "event": "trimmed",
        "clips": [
            {"path": str(clip.path), "word": clip.word, "kept_s": [[round(s, 3) for s in pair] for pair in each]}
            for clip, each in zip(clips, seconds, strict=True)
        ],
        "dry_run": dry_run,
    }
    output.result(values, "\n".join(lines))
