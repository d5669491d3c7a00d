"""A number field that accepts any text and whose arrows take sensible steps."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QResizeEvent, QValidator
from PySide6.QtWidgets import QAbstractSpinBox, QLabel, QWidget

from kws_engine.spec import Option
from kws_gui import theme

_LOG_START = 1e-6  # the first step up from 0 on a log scale


class NumberBox(QAbstractSpinBox):
    """Text with step buttons and a unit; accepts any text, which the reader has to check."""

    textChanged = Signal(str)

    def __init__(self, option: Option, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._option = option
        self._unit = QLabel(option.unit, self.lineEdit())
        theme.set_role(self._unit, "muted")
        self._unit.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumWidth(56)
        self.lineEdit().installEventFilter(self)
        self.lineEdit().textChanged.connect(self.textChanged)
        self._place_unit()

    def setNumber(self, value: float) -> None:
        """Shows the number in its usual notation: 0.02, 4e-3, 16000."""
        self.lineEdit().setText(number_text(value, log=self._option.log))

    # -- QAbstractSpinBox

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        return QValidator.State.Acceptable, text, position

    def fixup(self, text: str) -> str:
        return text

    def stepBy(self, steps: int) -> None:
        number = _parsed(self.text())
        if number is None:
            number, steps = self._fallback(), 0
        for _ in range(abs(steps)):
            number = step(self._option, number, 1 if steps > 0 else -1)
        self.setNumber(number)
        self.selectAll()

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        number, enabled = _parsed(self.text()), QAbstractSpinBox.StepEnabledFlag.StepNone
        if number is None or self._option.high is None or number < self._option.high:
            enabled |= QAbstractSpinBox.StepEnabledFlag.StepUpEnabled
        if number is None or self._option.low is None or number > self._option.low:
            enabled |= QAbstractSpinBox.StepEnabledFlag.StepDownEnabled
        return enabled

    # -- the unit is inside the field, at its right

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_unit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place_unit()
        return super().eventFilter(watched, event)

    def _place_unit(self) -> None:
        width = self._unit.sizeHint().width() if self._option.unit else 0
        edit = self.lineEdit()
        self._unit.setGeometry(edit.width() - width, 0, width, edit.height())
        edit.setTextMargins(5, 0, width + (4 if width else 0), 0)

    def _fallback(self) -> float:
        default = self._option.default
        return float(default[0] if isinstance(default, tuple) else default)


def number_text(value: float, *, log: bool = False) -> str:
    """The shortest exact text; small and large values of log options in scientific notation, as 2e-4."""
    if log and value and not 0.01 <= abs(value) < 1e5:
        mantissa, exponent = f"{value:.11e}".split("e")
        return f"{float(mantissa):.10g}e{int(exponent)}"
    return f"{value:.12g}"


def step(option: Option, number: float, direction: int) -> float:
    """The next number up (1) or down (-1) within the limits: a 1-2-5 series if `log`, otherwise equal steps."""
    moved = _log_step(number, direction, option.low) if option.log else number + direction * difference(option)
    low = -math.inf if option.low is None else option.low
    high = math.inf if option.high is None else option.high
    return round(min(max(moved, low), high), 12)


def difference(option: Option) -> float:
    """The step of an option that is not `log`: 1 for integers, otherwise a round fraction of the range or default."""
    if option.kind in ("int", "ints"):
        return 1
    if option.low is not None and option.high is not None and option.high > option.low:
        span = min(option.high - option.low, 1000.0)
    else:
        default = option.default[-1] if isinstance(option.default, tuple) else option.default
        span = abs(float(default)) * 5 or 1.0
    return _round_125(span / 50)


def _round_125(value: float) -> float:
    decade = 10.0 ** math.floor(math.log10(value))
    nearest = min((1, 2, 5, 10), key=lambda factor: abs(math.log(value / (factor * decade))))
    return float(f"{nearest * decade:.6g}")


def _log_step(number: float, direction: int, low: float | None) -> float:
    if number <= 0:
        return _LOG_START if direction > 0 else number
    decade = math.floor(math.log10(number) + 1e-9)
    ladder = [float(f"{factor}e{exponent}") for exponent in (decade - 1, decade, decade + 1) for factor in (1, 2, 5)]
    if direction > 0:
        return next(rung for rung in ladder if rung > number * (1 + 1e-9))
    below = [rung for rung in ladder if rung < number * (1 - 1e-9)][-1]
    return 0.0 if below < _LOG_START * (1 - 1e-9) and low == 0 else below


def _parsed(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
