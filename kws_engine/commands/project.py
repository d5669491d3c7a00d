"""`kws new`, `kws import`, `kws info`: projects and their clips from a command line."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kws_engine.clips.changes import Changes
from kws_engine.clips.import_changes import Steps
from kws_engine.clips.import_list import LIST_COLUMNS
from kws_engine.clips.import_plan import check_new_words
from kws_engine.clips.import_source import Pointed, list_row, plan_pointed, write_list
from kws_engine.clips.importing import Imported, SpeakerRule, import_planned
from kws_engine.clips.project import Project
from kws_engine.commands.choosing import progress_of
from kws_engine.commands.exclude import undo_last
from kws_engine.commands.interrupts import INTERRUPTED, interrupts
from kws_engine.commands.output import Output, table
from kws_engine.errors import SpecError

_NAMED = 8  # speakers


def add(add_command: Any) -> None:
    new = add_command("new", _new, help="make a project")
    new.add_argument("project", type=Path, help="the folder to make")
    new.add_argument("--words", type=words, default=(), metavar="A,B", help="its words")

    importing = add_command("import", _import, help="copy recordings into a project")
    importing.add_argument("project", type=Path)
    importing.add_argument(
        "source",
        type=Path,
        nargs="?",
        help="a folder or zip with one folder per word, a CSV or TSV (path, word, speaker, part, start_s, end_s), a "
        "recording, or a label track of Audacity",
    )
    importing.add_argument("--word", default="", metavar="W", help="what a single recording says")
    importing.add_argument("--cut", action="store_true", help="cut it at the pauses into takes of that word")
    importing.add_argument("--doubtful", action="store_true", help="take those with a fault, too, such as clipping")
    importing.add_argument("--labels", type=Path, metavar="FILE", help="a label track that does not lie beside it")
    importing.add_argument("--dry-run", action="store_true", help="show what would be taken as what, change nothing")
    importing.add_argument(
        "--save-list", type=Path, metavar="FILE.csv", help="with --dry-run: write it to a table, to change and import"
    )
    importing.add_argument("--undo", action="store_true", help="undo the last import, or the rest of it")
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
    if arguments.undo:
        return _undo_import(arguments, project, output)
    if arguments.source is None:
        raise SpecError("kws import needs to know what to import: name a folder or file, or add --undo")
    pointed = Pointed(
        (arguments.source,),
        words=arguments.words,
        rest_unknown=arguments.rest_unknown,
        rule=SpeakerRule(arguments.speaker, arguments.speaker_from),
        list_file=arguments.list,
        labels=arguments.labels,
        word=arguments.word,
        cut=arguments.cut,
    )
    if arguments.save_list is not None and not arguments.dry_run:
        raise SpecError("--save-list goes with --dry-run: it writes what would be taken")
    with interrupts() as interrupted:
        plan = plan_pointed(project, pointed, should_stop=lambda: bool(interrupted))
        if arguments.words is None:
            check_new_words(project, plan)
        if arguments.doubtful:
            for row in list(plan.files.remarks):
                plan.files.set_remark(row, "")
        imported = import_planned(
            project,
            plan,
            dry_run=arguments.dry_run,
            progress=progress_of("files", elsewhere=False),
            should_stop=lambda: bool(interrupted),
            on_wait=output.message,
        )
    if arguments.save_list is not None:
        write_list(arguments.save_list, imported.taken)
    skipped = [{"path": str(one.path), "reason": one.reason} for one in imported.skipped]
    notes = [*imported.notes, *_note_on_speakers(imported)]
    counts = dict(imported.words)
    clips = "1 clip" if imported.clips == 1 else f"{imported.clips} clips"
    done = "would be imported" if arguments.dry_run else "imported"
    lines = [f"{clips} {done}: " + ", ".join(f"{word} {count}" for word, count in counts.items())]
    if arguments.dry_run:
        lines += [f"{file.shown}: {file.word}, by {file.speaker}" for file in imported.taken]
    lines += [f"note: {note}" for note in notes]
    lines += [f"left out {one['path']}: {one['reason']}" for one in skipped]
    values: dict[str, Any] = {
        "event": "would import" if arguments.dry_run else "imported",
        "clips": imported.clips,
        "words": counts,
        "skipped": skipped,
        "notes": notes,
        "noises": imported.noises,
        "speakers_unknown": imported.speakers_unknown,
        "already_there": imported.already_there,
    }
    if arguments.dry_run:
        values["files"] = [dict(zip(LIST_COLUMNS, list_row(file), strict=True)) for file in imported.taken]
    output.result(values, "\n".join(lines))
    return INTERRUPTED if imported.stopped else 0


def _undo_import(arguments: argparse.Namespace, project: Project, output: Output) -> int:
    if arguments.source is not None:
        raise SpecError("--undo undoes the last import as a whole: name no source")
    with interrupts() as interrupted:
        steps = Steps(progress_of("clips", elsewhere=False), lambda: bool(interrupted))
        rest = undo_last(Changes(project), ("import",), output, dry_run=arguments.dry_run, steps=steps)
    return INTERRUPTED if rest is not None else 0


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
