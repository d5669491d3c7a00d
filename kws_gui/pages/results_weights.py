"""How the weights of a run's network are spread, a histogram per layer; knows no network and no training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from kws_engine.regularizers import REGULARIZERS
from kws_engine.runs.weights import NEAR_ZERO_BELOW, read_weights
from kws_gui import theme
from kws_gui.forms.fold import Fold
from kws_gui.widgets.axis import SMALL

_HEIGHT = 136  # px of the histograms, scroll bar included
_NEAR_ZERO = (
    f"Near zero: smaller than {NEAR_ZERO_BELOW:.0%} of the largest weight that such a layer begins with "
    "(1 / square root of its inputs). Of a fresh layer 1 weight in 100 is."
)
_NONE = "This model came without a record of its weights: train again to get one."


class WeightsFold(Fold):
    """A card a layer, beside one another; the header says what the penalties drove to near zero."""

    def __init__(self) -> None:
        self._row = QHBoxLayout()
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(theme.GRID)
        self._about = QLabel()
        self._about.setWordWrap(True)
        theme.set_role(self._about, "muted")
        super().__init__("Weights", self._make_content())
        self.header().setToolTip(_NEAR_ZERO)

    def show_run(self, folder: Path) -> None:
        """Reads what a run wrote beside its model."""
        said = read_weights(folder)
        for card in self.cards():
            self._row.removeWidget(card)
            card.deleteLater()
        layers = said["layers"] if said else []
        for number, layer in enumerate(layers):
            self._row.insertWidget(number, LayerHistogram(layer))
        self._scroll.setVisible(bool(layers))
        self._about.setText(_NEAR_ZERO if said else _NONE)
        self.setState(_in_words(said) if said else "not recorded")

    def cards(self) -> list[LayerHistogram]:
        """One a layer, in the network's order."""
        found = [self._row.itemAt(at).widget() for at in range(self._row.count())]
        return [card for card in found if isinstance(card, LayerHistogram)]

    def _make_content(self) -> QWidget:
        inner = QWidget()
        inner.setLayout(self._row)
        self._row.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setWidget(inner)
        self._scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setAccessibleName("Weights of each layer")
        self._scroll.setFixedHeight(_HEIGHT)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        column.addWidget(self._scroll)
        column.addWidget(self._about)
        return content


class LayerHistogram(QWidget):
    """Bars of one layer's weights around zero; the middle bar, near zero, stands out in colour and in words."""

    def __init__(self, layer: dict[str, Any]) -> None:
        super().__init__()
        self._title, self._reach = str(layer["title"]), float(layer["reach"])
        self._counts = [float(count) for count in layer["counts"]]
        share = int(layer["near_zero"]) / max(int(layer["weights"]), 1)
        by = " + ".join(_name(name) for name in layer["penalties"])
        self._words = f"{share:.0%} of {int(layer['weights']):,} near zero" + (f", {by}" if by else "")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
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
            max(176, metrics.horizontalAdvance(self._words), metrics.horizontalAdvance(self._title)) + 16, _HEIGHT - 20
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
    return f"no penalty; {small / max(total, 1):.0%} of {total:,} weights near zero"


def _name(penalty: str) -> str:
    return REGULARIZERS[penalty].title.partition(" (")[0] if penalty in REGULARIZERS else penalty
