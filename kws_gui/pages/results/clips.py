"""The clips behind a cell of the confusion matrix, with a waveform and a player."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from kws_engine.clips.clip import key_at
from kws_gui import theme
from kws_gui.pages.results.clip_player import ClipSound
from kws_gui.widgets.elided_label import ElidedLabel

if TYPE_CHECKING:
    from kws_engine.evaluation.metrics import EvaluatedClip

_HINT = "Select a cell of the matrix to see and hear its clips."


class ClipListView(QWidget):
    """A list, a waveform and a play button; Space, Enter and a double click play.

    Signals:
        failed(sentence): A clip could not be read or played.
    """

    failed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._clips: list[EvaluatedClip] = []
        self.title = ElidedLabel("Clips")
        self.hint = QLabel(_HINT)
        self.list = QListWidget()
        self.sound = ClipSound()
        self.player = self.sound.player
        self.waveform = self.sound.waveform
        self.play = self.sound.play
        self._lay_out()
        self.list.currentRowChanged.connect(self._on_row)
        self.sound.serve(self.list)
        self.sound.failed.connect(self.failed)
        self.clear()

    def setClips(self, title: str, clips: Sequence[EvaluatedClip]) -> None:
        """Shows the clips of one cell, in the order given."""
        self._clips = list(clips)
        self.title.setFullText(title)
        self.list.clear()
        for clip in self._clips:
            item = QListWidgetItem(f"{clip.score:>4.0%}   {key_at(clip.path)}")
            item.setToolTip(f"{clip.path}\nThe network gave its answer a probability of {clip.score:.1%}")
            self.list.addItem(item)
        self.hint.setText("" if self._clips else "There are no clips in this cell.")
        self.hint.setVisible(not self._clips)
        self.list.setCurrentRow(0 if self._clips else -1)
        self._on_row(self.list.currentRow())

    def clear(self) -> None:
        """Shows that no cell is selected."""
        self.setClips("Clips", [])
        self.hint.setText(_HINT)

    def paths(self) -> list[Path]:
        """The clips listed."""
        return [clip.path for clip in self._clips]

    def shutdown(self) -> None:
        """Stops playing and reading for good."""
        self.sound.shutdown()

    def _on_row(self, at: int) -> None:
        self.sound.show_clip(self._clips[at].path if 0 <= at < len(self._clips) else None)

    def _lay_out(self) -> None:
        theme.set_role(self.title, "title")
        theme.set_role(self.hint, "muted")
        self.hint.setWordWrap(True)
        self.list.setAccessibleName("Clips of the selected cell")
        self.list.setMinimumHeight(48)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self.title)
        column.addWidget(self.hint)
        column.addWidget(self.list, 2)
        column.addWidget(self.sound, 1)
