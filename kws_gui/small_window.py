"""A small window that stays on top: the word heard last, the level, and a button that listens or pauses."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QByteArray, QSettings, Qt, Signal
from PySide6.QtGui import QCloseEvent, QHideEvent, QMouseEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from kws_gui import theme
from kws_gui.services.listening import Listening
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.remembered import APPLICATION
from kws_gui.widgets.heard_word import HeardWordView
from kws_gui.widgets.level_meter import LevelMeter
from kws_gui.widgets.threshold_text import threshold_text

_PLACE = "small_window/geometry"


class SmallWindow(QWidget):
    """Follows the Listen page, whichever page is in front.

    Signals:
        shown(bool): It was opened, or closed.
        opened(): The person wants the whole window (a double click).
    """

    shown = Signal(bool)
    opened = Signal()

    def __init__(self, listening: Listening, microphones: MicrophoneService) -> None:
        super().__init__(None, Qt.WindowType.Window | Qt.WindowType.WindowStaysOnTopHint)
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, False)
        self.setWindowTitle(APPLICATION)
        self._listening = listening
        self._at = ""
        self.word = HeardWordView()
        self.meter = LevelMeter(compact=True)
        self.button = QPushButton()
        foot = QHBoxLayout()
        foot.setSpacing(theme.GROUP)
        foot.addWidget(self.meter, 1)
        foot.addWidget(self.button)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GRID] * 4)
        column.setSpacing(theme.GRID)
        column.addWidget(self.word, 1)
        column.addLayout(foot)
        self.resize(264, 184)
        place = QSettings().value(_PLACE)
        if isinstance(place, QByteArray):
            self.restoreGeometry(place)
        self.button.clicked.connect(listening.toggle)
        listening.changed.connect(self._on_changed)
        listening.heard.connect(self._on_heard)
        listening.risen.connect(self._on_risen)
        microphones.levelChanged.connect(self.meter.setLevel)
        microphones.closed.connect(self.meter.clear)
        self._on_changed()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.shown.emit(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.shown.emit(False)

    def closeEvent(self, event: QCloseEvent) -> None:
        QSettings().setValue(_PLACE, self.saveGeometry())
        super().closeEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.opened.emit()

    def _on_heard(self, word: str, score: float) -> None:
        self._at = f"{datetime.now():%H:%M:%S}"
        self.word.heard(word, self._line(score))

    def _on_risen(self, score: float) -> None:
        if self.word.word():
            self.word.setLine(self._line(score))

    def _line(self, score: float) -> str:
        return f"{self._at} · score {threshold_text(score)}"

    def _on_changed(self) -> None:
        is_listening = self._listening.is_listening
        self.button.setText("Pause" if is_listening else "Listen")
        self.button.setToolTip("Stops listening, and with it every action" if is_listening else "Goes on listening")
        self.word.clear("Listening …" if is_listening else "Paused: nothing is listened to")
