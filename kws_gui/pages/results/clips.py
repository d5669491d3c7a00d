"""The clips behind a cell of the confusion matrix, to be seen and heard; knows no model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from kws_gui import theme
from kws_gui.pages.results.clip_player import ClipSound
from kws_gui.widgets.elided_label import ElidedLabel

if TYPE_CHECKING:
    from kws_engine.evaluation.metrics import EvaluatedClip

_HINT = "Choose a cell of the matrix to see and hear its clips."


class ClipList(QWidget):
    """A list, a waveform and a button; Space, Enter and a double click play.

    Signals:
        failed(sentence): A clip could not be read or played.
    """

    failed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._judged: list[EvaluatedClip] = []
        self.title = ElidedLabel("Clips")
        self.hint = QLabel(_HINT)
        self.list = QListWidget()
        self.sound = ClipSound()
        self.player, self.waveform, self.play = self.sound.player, self.sound.waveform, self.sound.play
        self._lay_out()
        self.list.currentRowChanged.connect(self._on_row)
        self.sound.serve(self.list)
        self.sound.failed.connect(self.failed)
        self.clear()

    def setClips(self, title: str, judged: Sequence[EvaluatedClip]) -> None:
        """Shows the clips of one cell, in the order given."""
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
        self.sound.shutdown()

    def _on_row(self, at: int) -> None:
        self.sound.show_clip(self._judged[at].path if 0 <= at < len(self._judged) else None)

    def _lay_out(self) -> None:
        theme.set_role(self.title, "title")
        theme.set_role(self.hint, "muted")
        self.hint.setWordWrap(True)
        self.list.setAccessibleName("Clips of the chosen cell")
        self.list.setMinimumHeight(72)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self.title)
        column.addWidget(self.hint)
        column.addWidget(self.list, 2)
        column.addWidget(self.sound, 1)
