"""What a chapter's reader moves: a slider with its name and number, a choice with its name; knows no chapter."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QSlider, QWidget

from kws_gui import theme
from kws_gui.forms.editors import guard_wheel


class Slider(QWidget):
    """Name, slider, number; in equal steps, or in equal factors where `log`.

    Signals:
        valueChanged(value): Moved, by hand or by `setValue`.
    """

    valueChanged = Signal(float)

    def __init__(
        self,
        name: str,
        *,
        low: float,
        high: float,
        value: float,
        step: float = 1.0,
        log: bool = False,
        shown: Callable[[float], str] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        """`step` is a difference, or with `log` a factor; `shown` writes the number with its unit."""
        super().__init__(parent)
        self._low = low
        self._step = step
        self._log = log
        self._shown = shown or (lambda number: f"{number:.6g}")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        count = round(math.log(high / low) / math.log(step)) if log else round((high - low) / step)
        self.slider.setRange(0, count)
        self.slider.setPageStep(max(1, count // 8))
        self.slider.setMinimumWidth(96)
        self.slider.setAccessibleName(name)
        guard_wheel(self.slider)
        self._number = QLabel()
        widest = max(self._number.fontMetrics().horizontalAdvance(self._shown(self._at(i))) for i in range(count + 1))
        self._number.setMinimumWidth(widest + 2)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMaximumWidth(480)
        label = QLabel(name)
        label.setBuddy(self.slider)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GRID)
        row.addWidget(label)
        row.addWidget(self.slider, 1)
        row.addWidget(self._number)
        self.setFocusProxy(self.slider)
        self.slider.valueChanged.connect(self._on_moved)
        self.setValue(value)
        self._write()

    def value(self) -> float:
        """The number shown."""
        return self._at(self.slider.value())

    def setValue(self, value: float) -> None:
        """Moves to the nearest step."""
        at = math.log(value / self._low) / math.log(self._step) if self._log else (value - self._low) / self._step
        self.slider.setValue(round(at))

    def _at(self, position: int) -> float:
        exact = self._low * self._step**position if self._log else self._low + position * self._step
        return round(exact, 12)

    def _on_moved(self) -> None:
        self._write()
        self.valueChanged.emit(self.value())

    def _write(self) -> None:
        self._number.setText(self._shown(self.value()))
        self.slider.setAccessibleDescription(self._number.text())


class Choice(QWidget):
    """Name and a list to choose one of.

    Signals:
        valueChanged(text): The chosen text.
    """

    valueChanged = Signal(str)

    def __init__(self, name: str, texts: Sequence[str], *, value: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = QComboBox()
        self.box.addItems(list(texts))
        self.box.setAccessibleName(name)
        guard_wheel(self.box)
        if value:
            self.box.setCurrentText(value)
        label = QLabel(name)
        label.setBuddy(self.box)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GRID)
        row.addWidget(label)
        row.addWidget(self.box)
        self.setFocusProxy(self.box)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.box.currentTextChanged.connect(self.valueChanged)

    def value(self) -> str:
        """The chosen text."""
        return self.box.currentText()

    def setValue(self, text: str) -> None:
        """Chooses it."""
        self.box.setCurrentText(text)


def push_button(text: str, icon: str = "", tip: str = "") -> QPushButton:
    """A quiet button of a chapter, as for drawing new random values."""
    button = QPushButton(text)
    button.setToolTip(tip)
    if icon:
        theme.set_icon(button, icon)
    return button
