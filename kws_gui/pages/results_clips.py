"""The clips behind a cell of the confusion matrix, to be seen and heard; knows no model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from kws_engine import audio
from kws_gui import theme
from kws_gui.bridges.jobs import LongJob
from kws_gui.bridges.player import FILE_RATE, Player
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.waveform import Waveform

if TYPE_CHECKING:
    from kws_engine.evaluation.metrics import Judged

_LONGEST_S = 60.0
_NO_SOUND = np.zeros(0, np.float32)
_HINT = "Choose a cell of the matrix to see and hear its clips."
_PLAY_KEYS = (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)


class ClipList(QWidget):
    """A list, a waveform and a button; Space, Enter and a double click play.

    Signals:
        failed(sentence): A clip could not be read or played.
    """

    failed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._judged: list[Judged] = []
        self._loading: LongJob | None = None
        self._is_shut = False
        self.player = Player(self)
        self.title = ElidedLabel("Clips")
        self.hint = QLabel(_HINT)
        self.list = QListWidget()
        self.waveform = Waveform()
        self.play = QPushButton("Play")
        self._lay_out()
        self.list.currentRowChanged.connect(self._on_row)
        self.list.itemDoubleClicked.connect(lambda _item: self._on_play())
        self.list.installEventFilter(self)
        self.play.clicked.connect(self._on_button)
        self.player.started.connect(self._show_button)
        self.player.stopped.connect(self._on_stopped)
        self.player.positionChanged.connect(self.waveform.setPlayhead)
        self.player.failed.connect(self.failed)
        self.clear()

    def setClips(self, title: str, judged: Sequence[Judged]) -> None:
        """Shows the clips of one cell, in the order given."""
        self.player.stop()
        self._judged = list(judged)
        self.title.setFullText(title)
        self.list.clear()
        for one in self._judged:
            item = QListWidgetItem(f"{one.score:>4.0%}   {one.path.parent.name}/{one.path.name}")
            item.setToolTip(f"{one.path}\nThe network was {one.score:.1%} sure of its answer")
            self.list.addItem(item)
        self.hint.setText("" if self._judged else "No clip is in this cell.")
        self.hint.setVisible(not self._judged)
        self.list.setCurrentRow(0 if self._judged else -1)
        self._on_row(self.list.currentRow())

    def clear(self) -> None:
        """Nothing is chosen."""
        self.setClips("Clips", [])
        self.hint.setText(_HINT)

    def paths(self) -> list[Path]:
        """The clips listed."""
        return [one.path for one in self._judged]

    def shutdown(self) -> None:
        """Ends sound and reading; nothing is read any more."""
        self._is_shut = True
        self.player.shutdown()
        if self._loading is not None:
            self._loading.wait()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and event.key() in _PLAY_KEYS:
            self._on_play()
            return True
        return False

    def _current(self) -> Judged | None:
        at = self.list.currentRow()
        return self._judged[at] if 0 <= at < len(self._judged) else None

    def _on_row(self, _at: int) -> None:
        one = self._current()
        self.play.setEnabled(one is not None)
        self.player.stop()
        if one is not None and self._loading is None:
            self._load(one.path)
        elif one is None:
            self.waveform.setSamples(_NO_SOUND, FILE_RATE)

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
        one = self._current()
        if one is not None and one.path == loaded[0]:
            self.waveform.setSamples(loaded[1], FILE_RATE)
        elif one is not None:
            self._load(one.path)

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
            self._on_play()

    def _on_play(self) -> None:
        one = self._current()
        if one is not None:
            self.player.play_file(one.path)

    def _on_stopped(self) -> None:
        self.waveform.setPlayhead(None)
        self._show_button()

    def _show_button(self) -> None:
        self.play.setText("Stop" if self.player.is_playing else "Play")
        theme.set_icon(self.play, "mdi6.stop" if self.player.is_playing else "mdi6.play", size=16)

    def _lay_out(self) -> None:
        theme.set_role(self.title, "title")
        theme.set_role(self.hint, "muted")
        self.hint.setWordWrap(True)
        self.list.setAccessibleName("Clips of the chosen cell")
        self.list.setMinimumHeight(72)
        self.waveform.setMinimumHeight(72)
        self.waveform.setMaximumHeight(140)
        self.play.setToolTip("Play the clip (Space)")
        self._show_button()
        foot = QHBoxLayout()
        foot.setSpacing(theme.GRID)
        foot.addWidget(self.waveform, 1)
        foot.addWidget(self.play)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self.title)
        column.addWidget(self.hint)
        column.addWidget(self.list, 2)
        column.addLayout(foot, 1)
