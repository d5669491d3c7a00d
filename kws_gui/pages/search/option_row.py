"""One option of a search: its range, or the choices to try."""

from __future__ import annotations

import dataclasses
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget
from superqt import QFlowLayout

from kws_engine.errors import SpecError
from kws_engine.settings import Settings
from kws_engine.spec import Option
from kws_engine.sweeps.space import NAMES, axis
from kws_gui import theme
from kws_gui.forms.editors import guard_wheel
from kws_gui.forms.number import NumberBox, number_text
from kws_gui.runs.trials import short_title
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.wrapped_label import WrappedLabel

_SECTIONS = {"model": "Network", "feature": "Features", "training": "Training"}
_MANY = 4  # choices; of more, two are taken at first
_TINY = (1e-6, 1e-2)  # where a search by factors begins when the option is off


class OptionRow(QWidget):
    """Title, then a range that is searched by differences or by factors, or choices; a mistake is shown below.

    Signals:
        changed(), removed()
    """

    changed = Signal()
    removed = Signal()

    def __init__(self, path: str, option: Option, settings: Settings, text: str = "") -> None:
        super().__init__()
        self.path = path
        self.option = option
        self._settings = settings
        self.title = ElidedLabel(title_of(path, option.title))
        self.remove = QToolButton()
        self.error = WrappedLabel()
        self.choices: dict[str, QCheckBox] = {}
        number = dataclasses.replace(option, unit="")
        self.low = NumberBox(number)
        self.high = NumberBox(number)
        self.log = QCheckBox("by factors")
        self._lay_out()
        self._fill(text)
        self._connect()
        self._check()

    def text(self) -> str:
        """What `axis` parses: "0.5:2", "1e-6:1e-2:log", "8|14"."""
        if self.choices:
            return "|".join(value for value, box in self.choices.items() if box.isChecked())
        return f"{self.low.text().strip()}:{self.high.text().strip()}" + (":log" if self.log.isChecked() else "")

    def mistake(self) -> str:
        """The sentence shown below; empty where all fits."""
        return self.error.text()

    def _show_mistake(self, sentence: str) -> None:
        self.error.setText(sentence)
        self.error.setVisible(bool(sentence))
        for box in (self.low, self.high):
            if box.property("invalid") != bool(sentence):
                box.setProperty("invalid", bool(sentence))
                theme.restyle(box)

    def set_settings(self, settings: Settings) -> None:
        """Checks the range against other settings: another network may lack the option."""
        self._settings = settings
        self._check()

    def _check(self) -> None:
        if self.choices and len(self.text().split("|")) < 2:
            self._show_mistake("Choose two or more.")
            return
        try:
            axis(self._settings, self.path, self.text())
            self._show_mistake("")
        except SpecError as error:
            mistake = str(error).removeprefix(f"{self.path}: ").removeprefix(f"{self.option.title}: ")
            self._show_mistake(mistake[:1].upper() + mistake[1:] + ".")

    def _on_changed(self) -> None:
        self._check()
        self.changed.emit()

    def _fill(self, text: str) -> None:
        chosen = text.split("|") if text else first_choices(self.path, self.option, self._settings)
        for value, box in self.choices.items():
            box.setChecked(value in chosen)
        if not self.choices:
            low, high, log = _ends(text) if text else first_range(self.path, self.option, self._settings)
            self.low.lineEdit().setText(low)
            self.high.lineEdit().setText(high)
            self.log.setChecked(log)

    def _connect(self) -> None:
        self.remove.clicked.connect(self.removed)
        for box in self.choices.values():
            box.toggled.connect(self._on_changed)
        self.log.toggled.connect(self._on_changed)
        for number in (self.low, self.high):
            guard_wheel(number)
            number.textChanged.connect(self._on_changed)

    def _lay_out(self) -> None:
        theme.set_icon(self.remove, "mdi6.close", role="muted", size=16)
        self.remove.setToolTip("Do not search this option")
        self.remove.setAccessibleName(f"Do not search {self.option.title}")
        theme.set_role(self.error, "error")
        unit = f" ({self.option.unit})" if self.option.unit else ""
        self.title.setFullText(f"{title_of(self.path, self.option.title)}{unit}")
        self.title.setHint(f"{self.option.help}\n{self.path}")
        top = QHBoxLayout()
        top.setSpacing(theme.GRID)
        top.addWidget(self.title, 1)
        top.addWidget(self.remove)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        column.addLayout(top)
        column.addWidget(self._make_choices() if self.option.kind in ("choice", "bool") else self._make_range())
        column.addWidget(self.error)

    def _make_choices(self) -> QWidget:
        values = self.option.choices or ("yes", "no")
        self.choices = {value: QCheckBox(value.replace("_", " ")) for value in values}
        around = QWidget()
        flow = QFlowLayout(around)
        flow.setContentsMargins(0, 0, 0, 0)
        flow.setHorizontalSpacing(theme.GROUP)
        flow.setVerticalSpacing(theme.GRID // 2)
        for box in self.choices.values():
            flow.addWidget(box)
        return around

    def _make_range(self) -> QWidget:
        around = QWidget()
        row = QHBoxLayout(around)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GRID)
        to = QLabel("to")
        theme.set_role(to, "muted")
        self.low.setAccessibleName(f"{self.option.title}, lowest")
        self.high.setAccessibleName(f"{self.option.title}, highest")
        self.log.setToolTip("Whether factors count (0.001, 0.01, 0.1), not differences")
        for part in (self.low, to, self.high):
            row.addWidget(part, 0 if part is to else 1)
        row.addWidget(self.log)
        return around


def title_of(path: str, title: str) -> str:
    """An option's title with its section: "Network: Width multiplier"."""
    section = path.partition(".")[0]
    short = short_title(path, title)
    return f"{_SECTIONS[section]}: {short}" if section in _SECTIONS and path not in NAMES else short


def first_range(path: str, option: Option, settings: Settings) -> tuple[str, str, bool]:
    """From half to double of what is set, by factors from a tenth to ten times, within the option's limits."""
    now = float(value_at(settings, path))
    around = 10.0 if option.log else 2.0
    if now:
        low, high = now / around, now * around
    else:
        low, high = _TINY if option.log else (option.low or 0.0, option.high or 1.0)
    if option.low is not None:
        low = max(low, option.low)
    if option.high is not None:
        high = min(high, option.high)
    if option.log and low <= 0:
        low = _TINY[0]
    if option.kind == "int":
        low, high = round(low), round(high)
    return number_text(low, log=option.log), number_text(high, log=option.log), option.log


def first_choices(path: str, option: Option, settings: Settings) -> list[str]:
    """All choices of a few, else the one that is set and the next one."""
    values = list(option.choices or ("yes", "no"))
    if len(values) <= _MANY:
        return values
    now = str(value_at(settings, path))
    return [now, next(value for value in values if value != now)]


def value_at(settings: Settings, path: str) -> Any:
    """The value of the option at that path."""
    section, *rest = path.split(".")
    part = getattr(settings, section)
    if path in NAMES:
        return part.name
    holder = part[rest[0]] if len(rest) == 2 else getattr(part, "config", part)
    return getattr(holder, rest[-1])


def _ends(text: str) -> tuple[str, str, bool]:
    low, high, *rest = text.split(":")
    return low, high, rest == ["log"]
