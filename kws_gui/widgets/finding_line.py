"""What a run's curves mean in a line or two, with the remedy as a link, in a place that is always there."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from kws_gui import theme
from kws_gui.widgets.wrapped_label import WrappedLabel

_HEIGHT = 40  # px, two lines of text
_NARROW = 600  # px, below which the remedy stands under the text
_NARROW_HEIGHT = 64  # px


class FindingLine(QWidget):
    """Its height depends on its width only, so that nothing moves when a finding comes.

    Signals:
        remedyTriggered(): The remedy was clicked.
    """

    remedyTriggered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = QLabel()
        self._label = WrappedLabel()
        self._label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._remedy = QPushButton()
        theme.set_icon(self._icon, "mdi6.lightbulb-on-outline", role="warning_text", size=16)
        theme.set_role(self._remedy, "link")
        self._remedy.clicked.connect(self.remedyTriggered)
        row = QHBoxLayout()
        row.setSpacing(theme.GRID)
        row.addWidget(self._icon)
        row.addWidget(self._label, 1)
        self._around = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._around.setContentsMargins(0, 0, 0, 0)
        self._around.setSpacing(0)
        self._around.addLayout(row, 1)
        self._around.addWidget(self._remedy)
        self.setFixedHeight(_HEIGHT)
        self.setFinding("")

    def setFinding(self, text: str, tooltip: str = "", remedy: str = "") -> None:
        """Shows one sentence, or nothing; `remedy` is the text of the button."""
        self._label.setText(text)
        self._label.setToolTip(f"{text}\n{tooltip}" if tooltip else text)
        self._icon.setVisible(bool(text))
        self._remedy.setText(remedy)
        self._remedy.setVisible(bool(text and remedy))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        is_narrow = event.size().width() < _NARROW
        below, beside = QBoxLayout.Direction.TopToBottom, QBoxLayout.Direction.LeftToRight
        self._around.setDirection(below if is_narrow else beside)
        self._around.setAlignment(self._remedy, Qt.AlignmentFlag.AlignRight)
        self.setFixedHeight(_NARROW_HEIGHT if is_narrow else _HEIGHT)

    def text(self) -> str:
        """The sentence shown."""
        return self._label.text()

    def remedyButton(self) -> QPushButton:
        """The button of the remedy."""
        return self._remedy
