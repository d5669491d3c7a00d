"""Parallel coordinates: trials as lines over one axis per option, to hover, select and filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QLinearGradient, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from kws_gui import theme
from kws_gui.widgets.axis import SMALL, draw_focus

_LEGEND, _PAD, _GRIP = 26, 12, 14  # px
_NEAR = 8.0  # px from a line that still count as a hit
_SNAP = 4.0  # px from the end of an axis that snap to it
_STEP = 0.1  # of an axis per key press
_GOOD = {"light": ("#B9A85A", "#7C7B78", "#00224E"), "dark": ("#4C5C7E", "#A69D75", "#FEE838")}  # Cividis, worst first


@dataclass(frozen=True)
class PlotAxis:
    """A vertical axis: its title, and ticks as (position, text), 0 at the bottom and 1 at the top."""

    title: str
    ticks: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class PlotLine:
    """A trial.

    Attributes:
        positions: One per axis, 0..1.
        goodness: 0..1, sets the colour; 1 is the best.
        complete: Drawn solid; a trial that ended early is dashed.
        text: The tooltip.
    """

    number: int
    positions: tuple[float, ...]
    goodness: float
    complete: bool
    text: str


class ParallelPlot(QWidget):
    """Hovering shows a trial, a click selects it; a drag along an axis filters the trials, a click on it clears that.

    Keys: Left and Right move between axes, Up and Down between trials in order of goodness; Shift+Up raises the lower
    end of the filter on an axis, Shift+Down lowers its upper end, Escape clears all filters.

    Signals:
        chosen(int): The number of the trial just selected.
        filtered(int): How many trials pass all filters.
    """

    chosen = Signal(int)
    filtered = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._axes: tuple[PlotAxis, ...] = ()
        self._lines: tuple[PlotLine, ...] = ()
        self._filters: dict[int, tuple[float, float]] = {}
        self._current: int | None = None
        self._hovered: int | None = None
        self._axis = 0
        self._drag: tuple[int, float] | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Trials over the searched options")
        theme.notifier.changed.connect(self.update)

    # -- contents

    def setLines(self, axes: Sequence[PlotAxis], lines: Sequence[PlotLine], *, current: int | None = None) -> None:
        """Shows trials; filters are kept if the axes have not changed."""
        if [axis.title for axis in axes] != [axis.title for axis in self._axes]:
            self._filters = {}
            self._axis = 0
        self._axes = tuple(axes)
        self._lines = tuple(lines)
        self._hovered = None
        self._current = current if any(line.number == current for line in lines) else None
        self._describe()
        self.filtered.emit(len(self.passing()))
        self.update()

    def current(self) -> int | None:
        """The number of the selected trial."""
        return self._current

    def choose(self, number: int | None) -> None:
        """Selects a trial without emitting `chosen`."""
        self._current = number
        self._describe()
        self.update()

    def passing(self) -> list[int]:
        """The numbers of the trials that pass all filters."""
        return [line.number for line in self._lines if self._passes(line)]

    def filters(self) -> dict[int, tuple[float, float]]:
        """Lower and upper end of each filter, 0..1, by axis."""
        return dict(self._filters)

    def setFilter(self, axis: int, low: float, high: float) -> None:
        """Keeps the trials that cross an axis between two positions; the whole axis removes its filter."""
        low, high = max(0.0, min(low, high)), min(1.0, max(low, high))
        if (low, high) == (0.0, 1.0):
            self._filters.pop(axis, None)
        else:
            self._filters[axis] = (low, high)
        self._describe()
        self.filtered.emit(len(self.passing()))
        self.update()

    def clearFilters(self) -> None:
        """Shows all trials."""
        self._filters.clear()
        self._describe()
        self.filtered.emit(len(self.passing()))
        self.update()

    # -- geometry

    def axisX(self, axis: int) -> float:
        """The x of an axis, in px."""
        area = self._area()
        return area.left() if len(self._axes) < 2 else area.left() + area.width() * axis / (len(self._axes) - 1)

    def axisY(self, position: float) -> float:
        """The y of a position on an axis, in px; position 0 is at the bottom."""
        return self._area().bottom() - position * self._area().height()

    def sizeHint(self) -> QSize:
        return QSize(560, 320)

    def minimumSizeHint(self) -> QSize:
        return QSize(280, 180)

    def _area(self) -> QRectF:
        metrics = QFontMetricsF(theme.font(SMALL))
        top = QFontMetricsF(theme.font()).lineSpacing() + 2 * _PAD
        side = self._label_width(0) + _PAD
        last = self._label_width(len(self._axes) - 1) + _PAD
        bottom = _LEGEND + metrics.lineSpacing()
        return QRectF(side, top, max(self.width() - side - last, 40), max(self.height() - top - bottom, 40))

    def _label_width(self, axis: int) -> float:
        """Space beside an outermost axis for its tick labels and half its title."""
        metrics = QFontMetricsF(theme.font(SMALL))
        texts = [text for _, text in self._axes[axis].ticks] if self._axes else []
        widest = max((metrics.horizontalAdvance(text) for text in texts), default=0.0) + 10
        title = metrics.horizontalAdvance(self._axes[axis].title) / 2 if self._axes else 0.0
        return min(max(widest, title), 96.0)

    # -- events

    def mousePressEvent(self, event: QMouseEvent) -> None:
        axis = self._axis_at(event.position())
        if event.button() != Qt.MouseButton.LeftButton:
            return
        hit = self._line_at(event.position())
        if axis is not None:
            self._axis = axis
            self._drag = (axis, event.position().y())
        elif hit is not None:
            self._choose(hit)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drag is not None:
            dragged, start = self._drag
            if abs(event.position().y() - start) > 3:
                self.setFilter(dragged, self._position(start), self._position(event.position().y()))
            return
        axis, hit = self._axis_at(event.position()), self._line_at(event.position())
        shape = Qt.CursorShape.SizeVerCursor if axis is not None else Qt.CursorShape.PointingHandCursor
        self.setCursor(shape if axis is not None or hit is not None else Qt.CursorShape.ArrowCursor)
        if hit != self._hovered:
            self._hovered = hit
            words = next((line.text for line in self._lines if line.number == hit), "")
            QToolTip.showText(event.globalPosition().toPoint(), words, self)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._drag is not None and abs(event.position().y() - self._drag[1]) <= 3:
            self.setFilter(self._drag[0], 0.0, 1.0)
        self._drag = None
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered = None
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, shift = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if self._axes and key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            by = 1 if key == Qt.Key.Key_Right else -1
            self._axis = min(max(self._axis + by, 0), len(self._axes) - 1)
            self._describe()
            self.update()
        elif self._axes and key in (Qt.Key.Key_Up, Qt.Key.Key_Down) and shift:
            low, high = self._filters.get(self._axis, (0.0, 1.0))
            if key == Qt.Key.Key_Up:
                self.setFilter(self._axis, min(low + _STEP, high - _STEP / 2), high)
            else:
                self.setFilter(self._axis, low, max(high - _STEP, low + _STEP / 2))
        elif self._lines and key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._step(-1 if key == Qt.Key.Key_Up else 1)
        elif key == Qt.Key.Key_Escape and self._filters:
            self.clearFilters()
        else:
            super().keyPressEvent(event)

    def _step(self, by: int) -> None:
        """Selects the next better (-1) or worse (1) trial that passes the filters."""
        ranked = sorted((line for line in self._lines if self._passes(line)), key=lambda line: -line.goodness)
        numbers = [line.number for line in ranked]
        if not numbers:
            return
        at = numbers.index(self._current) + by if self._current in numbers else 0
        self._choose(numbers[min(max(at, 0), len(numbers) - 1)])

    def _choose(self, number: int) -> None:
        if number != self._current:
            self.choose(number)
            self.chosen.emit(number)

    def _position(self, y: float) -> float:
        area = self._area()
        place = (area.bottom() - y) / area.height()
        reach = _SNAP / area.height()  # the exact end is hard to hit
        return 0.0 if place < reach else 1.0 if place > 1 - reach else place

    def _axis_at(self, at: QPointF) -> int | None:
        area = self._area()
        if not area.top() - _PAD <= at.y() <= area.bottom() + _PAD:
            return None
        return next((n for n in range(len(self._axes)) if abs(self.axisX(n) - at.x()) <= _GRIP / 2), None)

    def _line_at(self, at: QPointF) -> int | None:
        """The nearest line within reach; the better one where lines cross."""
        best: tuple[float, float, int] | None = None
        for line in self._lines:
            far = self._distance(line, at)
            if far <= _NEAR and self._passes(line):
                best = min(best or (9e9, 0.0, -1), (round(far), -line.goodness, line.number))
        return best[2] if best else None

    def _distance(self, line: PlotLine, at: QPointF) -> float:
        for axis in range(len(self._axes) - 1):
            left, right = self.axisX(axis), self.axisX(axis + 1)
            if left <= at.x() <= right:
                share = (at.x() - left) / max(right - left, 1.0)
                low, high = line.positions[axis], line.positions[axis + 1]
                return abs(self.axisY(low + share * (high - low)) - at.y())
        return 9e9

    def _passes(self, line: PlotLine) -> bool:
        return all(low - 1e-9 <= line.positions[axis] <= high + 1e-9 for axis, (low, high) in self._filters.items())

    # -- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, colors = QPainter(self), theme.current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors.color("sunken"))
        painter.drawRoundedRect(QRectF(self.rect()), 8, 8)
        if not self._lines:
            painter.setPen(colors.color("muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "No trial has finished yet")
            return
        marked = (self._current, self._hovered)
        for line in sorted(self._lines, key=lambda line: (self._passes(line), line.goodness)):
            if line.number not in marked:
                self._paint_line(painter, line)
        for axis in range(len(self._axes)):
            self._paint_axis(painter, axis)
        for line in self._lines:
            if line.number in marked:
                self._paint_line(painter, line)
        for axis in range(len(self._axes)):
            self._paint_ticks(painter, axis)
        self._paint_legend(painter)
        if self.hasFocus():
            draw_focus(painter, QRectF(self.rect()))

    def _paint_line(self, painter: QPainter, line: PlotLine) -> None:
        chosen, hovered = line.number == self._current, line.number == self._hovered
        color = theme.current().color("text") if chosen else goodness_color(line.goodness)
        color.setAlphaF(1.0 if chosen or hovered else 0.9 if self._passes(line) else 0.08)
        pen = QPen(color, 3.0 if chosen or hovered else 1.6)
        pen.setStyle(Qt.PenStyle.SolidLine if line.complete else Qt.PenStyle.DashLine)
        painter.setPen(pen)
        points = [QPointF(self.axisX(n), self.axisY(position)) for n, position in enumerate(line.positions)]
        painter.drawPolyline(points)
        if chosen:
            painter.setBrush(goodness_color(line.goodness))
            painter.setPen(QPen(color, 1.5))
            for point in points:
                painter.drawEllipse(point, 4.5, 4.5)

    def _paint_axis(self, painter: QPainter, number: int) -> None:
        colors, x, area = theme.current(), self.axisX(number), self._area()
        with_focus = self.hasFocus() and number == self._axis
        painter.setPen(QPen(colors.color("accent" if with_focus else "field_border"), 2 if with_focus else 1))
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        if number in self._filters:
            low, high = self._filters[number]
            painter.setPen(QPen(colors.color("accent"), 1))
            painter.setBrush(colors.color("accent", 0.3))
            painter.drawRoundedRect(
                QRectF(x - 5, self.axisY(high), 10, max(self.axisY(low) - self.axisY(high), 3)), 3, 3
            )
        self._paint_title(painter, number)

    def _paint_ticks(self, painter: QPainter, number: int) -> None:
        colors, axis, x = theme.current(), self._axes[number], self.axisX(number)
        painter.setFont(theme.font(SMALL))
        metrics = QFontMetricsF(painter.font())
        is_last = number == len(self._axes) - 1
        room = 90.0 if is_last or not number else (self.axisX(1) - self.axisX(0)) - 16
        for position, text in axis.ticks:
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
            width, y = metrics.horizontalAdvance(shown), self.axisY(position)
            left = x + 6 if is_last or number else x - 6 - width
            painter.setPen(QPen(colors.color("field_border"), 1))
            painter.drawLine(QPointF(x - 3, y), QPointF(x + 3, y))
            ground = QRectF(left - 2, y - metrics.height() / 2, width + 4, metrics.height())
            if number and not is_last:
                painter.fillRect(ground, colors.color("sunken", 0.75))
            painter.setPen(colors.color("muted"))
            painter.drawText(ground, Qt.AlignmentFlag.AlignCenter, shown)

    def _paint_title(self, painter: QPainter, number: int) -> None:
        painter.setFont(theme.font(SMALL))
        metrics = QFontMetricsF(painter.font())
        gap = self._area().width() / max(len(self._axes) - 1, 1) - 8
        x = self.axisX(number)
        half = min(gap / 2, x - 4, self.width() - x - 4) if number in (0, len(self._axes) - 1) else gap / 2
        title = metrics.elidedText(self._axes[number].title, Qt.TextElideMode.ElideRight, 2 * half)
        painter.setPen(theme.current().color("text"))
        place = QRectF(x - half, _PAD / 2, 2 * half, metrics.lineSpacing())
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, title)

    def _paint_legend(self, painter: QPainter) -> None:
        painter.setFont(theme.font(SMALL))
        metrics, colors = QFontMetricsF(painter.font()), theme.current()
        middle, left = self.height() - _LEGEND / 2, _PAD
        painter.setPen(colors.color("muted"))
        painter.drawText(QPointF(left, middle + metrics.ascent() / 2 - 1), "worst")
        bar = QRectF(left + metrics.horizontalAdvance("worst") + 6, middle - 4, 72, 8)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for share in (0.0, 0.5, 1.0):
            gradient.setColorAt(share, goodness_color(share))
        painter.fillRect(bar, gradient)
        early = "" if all(line.complete for line in self._lines) else "   dashed: ended early"
        dark = "   thick: selected" if self._current is not None else ""
        painter.drawText(QPointF(bar.right() + 6, middle + metrics.ascent() / 2 - 1), f"best{early}{dark}")

    def _describe(self) -> None:
        chosen = next((line.text for line in self._lines if line.number == self._current), "no trial selected")
        axis = f"axis {self._axes[self._axis].title}" if self._axes else ""
        passing = f"{len(self.passing())} of {len(self._lines)} trials shown"
        self.setAccessibleDescription("; ".join(part for part in (chosen.replace("\n", ", "), axis, passing) if part))


def goodness_color(goodness: float) -> QColor:
    """Cividis from worst (0) to best (1), safe for colour-blind eyes; the best contrasts with the background."""
    stops = [QColor(stop) for stop in _GOOD[theme.current().name]]
    at = min(max(goodness, 0.0), 1.0) * (len(stops) - 1)
    first = min(int(at), len(stops) - 2)
    return theme.mixed(stops[first], stops[first + 1], at - first)
