"""Chooses one of the words, or every word."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QComboBox, QWidget

from kws_engine.actions.rule import ANY
from kws_gui.forms.editors import guard_wheel


class WordBox(QComboBox):
    """A combo box; a word that is not among them is added when it is shown."""

    def __init__(self, words: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Word of the action")
        self.addItem("Every word", ANY)
        for word in dict.fromkeys(words):
            self.addItem(word, word)
        guard_wheel(self)

    def word(self) -> str:
        """The chosen word, or `ANY`."""
        return str(self.currentData())

    def setWord(self, word: str) -> None:
        """Shows a word, or `ANY`."""
        if self.findData(word) < 0:
            self.addItem(word, word)
        self.setCurrentIndex(self.findData(word))
