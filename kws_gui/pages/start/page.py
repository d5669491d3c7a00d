"""The Start page: the ways to begin, and the projects opened last."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from kws_gui import theme
from kws_gui.project_dialogs import ask_new_project, ask_which_to_open
from kws_gui.ready_model import ready_model
from kws_gui.services import remembered
from kws_gui.services.navigation import START
from kws_gui.services.services import Services
from kws_gui.widgets.message_bar import MessageBar

_WIDTH = 760  # px
_LIST_HEIGHT = 184  # px
_NO_READY_MODEL = "The ready model is not part of this installation; train one from the starter project instead."


class StartPage(QWidget):
    """Teach a word, then New, Open, starter project, ready model; recent projects below."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self.messages = MessageBar()
        self.teach = _Choice(
            "Teach a word", "Say it 20 times and try it: three minutes", "mdi6.microphone-plus", "primary"
        )
        self.new = _Choice("New project…", "Every step by hand", "mdi6.plus")
        self.open = _Choice("Open a project…", "Go on where you stopped", "mdi6.folder-open-outline")
        self.starter = _Choice("Try the starter project", "Six words, ready to train", "mdi6.rocket-launch-outline")
        self.ready = _Choice("Listen with the ready model", "Say left, right, up, down, go", "mdi6.ear-hearing")
        self._recent_title = QLabel("Recent projects")
        self.recent = QListWidget()
        self.recent.setAccessibleName("Recent projects")
        self.recent.setSizeAdjustPolicy(QListWidget.SizeAdjustPolicy.AdjustToContents)
        self.recent.setMaximumHeight(_LIST_HEIGHT)
        self.recent.itemActivated.connect(self._on_recent)
        self.recent.itemClicked.connect(self._on_recent)
        self._connect()
        self._lay_out()
        self.refresh()

    def refresh(self) -> None:
        """Reads the recent projects and looks for the ready model again."""
        self.recent.clear()
        for folder in remembered.recent_projects():
            item = QListWidgetItem(f"{folder.name}    {folder.parent}")
            item.setData(Qt.ItemDataRole.UserRole, folder)
            item.setToolTip(str(folder))
            self.recent.addItem(item)
        for part in (self._recent_title, self.recent):
            part.setVisible(self.recent.count() > 0)
        there = ready_model() is not None
        self.ready.setEnabled(there)
        self.ready.setToolTip("" if there else _NO_READY_MODEL)
        self.ready.set_reason("" if there else "not part of this installation")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.teach.setFocus()

    def shutdown(self) -> None:
        """Nothing to end."""

    def _connect(self) -> None:
        projects = self._services.projects
        self._services.navigation.pageShown.connect(self._on_page_shown)
        self.teach.clicked.connect(lambda: self._services.navigation.show_page("teach"))
        self.new.clicked.connect(lambda: ask_new_project(projects, self.window()))
        self.open.clicked.connect(lambda: ask_which_to_open(projects, self.window()))
        self.starter.clicked.connect(projects.copy_starter)
        self.ready.clicked.connect(self._on_ready)
        for button, keys in ((self.new, "Ctrl+N"), (self.open, "Ctrl+O")):
            button.setToolTip(keys)

    def _lay_out(self) -> None:
        title = QLabel("KWS Studio")
        title.setFont(theme.font(2.0, bold=True))
        sentence = QLabel("Teach a computer your own words and have it listen. Your voice never leaves this machine.")
        sentence.setWordWrap(True)
        theme.set_role(sentence, "muted")
        theme.set_role(self._recent_title, "title")
        grid = QGridLayout()
        grid.setSpacing(theme.GROUP)
        grid.addWidget(self.teach, 0, 0, 1, 2)
        for at, choice in enumerate((self.new, self.open, self.starter, self.ready)):
            grid.addWidget(choice, 1 + at // 2, at % 2)
        middle = QWidget()
        middle.setMaximumWidth(_WIDTH)
        column = QVBoxLayout(middle)
        column.setSpacing(theme.GRID)
        for part in (title, sentence):
            column.addWidget(part)
        column.addSpacing(theme.GROUP)
        column.addLayout(grid)
        column.addSpacing(theme.GROUP)
        column.addWidget(self._recent_title)
        column.addWidget(self.recent)
        around = QHBoxLayout()
        around.addStretch(1)
        around.addWidget(middle, 100)
        around.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(*[theme.GROUP] * 4)
        outer.addStretch(2)
        outer.addLayout(around)
        outer.addStretch(3)
        self.messages.lieOver(self, free=[self.teach])

    def _on_page_shown(self, name: str) -> None:
        if name == START:
            self.refresh()

    def _on_recent(self, item: QListWidgetItem) -> None:
        self._services.projects.open(item.data(Qt.ItemDataRole.UserRole))

    def _on_ready(self) -> None:
        """Listens with the ready model; an open project stays open."""
        self._services.project.set_model_path(ready_model())
        self._services.navigation.show_page("listen")


class _Choice(QPushButton):
    """A large button: what, and below it why."""

    def __init__(self, what: str, why: str, icon: str, role: str = "choice") -> None:
        super().__init__()
        self.setAccessibleName(f"{what}: {why}")
        theme.set_role(self, role)
        on_top = "on_accent" if role == "primary" else "text"
        self._icon = QLabel()
        self._title = QLabel(what.rstrip("…"))
        self._why = QLabel(why)
        theme.set_icon(self._icon, icon, role=on_top, size=28)
        self._title.setFont(theme.font(1.1, bold=True))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._title)
        words.addWidget(self._why)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.GROUP, theme.GRID, theme.GROUP, theme.GRID)
        row.setSpacing(theme.GROUP)
        row.addWidget(self._icon)
        row.addLayout(words, 1)
        for label in (self._icon, self._title, self._why):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._sentence = why
        self._on_top = on_top
        self.setMinimumHeight(76)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.notifier.changed.connect(self._paint_words)
        self._paint_words()

    def set_reason(self, reason: str) -> None:
        """Shows why it cannot be pressed in place of its purpose; an empty reason restores that."""
        self._why.setText(reason or self._sentence)
        self._paint_words()

    def sizeHint(self) -> QSize:
        return QSize(320, 76)

    def _paint_words(self) -> None:
        colors = theme.current()
        title = colors.on_accent if self._on_top == "on_accent" else colors.text
        why = colors.on_accent if self._on_top == "on_accent" else colors.muted
        if not self.isEnabled():
            title = colors.muted
        self._title.setStyleSheet(f"color: {title}")
        self._why.setStyleSheet(f"color: {why}")
