"""The card left on the Train page: the form, which scrolls, and the buttons below it; knows no project."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from kws_gui import theme

FORM_WIDTH = 360  # px


class FormCard(QFrame):
    """As wide as every form; `train` is the page's primary button."""

    def __init__(self, form: QWidget) -> None:
        super().__init__()
        self.train = QPushButton("Train")
        self.reset = QPushButton("Reset to defaults")
        theme.set_role(self.train, "primary")
        theme.set_icon(self.train, "mdi6.play", role="on_accent")
        theme.set_role(self.reset, "quiet")
        self.reset.setToolTip("All options back to where a new project begins; with undo")
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        theme.set_role(self, "card")
        self.setFixedWidth(FORM_WIDTH)
        self._lay_out(form)

    def bring(self, part: QWidget) -> None:
        """Scrolls a part of the form into view."""
        self._scroll.ensureWidgetVisible(part)

    def _lay_out(self, form: QWidget) -> None:
        inner = QWidget()
        around = QVBoxLayout(inner)
        around.setContentsMargins(theme.GROUP, theme.GROUP, theme.GRID, theme.GRID)
        around.addWidget(form)
        self._scroll.setWidget(inner)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(theme.GROUP, theme.GRID, theme.GROUP, theme.GROUP)
        buttons.addWidget(self.train, 1)
        buttons.addWidget(self.reset)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        column.addWidget(self._scroll, 1)
        column.addLayout(buttons)
