"""Chooses one entry of any registry and edits its config; knows no particular registry."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QLabel, QVBoxLayout, QWidget

from kws_engine.registry import Entry, Registry
from kws_gui import theme
from kws_gui.forms.editors import guard_wheel
from kws_gui.forms.form import ConfigForm, form_row

_CUSTOM = "own settings"


class RegistryChooser(QWidget):
    """A combo of entries, one of the entry's presets, its summary, and its form; other entries keep what was typed.

    Signals:
        valueChanged(name, config): Another entry, preset or option.
    """

    valueChanged = Signal(str, object)

    def __init__(self, registry: Registry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: dict[str, Entry] = {entry.name: entry for entry in registry}
        self._forms: dict[str, ConfigForm] = {}
        self._entry_box = _combo(f"Choice of {registry.kind}")
        self._preset_box = _combo(f"Preset of the {registry.kind}")
        self._preset_box.setToolTip("Sets of options as published")
        self._summary = QLabel()
        self._summary.setWordWrap(True)
        theme.set_role(self._summary, "muted")
        for entry in self._entries.values():
            self._entry_box.addItem(entry.title, entry.name)
        self._lay_out()
        self._entry_box.currentIndexChanged.connect(self._on_entry)
        self._preset_box.activated.connect(self._on_preset)
        self._show_entry()

    def value(self) -> tuple[str, Any]:
        """The chosen entry's name and its config."""
        name = str(self._entry_box.currentData())
        return name, self._form(name).value()

    def setValue(self, name: str, config: Any) -> None:
        """Shows an entry with a config.

        Raises:
            SpecError: A value does not fit; nothing changes.
        """
        before = self.value()
        form = self._form(name)
        blocker = QSignalBlocker(self)
        form.setValue(config)
        self._entry_box.setCurrentIndex(self._entry_box.findData(name))
        blocker.unblock()
        if self.value() != before:
            self.valueChanged.emit(*self.value())

    def form(self) -> ConfigForm:
        """The form of the chosen entry."""
        return self._form(self.value()[0])

    def forms(self) -> list[ConfigForm]:
        """The forms made so far, of whichever entries."""
        return list(self._forms.values())

    def entryBox(self) -> QComboBox:
        """The combo of entries."""
        return self._entry_box

    def presetBox(self) -> QComboBox:
        """The combo of presets; hidden where the entry has none."""
        return self._preset_box

    def _lay_out(self) -> None:
        self._preset_row = form_row("Preset", self._preset_box)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.GRID)
        self._column.addWidget(self._entry_box)
        self._column.addWidget(self._summary)
        self._column.addWidget(self._preset_row)
        self.setFocusProxy(self._entry_box)

    def _form(self, name: str) -> ConfigForm:
        if name not in self._forms:
            form = ConfigForm(self._entries[name].config)
            form.setVisible(False)
            form.valueChanged.connect(self._on_form)
            self._column.addWidget(form)
            self._forms[name] = form
        return self._forms[name]

    def _on_entry(self) -> None:
        self._show_entry()
        self.valueChanged.emit(*self.value())

    def _on_preset(self) -> None:
        name, preset = self.value()[0], self._preset_box.currentData()
        if preset is not None:
            self._form(name).setValue(self._entries[name].preset(preset))

    def _on_form(self) -> None:
        self._show_preset()
        if self.sender() is self.form():
            self.valueChanged.emit(*self.value())

    def _show_entry(self) -> None:
        if not self._entries:
            return
        name = self.value()[0]
        entry = self._entries[name]
        self._summary.setText(entry.summary)
        self._summary.setVisible(bool(entry.summary))
        for other, form in self._forms.items():
            form.setVisible(other == name and not form.isEmpty())
        self._preset_box.clear()
        for preset in entry.presets:
            self._preset_box.addItem(preset, preset)
        self._preset_row.setVisible(bool(entry.presets))
        self._show_preset()

    def _show_preset(self) -> None:
        """Names the preset that the config equals, or says that it is the person's own."""
        name, config = self.value()
        presets = self._entries[name].presets
        equal = [preset for preset in presets if self._entries[name].preset(preset) == config]
        custom = self._preset_box.findData(None)
        if custom >= 0:
            self._preset_box.removeItem(custom)
        if presets and not equal:
            self._preset_box.addItem(_CUSTOM, None)
        self._preset_box.setCurrentIndex(self._preset_box.findData(equal[0] if equal else None))


def _combo(accessible_name: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(accessible_name)
    box.setMinimumContentsLength(8)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    guard_wheel(box)
    return box
