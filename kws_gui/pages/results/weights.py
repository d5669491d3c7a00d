"""How the weights of a run's network are distributed: a histogram for each layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QScrollArea, QSizePolicy, QVBoxLayout, QWidget
from superqt import QFlowLayout

from kws_engine.regularizers import REGULARIZERS
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.weights import NEAR_ZERO_BELOW
from kws_gui import theme
from kws_gui.widgets.axis import SMALL
from kws_gui.widgets.wrapped_label import WrappedLabel

_WIDTH, _HEIGHT = 208, 132  # minimum px of a histogram
_NEAR_ZERO = (
    f"Near zero: smaller than {NEAR_ZERO_BELOW:.0%} of the largest initial weight of the layer, which is "
    "1 / √(number of inputs). In a freshly initialized layer, about 1 weight in 100 is near zero."
)
_NONE = "This model has no record of its weights. Train again to get one."


class WeightsView(QWidget):
    """A card for each layer, as many side by side as there is room, and what the penalties drove to near zero.

    Signals:
        headlineChanged(text): What became of the weights, in few words.
    """

    headlineChanged = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = ""
        self._about = WrappedLabel()
        self._cards: list[LayerHistogram] = []
        theme.set_role(self._about, "muted")
        self._lay_out()

    def show_run(self, folder: Path) -> None:
        """Shows what a run recorded beside its model."""
        record = RunFolder(folder).weights.read()
        for card in self._cards:
            self._flow.removeWidget(card)
            card.hide()
            card.deleteLater()
        self._cards = [LayerHistogram(layer) for layer in (record["layers"] if record else [])]
        for card in self._cards:
            self._flow.addWidget(card)
        self._about.setText(_NEAR_ZERO if record else _NONE)
        self._state = _headline(record) if record else "Not recorded"
        self.headlineChanged.emit(self._state)

    def cards(self) -> list[LayerHistogram]:
        """One for each layer, in the network's order."""
        return list(self._cards)

    def state(self) -> str:
        """The headline."""
        return self._state

    def _lay_out(self) -> None:
        inner = QWidget()
        self._flow = QFlowLayout(inner)
        self._flow.setContentsMargins(0, 0, 0, 0)
        self._flow.setHorizontalSpacing(theme.GRID)
        self._flow.setVerticalSpacing(theme.GRID)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(inner)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName("Weights of each layer")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self._about)
        column.addWidget(scroll, 1)


class LayerHistogram(QWidget):
    """The histogram of one layer's weights; the middle bar, near zero, has its own colour and is given as a number."""

    def __init__(self, layer: dict[str, Any]) -> None:
        super().__init__()
        self._title = str(layer["title"])
        self._reach = float(layer["reach"])
        self._counts = [float(count) for count in layer["counts"]]
        share = int(layer["near_zero"]) / max(int(layer["weights"]), 1)
        by = " + ".join(_name(name) for name in layer["penalties"])
        self._words = f"{share:.0%} of {int(layer['weights']):,} near zero" + (f", {by}" if by else "")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self._title)
        self.setAccessibleDescription(self._words)
        self.setToolTip(f"{self._title}\n{self._words}\nBars from {-self._reach:.2g} to {self._reach:.2g}")
        theme.notifier.changed.connect(self.update)

    def words(self) -> str:
        """The text below the title of the card."""
        return self._words

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(
            max(_WIDTH, metrics.horizontalAdvance(self._words) + 16, metrics.horizontalAdvance(self._title) + 16),
            _HEIGHT,
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, colors = QPainter(self), theme.current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors.color("sunken"))
        painter.drawRoundedRect(QRectF(self.rect()), 8, 8)
        line = self.fontMetrics().lineSpacing()
        text = QRectF(8, 4, self.width() - 16, line)
        painter.setPen(colors.color("text"))
        painter.drawText(text, Qt.AlignmentFlag.AlignLeft, self._title)
        painter.setPen(colors.color("muted"))
        painter.drawText(text.translated(0, line), Qt.AlignmentFlag.AlignLeft, self._words)
        self._paint_bars(painter, QRectF(8, 2 * line + 10, self.width() - 16, self.height() - 3 * line - 14))

    def _paint_bars(self, painter: QPainter, area: QRectF) -> None:
        colors, top = theme.current(), max(self._counts) or 1.0
        width = area.width() / len(self._counts)
        painter.setPen(Qt.PenStyle.NoPen)
        for at, count in enumerate(self._counts):
            height = area.height() * count / top
            painter.setBrush(colors.color("validation" if at == len(self._counts) // 2 else "training"))
            painter.drawRect(QRectF(area.left() + at * width, area.bottom() - height, max(width - 1, 1), height))
        painter.setPen(QPen(colors.color("field_border"), 1))
        painter.drawLine(QPointF(area.left(), area.bottom()), QPointF(area.right(), area.bottom()))
        painter.setPen(colors.color("muted"))
        painter.setFont(theme.font(SMALL))
        below = QRectF(area.left(), area.bottom() + 1, area.width(), painter.fontMetrics().lineSpacing())
        for side, text in (
            (Qt.AlignmentFlag.AlignLeft, f"{-self._reach:.2g}"),
            (Qt.AlignmentFlag.AlignHCenter, "0"),
            (Qt.AlignmentFlag.AlignRight, f"{self._reach:.2g}"),
        ):
            painter.drawText(below, side, text)


def _headline(record: dict[str, Any]) -> str:
    """What each penalty drove to near zero, or without one how many weights are that small."""
    driven = []
    for name, one in record["penalties"].items():
        share = one["near_zero"] / max(one["weights"], 1)
        driven.append(f"{_name(name)} drove {share:.0%} of {one['weights']:,} weights to near zero")
    if driven:
        return " · ".join(driven)
    total = sum(layer["weights"] for layer in record["layers"])
    small = sum(layer["near_zero"] for layer in record["layers"])
    return f"No penalty; {small / max(total, 1):.0%} of {total:,} weights near zero"


def _name(penalty: str) -> str:
    return REGULARIZERS[penalty].title.partition(" (")[0] if penalty in REGULARIZERS else penalty
