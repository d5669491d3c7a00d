"""Draws what changes all the time at most thirty times a second, and nothing when nothing changes."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QElapsedTimer, QObject, Qt, QTimer

FRAME_MS = 32


class FrameTimer(QTimer):
    """Calls `draw` once after any number of `request`s: at once, or `FRAME_MS` after it drew last."""

    def __init__(self, draw: Callable[[], object], parent: QObject) -> None:
        super().__init__(parent)
        self._draw = draw
        self._since = QElapsedTimer()
        self.setSingleShot(True)
        self.setTimerType(Qt.TimerType.PreciseTimer)
        self.timeout.connect(self._on_timeout)

    def request(self) -> None:
        """There is something new to draw."""
        if not self.isActive():
            passed_ms = self._since.elapsed() if self._since.isValid() else FRAME_MS
            self.start(max(0, FRAME_MS - int(passed_ms)))

    def _on_timeout(self) -> None:
        self._since.start()
        self._draw()
