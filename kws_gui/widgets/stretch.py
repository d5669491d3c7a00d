"""A waveform with two handles, between which a stretch of the sound is kept."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QWidget

from kws_gui import theme
from kws_gui.widgets.waveform import STEPS_MS, Waveform

_LEAST_S: Final = 0.05


class StretchWaveform(Waveform):
    """Left and right move the chosen handle (10 ms, Shift 100 ms, Ctrl 1 ms), up and down choose start and end.

    Signals:
        stretchMoved(start, stop): In samples.
    """

    stretchMoved = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        self._is_end = False
        super().__init__(parent)

    def stretch(self) -> tuple[int, int]:
        """First and one-past-last sample between the handles."""
        start, length = self._window or (0, self._size)
        return start, start + length

    def setStretch(self, start: int, stop: int) -> None:
        """Places the handles, within the sound and at least 50 ms apart."""
        least = min(self._size, round(_LEAST_S * self._rate))
        start = max(0, min(start, self._size - least))
        stop = max(start + least, min(stop, self._size))
        before = self.stretch()
        self.setWindow(start, stop - start)
        if self.stretch() != before:
            self.stretchMoved.emit(*self.stretch())

    def place(self) -> int:
        """The sample that the chosen handle is at."""
        return self.stretch()[self._is_end]

    def chooseHandle(self, *, is_end: bool) -> None:
        """Chooses which handle the keys move."""
        self._is_end = is_end
        self._describe()
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step_ms = next((ms for modifier, ms in STEPS_MS.items() if event.modifiers() & modifier), 10)
        step = step_ms * self._rate // 1000
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.chooseHandle(is_end=key == Qt.Key.Key_Down)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._move_handle(self.place() + (step if key == Qt.Key.Key_Right else -step))
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._move_handle(0 if key == Qt.Key.Key_Home else self._size)
        else:
            QWidget.keyPressEvent(self, event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._size:
            at_sample = self._sample(event.position().x())
            start, stop = self.stretch()
            self.chooseHandle(is_end=abs(at_sample - stop) < abs(at_sample - start))
            self._grabbed_at = at_sample
            self._move_handle(int(at_sample))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grabbed_at is not None:
            self._move_handle(int(self._sample(event.position().x())))
        else:
            self.setCursor(Qt.CursorShape.SplitHCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._grabbed_at = None

    def _move_handle(self, to: int) -> None:
        start, stop = self.stretch()
        least = round(_LEAST_S * self._rate)
        if self._is_end:
            self.setStretch(start, max(to, start + least))
        else:
            self.setStretch(min(to, stop - least), stop)

    def _paint_window(self, painter: QPainter, area: QRectF) -> None:
        super()._paint_window(painter, area)
        painter.setPen(QPen(theme.current().color("text"), 3))
        x = self._x(self.place())
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))

    def _describe(self) -> None:
        super()._describe()
        chosen = "the end" if self._is_end else "the start"
        self.setAccessibleDescription(f"{self.accessibleDescription()}, {chosen} is chosen")
