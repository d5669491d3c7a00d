"""A waveform with a movable window of fixed length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from kws_gui import theme
from kws_gui.widgets.axis import AXIS_HEIGHT, SMALL, draw_focus, draw_time_axis
from kws_gui.widgets.envelope import Envelope

_GRIP = QSize(10, 24)
STEPS_MS = {Qt.KeyboardModifier.ShiftModifier: 100, Qt.KeyboardModifier.ControlModifier: 1}


class Waveform(QWidget):
    """Time left to right, full scale top to bottom.

    Signals:
        windowMoved(start): First sample of the window, moved by drag or arrow keys: 10 ms, Shift 100 ms, Ctrl 1 ms.
    """

    windowMoved = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._envelope = Envelope(np.zeros(0, np.float32))
        self._size = 0
        self._rate = 16_000
        self._window: tuple[int, int] | None = None
        self._speech: tuple[int, int] | None = None
        self._playhead: int | None = None
        self._grabbed_at: float | None = None
        self._outline = QPolygonF()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("Waveform")
        theme.notifier.changed.connect(self.update)
        self._describe()

    def setSamples(self, samples: NDArray[np.floating], rate: int) -> None:
        """Shows sound of shape (n,) in -1..1 at `rate` Hz; removes window, speech and playhead."""
        self._envelope = Envelope(samples)
        self._size = len(samples)
        self._rate = rate
        self._window = self._speech = self._playhead = None
        self._trace()
        self._describe()

    def setWindow(self, start: int, length: int) -> None:
        """Places a window of `length` samples at `start`, shifted to lie within the sound."""
        self._window = (self._inside(start, length), length)
        self._describe()
        self.update()

    def windowStart(self) -> int | None:
        """First sample of the window; None without one."""
        return self._window[0] if self._window else None

    def setSpeech(self, start: int, end: int) -> None:
        """Shades the detected speech, in samples."""
        self._speech = (start, end)
        self._describe()
        self.update()

    def setPlayhead(self, at_sample: int | None) -> None:
        """Draws a line at the sample being played; None removes it."""
        self._playhead = at_sample
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(480, 140)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 72)

    # -- events

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._trace()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area, colors = self._area(), theme.current()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors.color("sunken"))
        painter.drawRoundedRect(area, 8, 8)
        if self._size:
            self._paint_speech(painter, area)
            self._paint_samples(painter, area)
            self._paint_window(painter, area)
            self._paint_playhead(painter, area)
            draw_time_axis(painter, area, 0.0, self._size / self._rate)
        else:
            painter.setPen(colors.color("muted"))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, "No sound yet")
        if self.hasFocus():
            draw_focus(painter, area)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._window is None:
            super().keyPressEvent(event)
            return
        step_ms = next((ms for modifier, ms in STEPS_MS.items() if event.modifiers() & modifier), 10)
        step = step_ms * self._rate // 1000
        starts = {
            Qt.Key.Key_Left: self._window[0] - step,
            Qt.Key.Key_Right: self._window[0] + step,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: self._size,
        }
        start = starts.get(Qt.Key(event.key()))
        if start is None:
            super().keyPressEvent(event)
        else:
            self._move(start)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._window is None or event.button() != Qt.MouseButton.LeftButton:
            return
        start, length = self._window
        at_sample = self._sample(event.position().x())
        if not start <= at_sample <= start + length:
            self._move(int(at_sample - length / 2))
        self._grabbed_at = at_sample - self._window[0]
        self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._window is None:
            return
        at_sample = self._sample(event.position().x())
        if self._grabbed_at is not None:
            self._move(int(at_sample - self._grabbed_at))
            return
        over = self._window[0] <= at_sample <= sum(self._window)
        self.setCursor(Qt.CursorShape.OpenHandCursor if over else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._grabbed_at = None
        self.mouseMoveEvent(event)

    # -- painting

    def _paint_samples(self, painter: QPainter, area: QRectF) -> None:
        colors = theme.current()
        painter.setPen(QPen(colors.color("muted"), 1))
        painter.setBrush(colors.color("muted"))
        painter.drawPolygon(self._outline)
        if self._window:
            painter.save()
            painter.setClipRect(self._window_rect(area))
            painter.setPen(QPen(colors.color("accent"), 1))
            painter.setBrush(colors.color("accent"))
            painter.drawPolygon(self._outline)
            painter.restore()

    def _paint_speech(self, painter: QPainter, area: QRectF) -> None:
        if self._speech is None:
            return
        left, right = self._x(self._speech[0]), self._x(self._speech[1])
        painter.fillRect(
            QRectF(left, area.top(), right - left, area.height()), theme.current().color("detection", 0.16)
        )
        painter.setFont(theme.font(SMALL))
        painter.setPen(theme.current().color("detection_text"))
        painter.drawText(QRectF(left + 6, area.top() + 4, 200, 20), Qt.AlignmentFlag.AlignLeft, "speech")

    def _paint_window(self, painter: QPainter, area: QRectF) -> None:
        if self._window is None:
            return
        colors, region = theme.current(), self._window_rect(area)
        painter.fillRect(QRectF(area.topLeft(), region.bottomLeft()), colors.color("sunken", 0.55))
        painter.fillRect(QRectF(region.topRight(), area.bottomRight()), colors.color("sunken", 0.55))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colors.color("accent"), 2))
        painter.drawRoundedRect(region.adjusted(1, 1, -1, -1), 6, 6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors.color("accent"))
        for x in (region.left() + 1, region.right() - 1):
            grip = QRectF(0, 0, _GRIP.width() / 2, _GRIP.height())
            grip.moveCenter(QPointF(x, region.center().y()))
            painter.drawRoundedRect(grip, 2.5, 2.5)

    def _paint_playhead(self, painter: QPainter, area: QRectF) -> None:
        if self._playhead is not None:
            x = self._x(self._playhead)
            painter.setPen(QPen(theme.current().color("text"), 2))
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))

    # -- geometry

    def _area(self) -> QRectF:
        return QRectF(0, 0, self.width(), self.height() - AXIS_HEIGHT)

    def _window_rect(self, area: QRectF) -> QRectF:
        assert self._window is not None
        left, right = self._x(self._window[0]), self._x(sum(self._window))
        return QRectF(left, area.top(), min(right, area.right()) - left, area.height())

    def _x(self, at_sample: float) -> float:
        return at_sample / max(self._size, 1) * self._area().width()

    def _sample(self, x: float) -> float:
        return x / max(self._area().width(), 1) * self._size

    def _inside(self, start: int, length: int) -> int:
        return max(0, min(int(start), self._size - length))

    def _move(self, start: int) -> None:
        assert self._window is not None
        start, length = self._inside(start, self._window[1]), self._window[1]
        if start != self._window[0]:
            self.setWindow(start, length)
            self.windowMoved.emit(start)

    def _trace(self) -> None:
        """Computes the outline once per sound and size: highest samples left to right, then lowest back."""
        area = self._area()
        count = max(2, int(area.width() * self.devicePixelRatioF()))
        lows, highs = self._envelope.columns(min(count, max(self._size, 2)))
        xs = np.linspace(area.left(), area.right(), len(lows))
        middle, scale = area.center().y(), area.height() / 2 - 6
        top = zip(xs, middle - np.clip(highs, -1, 1) * scale, strict=True)
        bottom = zip(xs[::-1], middle - np.clip(lows[::-1], -1, 1) * scale, strict=True)
        self._outline = QPolygonF([QPointF(x, y) for x, y in (*top, *bottom)])
        self.update()

    def _describe(self) -> None:
        words = [f"{self._size / self._rate:.2f} s of sound" if self._size else "no sound"]
        if self._window:
            start, end = self._window[0] / self._rate, sum(self._window) / self._rate
            words.append(f"window {start:.2f} to {end:.2f} s")
        if self._speech:
            words.append(f"speech {self._speech[0] / self._rate:.2f} to {self._speech[1] / self._rate:.2f} s")
        self.setAccessibleDescription(", ".join(words))
