"""The table of a word's clips: rows in order, made when they are seen, found by path, whatever list they come from."""

import numpy as np
import pytest

from kws_engine.clips.project import Project
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
