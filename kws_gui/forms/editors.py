"""How each kind of option is edited: a table with one row per kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QLineEdit, QSizePolicy, QWidget

from kws_engine.spec import Kind, Option, joined
from kws_gui import theme
from kws_gui.forms.layers import LayersEditor
from kws_gui.forms.number import NumberBox


@dataclass(frozen=True)
class Editor:
    """One row of the table.

    Attributes:
        make: Creates the widget for an option.
        read: Returns the unchecked contents: text to parse, or a bool.
        write: Shows a valid value.
        changed: Returns the change signal; its arguments are ignored.
        fields: Returns the inner widgets that take input and show the error border.
    """

    make: Callable[[Option], Any]
    read: Callable[[Any], Any]
    write: Callable[[Any, Any], None]
    changed: Callable[[Any], Any]
    fields: Callable[[Any], list[QWidget]]


class _WheelGuard(QObject):
    """Makes the wheel scroll the page rather than change a value without focus."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


def guard_wheel(widget: QWidget) -> None:
    """Keeps the wheel from changing the widget unless it has the focus."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_WheelGuard(widget))


class RangeBox(QWidget):
    """Two numbers, low to high; the unit is in the label, since there is no room for it inside."""

    changed = Signal()

    def __init__(self, option: Option) -> None:
        super().__init__()
        number = dataclasses.replace(option, unit="")
        self.low = NumberBox(number)
        self.high = NumberBox(number)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GRID // 2)
        to = QLabel("to")
        theme.set_role(to, "muted")
        for part in (self.low, to, self.high):
            row.addWidget(part, 0 if part is to else 1)
        for box, end in ((self.low, "lowest"), (self.high, "highest")):
            guard_wheel(box)
            box.setAccessibleName(f"{option.title}, {end}" + (f", {option.unit}" if option.unit else ""))
            box.textChanged.connect(self.changed)

    def setFocus(self, reason: Qt.FocusReason = Qt.FocusReason.OtherFocusReason) -> None:
        """Goes to the first of the two; no focus proxy, with which Tab comes back here from the end of the form."""
        self.low.setFocus(reason)


def _make_check(option: Option) -> QCheckBox:
    return QCheckBox()


def _make_number(option: Option) -> NumberBox:
    box = NumberBox(option)
    guard_wheel(box)
    return box


def _make_choice(option: Option) -> QComboBox:
    box = QComboBox()
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.setMinimumContentsLength(6)  # a long choice must not widen the form
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    for value in option.choices:
        box.addItem(value.replace("_", " "), value)
    guard_wheel(box)
    return box


def _write_ints(edit: QLineEdit, value: tuple[int, ...]) -> None:
    edit.setText(", ".join(str(number) for number in value))


def _write_range(box: RangeBox, value: tuple[float, float]) -> None:
    box.low.setNumber(value[0])
    box.high.setNumber(value[1])


_NUMBER = Editor(
    make=_make_number,
    read=lambda box: box.text(),
    write=lambda box, value: box.setNumber(value),
    changed=lambda box: box.textChanged,
    fields=lambda box: [box],
)
EDITORS: dict[Kind, Editor] = {
    "bool": Editor(
        make=_make_check,
        read=lambda box: box.isChecked(),
        write=lambda box, value: box.setChecked(value),
        changed=lambda box: box.toggled,
        fields=lambda box: [box],
    ),
    "int": _NUMBER,
    "float": _NUMBER,
    "choice": Editor(
        make=_make_choice,
        read=lambda box: box.currentData(),
        write=lambda box, value: box.setCurrentIndex(box.findData(value)),
        changed=lambda box: box.currentIndexChanged,
        fields=lambda box: [box],
    ),
    "text": Editor(
        make=lambda option: QLineEdit(),
        read=lambda edit: edit.text(),
        write=lambda edit, value: edit.setText(value),
        changed=lambda edit: edit.textChanged,
        fields=lambda edit: [edit],
    ),
    "texts": Editor(
        make=lambda option: QLineEdit(),
        read=lambda edit: edit.text(),
        write=lambda edit, value: edit.setText(joined(value)),
        changed=lambda edit: edit.textChanged,
        fields=lambda edit: [edit],
    ),
    "range": Editor(
        make=RangeBox,
        read=lambda box: f"{box.low.text()},{box.high.text()}",
        write=_write_range,
        changed=lambda box: box.changed,
        fields=lambda box: [box.low, box.high],
    ),
    "ints": Editor(
        make=lambda option: QLineEdit(),
        read=lambda edit: edit.text(),
        write=_write_ints,
        changed=lambda edit: edit.textChanged,
        fields=lambda edit: [edit],
    ),
    "layers": Editor(
        make=LayersEditor,
        read=lambda editor: editor.text(),
        write=lambda editor, value: editor.setRows(value),
        changed=lambda editor: editor.changed,
        fields=lambda editor: [editor.button],
    ),
}
