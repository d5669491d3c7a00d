"""Loss and accuracy by epoch, for training and validation, in two linked plots; knows no training."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from kws_gui import theme
from kws_gui.widgets.axis import SMALL, nice_step, ticks

_AXIS_WIDTH = 52  # px; both plots' left axes, so that their epochs stand below one another


@dataclass(frozen=True)
class Point:
    """What is known of one epoch; accuracies are 0..1."""

    epoch: int
    train_loss: float
    validation_loss: float
    train_accuracy: float
    validation_accuracy: float


class LossAndAccuracy(QWidget):
    """Training solid with dots, validation dashed with squares; the epoch under the pointer is told in numbers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._points: list[Point] = []
        self._best: int | None = None
        self._asked: int | None = None
        self.setMinimumSize(280, 240)
        self._readout = QLabel()
        self._readout.setWordWrap(True)
        self._readout.setMinimumHeight(2 * self.fontMetrics().lineSpacing())
        self._readout.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._readout.setContentsMargins(_AXIS_WIDTH, 0, 0, 0)
        theme.set_role(self._readout, "muted")
        self._loss = _Panel("Loss", percent=False)
        self._accuracy = _Panel("Accuracy", percent=True)
        self._accuracy.plot.setXLink(self._loss.plot)
        self._legend = _Legend()
        self._lay_out()
        for panel in (self._loss, self._accuracy):
            panel.view.scene().sigMouseMoved.connect(lambda at, panel=panel: self._on_hover(panel, at))
            panel.view.viewport().installEventFilter(self)
        self.setAccessibleName("Loss and accuracy by epoch")
        theme.notifier.changed.connect(self._on_theme)
        self._on_theme()
        self._draw()

    def add(
        self,
        epoch: int,
        train_loss: float,
        validation_loss: float,
        train_accuracy: float,
        validation_accuracy: float,
    ) -> None:
        """Adds one epoch; accuracies are 0..1."""
        self._points.append(Point(epoch, train_loss, validation_loss, train_accuracy, validation_accuracy))
        self._draw()

    def setPoints(self, points: Iterable[Point], *, best: int | None = None) -> None:
        """Shows a whole run at once."""
        self._points, self._best, self._asked = list(points), best, None
        self._draw()

    def clear(self) -> None:
        """Starts again without any epoch."""
        self._points.clear()
        self._best = self._asked = None
        self._draw()

    def setBest(self, epoch: int | None) -> None:
        """Marks the epoch whose weights are kept; None takes the mark away."""
        self._best = epoch
        self._draw()

    def points(self) -> tuple[Point, ...]:
        """The epochs shown."""
        return tuple(self._points)

    def text(self) -> str:
        """What the curves show, in words, for the epoch pointed at or the last."""
        if not self._points:
            return "No epoch yet: the curves appear while the network trains"
        asked = [point for point in self._points if point.epoch == self._asked]
        point = asked[0] if asked else self._points[-1]
        best = f" · best {self._best}" if self._best is not None else ""
        return (
            f"Epoch {point.epoch}: loss {point.train_loss:.3f} / {point.validation_loss:.3f}, accuracy "
            f"{point.train_accuracy:.1%} / {point.validation_accuracy:.1%} (training / validation){best}"
        )

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave and self._asked is not None:
            self._asked = None
            self._tell()
        return False

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self._legend)
        column.addWidget(self._loss.view, 1)
        column.addWidget(self._accuracy.view, 1)
        column.addWidget(self._readout)

    def _draw(self) -> None:
        epochs = [point.epoch for point in self._points]
        self._loss.setData(epochs, [p.train_loss for p in self._points], [p.validation_loss for p in self._points])
        self._accuracy.setData(
            epochs, [100 * p.train_accuracy for p in self._points], [100 * p.validation_accuracy for p in self._points]
        )
        self._loss.plot.setXRange(1, max([*epochs, 10]), padding=0.04)
        for panel, labelled in ((self._loss, True), (self._accuracy, False)):
            panel.setBest(self._best, labelled=labelled)
        self._tell()

    def _tell(self) -> None:
        self._readout.setText(self.text())
        self._readout.setToolTip(self.text())
        self.setAccessibleDescription(self.text())
        for panel in (self._loss, self._accuracy):
            panel.setAsked(self._asked)

    def _on_hover(self, panel: _Panel, at: QPointF) -> None:
        if not self._points or not panel.plot.sceneBoundingRect().contains(at):
            return
        epoch = panel.plot.getViewBox().mapSceneToView(at).x()
        self._asked = min((point.epoch for point in self._points), key=lambda known: abs(known - epoch))
        self._tell()

    def _on_theme(self) -> None:
        for panel in (self._loss, self._accuracy):
            panel.wear()
        self._legend.update_colors()


class _Panel:
    """One plot: two curves, the mark of the best epoch, and the line under the pointer."""

    def __init__(self, title: str, *, percent: bool) -> None:
        self._percent = percent
        self.view = pg.PlotWidget(enableMenu=False)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.setMinimumHeight(88)
        self.view.setAccessibleName(title)
        self.plot = self.view.getPlotItem()
        self.plot.setLabel("left", title + (", %" if percent else ""))
        self.plot.setMouseEnabled(False, False)
        self.plot.hideButtons()
        self.plot.setContentsMargins(4, 8, 12, 4)
        self.plot.getAxis("left").setWidth(_AXIS_WIDTH)
        self.plot.getAxis("bottom").enableAutoSIPrefix(False)
        self.plot.getAxis("left").enableAutoSIPrefix(False)
        if percent:
            self.plot.setLabel("bottom", "Epoch")
        self.train = self.plot.plot(symbol="o", symbolSize=5)
        self.validation = self.plot.plot(symbol="s", symbolSize=5)
        self._best = pg.InfiniteLine(angle=90, label="", labelOpts={"position": 0.92, "movable": False})
        self._asked = pg.InfiniteLine(angle=90)
        for line in (self._best, self._asked):
            line.setVisible(False)
            self.plot.addItem(line, ignoreBounds=True)

    def setData(self, epochs: list[int], train: list[float], validation: list[float]) -> None:
        self.train.setData(epochs, train)
        self.validation.setData(epochs, validation)
        values = [value for value in (*train, *validation) if value == value and abs(value) != float("inf")]
        low, high = (0.0, 100.0) if self._percent else (0.0, max(values, default=1.0) * 1.05 or 1.0)
        if self._percent and values and min(values) > 50:
            low = 50.0 if min(values) < 80 else 80.0
        self.plot.setYRange(low, high, padding=0.07)
        self.plot.getAxis("left").setTicks([_labelled(ticks(low, high, at_most=5))])
        last = max([*epochs, 10])
        step = max(1, int(nice_step(last / 8)))
        self.plot.getAxis("bottom").setTicks(
            [[(epoch, str(epoch)) for epoch in range(0, last + 1, step) if epoch] or []]
        )

    def setBest(self, epoch: int | None, *, labelled: bool) -> None:
        self._best.setVisible(epoch is not None)
        if epoch is not None:
            self._best.setValue(epoch)
            self._best.label.setFormat(f"best: {epoch}" if labelled else "")
            right_half = epoch > self.plot.viewRange()[0][1] / 2
            self._best.label.anchors = [(1, 0.5), (1, 0.5)] if right_half else [(0, 0.5), (0, 0.5)]
            self._best.label.updatePosition()

    def setAsked(self, epoch: int | None) -> None:
        self._asked.setVisible(epoch is not None)
        if epoch is not None:
            self._asked.setValue(epoch)

    def wear(self) -> None:
        """Puts on the colours of the theme."""
        colors = theme.current()
        self.view.setBackground(colors.sunken)
        for name in ("left", "bottom"):
            axis = self.plot.getAxis(name)
            axis.setPen(pg.mkPen(colors.field_border))
            axis.setTextPen(pg.mkPen(colors.muted))
            axis.setTickFont(theme.font(SMALL))
            axis.setStyle(tickLength=4)
            axis.label.setFont(theme.font(SMALL))
        self.plot.showGrid(x=False, y=True, alpha=0.35)
        for curve, role, dash in (
            (self.train, "training", Qt.PenStyle.SolidLine),
            (self.validation, "validation", Qt.PenStyle.DashLine),
        ):
            color = colors.color(role)
            curve.setPen(pg.mkPen(color, width=2, style=dash))
            curve.setSymbolBrush(color)
            curve.setSymbolPen(pg.mkPen(color))
        self._best.setPen(pg.mkPen(colors.detection, width=2, style=Qt.PenStyle.DotLine))
        self._best.label.setColor(colors.detection_text)
        self._best.label.setFont(theme.font(bold=True))
        self._asked.setPen(pg.mkPen(colors.muted, width=1))


def _labelled(values: list[float]) -> list[tuple[float, str]]:
    """Ticks with as many decimals as tell them apart."""
    step = values[1] - values[0] if len(values) > 1 else 1.0
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [(value, f"{value:.{decimals}f}") for value in values]


class _Legend(QWidget):
    """Line, marker and word of each curve."""

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(_AXIS_WIDTH, 0, 0, 0)
        row.setSpacing(theme.GRID)
        self._samples = [_Sample("training", Qt.PenStyle.SolidLine), _Sample("validation", Qt.PenStyle.DashLine)]
        for sample, word in zip(self._samples, ("Training", "Validation"), strict=True):
            row.addWidget(sample)
            row.addWidget(QLabel(word))
            row.addSpacing(theme.GRID)
        row.addStretch()

    def update_colors(self) -> None:
        for sample in self._samples:
            sample.update()


class _Sample(QWidget):
    """A short piece of a curve with its marker."""

    def __init__(self, role: str, dash: Qt.PenStyle) -> None:
        super().__init__()
        self._role, self._dash = role, dash
        self.setFixedSize(32, 16)

    def paintEvent(self, event: object) -> None:
        painter = pg.QtGui.QPainter(self)
        painter.setRenderHint(pg.QtGui.QPainter.RenderHint.Antialiasing)
        color = theme.current().color(self._role)
        painter.setPen(QPen(color, 2, self._dash))
        painter.drawLine(0, 8, 32, 8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        if self._role == "training":
            painter.drawEllipse(QPointF(16, 8), 4, 4)
        else:
            painter.drawRect(12, 4, 8, 8)
