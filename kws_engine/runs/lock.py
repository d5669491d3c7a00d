"""One program at a time in a run's folder: a file lock that the system releases when the program is killed.

Two programs may train on one project, each in a folder of its own; what they may not do is resume or
delete the same run at the same time.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from kws_engine.disk import failure_kind
from kws_engine.errors import TrainingError
from kws_engine.file_lock import FileLock, holder, is_held

_PATIENCE_S = 0.2  # whoever only checks it holds the lock for some microseconds


class RunLock:
    """Held from `__enter__` to `__exit__`, or until the process is gone, however it ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(self._path)

    def __enter__(self) -> RunLock:
        """Takes the lock.

        Raises:
            TrainingError: Another program has it, or the folder cannot be written.
        """
        try:
            is_taken = self._lock.take(seconds=_PATIENCE_S)
        except OSError as error:
            raise TrainingError(
                f"{self._path.parent} cannot be written ({error.strerror}): check space and permissions",
                kind=failure_kind(error),
            ) from None
        if not is_taken:
            raise TrainingError(
                f"The run {self._path.parent.name} is in use by another program{holder(self._path)}: "
                "wait for its end or stop it there",
                kind="in_use",
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives the lock back and removes its file."""
        self.release()

    def release(self) -> None:
        """Gives it back before the end; a second time does no harm."""
        self._lock.release()


def is_locked(path: Path) -> bool:
    """Whether some program, this one included, holds the lock file."""
    return is_held(path)
