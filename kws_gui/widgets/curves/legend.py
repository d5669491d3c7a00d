"""The legend: what each curve is, and its numbers at the selected epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from kws_gui import theme
from kws_gui.widgets.curves.style import SWATCH_HEIGHT, SWATCH_WIDTH, CurveStyle, draw_swatch

_MOST_ROWS = 5
_NAME_WIDTHS = 130, 320  # px at most in a narrow and in a wide legend; a longer name is shortened in the middle
_GAP = 6  # px between swatch, name and number
_VCENTER = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft


@dataclass(frozen=True)
class LegendItem:
    """One entry: style, name, current value, and the widest value it can take; None as style for the leading text."""

    style: CurveStyle | None
    name: str
    value: str = ""
    widest: str = ""


class Swatch(QWidget):
    """A sample of a curve with its marker, for a table or beside a label."""

    def __init__(self, style: CurveStyle, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._style = style
        self.setFixedSize(SWATCH_WIDTH, SWATCH_HEIGHT)
        theme.notifier.changed.connect(self.update)

    def setCurveStyle(self, style: CurveStyle) -> None:
        """Shows the style of another curve."""
        self._style = style
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        draw_swatch(QPainter(self), QRectF(self.rect()), self._style, theme.current())


class CurveLegend(QWidget):
    """Legend and readout in one: each value has a fixed place, as wide as its widest value, so nothing jumps."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._items: tuple[LegendItem, ...] = ()
        self._places: list[QRectF] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.notifier.changed.connect(self.update)
        self._place()

    def setItems(self, items: Sequence[LegendItem]) -> None:
        """Shows these entries; the layout changes only if a name or a width does."""
        moved = [(item.name, item.widest) for item in items] != [(item.name, item.widest) for item in self._items]
        self._items = tuple(items)
        if moved:
            self._place()
        self.update()

    def items(self) -> tuple[LegendItem, ...]:
        """The entries shown."""
        return self._items

    def sizeHint(self) -> QSize:
        return QSize(240, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._place()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        self.draw(painter)

    def draw(self, painter: QPainter) -> None:
        """Draws the rows, their top left corner at the painter's origin."""
        colors, metrics = theme.current(), QFontMetricsF(theme.font())
        painter.setFont(theme.font())
        for item, place in zip(self._items, self._places, strict=False):
            left = place.left()
            if item.style is not None:
                swatch = QRectF(left, place.center().y() - SWATCH_HEIGHT / 2, SWATCH_WIDTH, SWATCH_HEIGHT)
                draw_swatch(painter, swatch, item.style, colors)
                left += SWATCH_WIDTH + _GAP
            name = self._name(item, metrics)
            painter.setPen(colors.color("text" if item.style is not None else "muted"))
            painter.drawText(QRectF(left, place.top(), place.right() - left, place.height()), _VCENTER, name)
            left += metrics.horizontalAdvance(name) + _GAP if name else 0
            painter.setPen(colors.color("muted"))
            painter.drawText(QRectF(left, place.top(), place.right() - left, place.height()), _VCENTER, item.value)

    def _place(self) -> None:
        """One row if everything fits; otherwise the leading text first and the curves in columns below."""
        metrics = QFontMetricsF(theme.font())
        row, room = metrics.height() + 2, self.width()
        widths = [self._width(item, metrics) for item in self._items]
        apart = 2 * theme.GRID
        if sum(widths) + apart * (len(widths) - 1) <= room:
            lefts = [sum(widths[:i]) + apart * i for i in range(len(widths))]
            self._places = [QRectF(left, 0, width, row) for left, width in zip(lefts, widths, strict=True)]
        else:
            column = max(widths[1:], default=0.0)
            columns = max(1, int((room + apart) / (column + apart)))
            cells = [divmod(i, columns) for i in range(len(widths) - 1)]
            below = [QRectF(c * (column + apart), (r + 1) * row, min(column, room), row) for r, c in cells]
            self._places = [QRectF(0, 0, room, row), *(cell for cell in below if cell.top() < _MOST_ROWS * row)]
        self.setFixedHeight(round(max((place.bottom() for place in self._places), default=row)))

    def _width(self, item: LegendItem, metrics: QFontMetricsF) -> float:
        swatch = SWATCH_WIDTH + _GAP if item.style is not None else 0
        value = max(metrics.horizontalAdvance(text) for text in (item.value, item.widest))
        return swatch + metrics.horizontalAdvance(self._name(item, metrics)) + (_GAP + value if value else 0) + 2

    def _name(self, item: LegendItem, metrics: QFontMetricsF) -> str:
        narrow, wide = _NAME_WIDTHS
        return metrics.elidedText(item.name, Qt.TextElideMode.ElideMiddle, min(max(self.width() // 4, narrow), wide))
