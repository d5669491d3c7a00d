"""The words on the map of clips, each with its mark; a tick shows and hides its clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QSizePolicy, QWidget

from kws_gui.pages.words.word_list import title_of
from kws_gui.widgets.clip_scatter import group_icon

_WIDTH = 150  # px


class MapLegend(QListWidget):
    """Remembers by its name which word is hidden.

    Signals:
        hiddenChanged(groups): Those that are to be hidden.
    """

    hiddenChanged = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Words on the map")
        self.setMinimumWidth(_WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)  # as wide as what stands below it
        self.itemChanged.connect(lambda _: self.hiddenChanged.emit(self.hidden()))

    def show_words(self, words: Sequence[str], labels: NDArray[np.integer]) -> None:
        """Lists those of the words that a label (N,) is of."""
        before = {item.text() for item in self._items() if item.checkState() != Qt.CheckState.Checked}
        self.blockSignals(True)
        self.clear()
        for group in np.unique(labels).tolist():
            item = QListWidgetItem(group_icon(group), title_of(words[group]), self)
            item.setData(Qt.ItemDataRole.UserRole, group)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Unchecked if item.text() in before else Qt.CheckState.Checked)
        self.blockSignals(False)
        self.hiddenChanged.emit(self.hidden())

    def hidden(self) -> list[int]:
        """The groups without a tick."""
        hidden = [item for item in self._items() if item.checkState() != Qt.CheckState.Checked]
        return [item.data(Qt.ItemDataRole.UserRole) for item in hidden]

    def _items(self) -> list[QListWidgetItem]:
        return [self.item(at) for at in range(self.count())]
