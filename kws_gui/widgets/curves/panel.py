"""One plot of curves over the epochs, smoothed or raw, linear or logarithmic, with its marks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt

from kws_gui import theme
from kws_gui.widgets.axis import SMALL
from kws_gui.widgets.curves.axes import EpochAxis, ValueAxis, ZoomBox
from kws_gui.widgets.curves.numbers import MOST, smoothed
from kws_gui.widgets.curves.style import CurveStyle

_EACH_FROM, _MARK_APART = 9, 28  # px per epoch from which each has a marker; otherwise the least px between two
_TOP, _BOTTOM = 0.08, 0.06  # of the height, free above and below the values
_DENSE = 3  # px per epoch, below which lines are thin: calmer, and drawn in half the time
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """One curve to draw; `faint` ones accompany another, `best` is the epoch to circle on the curve."""

    style: CurveStyle
    epochs: Sequence[int]
    values: Sequence[float]
    faint: bool = False
    best: int | None = None


class Curve:
    """The items of one line: the raw values faint behind, the line, and a marker every few epochs."""

    def __init__(self, plot: pg.PlotItem) -> None:
        self.raw, self.line = (pg.PlotCurveItem(antialias=True, connect="finite") for _ in range(2))
        self.marks = pg.ScatterPlotItem(pxMode=True)
        self._plot = plot
        self._faint = False
        self._dense = False
        self._style: CurveStyle | None = None
        for depth, item in enumerate((self.raw, self.line, self.marks)):
            item.setZValue(depth)
            plot.addItem(item, ignoreBounds=True)

    def getData(self) -> tuple[Array | None, Array | None]:
        """The epochs and values drawn; None before the first."""
        drawn: tuple[Array | None, Array | None] = self.line.getData()
        return drawn

    def show(self, epochs: Array, raw: Array, values: Array | None, *, style: CurveStyle, faint: bool) -> None:
        """Draws values; `values` are the smoothed ones, or None to draw the raw ones."""
        if (style, faint) != (self._style, self._faint):
            self._style = style
            self._faint = faint
            self.apply_theme()
        self.line.setData(epochs, raw if values is None else values)
        self.raw.setVisible(values is not None)
        if values is not None:
            self.raw.setData(epochs, raw)

    def mark(self, every: int, *, dense: bool) -> None:
        """Puts markers at every `every`-th epoch and at the last, none on a faint curve; a dense curve is thin."""
        if dense != self._dense:
            self._dense = dense
            self.apply_theme()
        epochs, values = self.line.getData()
        if self._faint or epochs is None or not len(epochs):
            self.marks.clear()
            return
        chosen = (epochs.astype(int) % every == 0) | (np.arange(len(epochs)) == len(epochs) - 1)
        chosen &= np.isfinite(values)
        self.marks.setData(epochs[chosen], values[chosen])

    def apply_theme(self) -> None:
        """Takes the colours of the current theme."""
        if self._style is None:
            return
        color = self._style.color(theme.current(), 0.45 if self._faint else 1.0)
        self.line.setPen(pg.mkPen(color, width=1 if self._faint or self._dense else 2, style=self._style.dash))
        self.raw.setPen(pg.mkPen(self._style.color(theme.current(), 0.35), width=1))
        self.marks.setSymbol(self._style.symbol)
        self.marks.setSize(6)
        self.marks.setBrush(color)
        self.marks.setPen(pg.mkPen(color))

    def print_at(self, scale: int) -> None:
        """Scales line widths and redraws the markers, for a picture with more pixels than the screen."""
        self.apply_theme()
        for item in (self.raw, self.line):
            pen = pg.mkPen(item.opts["pen"])
            pen.setWidthF(scale * pen.widthF())
            item.setPen(pen)
        self.marks.opts["useCache"] = scale == 1

    def remove(self) -> None:
        """Removes the curve from the plot."""
        for item in (self.raw, self.line, self.marks):
            self._plot.removeItem(item)


class Panel:
    """A plot with its axes, curves, the best and the selected epoch, and crosses where a value is not a number."""

    def __init__(self, *titles: str, percent: bool = False) -> None:
        self._percent = percent
        self._log = False
        self._smoothing = 0.0
        self._lines: tuple[Line, ...] = ()
        self._drawn: list[tuple[Array, Array]] = []  # epochs and values of each line, as they stand on the axis
        self._selected_epoch: int | None = None
        self._best_epoch: int | None = None
        self._held: tuple[float, float] | None = None
        self.box = ZoomBox()
        self.epochs = EpochAxis()
        self.values = ValueAxis(*titles, unit="%" if percent else "")
        self.view = pg.PlotWidget(viewBox=self.box, axisItems={"left": self.values, "bottom": self.epochs})
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.setMinimumHeight(72)
        self.view.setAccessibleName(titles[0])
        self.plot = self.view.getPlotItem()
        self.plot.hideButtons()
        self.plot.setContentsMargins(2, 6, 10, 2)
        self.curves = [Curve(self.plot), Curve(self.plot)]
        self._make_marks()
        self.box.sigResized.connect(self._mark)
        self.apply_theme()

    @property
    def train(self) -> Curve:
        """The first curve."""
        return self.curves[0]

    @property
    def validation(self) -> Curve:
        """The second curve."""
        return self.curves[1]

    def setLines(self, lines: Sequence[Line], *, smoothing: float = 0.0, logarithmic: bool = False) -> None:
        """Draws these lines, reusing the items of the curves already there."""
        while len(self.curves) < max(len(lines), 2):
            self.curves.append(Curve(self.plot))
        while len(self.curves) > max(len(lines), 2):
            self.curves.pop().remove()
        self._lines = tuple(lines)
        self._smoothing = smoothing
        self._log = logarithmic
        self.values.setLogarithmic(logarithmic)
        self._drawn = []
        for curve, line in zip(self.curves, lines, strict=False):
            soft = self._scaled(smoothed(line.values, smoothing)) if smoothing else None
            epochs, raw = np.asarray(line.epochs, float), self._scaled(line.values)
            self._drawn.append((epochs, raw))
            curve.show(epochs, raw, soft, style=line.style, faint=line.faint)
        for curve in self.curves[len(lines) :]:
            curve.line.setData([], [])
            curve.raw.setData([], [])
        self._fit()
        self._mark()
        self.setSelected(self._selected_epoch)
        self.box.prepareForPaint()  # now and not while painting, which would paint twice

    def setEpochs(self, low: float, high: float) -> None:
        """Shows these epochs, scaled to their values unless the range is held."""
        if list(self.box.viewRange()[0]) != [low, high]:
            self.box.setXRange(low, high, padding=0)
            self._fit()
            self._mark()
            self.box.prepareForPaint()

    def hold(self, low: float | None, high: float = 0.0) -> None:
        """Holds the value range at low..high in axis units; None fits it to the values again."""
        self._held = None if low is None else (low, high)
        self._fit()

    def setBest(self, epoch: int | None, *, labelled: bool) -> None:
        """Draws a dotted line at the epoch whose weights are kept, with its number if `labelled`."""
        self._best_epoch = epoch
        self._best.setVisible(epoch is not None)
        self._best_name.setVisible(epoch is not None and labelled)
        if epoch is not None:
            self._best.setValue(epoch)
            self._best_name.setText(f"best: {epoch}")
            self._place_name()

    def setSelected(self, epoch: int | None) -> None:
        """Draws a line at the epoch whose numbers are shown, and a dot on each curve."""
        self._selected_epoch = epoch
        self._selected.setVisible(epoch is not None)
        self._dots.setVisible(epoch is not None)
        if epoch is not None:
            self._selected.setValue(epoch)
            self._dots.setData(*self._at(epoch))

    def print_at(self, scale: int) -> None:
        """Prepares for a picture with `scale` times the pixels of the screen; 1 for the screen again."""
        for curve in self.curves:
            if curve.getData()[0] is not None:
                curve.print_at(scale)
        self._rings.opts["useCache"] = self._undrawable.opts["useCache"] = scale == 1
        self._best.setPen(pg.mkPen(theme.current().detection, width=2 * scale, style=Qt.PenStyle.DotLine))

    def setBottom(self, labelled: bool) -> None:
        """Whether the epochs are numbered under this plot."""
        self.epochs.setLabelled(labelled)

    def apply_theme(self) -> None:
        """Takes the colours of the current theme."""
        colors = theme.current()
        self.view.setBackground(colors.sunken)
        for axis in (self.values, self.epochs):
            axis.setPen(pg.mkPen(colors.field_border))
            axis.setTextPen(pg.mkPen(colors.muted))
            axis.setTickFont(theme.font(SMALL))
            axis.setStyle(tickLength=4)
        self.plot.showGrid(x=False, y=True, alpha=0.35)
        for curve in self.curves:
            curve.apply_theme()
        self._best.setPen(pg.mkPen(colors.detection, width=2, style=Qt.PenStyle.DotLine))
        self._best_name.setColor(colors.detection_text)
        self._best_name.setFont(theme.font(bold=True))
        self._fit()
        self._selected.setPen(pg.mkPen(colors.muted, width=1))
        self._dots.setBrush(colors.sunken)
        self._dots.setPen(pg.mkPen(colors.text, width=2))
        self._undrawable.setPen(pg.mkPen(colors.error, width=2))

    def _make_marks(self) -> None:
        self._best = pg.InfiniteLine(angle=90)
        self._selected = pg.InfiniteLine(angle=90)
        self._best_name = pg.TextItem()
        self._dots = pg.ScatterPlotItem(size=8, symbol="o")
        self._rings = pg.ScatterPlotItem(size=14, symbol="o", brush=None)
        self._undrawable = pg.ScatterPlotItem(size=9, symbol="x")
        for depth, item in enumerate(
            (self._best, self._selected, self._best_name, self._rings, self._undrawable, self._dots)
        ):
            item.setZValue(10 + depth)
            self.plot.addItem(item, ignoreBounds=True)
        for item in (self._best, self._selected, self._best_name):
            item.setVisible(False)

    def _scaled(self, values: Sequence[float]) -> Array:
        """Values in axis units; NaN where they cannot be drawn."""
        array = np.asarray(values, float)
        array = np.where(np.abs(array) < MOST, array, np.nan)
        if self._log:
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.log10(np.where(array > 0, array, np.nan))
        return array

    def _at(self, epoch: int) -> tuple[list[int], list[float]]:
        """Epochs and values of the curves at that epoch."""
        found = []
        for line, curve in zip(self._lines, self.curves, strict=False):
            _, values = curve.getData()
            if not line.faint and values is not None and epoch in line.epochs:
                found.append(float(values[list(line.epochs).index(epoch)]))
        known = [value for value in found if math.isfinite(value)]
        return [epoch] * len(known), known

    def _fit(self) -> None:
        """Fits the value range to the epochs in view, with room above and below."""
        low, high = self._held or self._range()
        if list(self.box.viewRange()[1]) != [low, high]:
            self.box.setYRange(low, high, padding=0)
        self._place_name()
        self._show_undrawable(low + 0.92 * (high - low))
        ringed = [self._ring(line, curve) for line, curve in zip(self._lines, self.curves, strict=False)]
        colors = [line.style.color(theme.current()) for line, at in zip(self._lines, ringed, strict=False) if at]
        places = [at for at in ringed if at]
        self._rings.setData(
            [x for x, _ in places], [y for _, y in places], pen=[pg.mkPen(color, width=2) for color in colors]
        )

    def _range(self) -> tuple[float, float]:
        first, last = self.box.viewRange()[0]
        inside = [values[(epochs >= first) & (epochs <= last)] for epochs, values in self._drawn]
        values = np.concatenate(inside) if inside else np.empty(0)
        values = values[np.isfinite(values)]
        low, high = self._ends(values, zoomed=self._is_zoomed(first, last))
        room = high - low
        return low - _BOTTOM * room, high + _TOP * room

    def _ends(self, values: Array, *, zoomed: bool) -> tuple[float, float]:
        lowest, highest = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        if self._log or zoomed:
            least = 0.1 if self._log else max(abs(highest) * 0.02, 1e-9)
            spare = max(0.0, least - (highest - lowest)) / 2
            return lowest - spare, highest + spare
        if self._percent:
            return (80.0 if lowest >= 80 else 50.0 if lowest > 50 else 0.0), 100.0
        return min(0.0, lowest), highest or 1.0

    def _is_zoomed(self, first: float, last: float) -> bool:
        known = [float(end) for epochs, _ in self._drawn if len(epochs) for end in (epochs[0], epochs[-1])]
        return bool(known) and (first > min(known) or last < max(known))

    def _ring(self, line: Line, curve: Curve) -> tuple[int, float] | None:
        if line.best is None or line.best not in line.epochs:
            return None
        _, values = curve.getData()
        assert values is not None
        value = float(values[list(line.epochs).index(line.best)])
        return (line.best, value) if math.isfinite(value) else None

    def _show_undrawable(self, height: float) -> None:
        """Puts a cross at the top wherever a value is not a number."""
        lost = sorted({epoch for line in self._lines for epoch in undrawable_epochs(line)})
        self._undrawable.setVisible(bool(lost))
        self._undrawable.setData(lost, [height] * len(lost))

    def _mark(self, *_: object) -> None:
        first, last = self.box.viewRange()[0]
        per_epoch = self.box.width() / max(last - first, 1e-9)
        every = 1 if per_epoch >= _EACH_FROM else math.ceil(_MARK_APART / max(per_epoch, 1e-6))
        for curve in self.curves:
            curve.mark(every, dense=per_epoch < _DENSE)
        self._place_name()

    def _place_name(self) -> None:
        if self._best_epoch is not None:
            (first, last), (_, high) = self.box.viewRange()
            right_half = self._best_epoch > (first + last) / 2
            self._best_name.setAnchor((1, 0.1) if right_half else (0, 0.1))
            self._best_name.setPos(self._best_epoch, high)


def undrawable_epochs(line: Line) -> list[int]:
    """The epochs whose value cannot be drawn: NaN, infinite or far too large."""
    values = np.asarray(line.values, float)
    return [line.epochs[int(index)] for index in np.flatnonzero(~(np.abs(values) < MOST))]
