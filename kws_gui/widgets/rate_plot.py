"""The plot of a learning rate range test: loss against the growing rate, and the suggested rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from kws_gui import theme
from kws_gui.widgets.curves.axes import ValueAxis
from kws_gui.widgets.curves.numbers import brief
from kws_gui.widgets.plot_axes import style_axes

_LOWEST, _HIGHEST = 1e-6, 3.0
_ABOVE_BEST = 2.5  # times the lowest loss: higher losses are cut off


class RatePlot(QWidget):
    """Raw losses as faint dots, their running mean as a line, the suggestion as a dotted vertical line."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rates: list[float] = []
        self._losses: list[float] = []
        self._means: list[float] = []
        self._suggested: float | None = None
        self.view = pg.PlotWidget(axisItems={"left": ValueAxis("Loss"), "bottom": _RateAxis()}, enableMenu=False)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.setMouseEnabled(False, False)
        self.view.hideButtons()
        self.view.setLabel("bottom", "Learning rate")
        self.setMinimumSize(360, 220)
        self._dots = self.view.plot(pen=None, symbol="o", symbolSize=4)
        self._line = self.view.plot()
        self._suggestion = pg.InfiniteLine(angle=90, label="", labelOpts={"position": 0.9, "movable": False})
        self._suggestion.hide()
        self.view.addItem(self._suggestion, ignoreBounds=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.view)
        self.setAccessibleName("Loss by learning rate")
        theme.notifier.changed.connect(self._apply_theme)
        self._apply_theme()
        self._draw()

    def add(self, points: Sequence[tuple[float, float, float]]) -> None:
        """Appends steps as (learning rate, loss, running mean of the loss)."""
        for rate, loss, mean in points:
            self._rates.append(math.log10(rate))
            self._losses.append(loss)
            self._means.append(mean)
        self._draw()

    def clear(self) -> None:
        """Removes all steps."""
        for values in (self._rates, self._losses, self._means):
            values.clear()
        self.suggest(None)
        self._draw()

    def suggest(self, rate: float | None) -> None:
        """Marks the suggested rate, or none."""
        self._suggested = rate
        self._suggestion.setVisible(rate is not None)
        if rate is not None:
            at = math.log10(rate)
            self._suggestion.setValue(at)
            self._suggestion.label.setFormat(brief(rate))
            in_right_half = at > (math.log10(_LOWEST) + math.log10(_HIGHEST)) / 2
            self._suggestion.label.anchors = [(1, 0.5), (1, 0.5)] if in_right_half else [(0, 0.5), (0, 0.5)]
            self._suggestion.label.updatePosition()
        self.setAccessibleDescription(self.text())

    def text(self) -> str:
        """Describes the plot."""
        if not self._rates:
            return "No step yet"
        best = min(range(len(self._means)), key=self._means.__getitem__)
        lowest = f"The loss is lowest at a rate of {brief(10 ** self._rates[best])}"
        return lowest if self._suggested is None else f"{lowest}; {brief(self._suggested)} is suggested"

    def _draw(self) -> None:
        self._dots.setData(self._rates, self._losses)
        self._line.setData(self._rates, self._means)
        self.view.setXRange(math.log10(_LOWEST), math.log10(_HIGHEST), padding=0.04)
        low, high = min(self._means, default=0.0), max(self._means[:20], default=1.0)
        top = max(1.1 * high, min(_ABOVE_BEST * low, max(self._means, default=1.0)), low + 0.1)
        self.view.setYRange(max(0.0, low - 0.1 * (top - low)), top, padding=0.04)
        self.setAccessibleDescription(self.text())

    def _apply_theme(self) -> None:
        colors = theme.current()
        style_axes(self.view)
        self.view.showGrid(x=False, y=True, alpha=0.35)
        faint = colors.color("training")
        faint.setAlphaF(0.35)
        self._dots.setSymbolBrush(faint)
        self._dots.setSymbolPen(None)
        self._line.setPen(pg.mkPen(colors.color("training"), width=2))
        self._suggestion.setPen(pg.mkPen(colors.detection, width=2, style=Qt.PenStyle.DotLine))
        self._suggestion.label.setColor(colors.detection_text)
        self._suggestion.label.setFont(theme.font(bold=True))


class _RateAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no stubs
    """Powers of ten along the bottom."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self.enableAutoSIPrefix(False)

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        return [(1.0, [float(power) for power in range(math.ceil(minVal), math.floor(maxVal) + 1)])]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [brief(10.0**value) for value in values]
