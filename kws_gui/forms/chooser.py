"""Chooses one entry of any registry and edits its config."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QLabel, QVBoxLayout, QWidget

from kws_engine.registry import Entry, Registry
from kws_gui import theme
from kws_gui.forms.editors import guard_wheel
from kws_gui.forms.form import ConfigForm, form_row

_CUSTOM = "custom settings"


class RegistryChooser(QWidget):
    """Combo boxes for entry and preset, a summary, and the form of the entry; each entry keeps its own values.

    Signals:
        valueChanged(name, config): The entry, preset or an option changed.
        rowsMade(): The rows of a form were made, last in the Tab order.
    """

    valueChanged = Signal(str, object)
    rowsMade = Signal()

    def __init__(self, registry: Registry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: dict[str, Entry] = {entry.name: entry for entry in registry}
        self._forms: dict[str, ConfigForm] = {}
        self._entry_box = _combo(f"Choice of {registry.kind}")
        self._preset_box = _combo(f"Preset of the {registry.kind}")
        self._preset_box.setToolTip("Published sets of options")
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
            SpecError: A value is invalid; nothing changes.
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
        """The forms of all entries shown so far."""
        return list(self._forms.values())

    def entryBox(self) -> QComboBox:
        """The combo box of entries."""
        return self._entry_box

    def presetBox(self) -> QComboBox:
        """The combo box of presets; hidden if the entry has none."""
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
            form.rowsMade.connect(self.rowsMade)
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
        """Selects the preset equal to the config, or "custom settings"."""
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
