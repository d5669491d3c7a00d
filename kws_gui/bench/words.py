"""The Words page with 105,829 clips of one word: gaps between frames while they are browsed, changed and imported."""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, QTimer

from kws_engine.bench import Row
from kws_engine.bench.data import SPEECH_COMMANDS, make_project
from kws_engine.bench.import_ import make_clips
from kws_engine.clips.project import Project
from kws_gui import app as studio
from kws_gui.bench.event_loop import Stepper, Ticks
from kws_gui.bench.reporting import reported_by_window
from kws_gui.main_window import MainWindow

TITLE = "Words: opening, filtering, sorting and scrolling 105,829 clips as table and grid, and importing as many"
_PATIENCE_S = 900.0
_STEPS = 200
_FRAME_MS = 16
_WORD = "yes"

Report = Callable[..., None]


def rows() -> Iterator[Row]:
    """Runs `python -m kws_gui.bench words` on a project of one word with all clips, and a folder to import.

    Raises:
        KwsError: The window could not be started.
    """
    with tempfile.TemporaryDirectory(prefix="kws-clips-") as folder:
        project = make_project(Path(folder), SPEECH_COMMANDS, words=(_WORD,))
        make_clips(Path(folder) / "source", SPEECH_COMMANDS)
        yield from reported_by_window("words", str(project))


def browse(folder: Path, report: Report) -> int:
    """Reports rows for the project in `folder`, then imports its clips into a new project beside it."""
    app = studio.make_application(["kws-studio"])
    window = studio.make_window(app, None)
    window.resize(1600, 1000)
    browser = _Browser(window, folder, report)
    window.services.project.opened.connect(lambda: QTimer.singleShot(0, browser, browser.begin))
    QTimer.singleShot(int(_PATIENCE_S * 1000), app, lambda: app.exit(1))
    QTimer.singleShot(0, browser, browser.open)
    status = app.exec()
    window.close()
    if status:
        print("the clips could not be browsed in time", file=sys.stderr)
    return status


class _Browser(QObject):
    """One step after another, each when the event loop has come back and a frame has passed."""

    def __init__(self, window: MainWindow, folder: Path, report: Report) -> None:
        super().__init__()
        self._window, self._folder, self._report = window, folder, report
        self._ticks = Ticks(self)
        self._stepper = Stepper(_FRAME_MS, self)
        self._page: Any = None

    def open(self) -> None:
        """Opens the project, as from the menu."""
        self._ticks.begin()
        self._window.show()
        self._window.open_folder(self._folder)

    def begin(self) -> None:
        """Browses it once it is open."""
        self._stepper.begin(self._all_steps())

    def _all_steps(self) -> Generator[None, None, None]:
        self._window.services.navigation.show_page("words")
        page: Any = self._window.page("words")
        self._page = page
        page.words.choose(page.words.word)
        for _ in range(60):
            yield
        self._tell(f"opening {len(page.table.rows.clips):,} clips of one word")
        for view, name in ((page.table, "table"), (page.grid, "grid")):
            self._ticks.begin()
            page.clips.view_grid.setChecked(view is page.grid)
            for _ in range(30):
                yield
            self._tell(f"showing the {name}")
            self._ticks.begin()
            bar = view.verticalScrollBar()
            for number in range(1, _STEPS + 1):
                bar.setValue(bar.maximum() * number // _STEPS)
                yield
            self._tell(f"scrolling the {name} in {_STEPS} steps")
        self._exclude()
        for _ in range(30):
            yield
        self._tell("leaving 100 clips out")
        self._ticks.begin()
        for at in (*range(page.caring.filters.count()), 0):
            page.caring.filters.setCurrentIndex(at)
            for _ in range(20):
                yield
        self._tell("filtering")
        yield from self._find(page)
        yield from self._sort(page)
        yield from self._import()
        import resource  # not on Windows

        self._report("most memory of the window", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, "MB")

    def _find(self, page: Any) -> Generator[None, None, None]:
        """Types a text letter by letter, which leaves many, some, and few, and clears it; in the grid as well."""
        self._ticks.begin()
        for is_grid in (False, True):
            page.clips.view_grid.setChecked(is_grid)
            for text in (*itertools.accumulate("a_nohash_1"), ""):
                page.clips.field.setText(text)
                for _ in range(4):
                    yield
        self._tell("filtering by text as it is typed")

    def _sort(self, page: Any) -> Generator[None, None, None]:
        """By every column, both ways, as table and as grid."""
        self._ticks.begin()
        for is_grid in (False, True):
            page.clips.view_grid.setChecked(is_grid)
            for column in range(page.table.rows.columnCount()):
                for _ in range(2):
                    page.table.horizontalHeader().sectionClicked.emit(column)
                    for _ in range(4):
                        yield
        page.clips.view_grid.setChecked(False)
        self._tell("sorting by every column")

    def _exclude(self) -> None:
        self._ticks.begin()
        self._page.recordings.exclude([self._page.table.rows.clips[at] for at in range(100)], True)

    def _import(self) -> Generator[None, None, None]:
        """Imports the clips of a folder that has as many, no two alike, where one is named."""
        source = self._folder.parent / "source"
        if not source.is_dir():
            return
        project = self._window.services.project.project
        assert isinstance(project, Project)
        self._ticks.begin()
        began_s = time.perf_counter()
        of: Any = sys.modules[type(self._page.imports).__module__]
        self._page.imports.start(of.Looked(project, of.Source(source)), of.Choice())
        while self._page.imports.is_running:
            yield
        for _ in range(60):
            yield
        self._report("importing, and showing what came in", round(time.perf_counter() - began_s, 1), "s")
        self._tell("importing")
        self._ticks.begin()
        self._window.services.project.undo_stack.undo()
        while self._page.imports.is_running:
            yield
        for _ in range(60):
            yield
        self._tell("undoing the import")

    def _tell(self, what: str) -> None:
        self._ticks.end()
        gaps_ms = np.array(self._ticks.gaps_ms)
        self._report(f"{what}: 99th percentile of frame gaps", round(float(np.percentile(gaps_ms, 99)), 1), "ms")
        self._report(f"{what}: longest frame gap", round(float(gaps_ms.max()), 1), "ms", asked=100)
