"""A scrolling spectrogram, newest at the right edge, with detections marked on it."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from kws_gui import theme
from kws_gui.widgets.axis import AXIS_HEIGHT, GUTTER, LIVE_SECONDS, SMALL, draw_time_axis
from kws_gui.widgets.colormap import HIGH_DB, LOW_DB, levels, magma
from kws_gui.widgets.frame_timer import FrameTimer

_LOWEST_DB, _HIGHEST_DB = -120.0, 20.0  # of what is kept, whatever range is shown: steps of half a dB
_DETECTION = "#3FE0AE"  # green that stands out on the colour map in both themes
_TAG_ROWS = 4  # rows for the words of detections close together


class Spectrogram(QWidget):
    """Bands from bottom (low) to top (high) on one dB range; the columns form a ring that is never copied.

    Args:
        bands: Values per frame.
        hop_ms: Time from frame to frame.
        seconds: Time span in view.
        gutter: Pixels left of the image; the default aligns it with the score strips below.
    """

    def __init__(
        self,
        bands: int,
        *,
        hop_ms: float = 10.0,
        seconds: float = LIVE_SECONDS,
        gutter: int = GUTTER,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._hop_s = hop_ms / 1000
        self._seconds = seconds
        self._gutter = gutter
        self._columns = max(4, round(seconds / self._hop_s / 4) * 4)
        self._ring = np.zeros((bands, self._columns), np.uint8)
        self._written = 0
        self._still_s: float | None = None
        self._first_s = 0.0
        self._labels = ("high", "low")
        self._marks: deque[tuple[float, str]] = deque(maxlen=200)
        self._told: deque[str] = deque(maxlen=5)
        self._range_db = (LOW_DB, HIGH_DB)
        self._colours = _colours(*self._range_db)
        self._timer = FrameTimer(self.update, self)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Spectrogram")
        theme.notifier.changed.connect(self.update)
        self._describe()

    def append(self, frames_db: NDArray[np.floating]) -> None:
        """Appends frames, shape (n, bands), in dB; they are drawn within 33 ms."""
        if self._still_s is not None:
            self.clear()
        self._write(frames_db, self._written)
        self._written += len(frames_db)
        self._timer.request()

    def rewrite(self, frames_db: NDArray[np.floating]) -> None:
        """Shows the newest frames, shape (n, bands), in place of all those before; time and marks stay."""
        self._ring = np.zeros((frames_db.shape[1], self._columns), np.uint8)
        newest = frames_db[-min(self._columns, self._written) :] if self._written else frames_db[:0]
        self._write(newest, self._written - len(newest))
        self.update()

    def setRange(self, low_db: float, high_db: float) -> None:
        """The levels that are drawn darkest and brightest, in dB; also of what is already shown."""
        self._range_db = (low_db, high_db)
        self._colours = _colours(low_db, high_db)
        self._describe()
        self.update()

    def setFrames(self, frames_db: NDArray[np.floating], *, hop_ms: float | None = None, first_s: float = 0.0) -> None:
        """Shows one whole sound, shape (n, bands), without scrolling, from `first_s`; a new `hop_ms` stays in force."""
        self._hop_s = self._hop_s if hop_ms is None else hop_ms / 1000
        padded = -(-max(len(frames_db), 1) // 4) * 4
        self._ring = np.zeros((frames_db.shape[1], padded), np.uint8)
        self._ring[:, : len(frames_db)] = _kept(frames_db)
        self._columns = padded
        self._written = len(frames_db)
        self._still_s = len(frames_db) * self._hop_s
        self._first_s = first_s
        self._marks.clear()
        self._told.clear()
        self._describe()
        self.update()

    def mark(self, at_s: float, word: str) -> None:
        """Marks a detection at a time of the stream (0 is the first frame); it scrolls along."""
        self._marks.append((at_s, word))
        self._told.append(f"{word} at {at_s:.1f} s")
        self._describe()
        self.update()

    def begin(self, bands: int, *, hop_ms: float) -> None:
        """Starts again at 0 s, for other frames."""
        self._hop_s = hop_ms / 1000
        self._ring = np.zeros((bands, 1), np.uint8)
        self.clear()

    def clear(self) -> None:
        """Starts again at 0 s, empty."""
        self._columns = max(4, round(self._seconds / self._hop_s / 4) * 4)
        self._ring = np.zeros((self._ring.shape[0], self._columns), np.uint8)
        self._written = 0
        self._still_s = None
        self._marks.clear()
        self._told.clear()
        self._describe()
        self.update()

    def setFrequencyLabels(self, high: str, low: str) -> None:
        """Labels of the top and bottom band, such as "8 kHz" and "20 Hz"."""
        self._labels = (high, low)
        self.update()

    def now_s(self) -> float:
        """Stream time at the right edge."""
        return self._written * self._hop_s

    def sizeHint(self) -> QSize:
        return QSize(640, 240)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, 96)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        area = QRectF(self._gutter, 0, self.width() - self._gutter, self.height() - AXIS_HEIGHT)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rounded = QPainterPath()
        rounded.addRoundedRect(area, 8, 8)
        painter.setClipPath(rounded)
        painter.fillRect(area, QColor.fromRgba(self._colours[0]))
        self._paint_ring(painter, area)
        self._paint_marks(painter, area)
        painter.restore()
        draw_time_axis(painter, area, *self._span())
        self._paint_labels(painter, area)

    def _write(self, frames_db: NDArray[np.floating], at: int) -> None:
        """Puts frames into the ring, the first at that number."""
        columns = _kept(frames_db[-self._columns :])
        at += len(frames_db) - columns.shape[1]
        self._ring[:, (at + np.arange(columns.shape[1])) % self._columns] = columns

    def _span(self) -> tuple[float, float]:
        if self._still_s is not None:
            return self._first_s, self._first_s + max(self._still_s, self._hop_s)
        end_s = max(self.now_s(), self._columns * self._hop_s)
        return end_s - self._columns * self._hop_s, end_s

    def _paint_ring(self, painter: QPainter, area: QRectF) -> None:
        bands, columns = self._ring.shape
        image = QImage(self._ring.data, columns, bands, columns, QImage.Format.Format_Indexed8)
        image.setColorTable(self._colours)
        if self._still_s is not None:
            painter.drawImage(area, image, QRectF(0, 0, max(self._written, 1), bands))
            return
        start = self._written % columns if self._written >= columns else 0
        width = area.width() / columns
        older = QRectF(area.left(), area.top(), (columns - start) * width, area.height())
        painter.drawImage(older, image, QRectF(start, 0, columns - start, bands))
        if start:
            newer = QRectF(older.right(), area.top(), start * width, area.height())
            painter.drawImage(newer, image, QRectF(0, 0, start, bands))

    def _paint_marks(self, painter: QPainter, area: QRectF) -> None:
        """Draws lines with the word beside each; words close together go into different rows."""
        start_s, end_s = self._span()
        while self._marks and self._marks[0][0] < start_s - (end_s - start_s):
            self._marks.popleft()
        painter.setFont(theme.font(bold=True))
        metrics = QFontMetricsF(painter.font())
        height = metrics.height() + 6
        filled_to = [-math.inf] * _TAG_ROWS
        for at_s, word in self._marks:  # also those that have scrolled out: a word keeps its row while it moves
            x = area.left() + (at_s - start_s) / (end_s - start_s) * area.width()
            width = metrics.horizontalAdvance(word) + 14
            left = x + 4 if x + 4 + width <= area.right() else x - 4 - width
            row = next((row for row in range(_TAG_ROWS) if filled_to[row] <= left), filled_to.index(min(filled_to)))
            filled_to[row] = left + width
            if not start_s <= at_s <= end_s:
                continue
            painter.setPen(QPen(QColor(_DETECTION), 2))
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
            _paint_tag(painter, QRectF(left, area.top() + 8 + row * (height + 4), width, height), word)

    def _paint_labels(self, painter: QPainter, area: QRectF) -> None:
        if self._gutter < 24:
            return
        painter.setFont(theme.font(SMALL))
        painter.setPen(theme.current().color("muted"))
        column = QRectF(0, area.top() + 2, self._gutter - 10, area.height() - 4)
        painter.drawText(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop, self._labels[0])
        painter.drawText(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom, self._labels[1])

    def _describe(self) -> None:
        found = ", ".join(self._told)
        self.setAccessibleDescription(f"Detections: {found}" if found else "No detections")


def _kept(frames_db: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Frames (n, bands) as columns (bands, n) of the ring, the highest band first."""
    return levels(frames_db, low_db=_LOWEST_DB, high_db=_HIGHEST_DB).T[::-1]


def _colours(low_db: float, high_db: float) -> list[int]:
    """The colour of each value in the ring."""
    shown = levels(np.linspace(_LOWEST_DB, _HIGHEST_DB, 256), low_db=low_db, high_db=max(high_db, low_db + 1))
    return [magma()[at] for at in shown.tolist()]


def _paint_tag(painter: QPainter, tag: QRectF, word: str) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(_DETECTION))
    painter.drawRoundedRect(tag, 5, 5)
    painter.setPen(QColor("#06251B"))
    painter.drawText(tag, Qt.AlignmentFlag.AlignCenter, word)
