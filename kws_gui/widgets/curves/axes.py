"""Axes whose labels never overlap, and the plot area that turns mouse gestures into zoom requests."""

from __future__ import annotations

import math
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPicture

from kws_gui import theme
from kws_gui.widgets.axis import SMALL, nice_step, ticks
from kws_gui.widgets.curves.numbers import brief

AXIS_WIDTH = 60  # px of every left axis, so that the epochs of stacked plots line up
LINE_HEIGHT = 6  # px of a bottom axis without labels
EPOCHS_HEIGHT = 22  # px of a bottom axis with ticks, labels and the word "Epoch" in the corner
_PER_NOTCH = 1.25  # zoom factor of one notch of the wheel
Levels = list[tuple[float, list[float]]]


class _FastAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no stubs
    """Caches the drawing instructions rather than a QPicture, which draws text ten times slower."""

    def __init__(self, orientation: str) -> None:
        super().__init__(orientation)
        self._specs: Any = None
        self.picture: QPicture | None
        self.enableAutoSIPrefix(False)

    def paint(self, painter: QPainter, option: Any, widget: Any) -> None:
        if self.picture is None or self._specs is None:  # pyqtgraph clears the picture when the axis changes
            painter.setFont(theme.font(SMALL))
            self._specs = self.generateDrawSpecs(painter)
            self.picture = QPicture()
        if self._specs is not None:
            painter.save()
            self.drawPicture(painter, *self._specs)
            painter.restore()


class EpochAxis(_FastAxis):
    """Whole epochs along the bottom, with the word "Epoch" in the corner below the left axis."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self._labelled = True

    def setLabelled(self, labelled: bool) -> None:
        """Shows labels, or only a line if the plot below has them."""
        if labelled == self._labelled and self.height() == (EPOCHS_HEIGHT if labelled else LINE_HEIGHT):
            return
        self._labelled = labelled
        self.setStyle(showValues=labelled)
        self.setHeight(EPOCHS_HEIGHT if labelled else LINE_HEIGHT)

    def tickValues(self, minVal: float, maxVal: float, size: float) -> Levels:
        at_most = max(1, int(size / 56))
        step = max(1, int(nice_step(max(maxVal - minVal, 1e-9) / at_most)))
        first = max(math.ceil(minVal / step), 0)
        known = [float(index * step) for index in range(first, math.floor(maxVal / step) + 1) if index * step >= 1]
        return [(float(step), known)]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [str(int(value)) for value in values]

    def boundingRect(self) -> QRectF:
        area: QRectF = super().boundingRect()
        return area.adjusted(-AXIS_WIDTH, 0, 0, 0)

    def paint(self, painter: QPainter, option: Any, widget: Any) -> None:
        super().paint(painter, option, widget)
        if self._labelled:
            painter.setFont(theme.font(SMALL))
            painter.setPen(theme.current().color("muted"))
            corner = QRectF(-AXIS_WIDTH + 4, 2, AXIS_WIDTH - 10, EPOCHS_HEIGHT - 4)
            painter.drawText(corner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, "Epoch")


class ValueAxis(_FastAxis):
    """Round values up the left side, linear or logarithmic, with the longest title that fits."""

    def __init__(self, *titles: str, unit: str = "") -> None:
        super().__init__("left")
        self._titles = titles
        self._unit = unit
        self._log = False
        self.setWidth(AXIS_WIDTH)

    def setTitles(self, *titles: str) -> None:
        """Sets alternative titles, the longest first."""
        if titles != self._titles:
            self._titles = titles
            self.update()

    def setLogarithmic(self, logarithmic: bool) -> None:
        """Labels the values as exponents of ten."""
        if logarithmic != self._log:
            self._log = logarithmic
            self.picture = None
            self.update()

    def tickValues(self, minVal: float, maxVal: float, size: float) -> Levels:
        room = int(size / (1.4 * QFontMetricsF(theme.font(SMALL)).height()))
        at_most = min(max(room, 2), 6)
        known = self._powers(minVal, maxVal, at_most) if self._log else ticks(minVal, maxVal, at_most=at_most)
        while len(known) > at_most + 1:
            known = known[::2]
        spacing = known[1] - known[0] if len(known) > 1 else max(maxVal - minVal, 1e-9)
        return [(spacing, known)]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        if self._log:
            return [brief(10.0**value) for value in values]
        if max(map(abs, values), default=0.0) >= 1e4 or spacing < 1e-3:
            return [brief(value) for value in values]
        decimals = max(0, -math.floor(math.log10(spacing) + 1e-9))
        return [f"{value:.{decimals}f}{self._unit}" for value in values]

    def boundingRect(self) -> QRectF:
        area: QRectF = super().boundingRect()
        return area.adjusted(0, -8, 0, 8)  # half of the first and last label lies outside

    def paint(self, painter: QPainter, option: Any, widget: Any) -> None:
        super().paint(painter, option, widget)
        font = theme.font(SMALL)
        metrics, room = QFontMetricsF(font), self.size().height()
        title = next((title for title in self._titles if metrics.horizontalAdvance(title) <= room), "")
        painter.setFont(font)
        painter.setPen(theme.current().color("muted"))
        painter.save()
        painter.translate(metrics.height() / 2 + 2, room / 2)
        painter.rotate(-90)
        half = max(room / 2, metrics.horizontalAdvance(title) / 2)
        painter.drawText(QRectF(-half, -metrics.height() / 2, 2 * half, metrics.height()), _CENTER, title)
        painter.restore()

    @staticmethod
    def _powers(low: float, high: float, at_most: int) -> list[float]:
        """Exponents of the ticks: powers of ten, also 2 and 5 times them if there is room, or round values."""
        low, high = max(low, -300.0), min(high, 300.0)
        whole = [float(power) for power in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)]
        finer = sorted({*whole, *(p + math.log10(f) for p in range(math.floor(low), math.ceil(high)) for f in (2, 5))})
        finer = [value for value in finer if low <= value <= high]
        if len(finer) <= at_most + 1 and len(finer) > 1:
            return finer
        if len(whole) > 1:
            return whole[:: max(1, math.ceil(len(whole) / (at_most + 1)))]
        return [math.log10(value) for value in ticks(10**low, 10**high, at_most=at_most) if value > 0]


_CENTER = Qt.AlignmentFlag.AlignCenter


class ZoomBox(pg.ViewBox):  # type: ignore[misc]  # pyqtgraph has no stubs
    """The area of a plot; it only emits requests, so that all plots can follow the same one.

    Signals:
        zoomed(float factor, float epoch): Wheel: multiply the range of epochs by the factor, around this epoch.
        panned(float epochs): Shift + drag or wheel, middle button, or dragging an axis.
        boxed(QRectF): A rectangle was dragged, in epochs and values.
        showAllRequested(): Double click.
        clicked(float epoch): Click.
        menuRequested(QPoint): Right click, in screen coordinates.
    """

    zoomed = Signal(float, float)
    panned = Signal(float)
    boxed = Signal(object)
    showAllRequested = Signal()
    clicked = Signal(float)
    menuRequested = Signal(object)

    def __init__(self) -> None:
        super().__init__(enableMenu=False, enableMouse=False, defaultPadding=0)
        self.disableAutoRange()

    def wheelEvent(self, event: Any, axis: int | None = None) -> None:
        notches = event.delta() / 120
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier or event.orientation() == Qt.Orientation.Horizontal:
            self.panned.emit(-notches * self.viewRect().width() / 10)
        else:
            self.zoomed.emit(_PER_NOTCH**-notches, self.mapSceneToView(event.scenePos()).x())
        event.accept()

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        event.accept()
        shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if axis is not None or shifted or event.button() == Qt.MouseButton.MiddleButton:
            moved = self.mapToView(event.lastPos()).x() - self.mapToView(event.pos()).x()
            self.panned.emit(moved)
        elif event.button() == Qt.MouseButton.LeftButton:
            self._draw_box(event)

    def mouseClickEvent(self, event: Any) -> None:
        event.accept()
        if event.button() == Qt.MouseButton.RightButton:
            self.menuRequested.emit(event.screenPos().toPoint())
        elif event.button() == Qt.MouseButton.LeftButton and event.double():
            self.showAllRequested.emit()
        elif event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit(self.mapSceneToView(event.scenePos()).x())

    def _draw_box(self, event: Any) -> None:
        down, now = event.buttonDownPos(), event.pos()
        if not event.isFinish():
            self.updateScaleBox(down, now)
            return
        self.rbScaleBox.hide()
        if abs(now.x() - down.x()) >= 4:
            corners = self.mapToView(QPointF(down)), self.mapToView(QPointF(now))
            self.boxed.emit(QRectF(*corners).normalized())
