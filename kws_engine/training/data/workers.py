"""Work for a run done in threads, each on one core, a group at a time; knows not what the work is.

Augmenting is many small operations. Split over two cores, each costs more in waking threads than it saves (1.5 ms a
clip, not 0.6); done whole on one core beside the others, nothing is lost. And what is made does not depend on how many
threads a run has. Nor is anything made beside a run's steps, which need all cores at once: a step of two threads that
shares one of its cores with a third thread takes three times as long (17 and 53 ms).
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

_GROUP, _MANY = 4, 16  # tasks of a thread; beyond so many, whose results wait in memory, only one of a thread


class Workers:
    """Threads that wait for work; what a task raises is raised where its result is asked for."""

    def __init__(self, threads: int) -> None:
        self._group = max(threads, min(_GROUP * threads, _MANY))
        self._pool = ThreadPoolExecutor(threads, "kws-worker", initializer=torch.set_num_threads, initargs=(1,))

    def results(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[tuple[Task, Result]]:
        """Every task with its result, in their order; while one is yielded, all threads are at rest."""
        waiting = iter(tasks)
        while group := list(itertools.islice(waiting, self._group)):
            made: list[Future[Result]] = [self._pool.submit(work, task) for task in group]
            results = [future.result() for future in made]
            torch.set_num_threads(torch.get_num_threads())  # a new thread's choice counts for the libraries below
            yield from zip(group, results, strict=True)

    def stream(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """The result of every task, in their order; the threads go on while one is yielded."""
        waiting = iter(tasks)
        begun = deque(self._pool.submit(work, task) for task in itertools.islice(waiting, self._group))
        while begun:
            result = begun.popleft().result()
            begun.extend(self._pool.submit(work, task) for task in itertools.islice(waiting, 1))
            yield result
        torch.set_num_threads(torch.get_num_threads())  # a new thread's choice counts for the libraries below

    def close(self) -> None:
        """Drops what is not begun; returns when the threads are gone."""
        self._pool.shutdown(wait=True, cancel_futures=True)
