"""Very many points in a plane, each group in a colour and a shape: point at, click, and lasso."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from pyqtgraph.graphicsItems.ScatterPlotItem import Symbols
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPainter, QPixmap, QPolygonF, QTransform
from PySide6.QtWidgets import QVBoxLayout, QWidget

from kws_gui import theme
from kws_gui.widgets.word_style import WordStyle

_SHAPES: Final = ("o", "t", "s", "d", "t1", "p", "h", "t2")
_ICON: Final = QSize(16, 16)
_NEAR_PX: Final = 12.0
_MANY: Final = 20_000  # points, from which on they are drawn smaller and without an outline
_ZOOM: Final = 1.25

Points = NDArray[np.float32]
Mask = NDArray[np.bool_]


class ClipScatter(QWidget):
    """Points in groups; a drag with the left button draws a lasso, with another one it moves the plane.

    Signals:
        pointed(row): The pointer is over this point, or over none: -1.
        clicked(row, is_added): This point was clicked, with Ctrl or Shift.
        lassoed(rows, is_added): These (M,) were encircled, with Ctrl or Shift.
    """

    pointed = Signal(int)
    clicked = Signal(int, bool)
    lassoed = Signal(object, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._places: Points = np.zeros((0, 2), np.float32)
        self._groups: NDArray[np.int64] = np.zeros(0, np.int64)
        self._suspected: Mask = np.zeros(0, bool)
        self._hidden: set[int] = set()
        self._items: dict[int, pg.ScatterPlotItem] = {}
        self._pointed = -1
        self._rows: NDArray[np.int64] = np.zeros(0, np.int64)
        self._current = -1
        self._area = _Area()
        self.view = pg.PlotWidget(viewBox=self._area, enableMenu=False)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.hideButtons()
        self.view.hideAxis("left")
        self.view.hideAxis("bottom")
        self._wrong = pg.ScatterPlotItem(pxMode=True, symbol="x", size=11)
        self._selected = pg.ScatterPlotItem(pxMode=True, symbol="o", size=13)
        self._mark = pg.ScatterPlotItem(pxMode=True, symbol="o", size=19)
        self._lasso = pg.PlotCurveItem()
        for z, item in enumerate((self._wrong, self._selected, self._mark, self._lasso), start=10):
            item.setZValue(z)
            self.view.addItem(item, ignoreBounds=True)
        self._area.clicked.connect(self._on_clicked)
        self._area.lassoed.connect(self._on_lassoed)
        self.view.scene().sigMouseMoved.connect(self._on_moved)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.view)
        theme.notifier.changed.connect(self._apply_theme)
        self._apply_theme()

    def setPoints(self, places: Points, groups: NDArray[np.integer], suspected: Mask) -> None:
        """Shows points (N, 2), those without a place aside, of groups (N,); suspected ones (N,) get a cross as well."""
        self._places, self._groups, self._suspected = places, groups.astype(np.int64), suspected
        for item in self._items.values():
            self.view.removeItem(item)
        self._items.clear()
        for group in np.unique(self._groups[np.isfinite(places[:, 0])]).tolist():
            self._items[group] = pg.ScatterPlotItem(pxMode=True)
            self.view.addItem(self._items[group], ignoreBounds=True)
        self._current, self._rows, self._pointed = -1, np.zeros(0, np.int64), -1
        self._apply_theme()
        self.showAll()

    def hideGroups(self, groups: Sequence[int]) -> None:
        """Hides these groups, shows all others."""
        self._hidden = set(groups)
        for group, item in self._items.items():
            item.setVisible(group not in self._hidden)
        self._draw_marks()

    def setSelected(self, rows: NDArray[np.int64]) -> None:
        """Rings these points."""
        self._rows = rows
        self._draw_marks()

    def setCurrent(self, row: int) -> None:
        """Puts a large ring around this one, -1 for none."""
        self._current = row
        self._draw_marks()

    def showAll(self) -> None:
        """All points in view."""
        self.view.setRange(QRectF(-1.05, -1.05, 2.1, 2.1), padding=0)

    def zoom(self, steps: int) -> None:
        """In with positive steps, out with negative ones."""
        self._area.scaleBy((_ZOOM**-steps, _ZOOM**-steps))

    def shown(self) -> Mask:
        """Which points (N,) have a place and are not hidden."""
        return np.isfinite(self._places[:, 0]) & ~np.isin(self._groups, list(self._hidden))

    def next_to(self, row: int, direction: tuple[int, int]) -> int:
        """The nearest shown point in a direction, (1, 0) for the right; -1 for none."""
        shown = self.shown()
        if row < 0 or not shown[row]:
            return int(np.flatnonzero(shown)[0]) if shown.any() else -1
        away = self._places - self._places[row]
        ahead = away @ np.array(direction, np.float32)
        aside = np.abs(away @ np.array(direction[::-1], np.float32))
        cost = np.where(shown & (ahead > 0) & (aside <= ahead), ahead + aside, np.inf)
        return int(cost.argmin()) if np.isfinite(cost).any() else -1

    def near(self, at: QPointF) -> int:
        """The shown point at a place in the plot's scene, -1 for none within some px."""
        place = self._area.mapSceneToView(at)
        across, down = self._area.viewPixelSize()
        apart = np.hypot((self._places[:, 0] - place.x()) / across, (self._places[:, 1] - place.y()) / down)
        apart = np.where(self.shown(), apart, np.inf)
        return int(apart.argmin()) if len(apart) and apart.min() < _NEAR_PX else -1

    def scenePlace(self, row: int) -> QPointF:
        """Where a point is in the plot's scene."""
        return QPointF(self._area.mapViewToScene(QPointF(*self._places[row].tolist())))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._point(-1)

    # -- drawing

    def _draw_marks(self) -> None:
        shown = self.shown()
        self._wrong.setData(pos=self._places[shown & self._suspected])
        self._selected.setSize(8 if len(self._places) > _MANY else 13)
        self._wrong.setSize(8 if len(self._places) > _MANY else 11)
        self._selected.setData(pos=self._places[[row for row in self._rows.tolist() if shown[row]]].reshape(-1, 2))
        is_shown = 0 <= self._current < len(shown) and bool(shown[self._current])
        self._mark.setData(pos=self._places[[self._current] if is_shown else []].reshape(-1, 2))

    def _apply_theme(self) -> None:
        colors = theme.current()
        self.view.setBackground(colors.sunken)
        many = len(self._places) > _MANY
        for group, item in self._items.items():
            color = group_style(group).color()
            color.setAlphaF(0.6 if many else 0.9)
            rows = (self._groups == group) & np.isfinite(self._places[:, 0])
            pen = None if many else pg.mkPen(colors.sunken, width=0.5)
            symbol, size = group_shape(group), 5 if many else 9
            item.setData(pos=self._places[rows], symbol=symbol, size=size, brush=pg.mkBrush(color), pen=pen)
            item.setVisible(group not in self._hidden)
        self._wrong.setPen(pg.mkPen(colors.text, width=1))
        self._wrong.setBrush(pg.mkBrush(colors.error))
        for item, width in ((self._selected, 2), (self._mark, 3)):
            item.setBrush(None)
            item.setPen(pg.mkPen(colors.text, width=width))
        self._lasso.setPen(pg.mkPen(colors.accent, width=2, style=Qt.PenStyle.DashLine))
        self._draw_marks()

    # -- the mouse

    def _on_moved(self, at: QPointF) -> None:
        self._point(self.near(at))

    def _point(self, row: int) -> None:
        if row != self._pointed:
            self._pointed = row
            self.pointed.emit(row)

    def _on_clicked(self, at: QPointF, is_added: bool) -> None:
        row = self.near(at)
        if row >= 0:
            self.clicked.emit(row, is_added)

    def _on_lassoed(self, corners: list[QPointF], is_ended: bool, is_added: bool) -> None:
        path = np.array([(place.x(), place.y()) for place in map(self._area.mapSceneToView, corners)])
        if not is_ended:
            self._lasso.setData(path[:, 0], path[:, 1])
            return
        self._lasso.setData([], [])
        if len(path) > 2:
            self.lassoed.emit(np.flatnonzero(self.shown() & inside(self._places, path)), is_added)


def inside(places: NDArray[Any], corners: NDArray[Any]) -> Mask:
    """Which places (N, 2) lie within a polygon (K, 2), by how often a ray to the right crosses its edges."""
    found = np.zeros(len(places), bool)
    x, y = places[:, 0], places[:, 1]
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 != y1:
            found ^= ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return found


def group_style(group: int) -> WordStyle:
    """The colour of a group."""
    return WordStyle(group)


def group_shape(group: int) -> str:
    """The shape of a group: there are eight, and seven colours, so that 56 groups differ."""
    return _SHAPES[group % len(_SHAPES)]


def group_icon(group: int) -> QIcon:
    """The mark of a group, for a legend."""
    picture = QPixmap(_ICON)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(group_style(group).color())
    painter.drawPath(QTransform(12, 0, 0, 12, _ICON.width() / 2, _ICON.height() / 2).map(Symbols[group_shape(group)]))
    painter.end()
    return QIcon(picture)


class _Area(pg.ViewBox):  # type: ignore[misc]  # pyqtgraph has no stubs
    """Tells where the left button clicked and what it encircled, in scene coordinates; the wheel zooms."""

    clicked = Signal(object, bool)
    lassoed = Signal(list, bool, bool)

    def __init__(self) -> None:
        super().__init__(enableMenu=False, lockAspect=True, defaultPadding=0)
        self.disableAutoRange()
        self._path = QPolygonF()

    def mouseClickEvent(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            event.accept()
            self.clicked.emit(event.scenePos(), _is_added(event))

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            super().mouseDragEvent(event, axis)
            return
        event.accept()
        if event.isStart():
            self._path = QPolygonF([event.buttonDownScenePos()])
        self._path.append(event.scenePos())
        self.lassoed.emit(self._path.toList(), event.isFinish(), _is_added(event))


def _is_added(event: Any) -> bool:
    return bool(event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier))
