"""The menus of the window."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QAction, QActionGroup, QDesktopServices, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QMessageBox

from kws_engine import __version__
from kws_gui import theme
from kws_gui.project_dialogs import ask_new_project, ask_which_to_open
from kws_gui.rail import PAGES
from kws_gui.services import remembered
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.projects import Projects
from kws_gui.shortcut_list import ShortcutList

if TYPE_CHECKING:
    from kws_gui.main_window import MainWindow

_THEMES: dict[theme.Choice, str] = {"light": "Light", "dark": "Dark", "system": "As the system has it"}
_ABOUT = (
    f"KWS Studio {__version__}\n\nTeach a computer your own words and have it listen. "
    "Your recordings stay on this machine.\n\nApache License 2.0"
)


def make_menus(window: MainWindow) -> QMenuBar:
    """File, Edit, View, Listen, Help."""
    bar = QMenuBar(window)
    _fill_file(bar.addMenu("&File"), window)
    _fill_edit(bar.addMenu("&Edit"), window)
    _fill_view(bar.addMenu("&View"), window)
    _fill_listen(bar.addMenu("&Listen"), window)
    _fill_help(bar.addMenu("&Help"), window)
    return bar


def _add(menu: QMenu, text: str, keys: Any, call: Callable[[], object]) -> QAction:
    action = menu.addAction(text)
    if keys is not None:
        action.setShortcut(QKeySequence(keys))
    action.triggered.connect(lambda: call())
    return action


def _fill_file(menu: QMenu, window: MainWindow) -> None:
    services = window.services
    projects = services.projects
    _add(menu, "&New project…", QKeySequence.StandardKey.New, partial(ask_new_project, projects, window))
    _add(menu, "&Open project…", QKeySequence.StandardKey.Open, partial(ask_which_to_open, projects, window))
    recent = menu.addMenu("Open &recent")
    recent.aboutToShow.connect(partial(_fill_recent, recent, projects))
    menu.addSeparator()
    needing = [
        _add(menu, "&Import a folder of recordings…", "Ctrl+I", services.navigation.import_recordings),
        _add(menu, "&Export clips or project…", None, services.navigation.export_recordings),
        _add(menu, "&Close project", QKeySequence.StandardKey.Close, projects.close),
    ]
    menu.addSeparator()
    leave = _add(menu, "&Quit", "Ctrl+Q", window.quit)
    leave.setMenuRole(QAction.MenuRole.QuitRole)
    _enable_with_project(needing, services.project)


def _enable_with_project(actions: list[QAction], project: ProjectModel) -> None:
    """Follows the project rather than the menu's opening: shortcuts work without it."""

    def enable() -> None:
        for action in actions:
            action.setEnabled(project.project is not None)

    project.opened.connect(enable)
    enable()


def _fill_recent(menu: QMenu, projects: Projects) -> None:
    menu.clear()
    for folder in remembered.recent_projects():
        menu.addAction(folder.name, partial(projects.open, folder)).setToolTip(str(folder))
    if menu.isEmpty():
        menu.addAction("None yet").setEnabled(False)


def _fill_edit(menu: QMenu, window: MainWindow) -> None:
    stack = window.services.project.undo_stack
    for action, keys in (
        (stack.createUndoAction(menu, "&Undo"), QKeySequence.StandardKey.Undo),
        (stack.createRedoAction(menu, "&Redo"), QKeySequence.StandardKey.Redo),
    ):
        action.setShortcuts(QKeySequence.keyBindings(keys))
        menu.addAction(action)


def _fill_view(menu: QMenu, window: MainWindow) -> None:
    show_page = window.services.navigation.show_page
    for number, (name, (title, _)) in enumerate(PAGES.items(), 1):
        _add(menu, title, f"Ctrl+{number}", partial(show_page, name))
    menu.addSeparator()
    search = _add(menu, "&Search settings", "Ctrl+Shift+F", partial(show_page, "search"))
    _enable_with_project([search], window.services.project)
    menu.addSeparator()
    themes = menu.addMenu("&Theme")
    group = QActionGroup(themes)
    for choice, title in _THEMES.items():
        action = _add(themes, title, None, partial(window.set_theme, choice))
        action.setCheckable(True)
        action.setChecked(theme.choice() == choice)
        group.addAction(action)


def _fill_listen(menu: QMenu, window: MainWindow) -> None:
    menu.aboutToShow.connect(window.always_on.refresh)
    menu.addActions(window.always_on.actions)


def _fill_help(menu: QMenu, window: MainWindow) -> None:
    _add(menu, "&Keyboard shortcuts", QKeySequence.StandardKey.HelpContents, partial(_show_shortcuts, window))
    _add(menu, "Open the &log folder", None, _open_log_folder)
    about = _add(menu, "&About KWS Studio", None, partial(_show_about, window))
    about.setMenuRole(QAction.MenuRole.AboutRole)


def _open_log_folder() -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(remembered.log_folder())))


def _show_shortcuts(window: MainWindow) -> None:
    ShortcutList(window.menuBar(), window).show()


def _show_about(window: MainWindow) -> None:
    box = QMessageBox(QMessageBox.Icon.NoIcon, "About KWS Studio", _ABOUT, parent=window)
    box.setIconPixmap(window.windowIcon().pixmap(64, 64))
    box.addButton("OK", QMessageBox.ButtonRole.AcceptRole)  # a standard button has the platform's picture on it
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
