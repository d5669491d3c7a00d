"""The window: rail, menus, and the page in front; it follows the services."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from PySide6.QtCore import QCoreApplication, QSettings, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from kws_engine.clips.layout import ProjectFolder
from kws_gui import theme
from kws_gui.always_on import AlwaysOn
from kws_gui.dropped import dragged, importable
from kws_gui.leaving import Leaving
from kws_gui.menus import make_menus
from kws_gui.page_frame import PageFrame
from kws_gui.page_table import PAGE_TABLE, import_ahead, shut_down
from kws_gui.project_dialogs import ask_which_to_open
from kws_gui.rail import Rail
from kws_gui.services import remembered
from kws_gui.services.navigation import START
from kws_gui.services.services import Services, make_services
from kws_gui.widgets.message_bar import MessageBar
from kws_gui.widgets.progress_row import ProgressRow

_GEOMETRY = "window/geometry"
_THEME = "window/theme"
_NARROW = 1060  # px; in a narrower window the rail shows pictures only
_IMPORT_AFTER_MS = 500  # what was opened is shown first
_SLOW_MS = 300  # an opening that takes longer is shown
_BELONGS_TO = {"search": "train"}  # pages that the rail has no button for


class MainWindow(QMainWindow):
    """Shows the start page, or the pages of one project; takes projects and recordings dropped on it."""

    def __init__(self, services: Services | None = None) -> None:
        super().__init__()
        self.services = services or make_services(self)
        self.messages = MessageBar()
        self.rail = Rail(self.services.microphones)
        self._pages: dict[str, QWidget] = {}
        self._stack = QStackedWidget()
        self._leaving = Leaving(self, self.services)
        self._is_quitting = False
        self.always_on = AlwaysOn(self.services, self)
        self._progress = ProgressRow()
        self._progress.cancelButton().hide()
        self._opening_name = ""
        self._slow = QTimer(self, singleShot=True, interval=_SLOW_MS)
        self._lay_out()
        self.setMenuBar(make_menus(self))
        self._connect()
        self.setAcceptDrops(True)
        self.setMinimumSize(640, 400)
        self._restore_geometry()
        self.rail.show_project("", "")
        self.services.navigation.show_page(START)

    @property
    def page_name(self) -> str:
        """Which page is in front."""
        return self.services.navigation.page

    def page(self, name: str) -> QWidget:
        """The page of that name, made now if it was not shown before."""
        if name not in self._pages:
            frame = PageFrame()
            self._stack.addWidget(frame)  # while it is empty: a page with all its parts is slow to move to a new parent
            self._pages[name] = PAGE_TABLE[name](self.services, frame.viewport())
            frame.setPage(self._pages[name])
        return self._pages[name]

    def open_folder(self, folder: Path | None = None) -> None:
        """Opens the project in `folder`, or asks which."""
        if folder is None:
            ask_which_to_open(self.services.projects, self)
        else:
            self.services.projects.open(folder)

    def show_again(self) -> None:
        """Comes back from the tray, in front of other windows."""
        self.show()
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.raise_()
        self.activateWindow()
        self._hold_microphone()

    def quit(self) -> None:
        """Ends the program, also where closing the window would keep it in the tray."""
        if not self.isVisible() and self._leaving.at_stake():
            self.show_again()  # what is asked is asked in front of it
        is_hidden = not self.isVisible()
        self._is_quitting = True
        self._is_quitting = self.close()
        if is_hidden and self._is_quitting:
            QCoreApplication.exit(0)  # which else ends when its last window is closed

    def report(self, sentence: str, details: str) -> None:
        """Shows something unexpected, with the details for a developer."""
        self.messages.showMessage("error", sentence, details=details)

    def set_theme(self, choice: theme.Choice) -> None:
        """Light, dark or as the system has it; remembered."""
        theme.apply(cast(QApplication, QApplication.instance()), choice)
        QSettings().setValue(_THEME, choice)

    # -- following the services

    def _on_page(self, name: str) -> None:
        self._stack.setCurrentWidget(_frame_of(self.page(name)))
        self.rail.show_page(_BELONGS_TO.get(name, name))
        self._hold_microphone()

    def _hold_microphone(self) -> None:
        """The level in the rail is alive wherever sound is made; the start page leaves the microphone alone."""
        if self.page_name == START:
            self.services.microphones.release(self)
        elif self.isVisible():
            self.services.microphones.acquire(self)

    def _on_project(self) -> None:
        project = self.services.project.project
        self.rail.show_project(project.name if project else "", str(project.folder) if project else "")
        self.setWindowTitle(f"{project.name} - {remembered.APPLICATION}" if project else remembered.APPLICATION)
        if project is not None:
            QTimer.singleShot(_IMPORT_AFTER_MS, self, lambda: import_ahead(*PAGE_TABLE))
            self._on_listening_wanted()

    def _drop_pages(self) -> None:
        """Ends the pages of one project: the next one gets new ones."""
        for name in [name for name in self._pages if name != START]:
            page = self._pages.pop(name)
            frame = _frame_of(page)
            shut_down(page)
            self._stack.removeWidget(frame)
            frame.deleteLater()

    def _on_opening(self, name: str) -> None:
        self._opening_name = name
        self._slow.start()
        import_ahead("words")  # beside the thread that reads the project
        self.messages.clear()

    def _on_slow(self) -> None:
        self._progress.start(f"Opening {self._opening_name}")

    def _on_settled(self) -> None:
        self._slow.stop()
        self._progress.finish()

    def _connect(self) -> None:
        services = self.services
        projects = services.projects
        projects.set_guard(self._leaving)
        projects.began.connect(self._on_opening)
        projects.settled.connect(self._on_settled)
        projects.leaving.connect(self._drop_pages)
        projects.failed.connect(self._on_failed)
        projects.warned.connect(self._on_warned)
        projects.informed.connect(self._on_informed)
        services.navigation.informed.connect(self._on_informed)
        services.navigation.pageShown.connect(self._on_page)
        services.project.opened.connect(self._on_project)
        self.always_on.windowWanted.connect(self.show_again)
        self.always_on.quitWanted.connect(self.quit)
        self.always_on.pageWanted.connect(self._on_listening_wanted)
        self.always_on.failed.connect(self._on_failed)
        services.listening.ended.connect(self._on_listening_ended)
        self.rail.pageChosen.connect(services.navigation.show_page)
        self._slow.timeout.connect(self._on_slow)

    def _on_listening_ended(self) -> None:
        if not self.isVisible():
            self.always_on.say_ended()

    def _on_listening_wanted(self) -> None:
        """The Listen page listens, whichever page is in front; it is made where it was not there yet."""
        if self.services.listening.is_wanted:
            self.page("listen")

    def _on_failed(self, sentence: str) -> None:
        self.messages.showMessage("error", sentence)

    def _on_warned(self, sentence: str) -> None:
        self.messages.showMessage("warning", sentence)

    def _on_informed(self, sentence: str) -> None:
        self.messages.showMessage("info", sentence)

    # -- the window itself

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.always_on.keeps_running() and not self._is_quitting:
            event.ignore()
            for dialog in self.findChildren(QDialog):
                dialog.close()
            self.hide()
            self.services.microphones.release(self)  # only what listens keeps it open now
            self.always_on.say_where()
            return
        if not self._leaving.may_leave():
            event.ignore()
            return
        QSettings().setValue(_GEOMETRY, self.saveGeometry())
        self.services.navigation.remember()
        self._slow.stop()
        self.always_on.shutdown()
        self.hide()  # a training may take some seconds to write its model
        for page in self._pages.values():
            shut_down(page)
        self.services.shutdown()
        super().closeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.rail.setNarrow(event.size().width() < _NARROW)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _dropped_folder(event) is not None or self._recordings_of(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        folder, recordings = _dropped_folder(event), self._recordings_of(event)
        if folder is None and not recordings:
            return
        event.acceptProposedAction()
        if folder is not None and ProjectFolder(folder).is_project:
            self.services.projects.open(folder)
        elif recordings:
            self.services.navigation.drop_recordings(recordings)
        elif folder is not None:
            self._on_informed(f"{folder.name} is no project: open one, then drop recordings on it.")

    def _recordings_of(self, event: QDragEnterEvent | QDropEvent) -> list[Path]:
        """What the open project can take in of what is dragged."""
        if self.services.project.project is None:
            return []
        return importable(dragged(event))

    def _lay_out(self) -> None:
        content = QVBoxLayout()
        content.setContentsMargins(0, 0, 0, 0)
        content.setSpacing(0)
        above = QVBoxLayout()
        above.setContentsMargins(theme.GROUP, theme.GRID, theme.GROUP, 0)
        above.addWidget(self._progress)
        content.addLayout(above)
        content.addWidget(self._stack, 1)
        central = QWidget()
        row = QHBoxLayout(central)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addLayout(content, 1)
        self.setCentralWidget(central)
        self.messages.lieOver(self._stack)
        self.setWindowTitle(remembered.APPLICATION)

    def _restore_geometry(self) -> None:
        stored = QSettings().value(_GEOMETRY)
        if stored is None or not self.restoreGeometry(stored):
            room = QGuiApplication.primaryScreen().availableGeometry()
            self.resize(min(1280, room.width()), min(800, room.height()))


def _frame_of(page: QWidget) -> PageFrame:
    viewport = page.parentWidget()
    frame = viewport.parentWidget() if viewport is not None else None
    assert isinstance(frame, PageFrame)
    return frame


def stored_theme() -> theme.Choice:
    """The theme chosen last."""
    stored = QSettings().value(_THEME)
    return cast(theme.Choice, stored) if stored in ("light", "dark") else "system"


def _dropped_folder(event: QDragEnterEvent | QDropEvent) -> Path | None:
    return next((path for path in dragged(event) if path.is_dir()), None)
