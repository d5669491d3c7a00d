"""The posterior of each word over the last seconds, with a threshold to drag."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from kws_gui import theme
from kws_gui.widgets.axis import AXIS_HEIGHT, GUTTER, LIVE_SECONDS, SMALL, draw_focus, draw_time_axis
from kws_gui.widgets.frame_timer import FrameTimer
from kws_gui.widgets.score_scale import ScoreScale
from kws_gui.widgets.threshold_text import score_of, threshold_text

Floats = NDArray[np.float64]

_LIT_MS = 1000
_FLAT_PX = 0.5
_TOLD_MS = 3000  # for so long a moved line says what it promises
_ROW_HEIGHT = 48
_POINT_S = 0.04  # one point per interval, its maximum: no peak is lost, and ten words take a few ms to draw


class ScoreStrip(QWidget):
    """One row per word, the newest score at the right edge, aligned with a `Spectrogram` above.

    Signals:
        thresholdChanged(word, value): The person moved a word's threshold, 0..1.
    """

    thresholdChanged = Signal(str, float)

    def __init__(self, parent: QWidget | None = None, *, seconds: float = LIVE_SECONDS, has_axis: bool = True) -> None:
        super().__init__(parent)
        self._seconds = seconds
        self._rows: dict[str, ScoreRow] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.GRID // 2)
        self._axis = _TimeAxis(seconds)
        self._axis.setVisible(has_axis)
        self._column.addWidget(self._axis)
        self._timer = FrameTimer(self._on_frame, self)

    def setWords(self, words: Sequence[str], thresholds: Mapping[str, float] | Sequence[float]) -> None:
        """Shows these words, in this order, with their thresholds by word or in the same order."""
        for row in self._rows.values():
            self._column.removeWidget(row)
            row.setParent(None)
            row.deleteLater()
        given = thresholds if isinstance(thresholds, Mapping) else dict(zip(words, thresholds, strict=True))
        scale = ScoreScale.of(given.values())
        self._rows = {word: ScoreRow(word, given[word], self._seconds, scale) for word in words}
        for index, row in enumerate(self._rows.values()):
            row.thresholdChanged.connect(self.thresholdChanged)
            self._column.insertWidget(index, row)

    def append(self, at_s: float, scores: Mapping[str, float] | Sequence[float]) -> None:
        """Appends the posteriors at a time of the stream, by word or in the order of the words."""
        given = scores if isinstance(scores, Mapping) else dict(zip(self._rows, scores, strict=True))
        for word, row in self._rows.items():
            if word in given:
                row.append(at_s, float(given[word]))
        self._axis.now_s = at_s
        self._timer.request()

    def setPromises(self, promises: Mapping[str, Callable[[float], str]]) -> None:
        """What a threshold of each word promises, in a few words; a word without one says nothing."""
        for word, row in self._rows.items():
            row.setPromise(promises.get(word))

    def detected(self, word: str) -> None:
        """Highlights the word for a second."""
        if word in self._rows:
            self._rows[word].light()

    def clear(self) -> None:
        """Removes all scores; words and thresholds stay."""
        for row in self._rows.values():
            row.clear()
        self._axis.now_s = 0.0
        self._axis.update()

    def row(self, word: str) -> ScoreRow:
        """The row of a word."""
        return self._rows[word]

    def _on_frame(self) -> None:
        self._axis.update()
        for row in self._rows.values():
            row.refresh()


class ScoreRow(QWidget):
    """One word with its score, curve and threshold.

    Up and Down move the threshold by 0.01, near 1 by less, and with Shift by ten such steps.
    """

    thresholdChanged = Signal(str, float)

    def __init__(self, word: str, threshold: float, seconds: float, scale: ScoreScale | None = None) -> None:
        super().__init__()
        self._word = word
        self._threshold = threshold
        self._seconds = seconds
        self._scale = scale or ScoreScale()
        self._curve = _Curve(seconds)
        self._score = 0.0
        self._now_s = 0.0
        self._look = (False, "")
        self._named = QPixmap()
        self._named_by: tuple[object, ...] = ()
        self._promise: Callable[[float], str] | None = None
        self._is_near = False
        self._told = QTimer(self, singleShot=True, interval=_TOLD_MS)
        self._told.timeout.connect(self.update)
        self._lit = QTimer(self)
        self._lit.setSingleShot(True)
        self._lit.setInterval(_LIT_MS)
        self._lit.timeout.connect(self._on_dark)
        self.setMinimumHeight(_ROW_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName(f"Score of {word}")
        self.setToolTip(f"{word}: drag the line, or press up and down, to move the threshold")
        theme.notifier.changed.connect(self.update)
        self._describe()

    def threshold(self) -> float:
        """The score, 0..1, from which the word counts as heard."""
        return self._threshold

    def setThreshold(self, value: float) -> None:
        """Moves the threshold, clipped to 0..1; emits `thresholdChanged` if it changed."""
        value = round(min(max(value, 0.0), 1.0), 7)
        if value != self._threshold:
            self._threshold = value
            self._told.start()
            self._describe()
            self.update()
            self.thresholdChanged.emit(self._word, value)

    def setPromise(self, promise: Callable[[float], str] | None) -> None:
        """What a threshold promises: shown while the line is moved, under the pointer, and with the focus."""
        self._promise = promise
        self._describe()
        self.update()

    def promise(self) -> str:
        """What the present threshold promises; empty where that is not known."""
        return self._promise(self._threshold) if self._promise is not None else ""

    def append(self, at_s: float, score: float) -> None:
        """Appends a score and drops those that have scrolled out. Does not redraw."""
        if at_s < self._now_s:
            self._curve.clear()
        self._curve.append(at_s, score)
        self._now_s = at_s
        self._score = score

    def refresh(self) -> None:
        """Redraws, unless it would look as before: most words are not said most of the time."""
        look = (self._is_flat(), self._numbers())
        if look != self._look or not look[0]:
            self._look = look
            self.update()

    def light(self) -> None:
        """Highlights the row for a second."""
        self._lit.start()
        self._describe()
        self.update()

    def isLit(self) -> bool:
        """Whether the word was detected within the last second."""
        return self._lit.isActive()

    def clear(self) -> None:
        """Removes the scores."""
        self._curve.clear()
        self._now_s = self._score = 0.0
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(480, _ROW_HEIGHT + theme.GRID)

    # -- events

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area, colors = self._area(), theme.current()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors.color("detection", 0.28) if self.isLit() else colors.color("sunken"))
        painter.drawRoundedRect(area, 6, 6)
        self._paint_curve(painter, area)
        self._paint_threshold(painter, area)
        self._paint_promise(painter, area)
        self._paint_words(painter)
        if self.hasFocus():
            draw_focus(painter, QRectF(self.rect()), radius=6)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        direction = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(Qt.Key(event.key()))
        if direction is None:
            super().keyPressEvent(event)
            return
        factor = 10 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        self.setThreshold(self._scale.moved(self._threshold, direction * factor))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and event.position().x() >= GUTTER:
            self._drag(event.position().y())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        near = abs(event.position().y() - self._y(self._threshold)) < 8 and event.position().x() >= GUTTER
        self._set_near(near)
        self.setCursor(Qt.CursorShape.SizeVerCursor if near else Qt.CursorShape.ArrowCursor)
        if event.buttons() & Qt.MouseButton.LeftButton and event.position().x() >= GUTTER:
            self._drag(event.position().y())

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._set_near(False)

    def _set_near(self, near: bool) -> None:
        if near != self._is_near:
            self._is_near = near
            self.update()

    # -- painting

    def _paint_curve(self, painter: QPainter, area: QRectF) -> None:
        at_s, scores = self._curve.points()
        if len(at_s) < 2:
            return
        painter.save()
        painter.setClipRect(area)
        start_s = max(self._now_s, self._seconds) - self._seconds
        xs = area.left() + (at_s - start_s) * (area.width() / self._seconds)
        ys = area.bottom() - 5 - self._scale.places(scores) * (area.height() - 10)
        self._paint_fill(painter, area, xs, ys)
        self._paint_line(painter, xs, ys)
        painter.restore()

    def _paint_fill(self, painter: QPainter, area: QRectF, xs: Floats, ys: Floats) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)  # the line covers its edge
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.current().color("detection", 0.22))
        painter.drawPolygon(_polygon(np.r_[xs[0], xs, xs[-1]], np.r_[area.bottom(), ys, area.bottom()]))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)

    def _paint_line(self, painter: QPainter, xs: Floats, ys: Floats) -> None:
        """Draws several hairlines one below another: fifty times faster than one line 2 px wide."""
        pen = QPen(theme.current().color("detection"), 1)
        pen.setCosmetic(True)
        painter.setPen(pen)
        line, pixel = _polygon(xs, ys), 1 / self.devicePixelRatioF()
        painter.translate(0, -0.5)
        for _ in range(math.ceil(1.5 / pixel)):
            painter.drawPolyline(line)
            painter.translate(0, pixel)

    def _paint_threshold(self, painter: QPainter, area: QRectF) -> None:
        colors, y = theme.current(), self._y(self._threshold)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)  # ten times faster
        painter.setPen(QPen(colors.color("text"), 2, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(area.left(), round(y)), QPointF(area.right(), round(y)))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors.color("text"))
        painter.drawRoundedRect(QRectF(area.left() + 2, y - 4, 18, 8), 4, 4)

    def _paint_promise(self, painter: QPainter, area: QRectF) -> None:
        """A tag beside the line, on the side with more room."""
        if not (self._told.isActive() or self._is_near or self.hasFocus()) or not self.promise():
            return
        colors, y = theme.current(), self._y(self._threshold)
        painter.setFont(theme.font(SMALL, bold=True))
        metrics = QFontMetricsF(painter.font())
        words = f"{threshold_text(self._threshold)}: {self.promise()}"
        tag = QRectF(area.left() + 28, 0, metrics.horizontalAdvance(words) + 12, metrics.height() + 2)
        tag.moveTop(y + 3 if y < area.center().y() else y - 3 - tag.height())
        painter.setPen(QPen(colors.color("field_border"), 1))
        painter.setBrush(colors.color("surface"))
        painter.drawRoundedRect(tag, 4, 4)
        painter.setPen(colors.color("text"))
        painter.drawText(tag, Qt.AlignmentFlag.AlignCenter, words)

    def _paint_words(self, painter: QPainter) -> None:
        """Draws the word and its numbers, from a picture of them as long as they are the same."""
        reached, ratio = self._score >= self._threshold, self.devicePixelRatioF()
        by = (self._numbers(), self.isLit(), reached, self.height(), ratio, theme.current().name, self.font().key())
        if by != self._named_by:
            self._named_by = by
            self._named = QPixmap(round(GUTTER * ratio), round(self.height() * ratio))
            self._named.setDevicePixelRatio(ratio)
            self._named.fill(Qt.GlobalColor.transparent)
            writing = QPainter(self._named)
            self._write_words(writing)
            writing.end()
        painter.drawPixmap(0, 0, self._named)

    def _write_words(self, painter: QPainter) -> None:
        colors = theme.current()
        painter.setFont(theme.font(bold=True))
        painter.setPen(colors.color("detection_text" if self.isLit() else "text"))
        metrics = QFontMetricsF(painter.font())
        middle = self.height() / 2
        top = QRectF(6, middle - metrics.height() - 1, GUTTER - 14, metrics.height())
        word = metrics.elidedText(self._word, Qt.TextElideMode.ElideRight, top.width())
        painter.drawText(top, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, word)
        painter.setFont(theme.font(SMALL))
        painter.setPen(colors.color("detection_text" if self._score >= self._threshold else "muted"))
        below = QRectF(6, middle + 1, GUTTER - 14, metrics.height())
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self._numbers())

    def _is_flat(self) -> bool:
        """Whether the curve lies on the ground, by less than anybody sees."""
        return self._scale.place(self._curve.highest()) * self.height() < _FLAT_PX

    def _numbers(self) -> str:
        return "heard" if self.isLit() else score_of(self._score, self._threshold)

    # -- geometry

    def _area(self) -> QRectF:
        return QRectF(GUTTER, 2, self.width() - GUTTER, self.height() - 4)

    def _y(self, value: float) -> float:
        area = self._area()
        return area.bottom() - 5 - self._scale.place(value) * (area.height() - 10)

    def _drag(self, y: float) -> None:
        area = self._area()
        self.setThreshold(self._scale.score((area.bottom() - 5 - y) / (area.height() - 10)))

    def _on_dark(self) -> None:
        self._describe()
        self.update()

    def _describe(self) -> None:
        told = f": {promise}" if (promise := self.promise()) else ""
        self.setAccessibleDescription(
            f"threshold {threshold_text(self._threshold)}{told}" + (", heard" if self.isLit() else "")
        )


def _polygon(xs: Floats, ys: Floats) -> QPolygonF:
    import pyqtgraph  # here, so that the window starts sooner

    polygon: QPolygonF = pyqtgraph.functions.arrayToQPolygonF(xs, ys)
    return polygon


class _Curve:
    """The points of the last seconds, in arrays that are moved to the front when they are full."""

    def __init__(self, seconds: float) -> None:
        self._kept_s = seconds + 0.5
        most = 2 * math.ceil(self._kept_s / _POINT_S) + 8
        self._points = np.zeros((2, most))
        self._first = self._end = 0

    def append(self, at_s: float, score: float) -> None:
        """Appends a point, or raises the last one of the same interval."""
        points = self._points
        last = self._end - 1
        if last >= self._first and int(at_s / _POINT_S) == int(points[0, last] / _POINT_S):
            if score > points[1, last]:
                points[:, last] = at_s, score
        else:
            if self._end == points.shape[1]:
                points[:, : self._end - self._first] = points[:, self._first : self._end].copy()
                self._first, self._end = 0, self._end - self._first
            points[:, self._end] = at_s, score
            self._end += 1
        while points[0, self._first] < at_s - self._kept_s:
            self._first += 1

    def clear(self) -> None:
        """Forgets all points."""
        self._first = self._end = 0

    def points(self) -> tuple[Floats, Floats]:
        """Times and scores (n,), oldest first."""
        at_s, scores = self._points[:, self._first : self._end]
        return at_s, scores

    def highest(self) -> float:
        """The highest score; 0 without any."""
        scores = self._points[1, self._first : self._end]
        return float(scores.max()) if len(scores) else 0.0


class _TimeAxis(QWidget):
    """The time axis under the rows."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self.now_s = 0.0
        self.setFixedHeight(AXIS_HEIGHT)
        theme.notifier.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        end_s = max(self.now_s, self._seconds)
        draw_time_axis(QPainter(self), QRectF(GUTTER, 0, self.width() - GUTTER, 0), end_s - self._seconds, end_s)
