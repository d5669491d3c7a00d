"""Colour and line of each word in a plot of many: eight colours that colour-blind eyes tell apart, then dashes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap

from kws_gui import theme

_LIGHT = ("#0072B2", "#D55E00", "#008A64", "#B85F93", "#8C6D00", "#3D8FC4", "#5B3A8C")
_DARK = ("#56B4E9", "#F0843A", "#2CC48F", "#E79BC3", "#F0E442", "#8FC7EE", "#B79BE0")
_LINES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine)
_ICON = QSize(28, 12)


@dataclass(frozen=True)
class WordStyle:
    """How one word's line looks."""

    FEW: ClassVar[int] = len(_LIGHT)
    """So many lines are told apart by their colours alone."""

    number: int

    @property
    def line(self) -> Qt.PenStyle:
        """Dashes come in where the colours repeat."""
        return _LINES[self.number // len(_LIGHT) % len(_LINES)]

    def color(self) -> QColor:
        """In the theme in force."""
        colors = _DARK if theme.current().name == "dark" else _LIGHT
        return QColor(colors[self.number % len(colors)])

    def icon(self) -> QIcon:
        """A piece of the line, for a legend."""
        picture = QPixmap(_ICON)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.current().color("surface"))  # to be seen on a chosen row, too
        painter.drawRoundedRect(picture.rect(), 3, 3)
        painter.setPen(QPen(self.color(), 3, self.line))
        painter.drawLine(1, _ICON.height() // 2, _ICON.width() - 2, _ICON.height() // 2)
        painter.end()
        return QIcon(picture)


def word_styles(words: Iterable[str]) -> dict[str, WordStyle]:
    """A style for each word, by their order."""
    return {word: WordStyle(number) for number, word in enumerate(words)}
