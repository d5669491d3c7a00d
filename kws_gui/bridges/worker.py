"""One thread that does calls in turn and never keeps the program from ending; knows nothing of what they do."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

_PATIENCE_S = 3.0


class Worker:
    """Like a pool of one thread, but a call that hangs, as a sound system may, does not hang the program's end."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[[], object], Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], object]) -> Future[Any]:
        """Does `call` after those before it; its result or exception comes in the future."""
        future: Future[Any] = Future()
        self._calls.put((call, future))
        return future

    def shutdown(self) -> None:
        """Finishes what was submitted and ends; leaves a hanging call behind after three seconds."""
        self._calls.put(None)
        self._thread.join(_PATIENCE_S)

    def _run(self) -> None:
        while (task := self._calls.get()) is not None:
            call, future = task
            try:
                result = call()
            except Exception as error:  # noqa: BLE001 - a thread's edge: whoever holds the future is told
                future.set_exception(error)
            else:
                future.set_result(result)
