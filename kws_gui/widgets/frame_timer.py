"""Draws what changes all the time at most thirty times a second, and nothing when nothing changes."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QElapsedTimer, QObject, Qt, QTimer

FRAME_MS = 32
_clock = QElapsedTimer()
_clock.start()


class FrameTimer(QTimer):
    """Calls `draw` once after any number of `request`s, at the next frame.

    The frames of all of them are at the same times, so that the window is painted once for all that is new.
    """

    def __init__(self, draw: Callable[[], object], parent: QObject) -> None:
        super().__init__(parent)
        self.setSingleShot(True)
        self.setTimerType(Qt.TimerType.PreciseTimer)
        self.timeout.connect(draw)

    def request(self) -> None:
        """There is something new to draw."""
        if not self.isActive():
            self.start(FRAME_MS - int(_clock.elapsed()) % FRAME_MS)
