"""One line of fixed height for what a run's curves mean, with the remedy as a link."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from kws_gui import theme
from kws_gui.widgets.elided_label import ElidedLabel

_HEIGHT = 24  # px


class FindingLine(QWidget):
    """Keeps its height when it is empty.

    Signals:
        remedyTriggered(): The remedy was clicked.
    """

    remedyTriggered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = QLabel()
        self._label = ElidedLabel()
        self._remedy = QPushButton()
        theme.set_icon(self._icon, "mdi6.lightbulb-on-outline", role="warning_text", size=16)
        theme.set_role(self._remedy, "link")
        self._remedy.clicked.connect(self.remedyTriggered)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GRID)
        row.addWidget(self._icon)
        row.addWidget(self._label, 1)
        row.addWidget(self._remedy)
        self.setFixedHeight(_HEIGHT)
        self.setFinding("")

    def setFinding(self, text: str, tooltip: str = "", remedy: str = "") -> None:
        """Shows one sentence, or nothing; `remedy` is the text of the button."""
        self._label.setFullText(text)
        self._label.setHint(f"{text}\n{tooltip}" if tooltip else "")
        self._icon.setVisible(bool(text))
        self._remedy.setText(remedy)
        self._remedy.setVisible(bool(text and remedy))

    def text(self) -> str:
        """The sentence shown."""
        return self._label.fullText()

    def remedyButton(self) -> QPushButton:
        """The button of the remedy."""
        return self._remedy
