"""A lock file that one program holds at a time: the `filelock` library, which never follows a link, with our sentences.

The operating system takes the lock back from a program that ends, however it ends. The file stays empty but for a note
of who holds it, and is removed on release.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import sys
import time
from pathlib import Path
from typing import Final

import filelock

from kws_engine.disk import refuse_link
from kws_engine.errors import ProjectError

_POLL_S: Final = 0.02
_PROBES: Final = 3  # somebody else who only looks holds the lock for some microseconds
_NOTE_AT: Final = 1  # Windows lets nobody read byte 0, which is the locked one
_NO_LOCKS: Final = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)
_LOOK: Final = (
    (os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
)


class FileLock:
    """Held from a `take` that succeeded to `release`, or until the process is gone; threads exclude each other too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: os.stat_result | None = None
        self._lock = filelock.FileLock(
            path, thread_local=False, poll_interval=_POLL_S, fallback_to_soft=False, on_acquired=self._on_acquired
        )

    def take(self, *, seconds: float) -> bool:
        """Whether this program holds it now, after waiting at most that long for another one.

        On a file system without locks every program is taken to be alone.

        Raises:
            ProjectError: A link, or what is no lock file, stands in its place.
            OSError: The file cannot be made, as in a missing or read-only folder or on a full disk.
        """
        _refuse_link(self._path)
        folder = self._path.parent.stat()  # where it is missing, filelock would make it
        try:
            self._lock.acquire(timeout=seconds)
        except filelock.Timeout:
            return False
        except OSError as error:
            _refuse_link(self._path)  # it was put there meanwhile
            if error.errno in _NO_LOCKS:
                with contextlib.suppress(OSError):
                    self._path.unlink()
                return True
            raise
        if not os.path.samestat(folder, self._path.parent.stat()):
            self.release()
            with contextlib.suppress(OSError):
                self._path.parent.rmdir()
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._path))
        return True

    def release(self) -> None:
        """Removes the file and gives the lock back; does nothing where it is not held."""
        with contextlib.suppress(OSError):  # Windows removes no open file: filelock removes it there, after closing it
            if self._held is not None and os.path.samestat(self._held, self._path.lstat()):
                self._path.unlink()
        self._held = None
        self._lock.release()

    def _on_acquired(self, descriptor: int) -> None:
        """Notes who holds it, for the sentence that another program shows."""
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise _not_ours(self._path, "is linked to another file")
        self._held = found
        with contextlib.suppress(OSError):  # a full disk matters elsewhere
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, _NOTE_AT, os.SEEK_SET)
            os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())


def is_held(path: Path) -> bool:
    """Whether some program, this one too, holds the file."""
    try:
        descriptor = os.open(path, _LOOK)
    except OSError:
        return False
    try:
        for probe in range(_PROBES):
            if filelock.lock_descriptor(descriptor, blocking=False):
                return False
            if probe + 1 < _PROBES:
                time.sleep(_POLL_S / 4)
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)


def holder(path: Path) -> str:
    """Who holds it, in brackets after a space; empty where that is not known."""
    try:
        with open(os.open(path, _LOOK), "rb", buffering=0) as file:
            file.seek(_NOTE_AT)
            note = file.read(100).decode("utf-8", "replace")
    except OSError:
        return ""
    return f" ({note})" if note.startswith("process ") and note.isprintable() else ""


def _refuse_link(path: Path) -> None:
    refuse_link(path)
    if path.is_symlink():
        raise _not_ours(path, "is a link to another file")


def _not_ours(path: Path, what: str) -> ProjectError:
    return ProjectError(f"{path} {what}, which a lock must not touch: delete the link and try again.")
