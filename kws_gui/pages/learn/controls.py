"""The controls of the chapters: slider, combo box, spin box and button, each with its name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from kws_gui import theme
from kws_gui.forms.editors import guard_wheel


class Slider(QWidget):
    """Name, slider and number; linear, or logarithmic if `log`.

    Signals:
        valueChanged(value): The value changed, by hand or by `setValue`.
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
        format_value: Callable[[float], str] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        """`step` is a difference, or with `log` a factor; `format_value` renders the number with its unit."""
        super().__init__(parent)
        self._low = low
        self._step = step
        self._log = log
        self._format_value = format_value or (lambda number: f"{number:.6g}")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        count = round(math.log(high / low) / math.log(step)) if log else round((high - low) / step)
        self.slider.setRange(0, count)
        self.slider.setPageStep(max(1, count // 8))
        self.slider.setMinimumWidth(96)
        self.slider.setAccessibleName(name)
        guard_wheel(self.slider)
        self._number = QLabel()
        widest = max(
            self._number.fontMetrics().horizontalAdvance(self._format_value(self._at(i))) for i in range(count + 1)
        )
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
        self._show_value()

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
        self._show_value()
        self.valueChanged.emit(self.value())

    def _show_value(self) -> None:
        self._number.setText(self._format_value(self.value()))
        self.slider.setAccessibleDescription(self._number.text())


class Choice(QWidget):
    """Name and combo box.

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
        """Selects a text."""
        self.box.setCurrentText(text)


class Spin(QWidget):
    """An integer below its name.

    Signals:
        valueChanged(value): The number changed.
    """

    valueChanged = Signal(int)

    def __init__(self, name: str, *, low: int, high: int, value: int, step: int = 1) -> None:
        super().__init__()
        self.box = QSpinBox()
        self.box.setRange(low, high)
        self.box.setValue(value)
        self.box.setSingleStep(step)
        self.box.setAccessibleName(name)
        self.box.setToolTip(f"{name}: {low} to {high}")
        self.box.setMinimumWidth(72)
        self.box.lineEdit().setTextMargins(5, 0, 0, 0)
        guard_wheel(self.box)
        label = QLabel(name)
        label.setBuddy(self.box)
        theme.set_role(label, "muted")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        column.addWidget(label)
        column.addWidget(self.box)
        self.setFocusProxy(self.box)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.box.valueChanged.connect(self.valueChanged)

    def value(self) -> int:
        """The number shown."""
        return self.box.value()

    def setValue(self, value: int) -> None:
        """Sets the number."""
        self.box.setValue(value)


def push_button(text: str, icon: str = "", tip: str = "") -> QPushButton:
    """A button of a chapter, for instance to draw new random values."""
    button = QPushButton(text)
    button.setToolTip(tip)
    if icon:
        theme.set_icon(button, icon)
    return button
