"""A form for any config dataclass, generated from its options."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Collection
from typing import Any

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from kws_engine.errors import SpecError
from kws_engine.spec import Option, checked, options
from kws_gui import theme
from kws_gui.forms.editors import EDITORS
from kws_gui.forms.fold import Fold
from kws_gui.widgets.wrapped_label import WrappedLabel

_LABEL_WIDTH = 128  # px; longer titles wrap, so that the fields of all forms line up
_RESET_WIDTH = 26  # px, and as high; reserved even if there is nothing to reset


class ConfigForm(QWidget):
    """Labels and editors, one row per option; invalid input shows an error below its field and changes nothing.

    The rows are made when they are first shown or asked for: forms in closed folds cost next to nothing.

    Signals:
        valueChanged(config): The config changed; it is always valid.
        rowsMade(): The rows were made, last in the Tab order.
    """

    valueChanged = Signal(object)
    rowsMade = Signal()

    def __init__(self, config_class: type[Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._config = config_class()
        self._made: dict[str, _Row] | None = None
        self._advanced: Fold | None = None
        self._idle: frozenset[str] = frozenset()
        self._unavailable: dict[str, str] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.GRID)

    def value(self) -> Any:
        """The last valid config."""
        return self._config

    def setValue(self, config: Any) -> None:
        """Shows a config.

        Raises:
            SpecError: One of its values is invalid; nothing changes.
        """
        config = checked(config)
        for name, row in (self._made or {}).items():
            row.write(getattr(config, name))
        self._set_config(config)

    def errors(self) -> dict[str, str]:
        """The errors currently shown under the fields, by option name."""
        return {name: row.error() for name, row in (self._made or {}).items() if row.error()}

    def refuse(self, name: str, sentence: str) -> bool:
        """Shows under a field why its value conflicts with the others ("" clears it); returns whether it is visible."""
        if self._made is None and not sentence:
            return False
        for row in self._rows.values():
            row.refuse(sentence if row.option.name == name else "")
        return name in self._rows and self._rows[name].shown

    def setUnavailable(self, name: str, why: str) -> None:
        """Disables an option and says why below it; "" makes it available again."""
        self._unavailable[name] = why
        if self._made is not None:
            self._rows[name].setUnavailable(why)

    def setIdle(self, names: Collection[str]) -> None:
        """Hides options that have no effect; their values stay."""
        if self._idle != frozenset(names):
            self._idle = frozenset(names)
            self._refresh()

    def isEmpty(self) -> bool:
        """Whether the config has no options."""
        return not options(type(self._config))

    def editor(self, name: str) -> QWidget:
        """The widget that edits an option."""
        return self._rows[name].editor

    def resetButton(self, name: str) -> QToolButton:
        """The button that resets an option to its default; visible while it differs."""
        return self._rows[name].reset

    def advanced(self) -> Fold | None:
        """The section of advanced options, if there are any."""
        return self._advanced if self._rows else None

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._make_rows()

    @property
    def _rows(self) -> dict[str, _Row]:
        """By option name, made now if they were not before."""
        return self._make_rows()

    def _make_rows(self) -> dict[str, _Row]:
        if self._made is None:
            self._made = {option.name: _Row(option, self) for option in options(type(self._config))}
            rows = list(self._made.values())
            self._column.addLayout(_grid([row for row in rows if not row.option.advanced]))
            self._advanced = self._make_advanced([row for row in rows if row.option.advanced])
            if self._advanced is not None:
                self._column.addWidget(self._advanced)
            for row in rows:
                row.edited.connect(self._on_edited)
                row.write(getattr(self._config, row.option.name))
                row.setUnavailable(self._unavailable.get(row.option.name, ""))
            self._refresh()
            self.rowsMade.emit()
        return self._made

    def _make_advanced(self, rows: list[_Row]) -> Fold | None:
        if not rows:
            return None
        content = QWidget()
        content.setLayout(_grid(rows))
        return Fold("Advanced", content)

    def _on_edited(self, name: str, value: Any) -> None:
        self._set_config(dataclasses.replace(self._config, **{name: value}))

    def _set_config(self, config: Any) -> None:
        changed = config != self._config
        self._config = config
        self._refresh()
        if changed:
            self.valueChanged.emit(config)

    def _refresh(self) -> None:
        if self._made is None:
            return
        for row in self._rows.values():
            rule = row.option.shown_when
            ruled_out = rule is not None and not (
                self._rows[rule[0]].shown and getattr(self._config, rule[0]) == rule[1]
            )
            row.setShown(not ruled_out and row.option.name not in self._idle)
            row.mark(getattr(self._config, row.option.name) != row.option.default)
        if self._advanced is not None:
            rows = [row for row in self._rows.values() if row.option.advanced]
            count = sum(row.differs for row in rows if row.option.name not in self._idle)
            self._advanced.setState(f"{count} changed" if count else "")
            self._advanced.setVisible(any(row.shown for row in rows))


class _Row(QObject):
    """One option: label, editor, reset button, and the error below an invalid value."""

    edited = Signal(str, object)

    def __init__(self, option: Option, form: QWidget) -> None:
        super().__init__(form)
        self.option = option
        self.shown = True
        self.differs = False
        self._refusal = ""
        self._why = ""
        self._kind = EDITORS[option.kind]
        self.editor: QWidget = self._kind.make(option)
        self.label = _make_label(option)
        self.reset = self._make_reset()
        self.message = _make_message()
        self._explain()
        self._kind.changed(self.editor).connect(self._on_changed)
        for field in self._kind.fields(self.editor):
            field.installEventFilter(self)

    def write(self, value: Any) -> None:
        """Shows a valid value without emitting a signal."""
        blocker = QSignalBlocker(self.editor)
        self._kind.write(self.editor, value)
        blocker.unblock()
        self._last = value
        self._show_error("")

    def error(self) -> str:
        """The error under the field, or an empty string."""
        return "" if self._why else self.message.text()

    def refuse(self, sentence: str) -> None:
        """Shows why a value that is valid by itself cannot be used, until called with ""."""
        if sentence != self._refusal and self.error() in ("", self._refusal):
            self._show_error(sentence)
        self._refusal = sentence

    def setUnavailable(self, why: str) -> None:
        """Disables the option and says why; "" enables it."""
        if why == self._why:
            return
        self._why = why
        self.editor.setEnabled(not why)
        self.reset.setEnabled(not why)
        theme.set_role(self.message, "muted" if why else "error")
        self.message.setText(why)
        self.message.setVisible(bool(why) and self.shown)
        self.mark(self.differs)

    def setShown(self, shown: bool) -> None:
        """Shows or hides the row; hiding it discards invalid input."""
        if self.shown and not shown and self.error():
            self.write(self._last)
        self.shown = shown
        for part in (self.label, self.editor, self.reset):
            part.setVisible(shown)
        self.message.setVisible(shown and bool(self.message.text()))
        self.mark(self.differs)

    def mark(self, differs: bool) -> None:
        """Marks whether the value differs from its default."""
        self.differs = differs
        self.reset.setVisible(self.shown and differs)
        if bool(self.label.property("changed")) != differs:
            self.label.setProperty("changed", differs)
            theme.restyle(self.label)
        default = self.option.text(self.option.default)
        note = f" Changed; the default is {default}." if differs else ""
        for field in self._kind.fields(self.editor):
            field.setAccessibleDescription(f"{self.option.help}{note} {self._why}".rstrip())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusOut and not self.error():
            self._normalize()
        return False

    def _normalize(self) -> None:
        """Rewrites the value in its canonical form when the field loses the focus: "1e1" becomes 10."""
        if self.option.kind != "text":
            self.write(self._last)

    def _on_changed(self) -> None:
        raw = self._kind.read(self.editor)
        try:
            value = self.option.parse(raw) if isinstance(raw, str) else self.option.check(raw)
        except SpecError as error:
            self._show_error(str(error))
            return
        self._show_error(self._refusal)  # the refusal stays until the new value has been checked
        self._last = value
        self.edited.emit(self.option.name, value)

    def _on_reset(self) -> None:
        self.write(self.option.default)
        self.editor.setFocus()
        self.edited.emit(self.option.name, self.option.default)

    def _show_error(self, sentence: str) -> None:
        if self._why:
            return
        self.message.setText(sentence)
        self.message.setVisible(bool(sentence) and self.shown)
        for field in self._kind.fields(self.editor):
            if bool(field.property("invalid")) != bool(sentence):
                field.setProperty("invalid", bool(sentence))
                theme.restyle(field)

    def _explain(self) -> None:
        tip = f"<p>{self.option.help}</p>"
        for part in (self.label, self.editor, *self._kind.fields(self.editor)):
            part.setToolTip(tip)
            part.setWhatsThis(f"<b>{self.option.title}</b><br>{self.option.help}")
        if not self.editor.accessibleName():
            self.editor.setAccessibleName(_with_unit(self.option))
        self.label.setBuddy(next(iter(self._kind.fields(self.editor)), self.editor))

    def _make_reset(self) -> QToolButton:
        button = QToolButton()
        theme.set_icon(button, "mdi6.undo-variant", role="muted", size=14)
        default = textwrap.shorten(self.option.text(self.option.default), 60, placeholder=" …")
        button.setToolTip(f"Changed. Reset to {default}".strip())
        button.setAccessibleName(f"Reset {self.option.title} to {default}")
        button.clicked.connect(self._on_reset)
        button.setFixedSize(_RESET_WIDTH, _RESET_WIDTH)
        policy = button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        button.setSizePolicy(policy)
        return button


def form_row(title: str, field: QWidget) -> QWidget:
    """A label and a field that line up with the rows of the forms above and below."""
    row = QWidget()
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, theme.GRID + _RESET_WIDTH, 0)
    line.setSpacing(theme.GRID)
    label = QLabel(title)
    label.setFixedWidth(_LABEL_WIDTH)
    label.setBuddy(field)
    line.addWidget(label)
    line.addWidget(field, 1)
    return row


def _with_unit(option: Option) -> str:
    needed = option.unit and option.unit != option.title.lower()
    return f"{option.title}, {option.unit}" if needed else option.title


def _make_label(option: Option) -> QLabel:
    label = QLabel(_with_unit(option) if option.kind == "range" else option.title)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setFixedWidth(_LABEL_WIDTH)
    return label


def _make_message() -> WrappedLabel:
    message = WrappedLabel()
    message.setVisible(False)
    theme.set_role(message, "error")
    return message


def _grid(rows: list[_Row]) -> QGridLayout:
    """Label | editor | reset, the error under the editor; the same columns in every form."""
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(theme.GRID)
    grid.setVerticalSpacing(theme.GRID // 2)
    grid.setColumnStretch(1, 1)
    grid.setColumnMinimumWidth(0, _LABEL_WIDTH)
    for index, row in enumerate(rows):
        row.editor.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        grid.addWidget(row.label, 2 * index, 0, Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(row.editor, 2 * index, 1)
        grid.addWidget(row.reset, 2 * index, 2)
        grid.addWidget(row.message, 2 * index + 1, 1, 1, 2)
    return grid
