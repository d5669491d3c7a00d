"""The table of a word's clips: rows in order, made when they are seen, found by path, whatever list they come from."""

import numpy as np
import pytest
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt

from kws_engine.caring.arrangement import Arrangement
from kws_engine.caring.checking import check
from kws_engine.clips.project import Project
from kws_gui.pages.words.clip_model import COLUMNS
from kws_gui.pages.words.clips import ClipTableView


@pytest.fixture
def project(tmp_path):
    made = Project.create(tmp_path / "p", words=["up", "down"])
    for speaker in ("bob", "Ann", "ann", "zoe", "Bea"):
        for _ in range(11):
            made.edit.add_take("up", np.full(160, 0.2, np.float32), speaker=speaker)
    return made


@pytest.fixture
def table(qtbot):
    made = ClipTableView()
    qtbot.addWidget(made)
    return made


def test_rows_of_columns_stand_as_those_of_a_list(project, table):
    table.show_clips(list(project.clips()))
    listed = [clip.path.name for clip in table.rows.clips]
    table.show_clips(project.clips())
    names = [clip.path.name for clip in table.rows.clips]
    assert sorted(names) == sorted(listed) and [n.casefold()[:3] for n in names] == [n.casefold()[:3] for n in listed]
    assert [n for n in names if n.startswith("bob")] == [f"bob_nohash_{take}.wav" for take in range(11)]


def test_a_clip_is_chosen_by_its_path_and_stays_current_when_others_come(project, table):
    table.show_clips(project.clips())
    wanted = project.clips()[17]
    table.choose(wanted.path)
    assert table.current() == wanted and table.selected() == [wanted]
    project.edit.delete(project.clips()[:5])
    table.show_clips(project.clips())
    assert table.current() == wanted and table.rows.rowCount() == 50
    table.choose(project.clips_folder / "up/nobody_nohash_0.wav")
    table.choose(project.clips_folder.parent / "up" / wanted.path.name)
    assert table.current() == wanted
    table.show_clips([])
    assert table.current() is None and table.rows.rowCount() == 0


def test_a_clip_is_chosen_while_ctrl_is_held(project, table, qtbot):
    table.show_clips(project.clips())
    wanted = project.clips()[17]
    qtbot.keyPress(table, Qt.Key.Key_Control, Qt.KeyboardModifier.ControlModifier)
    try:
        table.choose(wanted.path)
        assert table.current() == wanted and table.selected() == [wanted]
    finally:
        qtbot.keyRelease(table, Qt.Key.Key_Control)


def test_a_click_on_the_header_sorts_and_what_is_chosen_stays_chosen(project, table, qtbot):
    project.edit.set_splits(list(project.clips())[:7], ["testing"] * 7)
    table.show_clips(project.clips())
    table.resize(700, 300)
    table.show()
    current = project.clips()[17]
    table.choose(current.path)
    table.selectAll()
    header = table.horizontalHeader()
    place = QPoint(header.sectionViewportPosition(0) + 5, header.height() // 2)
    for takes in ([0] * 5, [10] * 5):
        qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
        assert [clip.take for clip in table.rows.clips[:5]] == takes
        assert table.current() == current and len(table.selected()) == len(table.rows.clips)
    assert header.sortIndicatorSection() == 0 and header.sortIndicatorOrder() == Qt.SortOrder.DescendingOrder
    assert table.visualRect(table.currentIndex()).intersects(table.viewport().rect())
    table.set_order("part", True)
    assert [clip.split for clip in table.rows.clips[:7]] == ["testing"] * 7


def test_some_selected_clips_stay_selected_in_another_order(project, table):
    table.show_clips(project.clips())
    table.choose(table.rows.clips[3].path)
    flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    for row in (5, 6, 20):
        table.selectionModel().select(table.rows.index(row, 0), flags)
    chosen = {clip.path for clip in table.selected()}
    assert len(chosen) == 4
    table.set_order("take", False)
    assert {clip.path for clip in table.selected()} == chosen


def test_what_only_a_check_tells_is_a_column_once_there_is_one(project, table):
    clips = project.clips()
    table.show_clips(clips)
    hidden = [COLUMNS[at].key for at in range(len(COLUMNS)) if table.isColumnHidden(at)]
    assert hidden == ["snr", "suspicion"]
    found = check(project)
    table.show_clips(clips, Arrangement(clips.table, found))
    assert not any(table.isColumnHidden(at) for at in range(len(COLUMNS)))
    assert "nothing said" in table.rows.problems(0)
    table.choose_order("suspicion")
    assert table.rows.order == ("suspicion", True), "the most suspicious first"
