"""Writes files so that a crash, a full disk or a second program loses nothing."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kws_engine.errors import FailureKind, ProjectError

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


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turns an OSError of the block, which writes at `path`, into a ProjectError."""
    try:
        yield
    except OSError as error:
        raise write_error(error, path) from error


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A hidden path that does not exist yet, in the folder of `path` and with its suffix; removed afterwards."""
    temporary = path.parent / f".{secrets.token_hex(8)}{path.suffix}"
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path, *, suffixes: Collection[str]) -> None:
    """Removes temporary files with one of these suffixes, which a program killed while writing has left behind.

    Only for folders that no other program writes such files in: it would lose those it is writing.
    """
    with contextlib.suppress(OSError):
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


def publish(temporary: Path, folder: Path, *, names: Iterable[str]) -> Path:
    """Gives the finished file the first of `names` that is free in `folder`; never overwrites, whoever else writes.

    Raises:
        OSError: From the file system.
    """
    for name in names:
        target = folder / name
        try:
            _claim(temporary, target)
        except FileExistsError:
            continue
        return target
    raise FileExistsError(errno.EEXIST, "every name is taken", str(folder))


def move_file(source: Path, folder: Path, *, names: Iterable[str]) -> Path:
    """Moves a file to the first of `names` that is free in `folder`; for a moment it may have both names.

    Raises:
        OSError: From the file system.
    """
    target = publish(source, folder, names=names)
    source.unlink(missing_ok=True)
    return target


def _claim(temporary: Path, target: Path) -> None:
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links (FAT): reserve the name, then put the file in its place
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        os.replace(temporary, target)
