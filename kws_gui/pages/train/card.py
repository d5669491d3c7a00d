"""The card on the left of the Train page: the form, which scrolls, and the buttons below it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QPushButton, QScrollArea, QVBoxLayout, QWidget

from kws_engine.settings import RECIPES
from kws_gui import shortcuts, theme

FORM_WIDTH = 360  # px


class FormCard(QFrame):
    """As wide as every form; `train` is the page's primary button.

    Signals:
        recipeChosen(str): A recipe of the menu, by its name.
        rateAsked(): A learning rate is to be found.
        searchAsked(): Search for good settings was chosen.
    """

    recipeChosen = Signal(str)
    rateAsked = Signal()
    searchAsked = Signal()

    def __init__(self, form: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.train = QPushButton("Train")
        self.pause = QPushButton("Pause")
        self.queue = QPushButton("Add to queue")
        self.recipe = QPushButton("Recipe")
        self.reset = QPushButton("Reset")
        theme.set_role(self.train, "primary")
        theme.set_icon(self.train, "mdi6.play", role="on_accent")
        for button in (self.queue, self.recipe, self.reset):
            theme.set_role(button, "quiet")
        self.queue.setToolTip("Trains with these settings when the runs before have ended (Ctrl+Shift+Return)")
        self.recipe.setToolTip("Options that belong together, as somebody published them; with undo")
        self.recipe.setMenu(self._make_recipes())
        self.reset.setToolTip("Sets all options back to their defaults; with undo")
        self.pause.hide()
        self._scroll = QScrollArea(self)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        theme.set_role(self, "card")
        self.setFixedWidth(FORM_WIDTH)
        self._lay_out(form)

    def bring(self, part: QWidget) -> None:
        """Scrolls a part of the form into view."""
        self._scroll.ensureWidgetVisible(part)

    def show_pause(self, *, running: bool, paused: bool, stopping: bool) -> None:
        """Shows the button that pauses and resumes, while something runs."""
        self.pause.setVisible(running)
        self.pause.setEnabled(not stopping)
        self.pause.setText("Resume" if paused else "Pause")
        keys = "(Ctrl+Shift+P)"
        self.pause.setToolTip(
            f"Continues the run where it was paused {keys}"
            if paused
            else f"Pauses the run and frees the machine {keys}"
        )
        theme.set_icon(self.pause, "mdi6.play" if paused else "mdi6.pause")

    def _make_recipes(self) -> QMenu:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for name, recipe in RECIPES.items():
            action = menu.addAction(recipe.title)
            action.setToolTip(recipe.help)
            action.triggered.connect(lambda _=False, name=name: self.recipeChosen.emit(name))
        menu.addSeparator()
        self.find_rate = menu.addAction("Find a learning rate…")
        self.find_rate.setToolTip(
            f"A short run with a growing learning rate, and the rate it suggests ({shortcuts.text('find_rate')})"
        )
        shortcuts.give(self.find_rate, "find_rate")
        self.find_rate.triggered.connect(self.rateAsked)
        self.addAction(self.find_rate)  # so that its key works without the menu
        self.search = menu.addAction("Search for good settings…\tCtrl+Shift+F")  # the key is the window's
        self.search.setToolTip("Many runs with different options, to find the best ones (Ctrl+Shift+F)")
        self.search.triggered.connect(self.searchAsked)
        return menu

    def _lay_out(self, form: QWidget) -> None:
        inner = QWidget()
        self._scroll.setWidget(inner)  # before it has a form: what has many parts is slow to move to a new parent
        around = QVBoxLayout(inner)
        around.setContentsMargins(theme.GROUP, theme.GROUP, theme.GRID, theme.GRID)
        around.addWidget(form)
        first, second = QHBoxLayout(), QHBoxLayout()
        first.setContentsMargins(theme.GROUP, theme.GRID, theme.GROUP, 0)
        first.setSpacing(theme.GRID)
        second.setContentsMargins(theme.GRID, 0, theme.GRID, theme.GRID)
        second.setSpacing(0)
        first.addWidget(self.train, 1)
        first.addWidget(self.pause)
        second.addWidget(self.queue)
        second.addStretch()
        second.addWidget(self.recipe)
        second.addWidget(self.reset)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        column.addWidget(self._scroll, 1)
        column.addLayout(first)
        column.addLayout(second)
