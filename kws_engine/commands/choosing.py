"""Clips chosen by filters, such as word=tree problem=noisy, or by their paths; what commands on clips share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from kws_engine.caring.arrangement import Arrangement, SortKey
from kws_engine.caring.checking import Check, check
from kws_engine.caring.problems import PROBLEM_KINDS
from kws_engine.clips.clip import Clip
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.clips.split import SPLITS
from kws_engine.clips.words import UNKNOWN
from kws_engine.commands.interrupts import interrupts
from kws_engine.commands.output import Output
from kws_engine.commands.split import chosen
from kws_engine.errors import ProjectError

_YES_NO: Final = ("yes", "no")
_PROBLEMS: Final = (*PROBLEM_KINDS, "any", "none")
_NAMES: Final = ("word", "speaker", "part", "problem", "excluded", "text")


def add_filter(command: argparse.ArgumentParser) -> None:
    """Adds `--filter`."""
    command.add_argument(
        "--filter",
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="only clips that all of these hold for: word=, speaker=, "
        f"part={'|'.join(SPLITS)}, excluded=yes|no, problem={'|'.join(_PROBLEMS)}, "
        "text= (in word, name, speaker, or in what a check has found)",
    )


def filtered(
    project: Project, filters: Sequence[str], output: Output, *, paths: Sequence[str] = ()
) -> tuple[list[Clip], Check | None]:
    """The clips, also those that are left out, that all filters hold for, and what was found where they ask for it.

    Raises:
        ProjectError: A filter is none, or there is no such word, speaker or clip.
    """
    wanted = dict(map(_parsed, filters))
    clips = chosen(project, word=wanted.get("word"), speaker=wanted.get("speaker"), paths=paths)
    if "part" in wanted:
        clips = [clip for clip in clips if clip.split == wanted["part"] and not clip.excluded]
    if "excluded" in wanted:
        clips = [clip for clip in clips if clip.excluded == (wanted["excluded"] == "yes")]
    was_checked = ProjectFolder(project.folder).checks.is_file()
    found = checked(project, output) if "problem" in wanted or ("text" in wanted and was_checked) else None
    if found is not None and "problem" in wanted:
        clips = [clip for clip in clips if _has(found, clip, wanted["problem"])]
    if "text" in wanted:
        table = project.table()
        rows = Arrangement(table, found).matching(np.arange(len(table)), wanted["text"])
        keys = {table.key(row) for row in rows.tolist()}
        clips = [clip for clip in clips if clip.key in keys]
    return clips, found


def in_order(
    project: Project, clips: Sequence[Clip], by: SortKey, *, found: Check | None, descending: bool
) -> list[Clip]:
    """The clips by one of their values; those of which it is not known come last."""
    table = project.table()
    clip_at = {clip.key: clip for clip in clips}
    rows = Arrangement(table, found).ordered(np.arange(len(table)), by, descending=descending)
    return [clip_at[key] for key in map(table.key, rows.tolist()) if key in clip_at]


def _has(found: Check, clip: Clip, kind: str) -> bool:
    problems = found.of(clip.key)
    if kind in ("any", "none"):
        return bool(problems) == (kind == "any")
    return any(problem.kind == kind for problem in problems)


def checked(project: Project, output: Output) -> Check:
    """What is found in the clips, with progress on standard error; Ctrl-C ends it early, once.

    Raises:
        KeyboardInterrupt: It was ended early; what was found is remembered.
    """
    with interrupts() as interrupted:
        found = check(project, progress=progress_of("clips checked"), should_stop=lambda: bool(interrupted))
    if found.stopped:
        output.message("stopped; what was found is remembered, and the next check goes on from here")
        raise KeyboardInterrupt
    return found


def progress_of(what: str, *, elsewhere: bool = True) -> Callable[[int, int], None]:
    """Shows progress on standard error: one line that moves on a terminal, a line every tenth `elsewhere`."""
    last = -1

    def show(done: int, total: int) -> None:
        nonlocal last
        if sys.stderr.isatty():
            print(f"\r{done} of {total} {what}", end="" if done < total else "\n", file=sys.stderr, flush=True)
        elif elsewhere and (tenth := 10 * done // max(1, total)) != last:
            last = tenth
            print(f"{done} of {total} {what}", file=sys.stderr, flush=True)

    return show


def counted(clips: int) -> str:
    """Says "1 clip", "2 clips"."""
    return "1 clip" if clips == 1 else f"{clips} clips"


def values_of(clip: Clip, found: Check | None = None) -> dict[str, Any]:
    """A clip as JSON, with what was found in it."""
    values: dict[str, Any] = {
        "path": str(clip.path),
        "word": clip.word,
        "speaker": clip.speaker,
        "take": clip.take,
        "part": None if clip.excluded else clip.split,
        "excluded": clip.excluded,
        "seconds": round(clip.seconds, 3),
    }
    return values if found is None else {**values, **problems_of(found, clip.key)}


def problems_of(found: Check, key: str) -> dict[str, Any]:
    """The problems of a clip as JSON: kinds, the word it sounds like, the clip it is the same as, levels in dB.

    `suspicion` is how much more it sounds like another word than like its own, in cosines.
    """
    problems = found.of(key)
    values: dict[str, Any] = {"problems": [problem.kind for problem in problems]}
    for problem in problems:
        if problem.kind == "another_word":
            values["sounds_like"] = problem.other
        elif problem.kind == "duplicate":
            values["same_as"] = str(found.table.folder / problem.other)
    row = found.table.row(key)
    for name, levels in (("peak_db", found.peaks_db), ("snr_db", found.snrs_db)):
        if row is not None and not np.isnan(levels[row]):
            values[name] = round(float(levels[row]), 1)
    if row is not None and not np.isnan(found.compared.excess[row]):
        values["suspicion"] = round(float(found.compared.excess[row]), 3)
    return values


def _parsed(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    allowed = {"part": SPLITS, "problem": _PROBLEMS, "excluded": _YES_NO}.get(name)
    if not equals or name not in _NAMES:
        raise ProjectError(f"{text} is no filter: write {', '.join(f'{one}=…' for one in _NAMES)}.")
    if allowed is not None and value not in allowed:
        raise ProjectError(f"{text} is no filter: {name} is one of {', '.join(allowed)}.")
    return name, UNKNOWN if name == "word" and value == "unknown" else value
