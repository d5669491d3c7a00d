"""The map of clips and the learning curve on the Words page: seen, chosen and changed by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from kws_engine.clips.project import Project
from kws_gui.pages.words.page import WordsPage
from kws_gui.services.services import Services, make_services
from kws_gui.widgets.clip_scatter import ClipScatter, group_shape, group_style, inside
from tests.speech_project import make_project

PATIENCE_MS = 60_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_project(tmp_path / "words").folder


@pytest.fixture
def services(qtbot: QtBot, folder: Path) -> Iterator[Services]:
    made = make_services()
    made.project.open(Project.open(folder))
    yield made
    made.shutdown()


@pytest.fixture
def page(qtbot: QtBot, services: Services) -> Iterator[WordsPage]:
    made = WordsPage(services)
    made.resize(1024, 800)
    qtbot.addWidget(made)
    made.show()
    made.words.choose(services.project.project.words[0])
    made.map.plot.plays.setChecked(False)
    made.clips.view_map.setChecked(True)
    yield made
    made.shutdown()


def laid(qtbot: QtBot, page: WordsPage) -> None:
    qtbot.mouseClick(page.map.empty.button(), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.map.plot.legend.count() > 0, timeout=PATIENCE_MS)


def excluded(folder: Path) -> int:
    return int(Project.open(folder).table().excluded.sum())


@pytest.mark.slow
def test_the_map_is_laid_walked_and_acted_on_by_keyboard(
    qtbot: QtBot, page: WordsPage, services: Services, folder: Path
) -> None:
    assert page.map.empty.isVisible() and not page.map.plot.scatter.isVisible()
    laid(qtbot, page)
    assert page.map.plot.scatter.isVisible()
    qtbot.keyClick(page.map.plot, Qt.Key.Key_Right)
    qtbot.keyClick(page.map.plot, Qt.Key.Key_Left)
    [clip] = page.map.plot.selected()
    assert page.table.current().path == clip.path and page.words.word == clip.word
    with qtbot.waitSignal(page.map.plot.soundRequested) as heard:
        qtbot.keyClick(page.map.plot, Qt.Key.Key_Space)
    assert heard.args == [clip.path]
    qtbot.keyClick(page.map.plot, Qt.Key.Key_X)
    assert excluded(folder) == 1
    services.project.undo_stack.undo()
    assert excluded(folder) == 0


@pytest.mark.slow
def test_a_lasso_selects_many_here_and_in_the_table(
    qtbot: QtBot, page: WordsPage, services: Services, folder: Path
) -> None:
    laid(qtbot, page)
    rows = np.flatnonzero(page.map.plot.scatter.shown())
    page.map.plot.scatter.lassoed.emit(rows, False)
    assert len(page.map.plot.selected()) == len(rows)
    assert {clip.word for clip in page.table.selected()} == {page.words.word}
    menu = page.map.plot.make_words_menu()
    word = menu.actions()[0].text()
    menu.actions()[0].trigger()
    assert len(Project.open(folder).clips(word=word)) >= len(rows)
    services.project.undo_stack.undo()
    assert len(Project.open(folder).clips(word=word)) < len(rows)
    page.map.plot.legend.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert page.map.plot.scatter.shown().sum() < len(rows)


@pytest.mark.slow
def test_more_takes_are_foretold(qtbot: QtBot, page: WordsPage) -> None:
    assert not page.caring.more.isVisible()
    laid(qtbot, page)
    page.clips.view_map.setChecked(False)
    qtbot.mouseClick(page.caring.more, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.caring.dialog is not None or bool(page.caring.lacks.text()), timeout=PATIENCE_MS)
    assert page.caring.dialog is not None
    assert "would give about" in page.caring.dialog.told.text()
    page.caring.dialog.reject()


def test_groups_differ_in_shape_as_well_as_in_colour() -> None:
    looks = {(group_style(group).color().name(), group_shape(group)) for group in range(56)}
    assert len(looks) == 56
    assert all(group_shape(group) != group_shape(group + 1) for group in range(56))


def test_points_are_found_hidden_and_walked(qtbot: QtBot) -> None:
    scatter = ClipScatter()
    qtbot.addWidget(scatter)
    scatter.resize(400, 400)
    scatter.show()
    places = np.array([(0, 0), (0.5, 0), (0, 0.5), (np.nan, np.nan)], np.float32)
    scatter.setPoints(places, np.array([0, 1, 2, 0]), np.zeros(4, bool))
    assert [scatter.near(scatter.scenePlace(row)) for row in range(3)] == [0, 1, 2]
    assert scatter.next_to(0, (1, 0)) == 1 and scatter.next_to(0, (0, 1)) == 2 and scatter.next_to(0, (-1, 0)) == -1
    scatter.hideGroups([1])
    assert scatter.shown().tolist() == [True, False, True, False]
    assert scatter.near(scatter.scenePlace(1)) == -1


def test_a_lasso_may_be_hollow() -> None:
    corners = np.array([(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)], float)
    assert inside(np.array([(1.0, 1.0), (2.0, 3.0), (5.0, 1.0)]), corners).tolist() == [True, False, False]
