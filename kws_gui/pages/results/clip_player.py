"""One clip as a waveform and as sound."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QPushButton, QWidget

from kws_engine import audio
from kws_gui import theme
from kws_gui.bridges.jobs import Work
from kws_gui.bridges.latest import Latest
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
        self._samples: NDArray[np.float32] | None = None
        self._plays_when_read = False
        self._reading = Latest(self)
        self.player = Player(self)
        self.waveform = Waveform()
        self.play = QPushButton("Play")
        self._lay_out()
        self._reading.answered.connect(self._on_read)
        self._reading.failed.connect(self._on_read_failed)
        self.play.clicked.connect(self._on_button)
        self.player.started.connect(self._show_button)
        self.player.stopped.connect(self._on_stopped)
        self.player.positionChanged.connect(self.waveform.setPlayhead)
        self.player.failed.connect(self.failed)
        self.show_clip(None)

    def show_clip(self, path: Path | None) -> None:
        """Draws a clip, or none; what plays stops."""
        self._path = path
        self._samples = None
        self._plays_when_read = False
        self.play.setEnabled(path is not None)
        self.player.stop()
        if path is None:
            self._reading.cancel()
            self.waveform.setSamples(_NO_SOUND, FILE_RATE)
        else:
            self._reading.ask(partial(_read, path))

    def show_sound(self, work: Work) -> None:
        """Draws the samples (n,) at `FILE_RATE` that this work reads, off the GUI thread; what plays stops."""
        self.show_clip(None)
        self.play.setEnabled(True)
        self._reading.ask(work)

    def start(self) -> None:
        """Plays the sound from its beginning; one that is still being read, as soon as it is there."""
        if self._path is not None:
            self.player.play_file(self._path)
        elif self._samples is not None:
            self.player.play(self._samples, FILE_RATE)
        else:
            self._plays_when_read = self._reading.is_working()

    def serve(self, clips: QAbstractItemView) -> None:
        """Space, Enter and a double click in that list play."""
        clips.installEventFilter(self)
        clips.doubleClicked.connect(lambda _index: self.start())

    def shutdown(self) -> None:
        """Ends sound and reading; nothing is read any more."""
        self.player.shutdown()
        self._reading.shutdown()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and event.key() in _PLAY_KEYS:
            self.start()
            return True
        return False

    def _on_read(self, samples: NDArray[np.float32]) -> None:
        self._samples = samples
        self.waveform.setSamples(samples, FILE_RATE)
        if self._plays_when_read:
            self._plays_when_read = False
            self.start()

    def _on_read_failed(self, sentence: str, _details: str) -> None:
        self.waveform.setSamples(_NO_SOUND, FILE_RATE)
        self.failed.emit(sentence)

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


def _read(path: Path, _progress: Any, _should_stop: Any) -> NDArray[np.float32]:
    return audio.read(path, rate=FILE_RATE, max_seconds=_LONGEST_S)
