"""A project of very many clips, opened and browsed in the window while its event loop is watched."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer

from kws_gui import app as studio
from kws_gui.bench.event_loop import Stepper, Ticks
from kws_gui.main_window import MainWindow

_PATIENCE_S = 120.0
_WORDS = 10
_STEPS = 100
_STEP_MS = 30  # between one step through the list and the next, faster than a held key

Report = Callable[..., None]


def browse(folder: Path, report: Report) -> int:
    """Reports rows for opening it, choosing ten words in turn, and scrolling through the clips of the largest."""
    app = studio.make_application(["kws-studio"])
    window = studio.make_window(app, None)
    reader = _Reader(window, report)
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

    def __init__(self, window: MainWindow, report: Report) -> None:
        super().__init__()
        self._window = window
        self._report = report
        self._ticks = Ticks(self)
        self._began_s = 0.0
        self._stepper = Stepper(_STEP_MS, self)

    def open(self, folder: Path) -> None:
        """Opens the project, as from the menu."""
        self._began_s = time.perf_counter()
        self._ticks.begin()
        self._window.open_folder(folder)

    def begin(self) -> None:
        """Browses the project, which is open now."""
        self._stepper.begin(self._all_steps())

    def _all_steps(self) -> Generator[None, None, None]:
        self._window.services.navigation.show_page("words")
        yield
        clips = self._clips()
        seconds = time.perf_counter() - self._began_s
        self._report(f"{clips:,} clips: until the window shows them", round(seconds, 2), "s")
        self._report_gap(f"{clips:,} clips: opening")
        page: Any = self._window.page("words")
        words = [page.words.tree.topLevelItem(row) for row in range(page.words.tree.topLevelItemCount())]
        self._ticks.begin()
        for item in words[:_WORDS]:
            page.words.tree.setCurrentItem(item)
            yield
        self._report_gap(f"{clips:,} clips: choosing {_WORDS} words in turn")
        bar = page.table.verticalScrollBar()
        rows = len(page.table.rows.clips)
        self._ticks.begin()
        for number in range(1, _STEPS + 1):
            bar.setValue(bar.maximum() * number // _STEPS)
            yield
        self._report_gap(f"{clips:,} clips: going through the {rows:,} of a word in {_STEPS} steps")

    def _clips(self) -> int:
        project = self._window.services.project.project
        assert project is not None
        return len(project.table())

    def _report_gap(self, what: str) -> None:
        self._ticks.end()
        longest_ms = round(max(self._ticks.gaps_ms), 1)
        self._report(f"{what}, longest gap of the event loop", longest_ms, "ms", asked=100)
