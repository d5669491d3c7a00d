"""A few choices side by side, one of them taken, with shorter words where room is short; knows not what they choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QSizePolicy, QToolButton, QWidget

from kws_gui import theme


@dataclass(frozen=True)
class Segment:
    """One choice: its key, its words, shorter ones, and what it shows."""

    key: str
    words: str
    short: str
    tooltip: str


class Segments(QWidget):
    """Left and Right move, as in a group of radio buttons; Tab enters and leaves it as one.

    Signals:
        chosen(str): Another choice was taken, by its key.
    """

    chosen = Signal(str)

    def __init__(self, segments: Sequence[Segment], name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._segments = tuple(segments)
        self._buttons = {segment.key: QToolButton() for segment in segments}
        self._group = QButtonGroup(self)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(2)
        for segment, button in zip(segments, self._buttons.values(), strict=True):
            self._make(segment, button)
            self._row.addWidget(button)
        self._group.idToggled.connect(self._on_toggled)
        self.choose(segments[0].key)

    def current(self) -> str:
        """The key of the choice taken."""
        return next(key for key, button in self._buttons.items() if button.isChecked())

    def choose(self, key: str) -> None:
        """Takes a choice."""
        self._buttons[key].setChecked(True)

    def button(self, key: str) -> QToolButton:
        """The button of a choice."""
        return self._buttons[key]

    def setShort(self, short: bool) -> None:
        """The shorter words, or the whole ones."""
        for segment in self._segments:
            self._buttons[segment.key].setText(segment.short if short else segment.words)

    def width_of_words(self) -> int:
        """What the whole words need, in px."""
        metrics = self.fontMetrics()
        spare = self._buttons[self._segments[0].key].sizeHint().width() - metrics.horizontalAdvance(
            self._buttons[self._segments[0].key].text()
        )
        return sum(metrics.horizontalAdvance(segment.words) + max(spare, 0) + 2 for segment in self._segments)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            keys = list(self._buttons)
            by = 1 if event.key() == Qt.Key.Key_Right else -1
            key = keys[(keys.index(self.current()) + by) % len(keys)]
            self.choose(key)
            self._buttons[key].setFocus(Qt.FocusReason.TabFocusReason)
        else:
            super().keyPressEvent(event)

    def minimumSizeHint(self) -> QSize:
        return self._row.minimumSize()

    def _make(self, segment: Segment, button: QToolButton) -> None:
        theme.set_role(button, "segment")
        button.setText(segment.words)
        button.setToolTip(segment.tooltip)
        button.setAccessibleName(segment.words)
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._group.addButton(button, list(self._buttons).index(segment.key))

    def _on_toggled(self, index: int, checked: bool) -> None:
        key = self._segments[index].key
        self._buttons[key].setFocusPolicy(Qt.FocusPolicy.StrongFocus if checked else Qt.FocusPolicy.NoFocus)
        if checked:
            self.chosen.emit(key)
