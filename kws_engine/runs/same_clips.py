"""Checks that the clips of a run that is resumed are those that it began with."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence

from kws_engine.clips.project import Project
from kws_engine.errors import TrainingError
from kws_engine.runs.clip_list import ClipRow, counted, hashes_of, located
from kws_engine.runs.folder import RunFolder
from kws_engine.training.events import Progress

_AT_ONCE = 500


def check_clips(project: Project, folder: RunFolder, *, finish: bool = False) -> Iterator[Progress]:
    """Checks every clip in a run's list; yields how far it is.

    Files that have not changed since they were last hashed are not read again. A clip whose hash the run ended too
    early to write must only be there.

    Args:
        project: Whose clips.
        folder: The run's; an older one, without a list, passes.
        finish: Whether nothing more is learned, so that only the validation clips matter.

    Raises:
        TrainingError: Names what is missing or has changed, or the list is damaged.
    """
    if not folder.clips.exists():
        return
    missing: list[ClipRow] = []
    changed: list[ClipRow] = []
    total, done = sum(1 for _ in folder.clips.read()), 0
    rows = (row for row in folder.clips.read() if row.split == "validation" or not finish)
    while some := list(itertools.islice(rows, _AT_ONCE)):
        yield Progress("Looking at clips", done, total)
        done += len(some)
        _compare(project, some, missing, changed)
    if missing or changed:
        raise TrainingError(_refusal(folder.path.name, missing, changed), kind="clips_changed")


def _compare(project: Project, rows: Sequence[ClipRow], missing: list[ClipRow], changed: list[ClipRow]) -> None:
    known = [row for row in rows if row.sha256]
    for row, now in zip(known, hashes_of(known, project), strict=True):
        if not now:
            missing.append(row)
        elif now != row.sha256:
            changed.append(row)
    missing += [row for row in rows if not row.sha256 and not os.path.exists(located(row, project.folder))]


def _refusal(run: str, missing: Sequence[ClipRow], changed: Sequence[ClipRow]) -> str:
    kinds = (
        (missing, "clip is missing", "clips are missing"),
        (changed, "clip has changed", "clips have changed"),
    )
    what = ", ".join(counted([row.path for row in rows], one, many) for rows, one, many in kinds if rows)
    is_learned = all(row.split == "training" for row in (*missing, *changed))
    end_here = ", or end it with its best epoch (`kws resume --finish`)" if is_learned else ""
    return (
        f"The run {run} cannot go on, because since it began {what}: bring them back as they were{end_here}, "
        "or train again"
    )
