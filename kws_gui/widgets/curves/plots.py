"""The panels, stacked over one epoch axis: selecting an epoch, zooming, and the keyboard."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from kws_gui import theme
from kws_gui.widgets.axis import draw_focus, nice_step
from kws_gui.widgets.curves.axes import EPOCHS_HEIGHT, LINE_HEIGHT
from kws_gui.widgets.curves.panel import Panel

_LEAST_EPOCHS = 10  # shown, so that the first epochs of a run do not move
_LEAST_ZOOM = 2.0  # epochs
_RING = 3  # px around the plots, where the focus is seen
_KEY_ZOOM = 1.5


class CurvePlots(QWidget):
    """Holds the panels that it has shown; all share one epoch range and one selected epoch.

    Signals:
        epochSelected(object): The epoch pointed at, or stepped to with Left and Right; None once the pointer has left.
        menuRequested(QPoint): Right click or the menu key, in screen coordinates.
        zoomChanged(): The range of epochs changed.
    """

    epochSelected = Signal(object)
    menuRequested = Signal(object)
    zoomChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._panels: list[Panel] = []  # that were ever shown, as they stand in the layout
        self._shown: tuple[Panel, ...] = ()
        self._epochs: list[int] = []
        self._selected: int | None = None
        self._zoom: tuple[float, float] | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        column = QVBoxLayout(self)
        column.setContentsMargins(_RING, _RING, _RING, _RING)
        column.setSpacing(theme.GRID // 2)

    def show_panels(self, panels: Sequence[Panel]) -> None:
        """Shows these panels in order; the last one has the epoch labels."""
        if self._shown == tuple(panels):
            return
        self._shown = tuple(panels)
        for panel in panels:
            if panel not in self._panels:
                self._add(panel)
        for panel in self._panels:
            panel.view.setVisible(panel in self._shown)
            panel.setBottom(panel is self._shown[-1])
        self._share()
        self._apply()

    def setEpochs(self, epochs: Sequence[int]) -> None:
        """Sets the known epochs, ascending; a zoom stays."""
        self._epochs = list(epochs)
        self._apply()

    def range(self) -> tuple[float, float]:
        """The first and last epoch in view."""
        return self._zoom or self._whole()

    def zoom(self, low: float, high: float) -> None:
        """Shows these epochs only, clipped to those there are, and at least two."""
        first, last = self._whole()
        span = min(max(high - low, _LEAST_ZOOM), last - first)
        low = min(max((low + high - span) / 2, first), last - span)
        self._zoom = None if span >= last - first - 1e-9 else (low, low + span)
        self._apply()
        self.zoomChanged.emit()

    def showAll(self) -> None:
        """Shows every epoch and all their values."""
        self._zoom = None
        for panel in self._panels:
            panel.hold(None)
        self._apply()
        self.zoomChanged.emit()

    def isZoomed(self) -> bool:
        """Whether only some epochs are shown."""
        return self._zoom is not None

    def select(self, epoch: float | None) -> None:
        """Selects the nearest epoch, or none."""
        nearest = None if epoch is None or not self._epochs else self._nearest(epoch)
        if nearest != self._selected:
            self._selected = nearest
            for panel in self._shown:
                panel.setSelected(nearest)
            self.epochSelected.emit(nearest)

    def selectedEpoch(self) -> int | None:
        """The selected epoch."""
        return self._selected

    # -- mouse

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave and not self.hasFocus():
            self.select(None)
        return False

    def _add(self, panel: Panel) -> None:
        column = self.layout()
        assert isinstance(column, QVBoxLayout)
        column.addWidget(panel.view, 1)
        self._panels.append(panel)
        self._connect(panel)

    def _connect(self, panel: Panel) -> None:
        box = panel.box
        panel.view.scene().sigMouseMoved.connect(lambda at: self._on_hover(panel, at))
        panel.view.viewport().installEventFilter(self)
        box.zoomed.connect(self._on_zoomed)
        box.panned.connect(self._on_panned)
        box.boxed.connect(lambda area: self._on_boxed(panel, area))
        box.showAllRequested.connect(self.showAll)
        box.menuRequested.connect(self.menuRequested)
        box.clicked.connect(self._on_clicked)

    def _on_hover(self, panel: Panel, at: QPointF) -> None:
        if panel.plot.sceneBoundingRect().contains(at):
            self.select(panel.box.mapSceneToView(at).x())

    def _on_zoomed(self, factor: float, around: float) -> None:
        low, high = self.range()
        self.zoom(around - (around - low) * factor, around + (high - around) * factor)

    def _on_panned(self, epochs: float) -> None:
        if self._zoom is not None:
            (first, last), (low, high) = self._whole(), self._zoom
            epochs = min(max(epochs, first - low), last - high)
            self.zoom(low + epochs, high + epochs)

    def _on_boxed(self, panel: Panel, area: QRectF) -> None:
        panel.hold(area.top(), area.bottom())
        self.zoom(area.left(), area.right())

    def _on_clicked(self, epoch: float) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.select(epoch)

    # -- keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right) and self._epochs:
            self._step(1 if key == Qt.Key.Key_Right else -1)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            around = self._selected if self._selected is not None else sum(self.range()) / 2
            self._on_zoomed(_KEY_ZOOM if key == Qt.Key.Key_Minus else 1 / _KEY_ZOOM, around)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_0):
            self.showAll()
        elif key == Qt.Key.Key_Escape and self._selected is not None:
            self.select(None)
        elif key == Qt.Key.Key_Menu:
            self.menuRequested.emit(self.mapToGlobal(self.rect().center()))
        else:
            super().keyPressEvent(event)

    def _step(self, by: int) -> None:
        """Selects the next known epoch and scrolls it into view."""
        if self._selected is None:
            inside = [epoch for epoch in self._epochs if self.range()[0] <= epoch <= self.range()[1]] or self._epochs
            self.select(inside[-1])
            return
        index = self._epochs.index(self._selected) + by if self._selected in self._epochs else 0
        epoch = self._epochs[min(max(index, 0), len(self._epochs) - 1)]
        low, high = self.range()
        if not low <= epoch <= high:
            self._on_panned(epoch - (low if epoch < low else high))
        self.select(epoch)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.select(None)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.hasFocus():
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            draw_focus(painter, QRectF(self.rect()), radius=4)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share()

    def _share(self) -> None:
        """Gives each panel the same plot height; the last is taller by its epoch labels."""
        extra, column = EPOCHS_HEIGHT - LINE_HEIGHT, self.layout()
        assert isinstance(column, QVBoxLayout)
        room = (self.height() - extra) // max(len(self._shown), 1)
        for index, panel in enumerate(self._panels):
            column.setStretch(index, max(room + (extra if panel in self._shown[-1:] else 0), 1))

    # -- range

    def _whole(self) -> tuple[float, float]:
        """The full range, rounded up so that the axis does not move with every epoch of a running training."""
        last = max([*self._epochs[-1:], _LEAST_EPOCHS])
        step = nice_step(last / 20)
        return 1.0, math.ceil(last / step) * step

    def _apply(self) -> None:
        low, high = self.range()
        margin = 0.03 * (high - low)
        for panel in self._shown:
            panel.setEpochs(low - margin, high + margin)

    def _nearest(self, epoch: float) -> int:
        right = bisect.bisect_left(self._epochs, epoch)
        return min(self._epochs[max(right - 1, 0) : right + 1], key=lambda known: abs(known - epoch))
