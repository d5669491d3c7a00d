"""Threads that do a run's work in groups of tasks, each task on one core.

Augmenting is many small operations. Splitting each over two cores costs more in waking threads than it saves (1.5 ms a
clip instead of 0.6), while whole tasks side by side lose nothing, and their results do not depend on the number of
threads. The threads rest while a run takes its steps, which need all cores at once: a step of two threads that shares
one of its cores with a third thread takes three times as long (53 ms instead of 17). Steps of a head on the speech
embedding take one core only: `begin` works beside them.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

Task = TypeVar("Task")
Result = TypeVar("Result")

_TASKS_PER_THREAD = 4
_MOST_TASKS = 16  # in a group, whose results wait in memory; more only where there are more threads


class Workers:
    """A pool of threads; an exception in a task is raised where its result is read."""

    def __init__(self, threads: int) -> None:
        self._group = max(threads, min(_TASKS_PER_THREAD * threads, _MOST_TASKS))
        self._pool = ThreadPoolExecutor(threads, "kws-worker", initializer=torch.set_num_threads, initargs=(1,))

    def results(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[tuple[Task, Result]]:
        """Every task with its result, in order; the threads rest while one is yielded."""
        waiting = iter(tasks)
        while group := list(itertools.islice(waiting, self._group)):
            results = [future.result() for future in self.begin(work, group)]
            self.settle()
            yield from zip(group, results, strict=True)

    def stream(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """The result of every task, in order; the threads keep working while one is yielded."""
        waiting = iter(tasks)
        pending = deque(self.begin(work, itertools.islice(waiting, self._group)))
        while pending:
            result = pending.popleft().result()
            pending.extend(self.begin(work, itertools.islice(waiting, 1)))
            yield result
        self.settle()

    def begin(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> list[Future[Result]]:
        """Begins every task, in order, beside what the caller does, who calls `settle` once their results are there."""
        return [self._pool.submit(work, task) for task in tasks]

    def settle(self) -> None:
        """Gives the libraries below torch's number of threads again, which each new thread has changed for them."""
        torch.set_num_threads(torch.get_num_threads())

    def close(self) -> None:
        """Drops the tasks that have not begun; returns when the threads have ended."""
        self._pool.shutdown(wait=True, cancel_futures=True)
