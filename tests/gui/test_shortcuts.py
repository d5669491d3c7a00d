"""One shortcut, one meaning: all pages are walked, and Help lists what is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractButton, QWidget
from pytestqt.qtbot import QtBot
from tiny_project import make_project

from kws_gui.forms.layer_table import LayerTable
from kws_gui.main_window import MainWindow
from kws_gui.page_table import PAGE_TABLE
from kws_gui.shortcut_list import ShortcutList, menu_actions
from kws_gui.shortcuts import SHORTCUTS, sequences

PATIENCE_MS = 60_000


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    window = MainWindow()
    qtbot.addWidget(window)
    window.show()
    window.services.projects.open(make_project(tmp_path / "tones", takes=2).folder)
    qtbot.waitUntil(lambda: window.services.project.project is not None, timeout=PATIENCE_MS)
    yield window
    window.close()


def test_no_two_meanings_share_keys() -> None:
    meanings = defaultdict(set)
    for name, keys in SHORTCUTS.items():
        for key in sequences(name):
            assert key.toString(), f"{name}: no such key"
            meanings[key.toString()].add(keys.meaning)
    assert {key: found for key, found in meanings.items() if len(found) > 1} == {}


@pytest.mark.slow
def test_on_every_page_each_key_has_one_meaning_and_one_taker(window: MainWindow, qtbot: QtBot) -> None:
    of_menus = {key.toString() for action in menu_actions(window.menuBar()) for key in action.shortcuts()}
    of_pages = {key.toString(): keys.meaning for name, keys in SHORTCUTS.items() for key in sequences(name)}
    assert not of_menus & set(of_pages), "a page takes a key of the menus"
    met = set()
    for page in PAGE_TABLE:
        window.services.navigation.show_page(page)
        qtbot.waitUntil(lambda page=page: window.page(page).isVisible(), timeout=PATIENCE_MS)
        if page == "train":
            LayerTable(window.page(page)).hide()  # as for a network of one's own
        takers: dict[str, list[object]] = defaultdict(list)
        for key, thing, works_anywhere in _shortcuts(window):
            if isinstance(thing, QAction) and thing in menu_actions(window.menuBar()):
                meaning = ""
            else:
                assert key in of_pages, f"{page}: {key} is not in kws_gui/shortcuts.py"
                meaning = of_pages[key]
                assert thing.whatsThis() == meaning, f"{page}: {key} is said to do: {meaning}"
                met.add(key)
            if works_anywhere:
                takers[key].append(thing)
        assert {key: found for key, found in takers.items() if len(found) > 1} == {}, page
    assert met == {key.toString() for n, keys in SHORTCUTS.items() if not keys.in_focus for key in sequences(n)}


def test_help_lists_them_all_and_says_it_once(window: MainWindow, qtbot: QtBot) -> None:
    shown = ShortcutList(window.menuBar(), window)
    qtbot.addWidget(shown)
    rows = [[shown.table.item(row, column).text() for column in range(3)] for row in range(shown.table.rowCount())]
    keys = [key for row in rows for key in row[0].split(" or ")]
    assert len(keys) == len(set(keys))
    for action in menu_actions(window.menuBar()):
        assert action.shortcut().toString(QKeySequence.SequenceFormat.NativeText) in keys
    assert {row[1] for row in rows} >= {entry.meaning for entry in SHORTCUTS.values()}
    assert all(all(row) for row in rows)


def _shortcuts(window: MainWindow) -> Iterator[tuple[str, QShortcut | QAction | QAbstractButton, bool]]:
    """Key, what it triggers, and whether it works wherever the focus is on the page that is shown."""
    for shortcut in window.findChildren(QShortcut):
        holder = shortcut.parent()
        assert isinstance(holder, QWidget)
        anywhere = shortcut.context() == Qt.ShortcutContext.WindowShortcut
        yield shortcut.key().toString(), shortcut, anywhere and holder.isVisible() and shortcut.isEnabled()
    for action in set(window.findChildren(QAction)):
        seen = any(isinstance(holder, QWidget) and holder.isVisibleTo(window) for holder in action.associatedObjects())
        anywhere = action.shortcutContext() == Qt.ShortcutContext.WindowShortcut
        for key in action.shortcuts():
            yield key.toString(), action, anywhere and seen and action.isEnabled()
    for button in window.findChildren(QAbstractButton):
        if not (key := button.shortcut()).isEmpty() and not key.toString().startswith("Alt+"):  # Alt: of the text
            yield key.toString(), button, button.isVisible() and button.isEnabled()
