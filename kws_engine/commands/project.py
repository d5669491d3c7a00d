"""`kws new`, `kws import`, `kws info`: projects and their clips from a command line."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kws_engine.clips.importing import Imported, SpeakerRule, import_folder
from kws_engine.clips.project import Project
from kws_engine.commands.interrupts import INTERRUPTED, interrupts
from kws_engine.commands.output import Output, table

_NAMED = 8  # speakers


def add(add_command: Any) -> None:
    new = add_command("new", _new, help="make a project")
    new.add_argument("project", type=Path, help="the folder to make")
    new.add_argument("--words", type=words, default=(), metavar="A,B", help="its words")

    importing = add_command("import", _import, help="copy the clips of a folder into a project")
    importing.add_argument("project", type=Path)
    importing.add_argument("folder", type=Path, help="one folder per word, as in Google Speech Commands")
    importing.add_argument("--words", type=words, metavar="A,B,C", help="take only these words")
    importing.add_argument("--rest-unknown", action="store_true", help="take all other words as _unknown_")
    importing.add_argument(
        "--list", type=Path, metavar="FILE", help="a CSV or TSV with columns for path, word, speaker and part"
    )
    speakers = importing.add_mutually_exclusive_group()
    speakers.add_argument("--speaker", default="", metavar="NAME", help="who speaks in all files")
    speakers.add_argument(
        "--speaker-from",
        default="",
        metavar="file|folder|PATTERN",
        help="each file or each folder is a speaker, or names say it: {speaker}_{take}, {word}_{speaker}_{take}",
    )

    info = add_command("info", _info, help="show a project's words and clips")
    info.add_argument("project", type=Path)


def words(text: str) -> tuple[str, ...]:
    """The argument `a,b,c`."""
    found = tuple(word.strip() for word in text.split(",") if word.strip())
    if not found:
        raise argparse.ArgumentTypeError("name at least one word, as in yes,no")
    return found


def _new(arguments: argparse.Namespace, output: Output) -> None:
    project = Project.create(arguments.project, words=arguments.words)
    values = {"event": "created", "project": str(project.folder), "words": list(project.words)}
    output.result(values, f"Made {project.folder}. Next: kws record {project.folder} WORD --takes 8")


def _import(arguments: argparse.Namespace, output: Output) -> int:
    project = Project.open(arguments.project)

    def progress(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} of {total} files", end="" if done < total else "\n", file=sys.stderr, flush=True)

    with interrupts() as interrupted:
        imported = import_folder(
            project,
            arguments.folder,
            words=arguments.words,
            rest_unknown=arguments.rest_unknown,
            rule=SpeakerRule(arguments.speaker, arguments.speaker_from),
            list_file=arguments.list,
            progress=progress,
            should_stop=lambda: bool(interrupted),
            on_wait=output.message,
        )
    skipped = [{"path": str(one.path), "reason": one.reason} for one in imported.skipped]
    notes = [*imported.notes, *_note_on_speakers(imported)]
    counts = dict(imported.words)
    clips = "1 clip" if imported.clips == 1 else f"{imported.clips} clips"
    lines = [f"{clips} imported: " + ", ".join(f"{word} {count}" for word, count in counts.items())]
    lines += [f"note: {note}" for note in notes]
    lines += [f"left out {one['path']}: {one['reason']}" for one in skipped]
    values = {
        "event": "imported",
        "clips": imported.clips,
        "words": counts,
        "skipped": skipped,
        "notes": notes,
        "noises": imported.noises,
        "speakers_unknown": imported.speakers_unknown,
    }
    output.result(values, "\n".join(lines))
    return INTERRUPTED if imported.stopped else 0


def _note_on_speakers(imported: Imported) -> list[str]:
    count = imported.speakers_unknown
    if not count:
        return []
    who = "1 clip does not say who speaks: it counts" if count == 1 else f"{count:,} clips do not say who speaks: they "
    return [
        f"{who}{'' if count == 1 else 'count'} as {'a take' if count == 1 else 'takes'} of one speaker, "
        f"“{imported.one_speaker}”. Import again with --speaker NAME where that is so, or with --speaker-from file, "
        "folder or a pattern such as {speaker}_{take}, or with a speaker column in a --list."
    ]


def _info(arguments: argparse.Namespace, output: Output) -> None:
    project = Project.open(arguments.project)
    summary = {word: dataclasses.asdict(counts) for word, counts in project.summary().items()}
    header = ["word", "training", "validation", "testing", "speakers", "seconds"]
    rows = [
        [word, *(f"{counts[name]:.1f}" if name == "seconds" else str(counts[name]) for name in header[1:])]
        for word, counts in summary.items()
    ]
    text = (
        table(rows, header=header) if rows else f"{project.folder} has no words yet: kws record {project.folder} WORD"
    )
    split_by = project.table().split_by()
    output.result({"words": summary, "split_by": split_by}, "\n".join((text, *_how_split(project, split_by))))


def _how_split(project: Project, split_by: Mapping[str, str]) -> Iterator[str]:
    """How the words' clips come to be in their parts, a line for each way."""
    clips = project.table()
    for way, sentence in (("speaker", "by whole speakers"), ("take", "by take, with some speakers in several parts")):
        words = [word for word, found in split_by.items() if found == way]
        if words:
            speakers = sorted({speaker for word in words for speaker in clips.speakers_by_take(word)})
            who = f" ({', '.join(speakers[:_NAMED])}{' …' if len(speakers) > _NAMED else ''})" if speakers else ""
            yield f"split {sentence}{who}: {', '.join(words)}"
