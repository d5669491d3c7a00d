"""Undoing what changed many clips, in the window: an import after a restart, stopped midway, and while it is closed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from tiny_project import RATE, make_project

from kws_engine import audio
from kws_engine.clips import import_changes
from kws_engine.clips.edit import Edit
from kws_engine.clips.project import Project
from kws_gui.main_window import MainWindow
from kws_gui.pages.words.importing import Choice, Looked, Source
from kws_gui.pages.words.page import WordsPage
from kws_gui.services import undoing

PATIENCE_MS = 20_000
CLIPS = 12


class Gate:
    """Lets so many deletions through, then holds up the next one until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, free: int) -> None:
        self.reached, self._open, self._free = threading.Event(), threading.Event(), free
        delete = Edit.delete

        def held(edit: Edit, *arguments: Any, **named: Any) -> Any:
            self._free -= 1
            if self._free < 0:
                self.reached.set()
                self._open.wait(PATIENCE_MS / 1000)
            return delete(edit, *arguments, **named)

        monkeypatch.setattr(Edit, "delete", held)

    def open(self) -> None:
        self._open.set()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undoing, "MANY", 3)
    monkeypatch.setattr(import_changes, "_AT_ONCE", 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_project(tmp_path / "tones", takes=4).folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "set" / "stop").mkdir(parents=True)
    sound = 0.3 * np.sin(np.arange(RATE) / 7) * np.hanning(RATE)
    for number in range(CLIPS):
        audio.write(tmp_path / "set" / "stop" / f"kim_nohash_{number}.wav", np.roll(sound, 9 * number), rate=RATE)
    return tmp_path / "set"


@pytest.fixture
def windows(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[MainWindow]]:
    made: list[MainWindow] = []
    yield made
    for window in made:
        window.close()


def opened(windows: list[MainWindow], qtbot: QtBot, folder: Path) -> WordsPage:
    for before in windows:
        before.close()
    window = MainWindow()
    windows.append(window)
    qtbot.addWidget(window)
    window.show()
    window.open_folder(folder)
    qtbot.waitUntil(lambda: window.services.project.project is not None, timeout=PATIENCE_MS)
    window.services.navigation.show_page("words")
    page = window.page("words")
    assert isinstance(page, WordsPage)
    return page


def import_all(page: WordsPage, qtbot: QtBot, source: Path) -> None:
    with qtbot.waitSignal(page.imports.imported, timeout=PATIENCE_MS):
        page.imports.start(Looked(project_of(page), Source(source)), Choice())
    assert page._model.undo_stack.undoText() == f"Import {CLIPS} clips" and count(page) == CLIPS


def project_of(page: WordsPage) -> Project:
    project = page._model.project
    assert project is not None
    return project


def count(page: WordsPage) -> int:
    return len(project_of(page).clips(word="stop")) if "stop" in project_of(page).words else 0


def settled(page: WordsPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not page.imports.is_running, timeout=PATIENCE_MS)


def test_an_import_is_undone_and_done_again_after_a_restart(
    windows: list[MainWindow], qtbot: QtBot, folder: Path, source: Path
) -> None:
    page = opened(windows, qtbot, folder)
    import_all(page, qtbot, source)
    page = opened(windows, qtbot, folder)
    stack = page._model.undo_stack
    assert stack.undoText() == f"Import {CLIPS} clips"
    stack.undo()
    assert not stack.canUndo() and not stack.canRedo()
    settled(page, qtbot)
    assert "stop" not in project_of(page).words and stack.canRedo() and not list(folder.glob("clips/stop/*"))
    stack.redo()
    settled(page, qtbot)
    assert count(page) == CLIPS and page._model.undo_stack.undoText() == f"Import {CLIPS} clips"


def test_an_undoing_is_cancelled_midway_says_so_and_goes_on_after_a_restart(
    windows: list[MainWindow], qtbot: QtBot, folder: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(windows, qtbot, folder)
    import_all(page, qtbot, source)
    stack = page._model.undo_stack
    with monkeypatch.context() as holding:
        gate = Gate(holding, free=4)
        stack.undo()
        qtbot.waitUntil(lambda: gate.reached.is_set() and page.imports.progress.isVisible(), timeout=PATIENCE_MS)
        assert f"4 of {CLIPS}" in page.imports.progress.text()
        qtbot.mouseClick(page.imports.progress.cancelButton(), Qt.MouseButton.LeftButton)
        gate.open()
        settled(page, qtbot)
    assert count(page) == CLIPS - 5 and stack.undoText() == "Import 7 clips"
    assert page.imports.result.text() == (
        "Cancelled: 5 of 12 clips were taken out, 7 stay in the project. Undo takes out the rest."
    )
    assert page.table.rows.rowCount() == 4  # of the first word, which was not touched

    page = opened(windows, qtbot, folder)
    assert count(page) == CLIPS - 5
    page._model.undo_stack.undo()
    settled(page, qtbot)
    assert "stop" not in project_of(page).words
    page._model.undo_stack.redo()
    settled(page, qtbot)
    assert count(page) == CLIPS


def test_a_window_that_is_closed_while_an_import_is_undone_leaves_whole_clips(
    windows: list[MainWindow], qtbot: QtBot, folder: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(windows, qtbot, folder)
    import_all(page, qtbot, source)
    with monkeypatch.context() as holding:
        gate = Gate(holding, free=2)
        page._model.undo_stack.undo()
        qtbot.waitUntil(gate.reached.is_set, timeout=PATIENCE_MS)
        threading.Timer(0.2, gate.open).start()
        page = opened(windows, qtbot, folder)
    assert count(page) == CLIPS - 3 and page._model.undo_stack.undoText() == f"Import {CLIPS - 3} clips"
    page._model.undo_stack.undo()
    settled(page, qtbot)
    assert "stop" not in project_of(page).words


def test_leaving_many_clips_out_waits_for_no_disk_and_an_error_takes_it_from_the_stack(
    windows: list[MainWindow], qtbot: QtBot, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(windows, qtbot, folder)
    clips = list(page.table.rows.clips)
    page.recordings.exclude(clips, True)
    page.recordings.set_part(clips, "training")  # waits for its turn
    assert not any(clip.excluded for clip in page.table.rows.clips)
    settled(page, qtbot)
    qtbot.waitUntil(lambda: all(clip.excluded for clip in page.table.rows.clips), timeout=PATIENCE_MS)
    stack = page._model.undo_stack
    assert stack.count() == 2 and stack.undoText() == "Change the part" and stack.canUndo()
    page.recordings.exclude(list(page.table.rows.clips), False)
    page.recordings.set_part(clips, "testing")
    page = opened(windows, qtbot, folder)  # closed before the second one's turn
    stack = page._model.undo_stack
    clips = list(page.table.rows.clips)
    assert stack.count() == 4 and {(clip.excluded, clip.split) for clip in clips} == {(False, "testing")}
    for clip in clips:
        clip.path.unlink()
    page.recordings.exclude(list(page.table.rows.clips), True)
    settled(page, qtbot)
    assert stack.count() == 4 and "no longer there" in page.messages.text()
