"""One thread that runs calls in turn and never keeps the program from ending."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

_PATIENCE_S = 3.0
_LOOK_EVERY_S = 0.05


class Worker:
    """A pool of one thread, except that a call that hangs, as a sound system may, does not hang the program's end."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[[], object], Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], object]) -> Future[Any]:
        """Runs `call` after those before it; the future holds its result or exception."""
        future: Future[Any] = Future()
        self._calls.put((call, future))
        return future

    def shutdown(self, *, hangs: Callable[[], bool] = lambda: False) -> None:
        """Finishes what was submitted and ends; leaves a call behind that `hangs`, or takes over three seconds."""
        self._calls.put(None)
        until_s = time.monotonic() + _PATIENCE_S
        while self._thread.is_alive() and time.monotonic() < until_s and not hangs():
            self._thread.join(_LOOK_EVERY_S)

    def _run(self) -> None:
        while (task := self._calls.get()) is not None:
            call, future = task
            try:
                result = call()
            except Exception as error:  # noqa: BLE001 - a thread's edge: the future carries it on
                future.set_exception(error)
            else:
                future.set_result(result)
