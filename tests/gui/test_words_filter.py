"""Filtering the clips of a word by text, putting them in order, and giving them the whole page, by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from tiny_project import RATE, make_project

from kws_engine.clips.project import Project
from kws_engine.clips.recording import evaluate_take
from kws_engine.clips.words import NOISE
from kws_gui.page_frame import PageFrame
from kws_gui.pages.words.page import WordsPage
from kws_gui.services.services import Services, make_services

PATIENCE_MS = 20_000


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Four clips of "low" by one speaker, two by another; one clip is silent."""
    made = make_project(tmp_path / "tones", takes=4)
    for volume in (0.0, 0.1):
        made.edit.add_take("low", tone() * np.float32(volume), speaker="Mia")
    return made


@pytest.fixture
def services(qtbot: QtBot, project: Project) -> Iterator[Services]:
    made = make_services()
    made.project.open(project)
    yield made
    made.shutdown()


@pytest.fixture
def page(qtbot: QtBot, services: Services) -> Iterator[WordsPage]:
    made = WordsPage(services)
    made.resize(1024, 700)
    qtbot.addWidget(made)
    made.show()
    made.words.choose("low")
    yield made
    made.shutdown()


def tone() -> np.ndarray:
    return np.sin(2 * np.pi * 300 * np.arange(RATE) / RATE).astype(np.float32)


def speakers(page: WordsPage) -> list[str]:
    return [clip.speaker for clip in page.table.rows.clips]


def test_what_is_typed_filters_the_table_and_the_grid_and_escape_shows_all(qtbot: QtBot, page: WordsPage) -> None:
    whole = len(speakers(page))
    qtbot.keyClick(page.table, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert page.clips.field.hasFocus()
    qtbot.keyClicks(page.clips.field, "mia")
    assert speakers(page) == ["Mia", "Mia"] and page.clips.title.text() == f"Clips (2 of {whole})"
    page.clips.view_grid.click()
    assert page.grid.shown() == [clip.path for clip in page.table.rows.clips]
    qtbot.keyClicks(page.clips.field, " 0.")
    assert speakers(page) == ["Mia"]
    qtbot.keyClick(page.clips.field, Qt.Key.Key_Down)
    assert page.grid.hasFocus() and page.table.current() is not None
    page.clips.find_text()
    qtbot.keyClick(page.clips.field, Qt.Key.Key_Escape)
    assert len(speakers(page)) == whole and page.clips.field.hasFocus()
    qtbot.keyClick(page.clips.field, Qt.Key.Key_Escape)
    assert page.grid.hasFocus()


def test_a_filter_that_leaves_nothing_says_so(qtbot: QtBot, page: WordsPage) -> None:
    qtbot.keyClicks(page.clips.field, "nobody")
    assert not page.table.isVisible() and "Esc" in page.clips._hint.text() and page.clips._hint.isVisible()
    qtbot.keyClick(page.clips.field, Qt.Key.Key_Escape)
    assert page.table.isVisible() and not page.clips._hint.isVisible()


def test_problems_are_found_by_text_and_put_in_order(qtbot: QtBot, page: WordsPage, services: Services) -> None:
    qtbot.mouseClick(page.caring.check, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: services.care.found is not None, timeout=PATIENCE_MS)
    qtbot.keyClicks(page.clips.field, "nothing said")
    assert "Mia" in speakers(page)
    page.clips.field.clear()
    order = page.clips.order
    order.fill()
    action = next(one for one in order.menu().actions() if one.text().startswith("Problems"))
    action.trigger()
    assert page.table.rows.problems(0) and not page.table.rows.problems(len(speakers(page)) - 1)
    assert order.accessibleName() == "Order of the clips: problems, the worst first"
    order.fill()
    order.menu().actions()[-1].trigger()
    assert page.table.rows.order == ("problems", True) and "other way round" in order.toolTip()


def test_levels_that_were_measured_put_clips_in_order(qtbot: QtBot, page: WordsPage) -> None:
    peak = page.table.rows.columnCount() - 4
    assert page.table.rows.headerData(peak, Qt.Orientation.Horizontal, Qt.ItemDataRole.DisplayRole) == "Peak"
    qtbot.waitUntil(lambda: bool(page.table.rows.index(0, peak).data()), timeout=PATIENCE_MS)
    page.table.set_order("peak", False)
    assert speakers(page)[0] == "Mia" and page.table.rows.index(0, peak).data().startswith("-")


def test_a_take_that_the_filter_would_hide_is_shown(page: WordsPage, project: Project) -> None:
    page.clips.field.setText("nobody")
    raw = np.concatenate((np.zeros(RATE, np.float32), 0.3 * tone(), np.zeros(RATE, np.float32)))
    assert page.recordings.save("low", evaluate_take(raw, RATE, clip_samples=RATE), speaker="eve")
    current = page.table.current()
    assert current is not None and current.speaker == "eve" and not page.clips.field.text()


def test_the_clips_get_the_whole_page_and_a_recording_gives_the_recorder_its_place_back(
    qtbot: QtBot, page: WordsPage, services: Services
) -> None:
    before = page.table.height()
    page.clips.alone.click()
    assert not page.recorder.isVisible()
    qtbot.waitUntil(lambda: page.table.height() > before + 200, timeout=PATIENCE_MS)
    page.recording.busyChanged.emit(True)
    assert page.recorder.isVisible() and not page.clips.alone.isChecked()
    page.recording.busyChanged.emit(False)
    page.clips.alone.click()
    again = WordsPage(services)
    qtbot.addWidget(again)
    again.show()
    assert not again.recorder.isVisible(), "it is remembered"
    again.shutdown()


def test_the_map_has_the_page_beside_the_words(qtbot: QtBot, page: WordsPage) -> None:
    page.resize(860, 460)  # of a window of 960 x 540
    page.clips.view_map.click()
    assert not page.recorder.isVisible() and page.words.isVisible() and not page.clips.field.isVisible()
    qtbot.waitUntil(lambda: page.map.height() > 0.6 * page.height(), timeout=PATIENCE_MS)
    assert page.clips.map_title.text() == "All clips" and page.clips.map_title.isVisible()
    page.clips.find_text()
    assert page.recorder.isVisible() and page.table.isVisible() and not page.map.isVisible()


def test_in_a_small_window_what_is_found_comes_into_sight(qtbot: QtBot, services: Services) -> None:
    frame = PageFrame()
    qtbot.addWidget(frame)
    page = WordsPage(services)
    frame.setPage(page)
    frame.resize(900, 500)
    frame.show()
    qtbot.waitUntil(page.recorder.record.hasFocus, timeout=PATIENCE_MS)
    assert page.table.visibleRegion().boundingRect().height() < 100
    qtbot.keyClick(page.recorder.record, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert page.clips.field.hasFocus()
    qtbot.waitUntil(lambda: page.table.visibleRegion().boundingRect().height() > 200, timeout=PATIENCE_MS)
    page.shutdown()


def test_noise_is_filtered_by_its_name(page: WordsPage, project: Project) -> None:
    rng = np.random.default_rng(0)
    for name in ("room", "street"):
        project.edit.add_take(NOISE, (rng.standard_normal(RATE) * 0.1).astype(np.float32), speaker=name)
    page.words.choose(NOISE)
    page.clips.refresh()
    page.clips.field.setText("STREET")
    assert [clip.path.name for clip in page.table.rows.clips] == ["street_nohash_0.wav"]
    page.table.set_order("length", True)
    assert len(page.table.rows.clips) == 1
