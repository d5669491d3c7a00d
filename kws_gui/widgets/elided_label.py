"""A label of one line that shortens itself where room is short; knows nothing of what it says."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget


class ElidedLabel(QLabel):
    """Has "…" at `where` when the text is longer than the label; the whole is in its tooltip and accessible name."""

    def __init__(
        self, text: str = "", parent: QWidget | None = None, *, where: Qt.TextElideMode = Qt.TextElideMode.ElideRight
    ) -> None:
        super().__init__(parent)
        self._where = where
        self._full = text
        self._hint = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFullText(text)

    def setFullText(self, text: str) -> None:
        """The text to show as far as there is room."""
        self._full = text
        self.setAccessibleName(text)
        self._elide()

    def setHint(self, text: str) -> None:
        """A tooltip that says something else than the whole text."""
        self._hint = text
        self._elide()

    def fullText(self) -> str:
        """The whole text."""
        return self._full

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._elide()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._elide()

    def _elide(self) -> None:
        shown = self.fontMetrics().elidedText(self._full, self._where, self.contentsRect().width())
        self.setText(shown)
        self.setToolTip(self._hint or (self._full if shown != self._full else ""))
