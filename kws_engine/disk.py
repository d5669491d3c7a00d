"""Writes files so that a crash, a full disk or a second program loses nothing."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import secrets
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kws_engine.errors import FailureKind, ProjectError

_whole_folders: set[str] = set()
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)
_TEMPORARY = re.compile(r"\.[0-9a-f]{16}(\.\w+)")
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def failure_kind(error: OSError) -> FailureKind:
    """The kind of a failed write."""
    if error.errno in FULL:
        return "disk_full"
    return "read_only" if error.errno in FORBIDDEN else "other"


def write_error(error: OSError, path: Path) -> ProjectError:
    """The sentence for a failed write at `path`."""
    kind = failure_kind(error)
    if kind == "disk_full":
        return ProjectError(
            f"The disk is full, {path.name} could not be written: free some space and try again; "
            "everything written before it is kept.",
            kind=kind,
        )
    if kind == "read_only":
        return ProjectError(
            f"{path} cannot be written: choose a folder that you may write to, or allow writing to this one.", kind=kind
        )
    return ProjectError(f"{path} cannot be written ({error.strerror or error}): check the folder and try again.")


def is_writable(path: Path) -> bool:
    """Whether this program may write to an existing file or into an existing folder."""
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def keep_whole(mark: str) -> None:
    """From now on, nothing is written through a link out of a folder that holds a file of this name."""
    _whole_folders.add(mark)


def refuse_link(path: Path, *, itself: bool = False) -> None:
    """Refuses to write at a path that a link takes out of the folder that it belongs to.

    Such a folder, a project, may itself be reached through links; it may come from a stranger.

    Args:
        path: Of a file that is made, moved or replaced, or of one that is to be changed where it is.
        itself: Whether it is changed where it is, or is a folder to write in; a file has no second name then, either.

    Raises:
        ProjectError: There is such a link.
    """
    path = path.absolute()
    for place in (path, *path.parents) if itself else path.parents:
        if place.is_symlink() and _leads_out(place):
            raise ProjectError(f"{place} is a link that leads out of the project: put a real folder or file there.")
    if itself and path.is_file() and path.stat().st_nlink > 1 and _kept_whole(path):
        raise ProjectError(f"{path} is linked to another file: put a copy there instead.")


def _leads_out(link: Path) -> bool:
    around = _kept_whole(link)
    try:
        return bool(around) and not link.resolve().is_relative_to(around[-1].resolve())
    except (OSError, RuntimeError):  # a link in a circle
        return True


def _kept_whole(path: Path) -> list[Path]:
    """The folders around that are kept whole, the innermost first."""
    return [above for above in path.parents if any((above / mark).is_file() for mark in _whole_folders)]


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turns an OSError of the block, which writes at `path`, into a ProjectError; refuses links out of a project."""
    refuse_link(path)
    try:
        yield
    except OSError as error:
        raise write_error(error, path) from error


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A hidden path that does not exist yet, in the folder of `path` and with its suffix; removed afterwards.

    Raises:
        ProjectError: A link leads out of the project there.
    """
    refuse_link(path)
    temporary = path.parent / f".{secrets.token_hex(8)}{path.suffix}"
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path, *, suffixes: Collection[str]) -> None:
    """Removes temporary files with one of these suffixes, which a program killed while writing has left behind.

    Only for folders that no other program writes such files in: it would lose those it is writing.
    """
    with contextlib.suppress(OSError, ProjectError):
        refuse_link(folder, itself=True)
        for path in list(folder.iterdir()):
            found = _TEMPORARY.fullmatch(path.name)
            if found and found[1] in suffixes:
                with contextlib.suppress(OSError):
                    path.unlink()


def write_atomically(path: Path, content: bytes) -> None:
    """Writes the whole file or leaves the old one as it was.

    Raises:
        ProjectError: The folder cannot be written or the disk is full.
    """
    with storing(path):
        replace_whole(path, content)


def replace_whole(path: Path, content: bytes | memoryview) -> None:
    """Writes beside `path`, forces it to the disk, then renames it: a crash leaves the old file or the new one.

    Raises:
        OSError: From the file system; the old file is left as it was.
    """
    with temporary_beside(path) as temporary:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)


def open_to_append(path: Path) -> io.FileIO:
    """Opens a file of our own to write at its end; it is made where it is missing.

    Raises:
        ProjectError: It is a link, or a second name of another file.
        OSError: From the file system.
    """
    refuse_link(path, itself=True)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return io.FileIO(os.open(path, flags, 0o666), "ab")


def publish(temporary: Path, folder: Path, *, names: Iterable[str]) -> Path:
    """Gives the finished file the first of `names` that is free in `folder`; never overwrites, whoever else writes.

    Raises:
        OSError: From the file system.
    """
    refuse_link(folder, itself=True)
    for name in names:
        target = folder / name
        try:
            claim(temporary, target)
        except FileExistsError:
            continue
        return target
    raise FileExistsError(errno.EEXIST, "every name is taken", str(folder))


def move_file(source: Path, folder: Path, *, names: Iterable[str]) -> Path:
    """Moves a file to the first of `names` that is free in `folder`; for a moment it may have both names.

    Raises:
        OSError: From the file system.
    """
    refuse_link(source)
    target = publish(source, folder, names=names)
    source.unlink(missing_ok=True)
    return target


def claim(temporary: str | Path, target: str | Path) -> None:
    """Gives a finished file its name; where its file system has no hard links, the name that it had is gone.

    Raises:
        FileExistsError: The name is taken.
        OSError: From the file system.
    """
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links (FAT): reserve the name, then put the file in its place
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        os.replace(temporary, target)
