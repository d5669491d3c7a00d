"""Chooses the microphone, and looks for new ones."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QToolButton, QWidget

from kws_gui import theme
from kws_gui.services.microphone import MicrophoneService


class DevicePicker(QWidget):
    """The system's default and every microphone by name, with a button that lists them again."""

    def __init__(self, microphones: MicrophoneService, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._microphones = microphones
        self.box = QComboBox()
        self.box.setAccessibleName("Microphone")
        self.box.setToolTip("The microphone that is listened to")
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(12)
        self.again = QToolButton()
        self.again.setAccessibleName("Look for microphones again")
        self.again.setToolTip("Look for microphones again")
        theme.set_icon(self.again, "mdi6.refresh", role="muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GRID // 2)
        row.addWidget(self.box, 1)
        row.addWidget(self.again)
        self.box.activated.connect(self._on_activated)
        self.again.clicked.connect(microphones.refresh)
        microphones.devicesChanged.connect(self._fill)
        self._fill()

    def _fill(self) -> None:
        blocker = QSignalBlocker(self.box)
        chosen = self._microphones.device
        names = [device.name for device in self._microphones.devices()]
        self.box.clear()
        self.box.addItem("Default microphone", None)
        for name in names if chosen is None or chosen in names else [*names, chosen]:
            self.box.addItem(name, name)
        self.box.setCurrentIndex(max(0, self.box.findData(chosen) if chosen else 0))
        blocker.unblock()

    def _on_activated(self, index: int) -> None:
        self._microphones.set_device(self.box.itemData(index))
