"""How the weights of a run's network are spread, a histogram per layer; knows no network and no training."""

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

_WIDTH, _HEIGHT = 208, 132  # px of a histogram at least
_NEAR_ZERO = (
    f"Near zero: smaller than {NEAR_ZERO_BELOW:.0%} of the largest weight that such a layer begins with "
    "(1 / square root of its inputs). Of a fresh layer 1 weight in 100 is."
)
_NONE = "This model came without a record of its weights: train again to get one."


class WeightsView(QWidget):
    """A card a layer, as many beside one another as there is room; a line says what the penalties drove to near zero.

    Signals:
        told(words): The headline.
    """

    told = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = ""
        self._about = WrappedLabel()
        self._cards: list[LayerHistogram] = []
        theme.set_role(self._about, "muted")
        self._lay_out()

    def show_run(self, folder: Path) -> None:
        """Reads what a run wrote beside its model."""
        said = RunFolder(folder).weights.read()
        for card in self._cards:
            self._flow.removeWidget(card)
            card.hide()
            card.deleteLater()
        self._cards = [LayerHistogram(layer) for layer in (said["layers"] if said else [])]
        for card in self._cards:
            self._flow.addWidget(card)
        self._about.setText(_NEAR_ZERO if said else _NONE)
        self._state = _in_words(said) if said else "Not recorded"
        self.told.emit(self._state)

    def cards(self) -> list[LayerHistogram]:
        """One a layer, in the network's order."""
        return list(self._cards)

    def state(self) -> str:
        """What became of the weights, in few words."""
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
    """Bars of one layer's weights around zero; the middle bar, near zero, stands out in colour and in words."""

    def __init__(self, layer: dict[str, Any]) -> None:
        super().__init__()
        self._title, self._reach = str(layer["title"]), float(layer["reach"])
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
        """What the card says below its title."""
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


def _in_words(said: dict[str, Any]) -> str:
    """What each penalty drove to near zero, or how it is without one."""
    driven = []
    for name, one in said["penalties"].items():
        share = one["near_zero"] / max(one["weights"], 1)
        driven.append(f"{_name(name)} drove {share:.0%} of {one['weights']:,} weights to near zero")
    if driven:
        return " · ".join(driven)
    total = sum(layer["weights"] for layer in said["layers"])
    small = sum(layer["near_zero"] for layer in said["layers"])
    return f"No penalty; {small / max(total, 1):.0%} of {total:,} weights near zero"


def _name(penalty: str) -> str:
    return REGULARIZERS[penalty].title.partition(" (")[0] if penalty in REGULARIZERS else penalty
