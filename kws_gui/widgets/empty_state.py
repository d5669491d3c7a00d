"""What an empty page shows: an icon, one sentence, and the button that leads on."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from kws_gui import theme

_PICTURE = 72  # px
_SENTENCE_WIDTH = 420  # px


class EmptyState(QWidget):
    """Icon, sentence and primary button, centred.

    Signals:
        triggered(): The button was clicked.
    """

    triggered = Signal()

    def __init__(self, icon: str, sentence: str, button: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        picture = QLabel()
        picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        theme.set_icon(picture, icon, role="field_border", size=_PICTURE)
        self._sentence = QLabel(sentence)
        self._sentence.setWordWrap(True)
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._sentence.setFixedWidth(_SENTENCE_WIDTH)
        self._sentence.setMinimumHeight(max(0, self._sentence.heightForWidth(_SENTENCE_WIDTH)))
        self._button = QPushButton(button)
        theme.set_role(self._button, "primary")
        self._button.clicked.connect(self.triggered)
        column = QVBoxLayout(self)
        column.setSpacing(theme.GROUP)
        column.addStretch(2)
        for part in (picture, self._sentence, self._button):
            column.addWidget(part, 0, Qt.AlignmentFlag.AlignHCenter)
        self._button.setVisible(bool(button))  # not before it has a parent: it would be a window for a moment
        column.addStretch(3)
        self.setAccessibleName(sentence)

    def setSentence(self, sentence: str) -> None:
        """Changes the sentence."""
        self._sentence.setText(sentence)
        self._sentence.setMinimumHeight(max(0, self._sentence.heightForWidth(_SENTENCE_WIDTH)))
        self.setAccessibleName(sentence)

    def button(self) -> QPushButton:
        """The primary button."""
        return self._button
