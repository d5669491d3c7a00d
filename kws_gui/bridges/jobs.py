"""Long work off the GUI thread, with progress, cancel and exactly one ending."""

from __future__ import annotations

import atexit
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, QThread, Signal

from kws_engine.errors import KwsError

_TOLD_EVERY_S = 1 / 30

Work = Callable[[Callable[[int, int], None], Callable[[], bool]], Any]


class LongJob(QObject):
    """Runs `work(progress, should_stop)` in a thread of its own.

    Signals:
        progressed: (done, total).
        finished: The work's result, also of work that was cancelled and returned.
        failed: (sentence, traceback); the traceback is for the log.

    Exactly one of `finished` and `failed` is emitted, in the thread that made the job.

    superqt's workers do not serve here: they share one thread pool and cannot be waited for one by one, a cancelled one
    gives no result, each has two endings, and running one replaces `warnings.showwarning` for the whole program.
    """

    progressed = Signal(int, int)
    finished = Signal(object)
    failed = Signal(str, str)

    def __init__(self, work: Work, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._cancelled = threading.Event()
        self._thread = _Thread(work, self._cancelled.is_set)
        self._thread.progressed.connect(self.progressed, Qt.ConnectionType.QueuedConnection)
        self._thread.finished.connect(self._on_ended)

    def start(self) -> None:
        """Starts the thread; call it once, after connecting."""
        keep_until_ended(self._thread)
        self._thread.start()

    def cancel(self) -> None:
        """Asks the work to stop the next time that it calls `should_stop`."""
        self._cancelled.set()

    def is_running(self) -> bool:
        return self._thread.isRunning()

    def wait(self) -> None:
        """Cancels and returns when the thread has ended; for closing the window."""
        self.cancel()
        self._thread.wait()

    def _on_ended(self) -> None:
        if self._thread.failure is not None:
            self.failed.emit(*self._thread.failure)
        else:
            self.finished.emit(self._thread.result)


def seldom(progress: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """Passes progress on thirty times a second at most, and its end: each time costs the GUI thread a moment."""
    told_s = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal told_s
        now_s = time.monotonic()
        if done >= total or now_s - told_s >= _TOLD_EVERY_S:
            told_s = now_s
            progress(done, total)

    return tell


_running: set[QThread] = set()


def keep_until_ended(thread: QThread) -> None:
    """Keeps a reference to a thread that is about to start: Qt aborts the program if one is destroyed while it runs."""
    for ended in [one for one in _running if one.isFinished()]:
        _running.remove(ended)
    _running.add(thread)


@atexit.register
def _wait_for_all() -> None:
    for thread in _running:
        thread.wait(5000)


class _Thread(QThread):
    progressed = Signal(int, int)

    def __init__(self, work: Work, should_stop: Callable[[], bool]) -> None:
        super().__init__()
        self._work = work
        self._should_stop = should_stop
        self.result: Any = None
        self.failure: tuple[str, str] | None = None

    def run(self) -> None:
        try:
            self.result = self._work(self.progressed.emit, self._should_stop)
        except KwsError as error:
            self.failure = (str(error), "")
        except Exception as error:  # noqa: BLE001 - a thread's edge: nothing may end in silence
            self.failure = (f"This failed unexpectedly: {error or type(error).__name__}", traceback.format_exc())
