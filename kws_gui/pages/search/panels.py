"""The two halves of the Search page: a card with the form and its buttons, and the trials."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from kws_gui import theme
from kws_gui.pages.search.trials import TrialTable
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.progress_row import ProgressRow

_CARD_WIDTH = 360  # px, as every form


class SearchCard(QFrame):
    """The form, which scrolls; `start` is the page's primary button."""

    def __init__(self, form: QWidget) -> None:
        super().__init__()
        self.start = QPushButton("Start")
        self.back = QPushButton("Back to Train")
        theme.set_role(self, "card")
        theme.set_role(self.start, "primary")
        theme.set_role(self.back, "quiet")
        self.back.setToolTip("The options that are not searched are there")
        self.setFixedWidth(_CARD_WIDTH)
        inner = QWidget()
        around = QVBoxLayout(inner)
        around.setContentsMargins(theme.GROUP, theme.GROUP, theme.GRID, theme.GRID)
        around.addWidget(form)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(inner)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(theme.GROUP, theme.GRID, theme.GROUP, theme.GROUP)
        buttons.addWidget(self.start, 1)
        buttons.addWidget(self.back)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        column.addWidget(self._scroll, 1)
        column.addLayout(buttons)

    def bring(self, part: QWidget) -> None:
        """Scrolls a part of the form into view."""
        self._scroll.ensureWidgetVisible(part)


class TrialsView(QWidget):
    """Progress, the table, and what to do with the best trial."""

    def __init__(self) -> None:
        super().__init__()
        self.headline = ElidedLabel()
        self.progress = ProgressRow()
        self.table = TrialTable()
        self.use = _button("Use the best settings", "mdi6.tune", "Puts its options on the form; with undo")
        self.open_run = _button("Open its run", "mdi6.grid", "Shows what the best trial's model gets right and wrong")
        self.matters = _button("What matters", "mdi6.chart-timeline-variant", "Importance of each option, on Results")
        theme.set_role(self.headline, "title")
        self.progress.cancelButton().hide()  # Stop is the page's own button
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.GRID)
        for button in (self.use, self.open_run):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(self.matters)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        for part in (self.headline, self.progress):
            column.addWidget(part)
        column.addWidget(self.table, 1)
        column.addLayout(buttons)


def _button(text: str, icon: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    theme.set_icon(button, icon, size=16)
    button.setToolTip(tip)
    return button
