"""One program at a time on a run's folder: a file lock that the system takes back from a killed program; knows no run.

Two programs may train on one project, each in a folder of its own; what they may not is go on with, repeat into or
delete the same run at one time.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from pathlib import Path
from types import TracebackType

from kws_engine.errors import TrainingError

FILE = "running.lock"
_ATTEMPTS = 10  # somebody who only looks holds the lock for some microseconds
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


class RunLock:
    """Held from `__enter__` to `__exit__`, or until the process is gone, however it ended."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._descriptor = -1

    def __enter__(self) -> RunLock:
        """Takes the lock.

        Raises:
            TrainingError: Another program has it, or the folder cannot be written.
        """
        for _ in range(_ATTEMPTS):
            if self._try():
                return self
            time.sleep(0.02)
        raise TrainingError(
            f"The run {self._path.parent.name} is in use by another program{_holder(self._path)}: "
            "wait for its end or stop it there"
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives the lock back and removes its file."""
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)
        if sys.platform == "win32":  # which removes no open file
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _try(self) -> bool:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise TrainingError(
                f"{self._path.parent} cannot be written ({error.strerror}): check space and permissions"
            ) from None
        if not _take(descriptor, shared=False) or not _is_still(descriptor, self._path):
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        with contextlib.suppress(OSError):  # only for the sentence; a full disk matters elsewhere
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
        return True


def is_locked(folder: Path) -> bool:
    """Whether some program, this one too, is at work in the folder."""
    try:
        descriptor = os.open(folder / FILE, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _take(descriptor, shared=True)
    finally:
        os.close(descriptor)


def _is_still(descriptor: int, path: Path) -> bool:
    """Whether the locked file is the one in the folder; its last holder may just have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _holder(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")[:100]
    except OSError:
        return ""
    return f" ({text})" if text.startswith("process ") and text.isprintable() else ""
