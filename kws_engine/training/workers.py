"""Work for a run done in threads beside its steps, each on one core; knows not what the work is.

Augmenting is many small operations. Split over two cores, each costs more in waking threads than it saves (1.5 ms a
clip, not 0.6); done whole on one core beside the others, nothing is lost. And what is made does not depend on how many
threads a run has.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import torch

Task = TypeVar("Task")
Result = TypeVar("Result")


class Workers(Generic[Task, Result]):
    """Results in the order of their tasks; what a task raises is raised where its result is asked for."""

    def __init__(
        self, tasks: Iterable[Task], work: Callable[[Task], Result], *, threads: int, ahead: int | None = None
    ) -> None:
        """Begins at once.

        Args:
            tasks: One after another.
            work: Done with each, in any thread.
            threads: At most at a time.
            ahead: How many results may wait to be asked for; None takes any number.
        """
        self._tasks, self._work, self._ahead = iter(tasks), work, ahead
        self._pool = ThreadPoolExecutor(threads, "kws-worker", initializer=torch.set_num_threads, initargs=(1,))
        self._waiting: deque[tuple[Task, Future[Result]]] = deque()
        self._submit()

    def results(self) -> Iterator[tuple[Task, Result]]:
        """Every task with its result."""
        try:
            while self._waiting:
                task, future = self._waiting.popleft()
                result = future.result()
                torch.set_num_threads(torch.get_num_threads())  # a new thread's choice counts for the libraries below
                self._submit()
                yield task, result
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Drops what is not begun; returns when the threads are gone."""
        self._waiting.clear()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self) -> None:
        for task in self._tasks:
            self._waiting.append((task, self._pool.submit(self._work, task)))
            if self._ahead is not None and len(self._waiting) >= self._ahead:
                return
