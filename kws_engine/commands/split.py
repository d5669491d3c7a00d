"""`kws split`: which clips learn, validate and test, and how to change that by hand."""

from __future__ import annotations

import argparse
import shlex
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from kws_engine.clips.clip import Clip
from kws_engine.clips.layout import CLIPS_FOLDER
from kws_engine.clips.project import Project
from kws_engine.clips.split import SPLITS, Split
from kws_engine.clips.words import UNKNOWN
from kws_engine.commands.output import Output, table
from kws_engine.errors import ProjectError

_NAMED = 12  # of what there is, in an error


def add(add_command: Any) -> None:
    command = add_command("split", _split, help="show the parts by word and speaker, or change them")
    command.add_argument("project", type=Path)
    command.add_argument("--word", help="only clips of this word")
    command.add_argument("--speaker", help="only clips of this speaker")
    command.add_argument("--takes", type=_takes, metavar="3,7", help="only these takes of a word")
    command.add_argument("--clip", action="append", default=[], metavar="PATH", help="this clip; may be given again")
    to = command.add_mutually_exclusive_group()
    to.add_argument("--to", choices=SPLITS, help="the part to put them into")
    to.add_argument("--auto", action="store_true", help="give them back to the rule")


def _takes(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) <= 9 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of takes: write numbers, as in 3,7")
    return tuple(map(int, parts))


def _split(arguments: argparse.Namespace, output: Output) -> None:
    project = Project.open(arguments.project)
    clips = chosen(project, word=arguments.word, speaker=arguments.speaker, takes=arguments.takes, paths=arguments.clip)
    is_change = bool(arguments.to or arguments.auto)
    if is_change and not (arguments.word or arguments.speaker or arguments.takes or arguments.clip):
        if arguments.to:
            raise ProjectError("--to needs to know which clips: add --speaker, --word, --takes or --clip.")
        clips = [clip for clip in clips if _by_hand(project, clip)]
    moved, undo = _change(project, clips, arguments.to, _selection(arguments)) if is_change else ([], [])
    shown = chosen(project, word=arguments.word, speaker=arguments.speaker)
    words = counts(project, shown)
    values = {
        "event": "split",
        "moved": moved,
        "words": words,
        "split_by": {word: way for word, way in project.table().split_by().items() if word in words},
        "by_hand": [clip.key for clip in shown if _by_hand(project, clip)],
        "undo": undo,
    }
    output.result(values, _text(project, shown, moved, undo, is_change=is_change))


def _selection(arguments: argparse.Namespace) -> list[str]:
    """The arguments that choose the clips, as they were given; none where --clip is among them."""
    if arguments.clip:
        return []
    takes = ",".join(map(str, arguments.takes)) if arguments.takes else None
    given = (("--word", arguments.word), ("--speaker", arguments.speaker), ("--takes", takes))
    return [part for flag, value in given if value is not None for part in (flag, value)]


def chosen(
    project: Project,
    *,
    word: str | None = None,
    speaker: str | None = None,
    takes: Sequence[int] | None = None,
    paths: Iterable[str] = (),
) -> list[Clip]:
    """The clips that all of these hold for.

    Raises:
        ProjectError: There are no such clips; what there is.
    """
    clips = list(project.clips(include_excluded=True))
    if word is not None:
        if word not in (*project.words, UNKNOWN):
            raise ProjectError(f"{project.folder} has no word “{word}”: {_there(project.words, 'no words yet')}.")
        clips = [clip for clip in clips if clip.word == word]
    where = f"“{word}”" if word is not None else str(project.folder)
    if speaker is not None:
        speakers = sorted({clip.speaker for clip in clips})
        if speaker not in speakers:
            raise ProjectError(f"{where} has no speaker “{speaker}”: {_there(speakers, 'no clips yet')}.")
        clips = [clip for clip in clips if clip.speaker == speaker]
    if takes is not None:
        clips = _with_takes(clips, takes, word=word, speaker=speaker)
    named = [_at(project, path) for path in paths]
    if named:
        of_path = {clip.path: clip for clip in clips}
        for path, given in zip(named, paths, strict=True):
            if path not in of_path:
                raise ProjectError(f"{given} is no clip of {where}: name one as in {_example(clips, project)}.")
        clips = [of_path[path] for path in named]
    return clips


def _with_takes(clips: Sequence[Clip], takes: Sequence[int], *, word: str | None, speaker: str | None) -> list[Clip]:
    if word is None:
        raise ProjectError("--takes counts the takes of a word: add --word.")
    there = sorted({clip.take for clip in clips})
    for take in takes:
        if take not in there:
            of_whom = f" by {speaker}" if speaker is not None else ""
            raise ProjectError(f"“{word}” has no take {take}{of_whom}: {_there(map(str, there), 'no takes yet')}.")
    return [clip for clip in clips if clip.take in takes]


def _there(names: Iterable[str], nothing: str) -> str:
    names = list(names)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"there is {', '.join(names[:_NAMED])}{more}" if names else f"there are {nothing}"


def _at(project: Project, path: str) -> Path:
    """The clip that a path names: from here, from the project, or from its clips folder."""
    places = (Path(path), project.folder / path, project.clips_folder / path)
    found = next((place for place in places if place.is_file() and _is_clip(project, place)), None)
    return Path(path) if found is None else project.clips_folder / found.absolute().parent.name / found.name


def _is_clip(project: Project, path: Path) -> bool:
    return path.absolute().parent.parent.resolve() == project.clips_folder.resolve()


def _example(clips: Sequence[Clip], project: Project) -> str:
    return f"{CLIPS_FOLDER}/{clips[0].key}" if clips else f"{project.folder}/{CLIPS_FOLDER}/WORD/NAME.wav"


def _by_hand(project: Project, clip: Clip) -> Split | None:
    decision = project.index.decided.get(clip.key)
    return decision.split if decision else None


def _change(
    project: Project, selected: Sequence[Clip], to: Split | None, selection: Sequence[str]
) -> tuple[list[dict[str, Any]], list[list[str]]]:
    """Puts clips into a part, or with None back to the rule; what moved, and the arguments that undo it."""
    clips = [clip for clip in selected if _by_hand(project, clip) != to]
    before = project.edit.set_splits(clips, [to] * len(clips))
    table = project.table()
    moved, back = [], defaultdict(list)
    for clip, by_hand in zip(clips, before, strict=True):
        row = table.row(clip.key)
        split = SPLITS[table.split[row]] if row is not None else clip.split
        values = {"clip": str(clip.path), "word": clip.word, "speaker": clip.speaker, "take": clip.take}
        moved.append({**values, "from": clip.split, "to": split, "by_hand_before": by_hand})
        back[by_hand].append(clip)
    undo = []
    for by_hand, those in back.items():
        named: Sequence[str] = [part for clip in those for part in ("--clip", clip.key)]
        if selection and len(those) == len(selected):
            named = selection
        undo.append([str(project.folder), *named, *(("--to", by_hand) if by_hand else ("--auto",))])
    return moved, undo


def counts(project: Project, clips: Iterable[Clip]) -> dict[str, dict[str, dict[str, int]]]:
    """Clips in each part by word and speaker, without those that are left out."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for clip in clips:
        of_speaker = found.setdefault(clip.word, {}).setdefault(clip.speaker, dict.fromkeys(SPLITS, 0))
        if not clip.excluded:
            of_speaker[clip.split] += 1
    order = (*project.words, UNKNOWN)
    return {word: found[word] for word in order if word in found}


def _text(
    project: Project,
    shown: Sequence[Clip],
    moved: Sequence[dict[str, Any]],
    undo: Sequence[Sequence[str]],
    *,
    is_change: bool,
) -> str:
    lines = [f"{one['word']}/{Path(one['clip']).name}: {one['from']} → {one['to']}" for one in moved]
    if is_change:
        lines.append("1 clip moved" if len(moved) == 1 else f"{len(moved)} clips moved")
    lines += [f"undo: kws split {shlex.join(arguments)}" for arguments in undo]
    rows = [
        [word, speaker, *(str(parts[split]) for split in SPLITS)]
        for word, speakers in counts(project, shown).items()
        for speaker, parts in speakers.items()
    ]
    if not rows:
        return "\n".join((*lines, f"{project.folder} has no clips yet: kws record {project.folder} WORD"))
    by_hand = sum(_by_hand(project, clip) is not None for clip in shown)
    notes = [f"{by_hand} clip{'' if by_hand == 1 else 's'} put into a part by hand"] if by_hand else []
    return "\n".join((*lines, *([""] if lines else []), table(rows, header=["word", "speaker", *SPLITS]), *notes))
