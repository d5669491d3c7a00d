"""Shows the word heard last, large, and green for a second."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from kws_gui import theme

LIT_MS = 1000
_HEIGHT = 112


class HeardWordView(QWidget):
    """The word at three times the body size, smaller if it is long; the line below shows the time and the score."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._word = ""
        self._line = ""
        self._lit = QTimer(self)
        self._lit.setSingleShot(True)
        self._lit.setInterval(LIT_MS)
        self._lit.timeout.connect(self._show)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Word heard last")
        theme.notifier.changed.connect(self.update)
        self._show()

    def heard(self, word: str, line: str) -> None:
        """Shows a word and the line below it, lit up for a second."""
        self._word = word
        self._line = line
        self._lit.start()
        self._show()

    def setLine(self, line: str) -> None:
        """Changes the line below the word that is shown."""
        self._line = line
        self._show()

    def clear(self, line: str = "") -> None:
        """Shows no word; `line` explains what to do."""
        self._word = ""
        self._line = line
        self._lit.stop()
        self._show()

    def word(self) -> str:
        """The word shown, or nothing."""
        return self._word

    def isLit(self) -> bool:
        """Whether it was heard within the last second."""
        return self._lit.isActive()

    def sizeHint(self) -> QSize:
        return QSize(240, _HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colors = theme.current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors.color("detection", 0.28) if self.isLit() else colors.color("sunken"))
        painter.drawRoundedRect(QRectF(self.rect()), 8, 8)
        below = QRectF(12, self.height() - 36, self.width() - 24, 28)
        if self._word:
            self._paint_word(painter, QRectF(12, 8, self.width() - 24, self.height() - 44))
        else:
            below = QRectF(12, 8, self.width() - 24, self.height() - 16)
        painter.setFont(theme.font())
        painter.setPen(colors.color("detection_text" if self.isLit() else "muted"))
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._line)

    def _paint_word(self, painter: QPainter, area: QRectF) -> None:
        scale = theme.WORD_SCALE
        width = QFontMetricsF(theme.font(scale, bold=True)).horizontalAdvance(self._word)
        scale = max(theme.TITLE_SCALE, min(scale, scale * area.width() / max(width, 1.0)))
        painter.setFont(theme.font(scale, bold=True))
        painter.setPen(theme.current().color("detection_text" if self.isLit() else "text"))
        shown = QFontMetricsF(painter.font()).elidedText(self._word, Qt.TextElideMode.ElideRight, area.width() + 1)
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, shown)

    def _show(self) -> None:
        self.setAccessibleDescription(f"{self._word}, {self._line}" if self._word else self._line)
        self.update()
