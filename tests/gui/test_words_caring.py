"""Caring for clips on the Words page: what is found, shown, filtered, and changed for many at once, by keyboard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from kws_engine.clips.project import Project
from kws_engine.clips.words import NOISE
from kws_gui.pages.words.caring import LEFT_OUT
from kws_gui.pages.words.page import WordsPage
from kws_gui.services.services import Services, make_services
from tests.gui.tiny_project import make_project

PATIENCE_MS = 20_000


def opened(qtbot: QtBot, folder: Path) -> tuple[WordsPage, Services]:
    services = make_services()
    services.project.open(Project.open(folder))
    page = WordsPage(services)
    page.resize(1024, 700)
    qtbot.addWidget(page)
    page.show()
    page.words.choose("low")
    return page, services


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    project = make_project(tmp_path / "tones", takes=4)
    silence = np.zeros(project.clip_samples, np.float32)
    for _ in range(2):
        project.edit.add_take("low", silence, speaker="mia")
    return project.folder


@pytest.fixture
def page(qtbot: QtBot, folder: Path) -> Iterator[WordsPage]:
    made, services = opened(qtbot, folder)
    made.services = services
    yield made
    made.shutdown()
    services.shutdown()


def problems(page: WordsPage) -> list[str]:
    rows = page.table.rows
    return [
        rows.data(rows.index(row, rows.columnCount() - 1), Qt.ItemDataRole.DisplayRole)
        for row in range(rows.rowCount())
    ]


def checked(qtbot: QtBot, page: WordsPage) -> None:
    qtbot.mouseClick(page.caring.check, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.services.care.found is not None, timeout=PATIENCE_MS)


def choose_filter(page: WordsPage, value: str) -> None:
    page.caring.filters.setCurrentIndex(page.caring.filters.findData(value))


def test_problems_are_a_column_and_a_filter(qtbot: QtBot, page: WordsPage) -> None:
    assert set(problems(page)) == {""}
    checked(qtbot, page)
    silent = [text for text in problems(page) if "nothing said" in text and "too quiet" in text]
    assert len(silent) == 2
    assert not page.caring.check.isVisible()
    choose_filter(page, "duplicate")
    assert [clip.speaker for clip in page.table.rows.clips if clip.speaker == "mia"] == ["mia"]
    choose_filter(page, "too_quiet")
    assert {clip.speaker for clip in page.table.rows.clips} == {"mia"}
    assert "of" in page.clips.title.text()


def test_many_are_left_out_by_keyboard_and_come_back_after_a_restart(
    qtbot: QtBot, page: WordsPage, folder: Path
) -> None:
    checked(qtbot, page)
    choose_filter(page, "too_quiet")
    page.table.selectAll()
    qtbot.keyClick(page.table, Qt.Key.Key_X)
    assert Project.open(folder).table().excluded.sum() == 2
    page.table.selectAll()
    menu = page.table.make_words_menu()
    next(action for action in menu.actions() if action.text() == "high").trigger()
    assert len([clip for clip in Project.open(folder).clips(word="high", include_excluded=True) if clip.excluded]) == 2
    page.shutdown()

    again, services = opened(qtbot, folder)
    stack = services.project.undo_stack
    assert stack.undoText() == "Put 2 clips under “high”"
    stack.undo()
    stack.undo()
    assert not Project.open(folder).table().excluded.any()
    assert len(Project.open(folder).clips(word="low")) == 6
    stack.redo()
    choose_filter(again, LEFT_OUT)
    assert {clip.speaker for clip in again.table.rows.clips} == {"mia"}
    again.shutdown()
    services.shutdown()


def test_deleted_clips_come_back_after_a_restart(qtbot: QtBot, page: WordsPage, folder: Path) -> None:
    page.table.selectRow(0)
    qtbot.keyClick(page.table, Qt.Key.Key_Delete)
    assert len(Project.open(folder).clips(word="low")) == 5
    again, services = opened(qtbot, folder)
    services.project.undo_stack.undo()
    assert len(Project.open(folder).clips(word="low")) == 6
    assert not services.project.undo_stack.canUndo()
    again.shutdown()
    services.shutdown()


def test_what_is_missing_is_said(page: WordsPage) -> None:
    assert page.caring.lacks.text().replace("\u200b", "").startswith("low has 6 takes of two speakers; 20 of two")


def test_a_project_checked_before_shows_what_was_found_at_once(qtbot: QtBot, page: WordsPage, folder: Path) -> None:
    checked(qtbot, page)
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    again, services = opened(qtbot, copy)
    qtbot.waitUntil(lambda: services.care.found is not None, timeout=PATIENCE_MS)
    assert any("nothing said" in text for text in problems(again))
    again.shutdown()
    services.shutdown()


def test_the_grid_shows_the_same_clips_and_takes_the_same_keys(qtbot: QtBot, page: WordsPage, folder: Path) -> None:
    played = []
    page.table.playRequested.connect(played.append)
    page.clips.view_grid.click()
    assert page.grid.isVisible() and not page.table.isVisible()
    clips = list(page.table.rows.clips)
    assert page.grid.shown() == [clip.path for clip in clips]
    page.grid.viewport().repaint()
    qtbot.waitUntil(lambda: all(page.grid.picture(clip.path) is not None for clip in clips), timeout=PATIENCE_MS)
    page.grid.setCurrentIndex(page.table.rows.index(1, 0))
    qtbot.keyClick(page.grid, Qt.Key.Key_Space)
    assert [clip.path for clip in played] == [clips[1].path]
    page.grid.selectAll()
    qtbot.keyClick(page.grid, Qt.Key.Key_X)
    assert Project.open(folder).table().excluded.sum() == 6
    page.services.project.undo_stack.undo()
    assert not Project.open(folder).table().excluded.any()


def test_deleted_noise_comes_back(qtbot: QtBot, page: WordsPage, folder: Path) -> None:
    project = page.services.project.project
    assert project is not None
    rng = np.random.default_rng(0)
    project.edit.add_take(NOISE, (rng.standard_normal(project.rate) * 0.1).astype(np.float32), speaker="room")
    page.words.choose(NOISE)
    page.clips.refresh()
    page.table.selectRow(0)
    qtbot.keyClick(page.table, Qt.Key.Key_X)
    qtbot.keyClick(page.table, Qt.Key.Key_Delete)
    assert project.noises() == []
    page.services.project.undo_stack.undo()
    assert len(project.noises()) == 1
