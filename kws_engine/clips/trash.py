"""Deleted files, moved into `.trash/<time>/` with their layout so that every deletion can be undone; knows no words."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kws_engine.clips.layout import TRASH
from kws_engine.disk import storing
from kws_engine.errors import ProjectError

FOLDER_NAME: Final = TRASH


@dataclass(frozen=True)
class Deletion:
    """What was moved, as paths relative to the project, and the folder in the trash that holds it."""

    trash: Path
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class Removal:
    """A removed word with all its clips, to be given to `Project.restore`."""

    word: str
    position: int
    deletion: Deletion


def delete(project_folder: Path, paths: Iterable[Path]) -> Deletion:
    """Move files or folders, given relative to the project, into a new folder of the trash; gone ones are left out.

    Raises:
        ProjectError: the project cannot be written; what was moved by then is moved back.
    """
    deletion = Deletion(_new_folder(project_folder), tuple(p for p in paths if (project_folder / p).exists()))
    moved: list[Path] = []
    try:
        for path in deletion.paths:
            _move(project_folder / path, deletion.trash / path)
            moved.append(path)
    except ProjectError:
        for path in moved:
            _move(deletion.trash / path, project_folder / path)
        raise
    return deletion


@contextmanager
def second_name(project_folder: Path, path: Path) -> Iterator[None]:
    """For the block that replaces a file in one step: its old content is in the trash, unless the block fails.

    Raises:
        ProjectError: the project cannot be written.
    """
    trash = _new_folder(project_folder)
    try:
        with storing(trash / path):
            (trash / path).parent.mkdir(parents=True)
            try:
                os.link(project_folder / path, trash / path)
            except OSError:  # a file system without hard links
                shutil.copy2(project_folder / path, trash / path)
        yield
    except (OSError, ProjectError):
        shutil.rmtree(trash, ignore_errors=True)
        raise


def restore(project_folder: Path, deletion: Deletion) -> None:
    """Put everything back where it was; nothing is moved where something else stands in its place.

    Raises:
        ProjectError: the trash was emptied, or a place is taken by now.
    """
    for path in deletion.paths:
        if not (deletion.trash / path).exists():
            raise ProjectError(f"{path.name} is no longer in the trash, so it cannot come back: record it again.")
        if _is_taken(project_folder / path):
            raise ProjectError(
                f"{path} exists again, so the deleted one cannot come back: move the new one away first."
            )
    for path in deletion.paths:
        if (project_folder / path).is_dir():
            (project_folder / path).rmdir()
        _move(deletion.trash / path, project_folder / path)
    shutil.rmtree(deletion.trash, ignore_errors=True)


def trashed_names(project_folder: Path, folder: Path) -> Iterator[str]:
    """Names of the files that were deleted out of `folder`, which is given relative to the project."""
    trash = project_folder / FOLDER_NAME
    if trash.is_dir():
        for deleted in trash.iterdir():
            if (deleted / folder).is_dir():
                yield from os.listdir(deleted / folder)


def _new_folder(project_folder: Path) -> Path:
    trash = project_folder / FOLDER_NAME
    stamp = time.strftime("%Y%m%d-%H%M%S")
    with storing(trash):
        trash.mkdir(exist_ok=True)
        for number in range(1, 10_000):
            folder = trash / (stamp if number == 1 else f"{stamp}-{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    raise ProjectError(f"{trash} is crowded: empty it and try again.")


def _move(source: Path, target: Path) -> None:
    with storing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(source, target)


def _is_taken(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()
