"""Long work off the GUI's thread, with progress, cancel and an ending in words; knows no page."""

from __future__ import annotations

import atexit
import threading
import traceback
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, QThread, Signal

from kws_engine.errors import KwsError

Work = Callable[[Callable[[int, int], None], Callable[[], bool]], Any]


class LongJob(QObject):
    """Runs `work(progress, should_stop)` in a thread of its own.

    Signals:
        progressed: (done, total).
        finished: The work's result, also of work that was cancelled and returned.
        failed: (sentence, traceback); the traceback is for the log.

    Exactly one of `finished` and `failed` is emitted, in the thread that made the job.
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
        """Begins; call it once, after connecting."""
        keep_until_ended(self._thread)
        self._thread.start()

    def cancel(self) -> None:
        """Asks the work to stop where it next looks."""
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


_kept: set[QThread] = set()


def keep_until_ended(thread: QThread) -> None:
    """Holds a thread that is about to start: whoever forgets it early would destroy it while it runs, and Qt aborts."""
    for ended in [kept for kept in _kept if kept.isFinished()]:
        _kept.remove(ended)
    _kept.add(thread)


@atexit.register
def _wait_for_all() -> None:
    for thread in _kept:
        thread.wait(5000)


class _Thread(QThread):
    progressed = Signal(int, int)

    def __init__(self, work: Work, should_stop: Callable[[], bool]) -> None:
        super().__init__()
        self._work, self._should_stop = work, should_stop
        self.result: Any = None
        self.failure: tuple[str, str] | None = None

    def run(self) -> None:
        try:
            self.result = self._work(self.progressed.emit, self._should_stop)
        except KwsError as error:
            self.failure = (str(error), "")
        except Exception as error:  # noqa: BLE001 - a thread's edge: nothing may end in silence
            self.failure = (f"This failed unexpectedly: {error or type(error).__name__}", traceback.format_exc())
