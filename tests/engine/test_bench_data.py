"""The measurement of large projects, on a small one: what it makes, opens and refuses."""

import shutil

import pytest

from kws_engine import bench
from kws_engine.bench import data, import_
from kws_engine.clips.project import Project
from kws_engine.errors import KwsError

CLIPS = 700


def test_a_made_project_has_so_many_readable_clips_of_all_words_and_many_speakers(tmp_path):
    project = Project.open(data.make_project(tmp_path, CLIPS))
    table = project.table()
    assert len(table) == CLIPS and not project.unreadable
    assert table.counts().sum(axis=1).tolist() == [CLIPS // len(data.WORDS)] * len(data.WORDS) + [0]
    assert len(table.speakers) == CLIPS // len(data.WORDS)
    assert (table.seconds == 1.0).all()


def test_opening_is_measured_in_a_process_of_its_own(tmp_path):
    project = data.make_project(tmp_path, CLIPS)
    first, warm = data.opened(project), data.opened(project)
    expected = {part: len(Project.open(project).clips(split=part)) for part in ("training", "validation", "testing")}
    assert first["parts"] == warm["parts"] == expected and sum(expected.values()) == CLIPS
    assert first["seconds"] > 0 and warm["cpu_seconds"] > 0 and warm["take_ms"] > 0


def test_a_disk_without_room_is_refused_in_words(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(KwsError, match=r"MB free and .* clips need .*: free some space, or set TMPDIR"):
        data.check_room(tmp_path, free)


def test_a_project_that_cannot_be_opened_is_said(tmp_path):
    with pytest.raises(KwsError, match="could not be opened"):
        data.opened(tmp_path / "none")


def test_a_measurement_named_by_a_keyword_is_a_module_like_any_other():
    names = bench.names()
    assert names["import"] == import_.TITLE and not any(name.endswith("_") for name in names)
