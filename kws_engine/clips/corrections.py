"""Many clips left out, put into a part, or moved to another word, at once; knows not who found them wrong."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kws_engine.clips import trash
from kws_engine.clips.clip import Clip
from kws_engine.clips.layout import CLIPS
from kws_engine.clips.split import Split
from kws_engine.clips.takes import TakeNumbers
from kws_engine.clips.words import UNKNOWN, clip_name, parse_name
from kws_engine.disk import publish, storing
from kws_engine.errors import ProjectError

if TYPE_CHECKING:
    from kws_engine.clips.project import Project


@dataclass(frozen=True)
class Move:
    """A clip and the word whose folder it belongs into.

    Attributes:
        name: The file's name there, if it is free; empty keeps the clip's own.
    """

    clip: Clip
    word: str
    name: str = ""


def exclude(project: Project, clips: Sequence[Clip], excluded: bool) -> None:
    """Leave clips out of training and evaluation, or take them in again, all or none; their files stay.

    Raises:
        ProjectError: A clip is gone, or the project cannot be written.
    """
    with project._lock:
        keys = [project._key(clip.path) for clip in clips]
        _check_present(project, keys)
        project.index.decide_all(keys, excluded=excluded)
        _renew(project, keys)


def set_parts(project: Project, clips: Sequence[Clip], splits: Sequence[Split | None]) -> list[Split | None]:
    """Put clips into parts by hand, each into its own, all or none; None gives one back to the rule.

    Returns:
        Into which part each was put by hand before, None where it went by the rule: given again, they undo it.

    Raises:
        ProjectError: A clip is gone, or the project cannot be written.
    """
    with project._lock:
        keys = [project._key(clip.path) for clip in clips]
        _check_present(project, keys)
        decisions = [project.index.decision(key) for key in keys]
        project.index.decide_splits(dict(zip(keys, splits, strict=True)))
        _renew(project, keys)
        return [decision.split if decision else None for decision in decisions]


def relabel(project: Project, moves: Sequence[Move]) -> list[Clip]:
    """Move clips into the folders of other words, all or none; they keep speaker, part, note and being left out.

    A clip whose name is in use there, or was, gets its speaker's next free number.

    Returns:
        The clips where they are now, in the order given. `Move(moved, old.word, old.path.name)` undoes one.

    Raises:
        ProjectError: There is no such word, a clip is gone, or the project cannot be written.
    """
    with project._lock:
        for move in moves:
            if move.word not in (*project.words, UNKNOWN):
                raise ProjectError(f'There is no word "{move.word}" in {project.name}: add it first.')
        old = [project._key(move.clip.path) for move in moves]
        _check_present(project, old)
        decisions = [project.index.decision(key) for key in old]
        new = _moved(project, moves)
        project._table = project._table.without(old)
        project.index.remember((), gone=old)
        project._include(new)
        for move, key, decision in zip(moves, new, decisions, strict=True):
            by_rule = project._table.clip(_row(project, key)).split
            if decision is not None or by_rule != move.clip.split:
                project.index.decide(
                    key,
                    excluded=move.clip.excluded,
                    split=move.clip.split if by_rule != move.clip.split else None,
                    note=decision.note if decision else None,
                )
        _renew(project, new)
        return [project._table.clip(_row(project, key)) for key in new]


def _moved(project: Project, moves: Sequence[Move]) -> list[str]:
    """Where each file went; what was moved goes back where one of them cannot be."""
    done: list[tuple[Path, Path]] = []
    try:
        for move in moves:
            done.append((move.clip.path, _move(project, move)))
    except ProjectError:
        for was, now in reversed(done):
            with storing(was):
                _put(now, was.parent, iter([was.name]))
        raise
    return [f"{now.parent.name}/{now.name}" for _, now in done]


def _move(project: Project, move: Move) -> Path:
    source, folder = move.clip.path, project.clips_folder / move.word
    with storing(folder / source.name):
        folder.mkdir(parents=True, exist_ok=True)
        return _put(source, folder, _names(project, move))


def _put(source: Path, folder: Path, names: Iterator[str]) -> Path:
    """The file under the first free name; for a moment it may have both."""
    target = publish(source, folder, names=names)
    source.unlink(missing_ok=True)
    return target


def _names(project: Project, move: Move) -> Iterator[str]:
    """The wanted name where no file of that speaker and take is or was there, then numbers that were never used."""
    wanted = move.name or move.clip.path.name
    speaker, take = parse_name(wanted)
    folder = Path(CLIPS) / move.word
    numbers = TakeNumbers(project.folder, move.word)
    if not numbers.is_present(speaker, take) and wanted not in trash.trashed_names(project.folder, folder):
        yield wanted
    suffix = move.clip.path.suffix
    yield from (str(Path(clip_name(speaker, at)).with_suffix(suffix)) for at in itertools.count(numbers.next(speaker)))


def _check_present(project: Project, keys: Sequence[str]) -> None:
    for key in keys:
        if project._table.row(key) is None or not (project.clips_folder / key).is_file():
            raise ProjectError(f"{key} is no longer there: look at the clips again.")


def _renew(project: Project, keys: Sequence[str]) -> None:
    table = project._table
    parts = {_row(project, key): project._part(key) for key in keys}
    project._table = table.with_parts(table.split, parts, table.excluded)


def _row(project: Project, key: str) -> int:
    row = project._table.row(key)
    assert row is not None
    return row
