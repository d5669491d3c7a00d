"""The detector's settings in a fold, for one of the models, and what a person set for each model file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from PySide6.QtCore import QSettings, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QLabel, QLayout, QPushButton, QVBoxLayout, QWidget

from kws_engine import spec
from kws_engine.errors import SpecError
from kws_engine.spotting.decision import DetectorConfig
from kws_gui import theme
from kws_gui.forms.fold import Fold
from kws_gui.forms.form import ConfigForm
from kws_gui.forms.tab_order import order_tabs

_NO_SECOND_LOOK = "This model has none. Train it with Second look on to have one."


class Memory:
    """What a person set for one model file, by the file's content."""

    def __init__(self, digest: str) -> None:
        self._key = f"listen/{digest}"

    def config(self, own: DetectorConfig) -> DetectorConfig:
        """The file's own settings with the remembered changes, as long as those are still valid."""
        try:
            return spec.changed(own, self._read("config"))
        except SpecError:
            return own

    def thresholds(self, words: Iterable[str]) -> dict[str, float]:
        """The remembered thresholds of these words, 0..1."""
        known = set(words)
        stored = self._read("thresholds")
        return {w: float(v) for w, v in stored.items() if w in known and isinstance(v, int | float) and 0 <= v <= 1}

    def keep_config(self, config: DetectorConfig, own: DetectorConfig) -> None:
        """Remembers what differs from the file's own settings."""
        default = spec.to_dict(own)
        self._write("config", {name: value for name, value in spec.to_dict(config).items() if value != default[name]})

    def keep_threshold(self, word: str, value: float) -> None:
        """Remembers one word's threshold."""
        self._write("thresholds", {**self._read("thresholds"), word: value})

    def forget_thresholds(self) -> None:
        """Restores the file's own thresholds."""
        QSettings().remove(f"{self._key}/thresholds")

    def _read(self, name: str) -> dict[str, Any]:
        try:
            values = json.loads(str(QSettings().value(f"{self._key}/{name}", "{}")))
        except ValueError:
            return {}
        return values if isinstance(values, dict) else {}

    def _write(self, name: str, values: dict[str, Any]) -> None:
        QSettings().setValue(f"{self._key}/{name}", json.dumps(values))


class DetectorFold(Fold):
    """The form, the cost, and "Reset thresholds".

    Signals:
        configChanged(DetectorConfig): The person changed a setting.
        resetRequested(): The person wants the model's own thresholds back.
        modelChosen(int): The settings of the model of that number are wanted.
    """

    configChanged = Signal(object)
    resetRequested = Signal()
    modelChosen = Signal(int)

    def __init__(self) -> None:
        self.models = QComboBox()
        self.models.setAccessibleName("Model whose settings these are")
        self.models.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.form = ConfigForm(DetectorConfig)
        self.reset = QPushButton("Reset thresholds")
        self._cost = QLabel()
        super().__init__("Detector", self._make_content())
        theme.set_role(self._cost, "muted")
        self.reset.setToolTip("Puts every word's threshold back to the model's own")
        self.form.valueChanged.connect(self.configChanged)
        self.form.rowsMade.connect(self._on_rows)
        self.models.activated.connect(self.modelChosen)
        self.models.hide()
        self.reset.clicked.connect(self.resetRequested)
        self.setCost(None)
        for layout in (self.layout(), self.form.layout()):
            assert layout is not None
            layout.setSizeConstraint(QLayout.SizeConstraint.SetMinimumSize)  # never squeezed while it opens

    def setConfig(self, config: DetectorConfig) -> None:
        """Shows settings without emitting `configChanged`."""
        blocker = QSignalBlocker(self.form)
        self.form.setValue(config)
        blocker.unblock()

    def setModels(self, names: Sequence[str], current: int) -> None:
        """The models to choose from, where there are several."""
        blocker = QSignalBlocker(self.models)
        self.models.clear()
        self.models.addItems(list(names))
        self.models.setCurrentIndex(current)
        self.models.setVisible(len(names) > 1)
        blocker.unblock()

    def setSecondLook(self, available: bool) -> None:
        """Whether the model has one; else its option says why it cannot be switched on."""
        self.form.setUnavailable("second_look", "" if available else _NO_SECOND_LOOK)
        self.form.setIdle(() if available else ("first_share",))

    def setMoved(self, count: int) -> None:
        """Shows how many thresholds differ from the model's own."""
        self.reset.setEnabled(count > 0)
        self.setState(f"{count} threshold{'s' if count > 1 else ''} moved" if count else "")

    def setCost(self, share: float | None) -> None:
        """Shows the CPU time for a second of sound, 0..1 of one core; None while not listening."""
        self._cost.setText("Not listening" if share is None else f"Takes {max(share, 0.01):.0%} of a processor core")

    def cost_text(self) -> str:
        """The cost as it is shown."""
        return self._cost.text()

    def _on_rows(self) -> None:
        order_tabs(self)

    def _make_content(self) -> QWidget:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setSizeConstraint(QLayout.SizeConstraint.SetMinimumSize)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self.models)
        column.addWidget(self.form)
        column.addWidget(self._cost)
        column.addWidget(self.reset, 0, Qt.AlignmentFlag.AlignLeft)
        return content
