"""Misses against false alarms an hour, a curve a word, with a working point to move (DET; Martin et al. 1997)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from kws_gui import theme
from kws_gui.widgets.curves.axes import ValueAxis
from kws_gui.widgets.curves.numbers import brief
from kws_gui.widgets.plot_axes import style_axes
from kws_gui.widgets.word_style import WordStyle

_NEAR_PX = 16  # of a curve or the handle
_MANY_STEPS = 10  # with Shift


@dataclass(frozen=True)
class DetPoint:
    """What one threshold of a word gives: the share missed, 0..1, None without takes; false alarms an hour."""

    threshold: float
    missed: float | None
    per_hour: float


class DetPlot(QWidget):
    """Left and Right move the working point of the chosen word, with Shift by ten steps; so does the mouse.

    Signals:
        thresholdMoved(word, threshold): The person moved the working point of the chosen word.
        wordChosen(word): The person clicked on another word's curve.
    """

    thresholdMoved = Signal(str, float)
    wordChosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._points: dict[str, list[DetPoint]] = {}
        self._lines: dict[str, pg.PlotDataItem] = {}
        self._styles: dict[str, WordStyle] = {}
        self._at: dict[str, int] = {}
        self._word = ""
        self._told = ""
        self._never = -2.0  # where a rate of 0 is drawn, on the scale of logarithms
        self._area = _Area()
        self._axis = _RateAxis()
        axes = {"left": ValueAxis("Missed", unit="%"), "bottom": self._axis}
        self.view = pg.PlotWidget(viewBox=self._area, axisItems=axes, enableMenu=False)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.hideButtons()
        self.view.setLabel("bottom", "False alarms an hour")
        self._handle = pg.ScatterPlotItem(size=15, pxMode=True)
        self._promised = pg.ScatterPlotItem(size=9, pxMode=True, symbol="d")
        self._name = pg.TextItem(anchor=(0, 1))
        for item, z in ((self._promised, 8), (self._handle, 10), (self._name, 11)):
            item.setZValue(z)
            self.view.addItem(item, ignoreBounds=True)
        self._area.pressed.connect(self._on_pressed)
        self._area.dragged.connect(self._on_dragged)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(240, 128)
        self.setAccessibleName("Misses against false alarms an hour")
        self.setToolTip("Drag the ring, or press left and right, to move the threshold of the chosen word")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.view)
        theme.notifier.changed.connect(self._apply_theme)
        self._apply_theme()

    def setCurves(
        self, curves: Mapping[str, Sequence[DetPoint]], styles: Mapping[str, WordStyle], *, lowest: float
    ) -> None:
        """Shows these words' curves, points in rising order of threshold; `lowest` is a rate below which is only 0."""
        for line in self._lines.values():
            self.view.removeItem(line)
        self._points = {word: list(points) for word, points in curves.items()}
        self._styles = dict(styles)
        self._lines = {word: self.view.plot(skipFiniteCheck=True) for word in curves}
        self._at = dict.fromkeys(curves, 0)
        self._never = math.log10(lowest) - 0.35
        self._axis.never = self._never
        rates = [point.per_hour for points in curves.values() for point in points]
        self.view.setXRange(self._never, math.log10(max([10 * lowest, *rates])) + 0.15, padding=0.02)
        self.view.setYRange(-4, 104, padding=0)
        for word, line in self._lines.items():
            points = self._points[word]
            line.setData([self._x(one) for one in points], [self._y(one) for one in points])
        self._promised.setData([], [])
        self._word = next(iter(curves), "")
        self._show()

    def chooseWord(self, word: str) -> None:
        """Puts a word's curve in front, with its working point."""
        self._word = word
        self._show()

    def word(self) -> str:
        """The word in front."""
        return self._word

    def setThreshold(self, word: str, threshold: float) -> None:
        """Puts a word's working point at the point nearest to a threshold."""
        points = self._points[word]
        self._at[word] = min(range(len(points)), key=lambda at: abs(points[at].threshold - threshold))
        self._show()

    def setPromised(self, thresholds: Mapping[str, float]) -> None:
        """Marks where each word was set to."""
        found = [
            min(self._points[word], key=lambda one: abs(one.threshold - value)) for word, value in thresholds.items()
        ]
        self._promised.setData([self._x(one) for one in found], [self._y(one) for one in found])

    def setTold(self, text: str) -> None:
        """What the working point means, for a screen reader."""
        self._told = text
        self.setAccessibleDescription(text)

    def handle(self) -> QPointF:
        """Where the working point is drawn, in px of this widget."""
        point = self._points[self._word][self._at[self._word]]
        return self._pixel(point)

    # -- moving

    def keyPressEvent(self, event: QKeyEvent) -> None:
        direction = {Qt.Key.Key_Left: 1, Qt.Key.Key_Right: -1}.get(Qt.Key(event.key()))
        if direction is None or not self._word:
            super().keyPressEvent(event)
            return
        factor = _MANY_STEPS if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        self._move(self._at[self._word] + direction * factor)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._show()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show()

    def _move(self, at: int) -> None:
        points = self._points[self._word]
        at = min(max(at, 0), len(points) - 1)
        if at != self._at[self._word]:
            self._at[self._word] = at
            self._show()
            self.thresholdMoved.emit(self._word, points[at].threshold)

    def _on_pressed(self, scene: QPointF) -> None:
        """A press on another curve chooses its word; one on the chosen word's curve moves the point there."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if not self._word:
            return
        if self._nearest(self._word, scene)[0] <= _NEAR_PX:
            self._on_dragged(scene)
            return
        near = [(*self._nearest(word, scene), word) for word in self._points]
        distance, _, word = min(near)
        if distance <= _NEAR_PX:
            self.chooseWord(word)
            self.wordChosen.emit(word)

    def _on_dragged(self, scene: QPointF) -> None:
        if self._word:
            self._move(self._nearest(self._word, scene)[1])

    def _nearest(self, word: str, scene: QPointF) -> tuple[float, int]:
        """How far a place is from a word's curve, in px, and the number of the point that is nearest."""
        found = (
            (math.hypot(place.x() - scene.x(), place.y() - scene.y()), at)
            for at, place in enumerate(map(self._scene, self._points[word]))
        )
        return min(found, default=(math.inf, 0))

    # -- drawing

    def _x(self, point: DetPoint) -> float:
        return max(math.log10(point.per_hour), self._never) if point.per_hour > 0 else self._never

    def _y(self, point: DetPoint) -> float:
        return 100 * point.missed if point.missed is not None else 0.0

    def _scene(self, point: DetPoint) -> QPointF:
        place: QPointF = self._area.mapViewToScene(QPointF(self._x(point), self._y(point)))
        return place

    def _pixel(self, point: DetPoint) -> QPointF:
        return QPointF(self.view.mapTo(self, self.view.mapFromScene(self._scene(point))))

    def _show(self) -> None:
        colors = theme.current()
        for word, line in self._lines.items():
            is_chosen = word == self._word
            style = self._styles[word]
            color = style.color()
            color.setAlphaF(1.0 if is_chosen or len(self._lines) <= style.FEW else 0.35)
            line.setPen(pg.mkPen(color, width=3 if is_chosen else 1.5, style=style.line))
            line.setZValue(5 if is_chosen else 1)
        if not self._word:
            self._handle.setData([], [])
            self._name.setText("")
            return
        point, style = self._points[self._word][self._at[self._word]], self._styles[self._word]
        x, y = self._x(point), self._y(point)
        width = 4 if self.hasFocus() else 2.5
        self._handle.setData([x], [y], brush=pg.mkBrush(colors.surface), pen=pg.mkPen(style.color(), width=width))
        self._name.setText(self._word, color=colors.color("text"))
        left, right = self._area.viewRange()[0]
        self._name.setAnchor((1.1 if x > (left + right) / 2 else -0.1, -0.2 if y > 80 else 1.2))
        self._name.setPos(x, y)

    def _apply_theme(self) -> None:
        colors = theme.current()
        style_axes(self.view)
        self.view.showGrid(x=True, y=True, alpha=0.25)
        self._promised.setBrush(pg.mkBrush(colors.muted))
        self._promised.setPen(pg.mkPen(colors.sunken, width=1))
        self._name.setFont(theme.font(bold=True))
        self._name.fill = pg.mkBrush(colors.color("sunken", 0.75))
        self._show()


class _Area(pg.ViewBox):  # type: ignore[misc]  # pyqtgraph has no stubs
    """Tells where the mouse was pressed and dragged, in scene coordinates; zooms nothing."""

    pressed = Signal(object)
    dragged = Signal(object)

    def __init__(self) -> None:
        super().__init__(enableMenu=False, enableMouse=False, defaultPadding=0)
        self.disableAutoRange()

    def wheelEvent(self, event: Any, axis: int | None = None) -> None:
        event.ignore()

    def mouseClickEvent(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            event.accept()
            self.pressed.emit(event.scenePos())

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            event.accept()
            self.dragged.emit(event.scenePos())


class _RateAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no stubs
    """Powers of ten along the bottom, and 0 at the left."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self.never = -2.0
        self.enableAutoSIPrefix(False)

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        powers = [float(power) for power in range(math.ceil(self.never + 0.2), math.floor(maxVal) + 1)]
        return [(1.0, [self.never, *powers])]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return ["0" if value == self.never else brief(10.0**value) for value in values]
