"""One clip to be seen and heard; knows nothing of why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QPushButton, QWidget

from kws_engine import audio
from kws_gui import theme
from kws_gui.bridges.jobs import LongJob
from kws_gui.bridges.player import FILE_RATE, Player
from kws_gui.widgets.waveform import Waveform

_LONGEST_S = 60.0
_NO_SOUND = np.zeros(0, np.float32)
_PLAY_KEYS = (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)


class ClipSound(QWidget):
    """A waveform and a button.

    Signals:
        failed(sentence): The clip could not be read or played.
    """

    failed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._path: Path | None = None
        self._loading: LongJob | None = None
        self._is_shut = False
        self.player = Player(self)
        self.waveform = Waveform()
        self.play = QPushButton("Play")
        self._lay_out()
        self.play.clicked.connect(self._on_button)
        self.player.started.connect(self._show_button)
        self.player.stopped.connect(self._on_stopped)
        self.player.positionChanged.connect(self.waveform.setPlayhead)
        self.player.failed.connect(self.failed)
        self.show_clip(None)

    def show_clip(self, path: Path | None) -> None:
        """Draws a clip, or none; what plays stops."""
        self._path = path
        self.play.setEnabled(path is not None)
        self.player.stop()
        if path is None:
            self.waveform.setSamples(_NO_SOUND, FILE_RATE)
        elif self._loading is None:
            self._load(path)

    def start(self) -> None:
        """Plays the clip from its beginning."""
        if self._path is not None:
            self.player.play_file(self._path)

    def serve(self, clips: QAbstractItemView) -> None:
        """Space, Enter and a double click in that list play."""
        clips.installEventFilter(self)
        clips.doubleClicked.connect(lambda _index: self.start())

    def shutdown(self) -> None:
        """Ends sound and reading; nothing is read any more."""
        self._is_shut = True
        self.player.shutdown()
        if self._loading is not None:
            self._loading.wait()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and event.key() in _PLAY_KEYS:
            self.start()
            return True
        return False

    def _load(self, path: Path) -> None:
        if self._is_shut:
            return

        def read(_progress: Any, _stop: Any) -> Any:
            return path, audio.read(path, rate=FILE_RATE, max_seconds=_LONGEST_S)

        self._loading = LongJob(read, self)
        self._loading.finished.connect(self._on_loaded)
        self._loading.failed.connect(self._on_load_failed)
        self._loading.start()

    def _on_loaded(self, loaded: tuple[Path, Any]) -> None:
        self._end_loading()
        if self._path == loaded[0]:
            self.waveform.setSamples(loaded[1], FILE_RATE)
        elif self._path is not None:
            self._load(self._path)

    def _on_load_failed(self, sentence: str, _details: str) -> None:
        self._end_loading()
        self.waveform.setSamples(_NO_SOUND, FILE_RATE)
        self.failed.emit(sentence)

    def _end_loading(self) -> None:
        assert self._loading is not None
        self._loading.deleteLater()
        self._loading = None

    def _on_button(self) -> None:
        if self.player.is_playing:
            self.player.stop()
        else:
            self.start()

    def _on_stopped(self) -> None:
        self.waveform.setPlayhead(None)
        self._show_button()

    def _show_button(self) -> None:
        self.play.setText("Stop" if self.player.is_playing else "Play")
        theme.set_icon(self.play, "mdi6.stop" if self.player.is_playing else "mdi6.play", size=16)

    def _lay_out(self) -> None:
        self.waveform.setMinimumHeight(72)
        self.waveform.setMaximumHeight(140)
        self.play.setToolTip("Play the clip (Space)")
        self._show_button()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GRID)
        row.addWidget(self.waveform, 1)
        row.addWidget(self.play)
