"""Deleted files, moved into `.trash/<time>/` with their layout so that every deletion can be undone."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kws_engine.clips.layout import TRASH_FOLDER
from kws_engine.disk import refuse_link, storing, write_error
from kws_engine.errors import ProjectError


@dataclass(frozen=True)
class Deletion:
    """What was deleted, as paths relative to the project, and the folder in the trash that holds it."""

    trash: Path
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class Removal:
    """A removed word with all its clips, as `Edit.restore` takes it."""

    word: str
    position: int
    deletion: Deletion


def delete(project_folder: Path, paths: Iterable[Path], *, into: Path | None = None) -> Deletion:
    """Moves files or folders, given relative to the project, into the trash; missing ones are left out.

    Args:
        project_folder: The project.
        paths: What is moved.
        into: The folder of the trash, from `new_folder`; None makes one.

    Raises:
        ProjectError: The project cannot be written; nothing was moved.
    """
    there = tuple(path for path in paths if os.path.lexists(project_folder / path))
    _refuse_links(project_folder / path for path in there)
    deletion = Deletion(into or new_folder(project_folder), there)
    try:
        take_back(project_folder, deletion)
    except ProjectError:
        with contextlib.suppress(OSError):
            deletion.trash.rmdir()
        raise
    return deletion


@contextmanager
def kept_copy(project_folder: Path, path: Path) -> Iterator[Deletion]:
    """Holds a file's content in the trash while the block replaces the file, and afterwards unless the block fails.

    Raises:
        ProjectError: The project cannot be written.
    """
    trash = new_folder(project_folder)
    try:
        with storing(trash / path):
            (trash / path).parent.mkdir(parents=True)
            try:
                os.link(project_folder / path, trash / path)
            except OSError:  # a file system without hard links
                shutil.copy2(project_folder / path, trash / path)
        yield Deletion(trash, (path,))
    except (OSError, ProjectError):
        shutil.rmtree(trash, ignore_errors=True)
        raise


def restore(project_folder: Path, deletion: Deletion) -> None:
    """Puts everything back where it was, all or nothing.

    Raises:
        ProjectError: The trash was emptied, something else took a place, or the project cannot be written.
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
            with storing(project_folder / path):
                (project_folder / path).rmdir()
    put_back(project_folder, deletion)


def put_back(project_folder: Path, deletion: Deletion) -> None:
    """Puts everything back where it was, over whatever files took its place; all or nothing.

    Raises:
        ProjectError: The project cannot be written.
    """
    _move_all(deletion.trash, project_folder, deletion.paths)
    _remove_empty(deletion.trash)


def take_back(project_folder: Path, deletion: Deletion) -> None:
    """Moves what belongs to a deletion into its folder in the trash, as if it had never been restored.

    Raises:
        ProjectError: The project cannot be written; nothing was moved.
    """
    _move_all(project_folder, deletion.trash, deletion.paths)


def trashed_names(project_folder: Path, folder: Path) -> Iterator[str]:
    """Names of the files that were deleted out of `folder`, which is given relative to the project."""
    trash = project_folder / TRASH_FOLDER
    if trash.is_dir():
        for deleted in trash.iterdir():
            if (deleted / folder).is_dir():
                yield from os.listdir(deleted / folder)


def new_folder(project_folder: Path) -> Path:
    """Makes a folder in the trash, for what is deleted now.

    Raises:
        ProjectError: The project cannot be written.
    """
    trash = project_folder / TRASH_FOLDER
    stamp = time.strftime("%Y%m%d-%H%M%S")
    refuse_link(trash, itself=True)
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


def _remove_empty(trash: Path) -> None:
    """Removes a folder of the trash with the folders in it, as far as nothing else is left there."""
    for folder, _, _ in os.walk(trash, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def _refuse_links(paths: Iterable[Path]) -> None:
    """Refuses links above these paths; all that lie in one folder are looked at once."""
    seen: set[Path] = set()
    for path in paths:
        if path.parent not in seen:
            seen.add(path.parent)
            refuse_link(path)


def _move_all(source: Path, target: Path, paths: Sequence[Path]) -> None:
    _refuse_links(source / path for path in paths)
    moved: list[Path] = []
    ready: set[Path] = set()
    try:
        for path in paths:
            if path.parent not in ready:
                with storing(target / path):
                    (target / path.parent).mkdir(parents=True, exist_ok=True)
                ready.add(path.parent)
            _move(source / path, target / path)
            moved.append(path)
    except ProjectError:
        for path in reversed(moved):
            _move(target / path, source / path)
        raise


def _move(source: Path, target: Path) -> None:
    try:
        os.replace(source, target)
    except OSError as error:
        raise write_error(error, target) from error


def _is_taken(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()
