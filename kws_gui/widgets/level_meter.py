"""A level meter: RMS and peak in dBFS, peak hold, the noise floor, a clipping indicator, and the level as text."""

from __future__ import annotations

import math

from PySide6.QtCore import QElapsedTimer, QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from kws_gui import theme
from kws_gui.widgets.axis import SMALL

FLOOR_DB = -60.0
LOUD_DB = -6.0
CLIP_DB = -0.1
_FALL_DB_PER_S = 24.0
_HOLD_MS = 1500
_FRAME_MS = 33


class LevelMeter(QWidget):
    """A bar from -60 to 0 dBFS; `compact` omits the scale and puts the text below."""

    def __init__(self, parent: QWidget | None = None, *, compact: bool = False) -> None:
        super().__init__(parent)
        self._compact = compact
        self._peak_db = self._rms_db = self._hold_db = FLOOR_DB
        self._target = (FLOOR_DB, FLOOR_DB)
        self._floor_db: float | None = None
        self._silent = True
        self._since_hold = QElapsedTimer()
        self._since_clip = QElapsedTimer()
        self._since_frame = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.timeout.connect(self._on_frame)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Microphone level")
        theme.notifier.changed.connect(self.update)
        self._describe()

    def setLevel(self, peak_db: float, rms_db: float) -> None:
        """Shows the newest peak and RMS in dBFS; the bars rise at once and fall slowly."""
        self._silent = False
        peak_db, rms_db = _bounded(peak_db), _bounded(rms_db)
        self._peak_db = max(peak_db, self._peak_db)
        self._rms_db = max(rms_db, self._rms_db)
        if peak_db >= self._hold_db:
            self._hold_db = peak_db
            self._since_hold.start()
        if peak_db >= CLIP_DB:
            self._since_clip.start()
        if not self._timer.isActive():
            self._since_frame.start()
            self._timer.start()
        self._target = (peak_db, rms_db)
        self._describe()
        self.update()

    def setFloor(self, floor_db: float | None) -> None:
        """Marks the noise floor, RMS in dBFS, with a triangle under the bar; None takes the mark away."""
        self._floor_db = floor_db
        self._describe()
        self.update()

    def floor(self) -> float | None:
        """The marked noise floor."""
        return self._floor_db

    def clear(self) -> None:
        """Shows an empty bar and "no signal"."""
        self._floor_db = None
        self._peak_db = self._rms_db = self._hold_db = FLOOR_DB
        self._silent = True
        self._since_clip.invalidate()
        self._timer.stop()
        self._describe()
        self.update()

    def text(self) -> str:
        """The level as text: "peak -12 dB", "peak 0 dB, clipping", "quiet", "no signal"."""
        if self._silent:
            return "no signal"
        if self._hold_db <= FLOOR_DB:
            return "quiet"
        return f"peak {round(self._hold_db) or 0} dB" + (", clipping" if self._clipping() else "")

    def sizeHint(self) -> QSize:
        line = self.fontMetrics().height()
        return QSize(88, 14 + line) if self._compact else QSize(320, 18 + 4 + line)

    def minimumSizeHint(self) -> QSize:
        return QSize(72 if self._compact else 200, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        words_width = (
            0.0 if self._compact else QFontMetricsF(self.font()).horizontalAdvance("peak -60 dB, clipping") + 16
        )
        bar = QRectF(0, 2, self.width() - words_width, 8 if self._compact else 14)
        self._paint_bar(painter, bar)
        self._paint_words(painter, bar)
        if not self._compact:
            self._paint_scale(painter, bar)
        self._paint_floor(painter, bar)

    def _paint_bar(self, painter: QPainter, bar: QRectF) -> None:
        colors = theme.current()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors.color("border"))
        painter.drawRoundedRect(bar, 4, 4)
        painter.save()
        painter.setClipRect(bar)
        for level_db, alpha in ((self._peak_db, 0.45), (self._rms_db, 1.0)):
            self._paint_level(painter, bar, level_db, alpha)
        if self._hold_db > FLOOR_DB:
            painter.setPen(QPen(self._zone_color(self._hold_db), 2))
            x = min(self._x(bar, self._hold_db), bar.right() - 1)
            painter.drawLine(QPointF(x, bar.top()), QPointF(x, bar.bottom()))
        painter.restore()

    def _paint_level(self, painter: QPainter, bar: QRectF, level_db: float, alpha: float) -> None:
        end, loud = self._x(bar, level_db), self._x(bar, LOUD_DB)
        quiet_part = QRectF(bar.left(), bar.top(), max(0.0, min(end, loud) - bar.left()), bar.height())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.current().color("accent", alpha))
        painter.drawRoundedRect(quiet_part, 4, 4)
        if end > loud:
            role = "error" if self._clipping() else "warning"
            painter.fillRect(QRectF(loud, bar.top(), end - loud, bar.height()), theme.current().color(role, alpha))

    def _paint_floor(self, painter: QPainter, bar: QRectF) -> None:
        """A triangle that points up at the bar, and on it a line: a shape, so that it needs no colour."""
        if self._floor_db is None or self._compact:
            return
        x = min(max(self._x(bar, _bounded(self._floor_db)), bar.left() + 5), bar.right() - 5)
        color = theme.current().color("text")
        painter.setPen(QPen(color, 1))
        painter.drawLine(QPointF(x, bar.top()), QPointF(x, bar.bottom()))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        tip = bar.bottom() + 1
        painter.drawPolygon(QPolygonF([QPointF(x, tip), QPointF(x - 5, tip + 7), QPointF(x + 5, tip + 7)]))

    def _paint_words(self, painter: QPainter, bar: QRectF) -> None:
        painter.setFont(theme.font(SMALL) if self._compact else self.font())
        painter.setPen(theme.current().color("error_text" if self._clipping() else "muted"))
        if self._compact:
            area, words = QRectF(0, bar.bottom() + 2, self.width(), self.height() - bar.bottom() - 2), self.text()
            words = words.replace("peak ", "").replace(", clipping", " clip")
            if QFontMetricsF(painter.font()).horizontalAdvance(words) > area.width():
                return  # the tooltip and the bar say it where there is no room
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, words)
            return
        area = QRectF(bar.right() + 16, bar.center().y() - 14, self.width() - bar.right() - 16, 28)
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text())
        if self._floor_db is not None:
            painter.setFont(theme.font(SMALL))
            painter.setPen(theme.current().color("muted"))
            area = QRectF(area.left(), bar.bottom() + 2, area.width(), self.height() - bar.bottom() - 2)
            painter.drawText(area, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, self._floor_text())

    def _paint_scale(self, painter: QPainter, bar: QRectF) -> None:
        painter.setFont(theme.font(SMALL))
        painter.setPen(theme.current().color("muted"))
        for level_db in (-60, -48, -36, -24, -12, 0):
            words = f"{level_db} dB" if level_db == 0 else str(level_db)
            width = QFontMetricsF(painter.font()).horizontalAdvance(words)
            left = min(max(self._x(bar, level_db) - width / 2, bar.left()), bar.right() - width)
            area = QRectF(left, bar.bottom() + 2, width + 2, self.height() - bar.bottom() - 2)
            painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, words)

    def _x(self, bar: QRectF, level_db: float) -> float:
        return bar.left() + (level_db - FLOOR_DB) / -FLOOR_DB * bar.width()

    def _zone_color(self, level_db: float) -> QColor:
        role = "error" if level_db >= CLIP_DB else "warning" if level_db > LOUD_DB else "text"
        return theme.current().color(role)

    def _clipping(self) -> bool:
        return self._since_clip.isValid() and self._since_clip.elapsed() < _HOLD_MS

    def _on_frame(self) -> None:
        fall = _FALL_DB_PER_S * self._since_frame.restart() / 1000
        peak_db, rms_db = self._target
        self._peak_db = max(peak_db, self._peak_db - fall)
        self._rms_db = max(rms_db, self._rms_db - fall)
        if self._since_hold.elapsed() > _HOLD_MS:
            self._hold_db = max(self._peak_db, self._hold_db - fall)
        if (self._peak_db, self._rms_db, self._hold_db) == (peak_db, rms_db, peak_db) and not self._clipping():
            self._timer.stop()
        self._describe()
        self.update()

    def _floor_text(self) -> str:
        return "" if self._floor_db is None else f"▲ noise {round(max(self._floor_db, -99))} dB"

    def _describe(self) -> None:
        words = self.text() if self._floor_db is None else f"{self.text()}; {self._floor_text()[2:]}"
        if self.accessibleDescription() != words:
            self.setAccessibleDescription(words)


def _bounded(level_db: float) -> float:
    return FLOOR_DB if math.isnan(level_db) else min(max(level_db, FLOOR_DB), 0.0)
