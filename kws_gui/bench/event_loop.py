"""How long the event loop keeps a timer waiting."""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator

from PySide6.QtCore import QCoreApplication, QObject, Qt, QTimer, Signal

_TICK_MS = 5


class Ticks(QObject):
    """Records when a timer of 5 ms really fires.

    Signals:
        fired: It has.
    """

    fired = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._at_s: list[float] = []
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._on_timeout)

    @property
    def gaps_ms(self) -> list[float]:
        """Time between one tick and the next."""
        return [1000 * (after - before) for before, after in itertools.pairwise(self._at_s)]

    def begin(self) -> None:
        """Starts recording, and drops what was recorded before."""
        self._at_s = [time.perf_counter()]
        self._timer.start()

    def end(self) -> None:
        """Stops recording; the time since the last tick counts as a gap."""
        self._timer.stop()
        self._at_s.append(time.perf_counter())

    def _on_timeout(self) -> None:
        self._at_s.append(time.perf_counter())
        self.fired.emit()


class Stepper(QObject):
    """Takes one step after another, each when the event loop has come back from the one before; then the program ends.

    `every_ms` later at the earliest.
    """

    def __init__(self, every_ms: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._every_ms = every_ms
        self._steps: Generator[None, None, None] | None = None

    def begin(self, steps: Generator[None, None, None]) -> None:
        """Takes the first one at once; nothing where it has begun."""
        if self._steps is None:
            self._steps = steps
            self._next()

    def _next(self) -> None:
        assert self._steps is not None
        try:
            next(self._steps)
        except StopIteration:
            QCoreApplication.exit(0)
            return
        QTimer.singleShot(self._every_ms, self, self._next)
