"""A file that one program at a time holds, taken back by the system from a killed one; knows not what it guards."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from pathlib import Path

_LOOK_EVERY_S = 0.02
_LOCKED_BYTE = 1 << 30  # beyond what is written: Windows forbids others to read a locked byte

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int, *, shared: bool) -> bool:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _take(descriptor: int, *, shared: bool) -> bool:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks: everybody is taken to be alone
            return True
        return True


class FileLock:
    """Held from a `take` that succeeded to `release`, or until the process is gone, however it ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def take(self, *, seconds: float) -> bool:
        """Whether this program has it, after waiting no longer than that for another one.

        Raises:
            OSError: The file cannot be made.
        """
        deadline = time.monotonic() + seconds
        while not self._try():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOOK_EVERY_S)
        return True

    def release(self) -> None:
        """Removes the file and gives the lock back; does nothing where it is not held."""
        if self._descriptor < 0:
            return
        with contextlib.suppress(OSError):
            if _is_still(self._descriptor, self._path):
                self._path.unlink()
        os.close(self._descriptor)
        self._descriptor = -1
        if sys.platform == "win32":  # which removes no open file
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _try(self) -> bool:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        if not _take(descriptor, shared=False) or not _is_still(descriptor, self._path):
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        with contextlib.suppress(OSError):  # only for the sentence; a full disk matters elsewhere
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
        return True


def is_held(path: Path) -> bool:
    """Whether some program, this one too, holds the file."""
    try:
        descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _take(descriptor, shared=True)
    finally:
        os.close(descriptor)


def holder(path: Path) -> str:
    """Who holds it, in brackets after a space; empty where that is not known."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")[:100]
    except OSError:
        return ""
    return f" ({text})" if text.startswith("process ") and text.isprintable() else ""


def _is_still(descriptor: int, path: Path) -> bool:
    """Whether the locked file is the one in the folder; its last holder may just have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
