"""A single-line label that elides its text when there is not enough room."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget


class ElidedLabel(QLabel):
    """Puts "…" at `where` if the text does not fit; tooltip and accessible name have the full text."""

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
        """Sets the text."""
        self._full = text
        self.setAccessibleName(text)
        self._elide()

    def setHint(self, text: str) -> None:
        """Sets a tooltip other than the full text."""
        self._hint = text
        self._elide()

    def fullText(self) -> str:
        """The full text."""
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
