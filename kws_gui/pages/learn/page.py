"""The Learn page: the list of chapters, and the chapter selected in it."""

from __future__ import annotations

from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from kws_gui import theme
from kws_gui.pages.learn.chapter import ChapterPage
from kws_gui.pages.learn.chapters import CHAPTERS
from kws_gui.services.services import Services

_LIST_WIDTH = 216  # px
_LAST = "learn/chapter"


class LearnPage(QWidget):
    """Short interactive chapters."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._areas: dict[str, QScrollArea] = {}
        self.list = QListWidget()
        self._stack = QStackedWidget()
        self._lay_out()
        for chapter in CHAPTERS:
            item = QListWidgetItem(chapter.title)
            item.setData(Qt.ItemDataRole.UserRole, chapter.name)
            self.list.addItem(item)
        self.list.currentItemChanged.connect(self._on_chosen)
        if not self.show_chapter(str(QSettings().value(_LAST))):
            self.list.setCurrentRow(0)

    def show_chapter(self, name: str) -> bool:
        """Shows a chapter; returns False if there is none of that name."""
        for row in range(self.list.count()):
            if self.list.item(row).data(Qt.ItemDataRole.UserRole) == name:
                self.list.setCurrentRow(row)
                return True
        return False

    def chapter(self, name: str) -> ChapterPage:
        """The chapter of that name, built on first use."""
        if name not in self._areas:
            page = CHAPTERS[name].make(self._services.project)
            page.warm = self._services.warm
            page.tryRequested.connect(self._services.navigation.try_settings)
            area = QScrollArea()
            area.setWidgetResizable(True)
            area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            area.setWidget(page)
            self._areas[name] = area
            self._stack.addWidget(area)
        shown = self._areas[name].widget()
        assert isinstance(shown, ChapterPage)
        return shown

    def shutdown(self) -> None:
        """Stops whatever the chapters have running."""
        for name in self._areas:
            self.chapter(name).shutdown()

    def _on_chosen(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            name = item.data(Qt.ItemDataRole.UserRole)
            self.chapter(name)
            self._stack.setCurrentWidget(self._areas[name])
            QSettings().setValue(_LAST, name)

    def _lay_out(self) -> None:
        title = QLabel("Learn")
        theme.set_role(title, "title")
        self.list.setFixedWidth(_LIST_WIDTH)
        self.list.setAccessibleName("Chapters")
        self.list.setWordWrap(True)
        self.list.ensurePolished()
        row = QHBoxLayout()
        row.setSpacing(theme.GROUP)
        row.addWidget(self.list)
        row.addWidget(self._stack, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID)
        column.addWidget(title)
        column.addLayout(row, 1)
