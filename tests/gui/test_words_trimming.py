"""Trimming and splitting on the Words page: by handles and keys, for many at once, undone, also after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from kws_engine.clips.project import Project
from kws_gui.pages.words.page import WordsPage
from kws_gui.services.services import make_services
from kws_gui.widgets.stretch import StretchWaveform
from tests.gui.tiny_project import make_project

PATIENCE_MS = 20_000
RATE = 16_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    project = make_project(tmp_path / "tones", takes=2)
    sound = 0.001 * np.random.default_rng(0).standard_normal(2 * RATE)
    tone = 0.3 * np.sin(2 * np.pi * 600 * np.arange(RATE // 2) / RATE)
    for at in (RATE // 2, RATE):
        longer = sound.copy()
        longer[at : at + len(tone)] += tone
        project.edit.add_take("low", longer.astype(np.float32), speaker="zoe")
    return project.folder


def opened(qtbot: QtBot, folder: Path) -> WordsPage:
    services = make_services()
    services.project.open(Project.open(folder))
    page = WordsPage(services)
    page.services = services
    page.resize(1024, 700)
    qtbot.addWidget(page)
    page.show()
    page.words.choose("low")
    return page


@pytest.fixture
def page(qtbot: QtBot, folder: Path) -> Iterator[WordsPage]:
    made = opened(qtbot, folder)
    yield made
    made.shutdown()
    made.services.shutdown()


def lengths(folder: Path) -> list[float]:
    return sorted(clip.seconds for clip in Project.open(folder).clips(word="low"))


def choose_long(page: WordsPage) -> None:
    page.table.choose(next(clip.path for clip in page.table.rows.clips if clip.seconds == 2.0))


@pytest.mark.parametrize("as_grid", [False, True])
def test_a_clip_is_trimmed_by_keys_and_comes_back_after_a_restart(
    page: WordsPage, qtbot: QtBot, folder: Path, as_grid: bool
) -> None:
    before = lengths(folder)
    page.clips.view_grid.setChecked(as_grid)
    choose_long(page)
    qtbot.keyClick(page.grid if as_grid else page.table, Qt.Key.Key_T)
    dialog = page._trimming.dialog
    assert dialog is not None and not dialog.go.isEnabled()
    for _ in range(5):
        qtbot.keyClick(dialog.wave, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(dialog.wave, Qt.Key.Key_Down)
    qtbot.keyClick(dialog.wave, Qt.Key.Key_Left)
    qtbot.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
    assert 1.49 in lengths(folder) and page.services.project.undo_stack.undoText() == "Trim a clip"
    again = opened(qtbot, folder)
    stack = again.services.project.undo_stack
    assert stack.undoText() == "Trim 1 clip"
    stack.undo()
    assert lengths(folder) == before
    stack.redo()
    assert 1.49 in lengths(folder)
    again.shutdown()
    again.services.shutdown()


def test_a_clip_is_split_at_the_chosen_handle(page: WordsPage, qtbot: QtBot, folder: Path) -> None:
    before = lengths(folder)
    choose_long(page)
    qtbot.keyClick(page.table, Qt.Key.Key_T)
    dialog = page._trimming.dialog
    assert dialog is not None and not dialog.split_here.isEnabled()
    dialog.wave.setStretch(RATE // 2, 2 * RATE)
    qtbot.mouseClick(dialog.split_here, Qt.MouseButton.LeftButton)
    assert 0.5 in lengths(folder) and 1.5 in lengths(folder) and len(lengths(folder)) == len(before) + 1
    page.services.project.undo_stack.undo()
    assert lengths(folder) == before


def test_many_are_trimmed_to_their_speech_in_the_background(page: WordsPage, qtbot: QtBot, folder: Path) -> None:
    before = lengths(folder)
    page.table.selectAll()
    page.table.speechRequested.emit(page.table.selected())
    qtbot.waitUntil(lambda: not page.imports.is_running, timeout=PATIENCE_MS)
    assert max(lengths(folder)) == 1.0 and page.services.project.undo_stack.undoText() == "Trim 2 clips"
    page.services.project.undo_stack.undo()
    assert lengths(folder) == before


def test_a_clip_plays_under_the_pointer_only_where_that_is_chosen(
    page: WordsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Path] = []
    monkeypatch.setattr(page.player, "play_file", heard.append)
    page.grid.entered.emit(page.table.rows.index(0, 0))
    assert not heard
    page.table.hoverChosen.emit(True)
    page.grid.entered.emit(page.table.rows.index(0, 0))
    assert heard == [page.table.rows.clips[0].path]


def test_the_handles_stay_apart_and_inside(qtbot: QtBot) -> None:
    wave = StretchWaveform()
    qtbot.addWidget(wave)
    wave.setSamples(np.zeros(RATE, np.float32), RATE)
    wave.setStretch(-5, 2 * RATE)
    assert wave.stretch() == (0, RATE)
    qtbot.keyClick(wave, Qt.Key.Key_End)
    assert wave.stretch() == (RATE - RATE // 20, RATE)
    assert "the start is chosen" in wave.accessibleDescription()
