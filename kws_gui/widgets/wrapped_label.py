"""A multi-line label that never widens its container."""

from __future__ import annotations

import re

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QLabel, QWidget

_LONG = 16  # characters, beyond which a word may be broken
_ZERO_WIDTH_SPACE = "\u200b"


class WrappedLabel(QLabel):
    """Wraps between words, and inside long ones such as paths."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._full = ""
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(text)

    def setText(self, text: str) -> None:
        self._full = text
        super().setText(re.sub(rf"\S{{{_LONG},}}", _breakable, text))

    def text(self) -> str:
        """The text as it was set."""
        return self._full

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())


def _breakable(word: re.Match[str]) -> str:
    pieces = re.findall(rf"[^._/,;=]{{1,{_LONG}}}[._/,;=]*|[._/,;=]+", word[0])
    return _ZERO_WIDTH_SPACE.join(pieces)
