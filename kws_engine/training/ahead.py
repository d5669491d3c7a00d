"""Work for the next epoch done in a thread while this epoch's steps are taken; knows not what the work is."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Result = TypeVar("Result")


class Ahead(Generic[Key, Result]):
    """A list of tasks; a thread takes one after another, and whoever needs them all takes the rest."""

    def __init__(self, tasks: Iterable[Key], work: Callable[[Key], Result]) -> None:
        self._tasks, self._work = deque(tasks), work
        self._done: list[tuple[Key, Result]] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def finish(self) -> list[tuple[Key, Result]]:
        """Helps until nothing is left; every task with its result, in any order.

        Raises:
            BaseException: What a task raised, in the thread or here.
        """
        while self._take():
            pass
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._done

    def cancel(self) -> None:
        """Drops what is left; returns when the thread is gone."""
        self._tasks.clear()
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._take():
                pass
        except BaseException as error:  # noqa: BLE001 - handed on to whoever asks for the results
            self._error = error

    def _take(self) -> bool:
        try:
            task = self._tasks.popleft()
        except IndexError:
            return False
        self._done.append((task, self._work(task)))
        return True
