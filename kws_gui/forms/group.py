"""Edits all entries of a registry at once, each in a fold that shows whether it is on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from kws_engine.registry import Entry, Registry
from kws_engine.spec import Option, options
from kws_gui import theme
from kws_gui.forms.fold import Fold
from kws_gui.forms.form import ConfigForm
from kws_gui.forms.number import number_text

_SWITCHES = ("probability", "enabled")  # an option of this name alone decides whether an entry is on


class RegistryGroup(QWidget):
    """One fold per entry: title, summary, and its form inside.

    Signals:
        valueChanged(values): All configs, by entry name.
        rowsMade(): The rows of a form were made, last in the Tab order.
    """

    valueChanged = Signal(object)
    rowsMade = Signal()

    def __init__(self, registry: Registry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._forms: dict[str, ConfigForm] = {}
        self._folds: dict[str, Fold] = {}
        self._idle: frozenset[str] = frozenset()
        self._idle_words = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for entry in registry:
            column.addWidget(self._make_fold(entry))
        self._refresh()

    def value(self) -> dict[str, Any]:
        """The config of every entry, by name."""
        return {name: form.value() for name, form in self._forms.items()}

    def setValue(self, values: Mapping[str, Any]) -> None:
        """Shows configs by entry name; missing entries keep theirs.

        Raises:
            KeyError: There is no such entry.
            SpecError: A value is invalid.
        """
        for name, config in values.items():
            self._forms[name].setValue(config)

    def form(self, name: str) -> ConfigForm:
        """The form of an entry."""
        return self._forms[name]

    def fold(self, name: str) -> Fold:
        """The fold around an entry's form."""
        return self._folds[name]

    def setIdle(self, names: Collection[str], words: str) -> None:
        """Shows entries that have no effect whatever their options, with `words` in place of their state."""
        self._idle, self._idle_words = frozenset(names), words
        self._refresh()

    def summary(self) -> str:
        """What is on, in one line: "Time shift, Gain", or "none"."""
        acting = [name for name in self._folds if name not in self._idle and is_on(self._forms[name].value())]
        return ", ".join(self._folds[name].header().text() for name in acting) or "none"

    def _make_fold(self, entry: Entry) -> Fold:
        form = ConfigForm(entry.config)
        content = QWidget()
        inner = QVBoxLayout(content)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(theme.GRID)
        if entry.summary:
            inner.addWidget(_summary(entry.summary))
        inner.addWidget(form)
        form.valueChanged.connect(self._on_form)
        form.rowsMade.connect(self.rowsMade)
        self._forms[entry.name] = form
        self._folds[entry.name] = Fold(entry.title, content)
        return self._folds[entry.name]

    def _on_form(self) -> None:
        self._refresh()
        self.valueChanged.emit(self.value())

    def _refresh(self) -> None:
        for name, fold in self._folds.items():
            idle = name in self._idle and is_on(self._forms[name].value())
            fold.setState(self._idle_words if idle else state_text(self._forms[name].value()))


def is_on(config: Any) -> bool:
    """Whether an entry has any effect: its probability, or one of its weights, is above zero."""
    strengths = _strengths(config)
    return not strengths or any(bool(getattr(config, option.name)) for option in strengths)


def state_text(config: Any) -> str:
    """Returns "off", "on", or "on, 80% · SNR 5..20 dB" with the options that differ from their defaults."""
    if not is_on(config):
        return "off"
    probability = getattr(config, "probability", None)
    words = ["on" if probability is None else f"on, {probability:.0%}"]
    for option in options(config):
        value = getattr(config, option.name)
        if value != option.default and option.name not in _SWITCHES:
            words.append(_difference(option, value))
    return " · ".join(words)


def _strengths(config: Any) -> list[Option]:
    switches = [option for option in options(config) if option.name in _SWITCHES]
    return switches or [o for o in options(config) if o.kind == "float" and o.default == 0 and o.low == 0]


def _difference(option: Option, value: Any) -> str:
    unit = f" {option.unit}" if option.unit else ""
    title = option.title if option.title[1:2].isupper() else option.title[:1].lower() + option.title[1:]
    written = number_text(value, log=option.log) if option.kind == "float" else option.text(value)
    return f"{title} {written}{unit}"


def _summary(text: str) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    theme.set_role(label, "muted")
    return label
