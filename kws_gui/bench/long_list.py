"""A project of very many clips opened in the window and looked through, with the event loop watched; judges nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QObject, QTimer

from kws_gui import app as studio
from kws_gui.bench.event_loop import Ticks
from kws_gui.main_window import MainWindow

_PATIENCE_S = 120.0
_WORDS, _PAGES = 10, 100
_STEP_MS = 30  # between one page of the list and the next, faster than a held key

Tell = Callable[..., None]


def look_through(folder: Path, tell: Tell) -> int:
    """Rows for opening it, choosing ten words in turn, and paging through the clips of the largest."""
    app = studio.make_application(["kws-studio"])
    window = studio.make_window(app, None)
    reader = _Reader(window, tell)
    window.services.project.opened.connect(lambda: QTimer.singleShot(0, reader, reader.begin))
    QTimer.singleShot(int(_PATIENCE_S * 1000), app, lambda: app.exit(1))
    QTimer.singleShot(0, reader, lambda: reader.open(folder))
    status = app.exec()
    window.close()
    if status:
        print("the project did not open", file=sys.stderr)
    return status


class _Reader(QObject):
    """One step after another, each when the event loop has come back from the one before."""

    def __init__(self, window: MainWindow, tell: Tell) -> None:
        super().__init__()
        self._window, self._tell = window, tell
        self._ticks = Ticks(self)
        self._began_s = 0.0
        self._steps: Generator[None, None, None] | None = None

    def open(self, folder: Path) -> None:
        """Asks for the project, as from the menu."""
        self._began_s = time.perf_counter()
        self._ticks.begin()
        self._window.open_folder(folder)

    def begin(self) -> None:
        """The project is there."""
        self._steps = self._all_steps()
        self._next()

    def _next(self) -> None:
        assert self._steps is not None
        try:
            next(self._steps)
        except StopIteration:
            QCoreApplication.exit(0)
            return
        QTimer.singleShot(_STEP_MS, self, self._next)

    def _all_steps(self) -> Generator[None, None, None]:
        self._window.services.navigation.show_page("words")
        yield
        clips = self._clips()
        self._tell(f"{clips:,} clips: until the window shows them", round(time.perf_counter() - self._began_s, 2), "s")
        self._say(f"{clips:,} clips: opening")
        page = self._window.page("words")
        words = [page.words.tree.topLevelItem(row) for row in range(page.words.tree.topLevelItemCount())]
        self._ticks.begin()
        for item in words[:_WORDS]:
            page.words.tree.setCurrentItem(item)
            yield
        self._say(f"{clips:,} clips: choosing {_WORDS} words in turn")
        bar, rows = page.table.verticalScrollBar(), len(page.table.rows.clips)
        self._ticks.begin()
        for number in range(1, _PAGES + 1):
            bar.setValue(bar.maximum() * number // _PAGES)
            yield
        self._say(f"{clips:,} clips: going through the {rows:,} of a word in {_PAGES} steps")

    def _clips(self) -> int:
        project = self._window.services.project.project
        assert project is not None
        return len(project.table())

    def _say(self, what: str) -> None:
        self._ticks.end()
        self._tell(f"{what}, longest gap of the event loop", round(max(self._ticks.gaps_ms), 1), "ms", asked=100)
