"""A segmented control: a few choices side by side, with shorter labels where space is short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QSizePolicy, QToolButton, QWidget

from kws_gui import theme


@dataclass(frozen=True)
class Segment:
    """One choice: key, label, shorter label, and tooltip."""

    key: str
    label: str
    short: str
    tooltip: str


class Segments(QWidget):
    """Left and Right change the choice, as in a group of radio buttons; Tab treats the control as one stop.

    Signals:
        chosen(str): The key of the new choice.
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
        """The key of the current choice."""
        return next(key for key, button in self._buttons.items() if button.isChecked())

    def choose(self, key: str) -> None:
        """Makes a choice."""
        self._buttons[key].setChecked(True)

    def button(self, key: str) -> QToolButton:
        """The button of a choice."""
        return self._buttons[key]

    def setShort(self, short: bool) -> None:
        """Shows the shorter labels, or the full ones."""
        for segment in self._segments:
            self._buttons[segment.key].setText(segment.short if short else segment.label)

    def fullWidth(self) -> int:
        """Width of the control with full labels, in px."""
        metrics = self.fontMetrics()
        spare = self._buttons[self._segments[0].key].sizeHint().width() - metrics.horizontalAdvance(
            self._buttons[self._segments[0].key].text()
        )
        return sum(metrics.horizontalAdvance(segment.label) + max(spare, 0) + 2 for segment in self._segments)

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
        button.setText(segment.label)
        button.setToolTip(segment.tooltip)
        button.setAccessibleName(segment.label)
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._group.addButton(button, list(self._buttons).index(segment.key))

    def _on_toggled(self, index: int, checked: bool) -> None:
        key = self._segments[index].key
        self._buttons[key].setFocusPolicy(Qt.FocusPolicy.StrongFocus if checked else Qt.FocusPolicy.NoFocus)
        if checked:
            self.chosen.emit(key)
