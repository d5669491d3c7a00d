"""The menus of the window; every entry calls the window, nothing is done here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QAction, QActionGroup, QDesktopServices, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QMessageBox

from kws_engine import __version__
from kws_gui import theme
from kws_gui.rail import PAGES
from kws_gui.services import remembered

if TYPE_CHECKING:
    from kws_gui.main_window import MainWindow

_THEMES: dict[theme.Choice, str] = {"light": "Light", "dark": "Dark", "system": "As the system has it"}
_ABOUT = (
    f"KWS Studio {__version__}\n\nTeach a computer your own words and have it listen. "
    "Your recordings stay on this machine.\n\nApache License 2.0"
)


def make_menus(window: MainWindow) -> QMenuBar:
    """File, Edit, View, Help."""
    bar = QMenuBar(window)
    _fill_file(bar.addMenu("&File"), window)
    _fill_edit(bar.addMenu("&Edit"), window)
    _fill_view(bar.addMenu("&View"), window)
    _fill_help(bar.addMenu("&Help"), window)
    return bar


def _add(menu: QMenu, text: str, keys: Any, call: Callable[[], object]) -> QAction:
    action = menu.addAction(text)
    if keys is not None:
        action.setShortcut(QKeySequence(keys))
    action.triggered.connect(lambda: call())
    return action


def _fill_file(menu: QMenu, window: MainWindow) -> None:
    _add(menu, "&New project…", QKeySequence.StandardKey.New, window.ask_new_project)
    _add(menu, "&Open project…", QKeySequence.StandardKey.Open, window.open_folder)
    recent = menu.addMenu("Open &recent")
    recent.aboutToShow.connect(partial(_fill_recent, recent, window))
    menu.addSeparator()
    needing = [
        _add(menu, "&Import a folder of recordings…", "Ctrl+I", window.import_folder),
        _add(menu, "&Close project", QKeySequence.StandardKey.Close, window.close_project),
    ]
    menu.addSeparator()
    leave = _add(menu, "&Quit", "Ctrl+Q", window.close)
    leave.setMenuRole(QAction.MenuRole.QuitRole)
    window.model.opened.connect(lambda: _enable(needing, window))  # shortcuts work without the menu being opened
    _enable(needing, window)


def _enable(actions: list[QAction], window: MainWindow) -> None:
    for action in actions:
        action.setEnabled(window.model.project is not None)


def _fill_recent(menu: QMenu, window: MainWindow) -> None:
    menu.clear()
    for folder in remembered.recent_projects():
        menu.addAction(folder.name, partial(window.open_folder, folder)).setToolTip(str(folder))
    if menu.isEmpty():
        menu.addAction("None yet").setEnabled(False)


def _fill_edit(menu: QMenu, window: MainWindow) -> None:
    stack = window.model.undo_stack
    for action, keys in (
        (stack.createUndoAction(menu, "&Undo"), QKeySequence.StandardKey.Undo),
        (stack.createRedoAction(menu, "&Redo"), QKeySequence.StandardKey.Redo),
    ):
        action.setShortcuts(QKeySequence.keyBindings(keys))
        menu.addAction(action)


def _fill_view(menu: QMenu, window: MainWindow) -> None:
    for number, (name, (title, _)) in enumerate(PAGES.items(), 1):
        _add(menu, title, f"Ctrl+{number}", partial(window.show_page, name))
    menu.addSeparator()
    needing = [_add(menu, "&Search settings", "Ctrl+Shift+F", partial(window.show_page, "search"))]
    window.model.opened.connect(lambda: _enable(needing, window))
    _enable(needing, window)
    menu.addSeparator()
    themes = menu.addMenu("&Theme")
    group = QActionGroup(themes)
    for choice, title in _THEMES.items():
        action = _add(themes, title, None, partial(window.set_theme, choice))
        action.setCheckable(True)
        action.setChecked(theme.choice() == choice)
        group.addAction(action)


def _fill_help(menu: QMenu, window: MainWindow) -> None:
    _add(menu, "Open the &log folder", None, _open_log_folder)
    about = _add(menu, "&About KWS Studio", None, partial(_show_about, window))
    about.setMenuRole(QAction.MenuRole.AboutRole)


def _open_log_folder() -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(remembered.log_folder())))


def _show_about(window: MainWindow) -> None:
    box = QMessageBox(QMessageBox.Icon.NoIcon, "About KWS Studio", _ABOUT, parent=window)
    box.setIconPixmap(window.windowIcon().pixmap(64, 64))
    box.addButton("OK", QMessageBox.ButtonRole.AcceptRole)  # a standard button has the platform's picture on it
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
