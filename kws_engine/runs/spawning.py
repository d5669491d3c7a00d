"""Starts and ends the processes in which the program works beside itself."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing.context import SpawnProcess
from types import ModuleType
from typing import Any

SPAWN = multiprocessing.get_context("spawn")
_lock = threading.Lock()


class Flag:
    """One byte that two processes share, set and cleared by one of them.

    It has no lock, unlike `multiprocessing.Event`: a process killed while it holds the lock would never release it,
    and whoever sets the flag next would wait for ever.
    """

    def __init__(self) -> None:
        self._byte = SPAWN.RawValue(ctypes.c_ubyte, 0)

    def set(self) -> None:
        """Sets it; never waits."""
        self._byte.value = 1

    def clear(self) -> None:
        """Clears it; never waits."""
        self._byte.value = 0

    def is_set(self) -> bool:
        """Whether it is set."""
        return bool(self._byte.value)


def spawn(target: Callable[..., None], *args: Any) -> SpawnProcess:
    """Starts `target(*args)` in a new interpreter that imports the target's module, and nothing of the window.

    Left to itself, Python would import the program's main script there as well, and with it Qt.
    """
    process = SPAWN.Process(target=target, args=args, daemon=True)
    with _without_main_script():
        process.start()
    return process


def end_with_parent() -> None:
    """Waits for the parent and then ends this process at once; run it in a daemon thread of the child."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def end_process(process: SpawnProcess, *, seconds: float) -> None:
    """Returns when the process has ended: by itself within that time, else terminated, else killed."""
    process.join(seconds)
    for end in (process.terminate, process.kill):
        if process.is_alive():
            end()
            process.join(2)


@contextlib.contextmanager
def _without_main_script() -> Iterator[None]:
    with _lock:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main
