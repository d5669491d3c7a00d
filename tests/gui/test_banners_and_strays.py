"""What comes and goes over the pages: messages that move nothing, and no window that nobody asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from tiny_project import make_project

from kws_gui.main_window import MainWindow
from kws_gui.page_table import PAGE_TABLE
from kws_gui.pages.learn.chapters import CHAPTERS
from kws_gui.rail import PAGES
from kws_gui.services.services import Services
from kws_gui.widgets.message_bar import MessageBar

PATIENCE_MS = 60_000
_STILL = 20  # looks, 10 ms apart
SENTENCE = (
    "The microphone “Desk” is gone. Plug it in or switch it on: recording goes on by itself, and nothing is lost."
)


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """With a project open."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    made = MainWindow()
    made.resize(1100, 700)
    made.show()
    make_project(tmp_path / "tones", takes=8)
    with qtbot.waitSignal(made.services.project.opened, timeout=PATIENCE_MS):
        made.open_folder(tmp_path / "tones")
    yield made
    made.close()
    made.deleteLater()


def main_button(page: QWidget) -> QPushButton | None:
    primary = [b for b in page.findChildren(QPushButton) if b.property("role") == "primary" and b.isVisibleTo(page)]
    return primary[0] if primary else None


def geometries(page: QWidget, but: QWidget) -> dict[int, QRect]:
    parts = [part for part in page.findChildren(QWidget) if part is not but and not but.isAncestorOf(part)]
    return {id(part): QRect(part.mapTo(page, QPoint(0, 0)), part.size()) for part in parts if part.isVisibleTo(page)}


def settled(qtbot: QtBot, page: QWidget, but: QWidget) -> dict[int, QRect]:
    """The geometries, once they change no more."""
    seen: list[dict[int, QRect]] = [{}]

    def is_still() -> bool:
        seen.append(geometries(page, but))
        return len(seen) > _STILL and all(one == seen[-1] for one in seen[-_STILL:])

    qtbot.waitUntil(is_still, timeout=PATIENCE_MS)
    return seen[-1]


@pytest.mark.parametrize("name", ["start", "words", "train", "search", "results", "listen"])
def test_a_message_lies_over_its_page_and_moves_nothing(window: MainWindow, qtbot: QtBot, name: str) -> None:
    window.services.navigation.show_page(name)
    page = window.page(name)
    qtbot.waitUntil(lambda: not window.services.runs.is_reading(), timeout=PATIENCE_MS)
    QApplication.processEvents()
    bar: MessageBar = page.messages
    bar.clear()
    before = settled(qtbot, page, bar)
    bar.showMessage("warning", SENTENCE, remedy="Try again")
    QApplication.processEvents()
    assert bar.isVisible() and page.rect().contains(bar.geometry())
    assert bar.heightForWidth(bar.width()) <= bar.height(), "the whole sentence can be read"
    assert geometries(page, bar) == before
    button = main_button(page)
    if button is not None:
        assert not QRect(button.mapTo(page, QPoint(0, 0)), button.size()).intersects(bar.geometry())
    bar.remedyButton().setFocus()
    assert window.focusWidget() is bar.remedyButton(), "it can be reached with the keyboard"
    page.setFocus()
    qtbot.keyClick(page, Qt.Key.Key_Escape)
    assert not bar.isVisible() and geometries(page, bar) == before


def test_a_message_follows_the_size_of_its_page(window: MainWindow) -> None:
    page = window.page("words")
    page.messages.showMessage("info", SENTENCE * 3)
    for width in (1280, 960):
        window.resize(width, 640)
        QApplication.processEvents()
        assert page.rect().contains(page.messages.geometry())
        assert page.messages.width() > page.width() - 40


def test_the_message_of_the_window_lies_over_whatever_page(window: MainWindow) -> None:
    page = window.page("words")
    QApplication.processEvents()
    before = QRect(page.mapTo(window, QPoint(0, 0)), page.size())
    window.report("Something happened.", "details")
    QApplication.processEvents()
    assert window.messages.isVisible() and QRect(page.mapTo(window, QPoint(0, 0)), page.size()) == before


@pytest.mark.parametrize("size", [(960, 540), (1024, 640), (1280, 800)])
def test_every_page_can_be_reached_in_full_at_any_size(window: MainWindow, size: tuple[int, int]) -> None:
    window.resize(*size)
    for name in PAGE_TABLE:
        window.services.navigation.show_page(name)
        QApplication.processEvents()
        page = window.page(name)
        frame = page.parentWidget().parentWidget()
        assert window.size().toTuple() == size
        assert page.width() >= page.minimumSizeHint().width() and page.height() >= page.minimumSizeHint().height()
        assert not frame.horizontalScrollBar().maximum(), f"{name} needs {page.minimumSizeHint()}"
        assert frame.verticalScrollBar().maximum() == max(0, page.height() - frame.viewport().height())
    assert all(button.isVisible() for button in map(window.rail.button, PAGES))


@pytest.mark.parametrize("name", PAGE_TABLE)
def test_a_page_is_made_where_it_stands(window: MainWindow, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A page that is put into its place with all its parts costs the window's thread milliseconds for each step."""
    make = PAGE_TABLE[name]
    stood = []

    def made(services: Services, parent: QWidget) -> QWidget:
        stood.append(parent.window() is window)
        page = make(services, parent)
        stood.append(page.parentWidget() is parent)
        return page

    monkeypatch.setitem(PAGE_TABLE, name, made)
    window._drop_pages()
    page = window.page(name)
    assert stood == ([] if name == "start" else [True, True])  # the start page is there from the start
    assert page.window() is window


class Strays(QObject):
    """Records every window that is shown besides the one given."""

    def __init__(self, known: QWidget) -> None:
        super().__init__()
        self._known = known
        self.seen: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            if watched is not self._known:
                self.seen.append(f"{type(watched).__name__} {watched.objectName() or watched.windowTitle()}")
        return False


@pytest.fixture
def strays(window: MainWindow, qapp: QApplication) -> Iterator[Strays]:
    recorder = Strays(window)
    qapp.installEventFilter(recorder)
    yield recorder
    qapp.removeEventFilter(recorder)


@pytest.mark.slow
def test_no_page_shows_a_window_of_its_own(window: MainWindow, qtbot: QtBot, strays: Strays) -> None:
    for name in PAGE_TABLE:
        window.services.navigation.show_page(name)
        qtbot.waitUntil(window.page(name).isVisible)
        QApplication.processEvents()
        assert not strays.seen, name
    for chapter in CHAPTERS:
        window.page("learn").show_chapter(chapter.name)
        QApplication.processEvents()
        assert not strays.seen, chapter.name
    for fold in window.page("train").form.folds.values():
        fold.setOpen(True)
    for view in ("findings", "weights", "search", "clips"):
        window.page("results").show_view(view)
    window.set_theme("dark")
    QApplication.processEvents()
    assert not strays.seen


def test_a_window_without_a_parent_is_seen(strays: Strays, qtbot: QtBot) -> None:
    stray = QPushButton("lost")
    qtbot.addWidget(stray)
    stray.show()
    assert strays.seen
