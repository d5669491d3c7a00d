"""The part of each clip in a project: given when it arrives, kept whatever happens to the project, set by a person."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kws_engine import audio
from kws_engine.clips import project_file
from kws_engine.clips.edit import Move
from kws_engine.clips.importing import import_folder
from kws_engine.clips.part_file import speakers_in_several_parts
from kws_engine.clips.project import Project
from kws_engine.clips.split import SPLITS, split_by_take, which_set

ROOT = pathlib.Path(__file__).parents[2]
RATE = 16_000


def sound(seed: int) -> np.ndarray:
    return (0.2 * np.random.default_rng(seed).standard_normal(RATE // 10)).astype(np.float32)


def put(folder: pathlib.Path, word: str, speaker: str, takes: range) -> None:
    """Writes recordings as another program would."""
    for take in takes:
        path = folder / word / f"{speaker}_nohash_{take}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        audio.write(path, sound(zlib.crc32(f"{word} {speaker} {take}".encode())), rate=RATE)


def parts(project: Project) -> dict[str, str]:
    clips = project.clips(include_excluded=True)
    return {f"{clip.word}/{clip.path.name}": clip.split for clip in clips}


def counts(project: Project, word: str) -> tuple[int, int, int]:
    summary = project.summary()[word]
    return summary.training, summary.validation, summary.testing


def assert_rule(project: Project) -> None:
    for word in project.summary():
        training, validation, testing = found = counts(project, word)
        assert (training > 0) == (sum(found) > 0), (word, found)
        assert validation >= (sum(found) >= 2) and testing >= (sum(found) >= 10), (word, found)


def assert_same(before: dict[str, str], after: dict[str, str]) -> None:
    assert {key: after[key] for key in before} == before


@pytest.fixture
def project(tmp_path: pathlib.Path) -> Project:
    return Project.create(tmp_path / "p", words=["up", "down"])


@pytest.mark.parametrize(("takes", "expected"), [(2, (1, 1, 0)), (8, (6, 1, 1)), (12, (10, 1, 1)), (20, (18, 1, 1))])
@pytest.mark.parametrize("speaker", ["me", "late"])
def test_takes_of_one_voice_imported_and_recorded(project, tmp_path, takes, expected, speaker):
    put(tmp_path / "set", "up", speaker, range(takes))
    import_folder(project, tmp_path / "set")
    assert counts(project, "up") == expected
    for take in range(takes):
        before = parts(project)
        project.edit.add_take("down", sound(take), speaker=speaker)
        assert_same(before, parts(project))
        assert_rule(project)
    assert counts(project, "down") == expected
    assert parts(Project.open(project.folder)) == parts(project)


steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("import"), st.sampled_from("up down _unknown_".split()), st.sampled_from("me ann late".split()),
            st.integers(1, 12),
        ),
        st.tuples(st.just("take"), st.sampled_from(["up", "down"]), st.sampled_from(["me", "ann", "bob"])),
        st.tuples(st.just("reopen"), st.booleans()),
        st.tuples(st.just("delete"), st.integers(0, 99)),
        st.tuples(st.just("exclude"), st.integers(0, 99)),
        st.tuples(st.just("other"), st.sampled_from(["up", "down"]), st.sampled_from(["me", "eve"])),
    ),
    max_size=12,
)  # fmt: skip


@pytest.mark.slow
@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(steps)
def test_nothing_ever_moves_in_whatever_order_clips_arrive(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("p")
    project = Project.create(folder / "p", words=["up", "down"])
    other = Project.open(project.folder)
    given: dict[str, str] = {}
    for number, (kind, *values) in enumerate(steps):
        clips = project.clips()
        arrived: str | None = None
        if kind == "import":
            word, speaker, takes = values
            put(folder / f"set{number}", word, speaker, range(100 * number, 100 * number + takes))
            arrived = word if import_folder(project, folder / f"set{number}").clips else None
        elif kind == "take":
            arrived = project.edit.add_take(values[0], sound(number), speaker=values[1]).word
        elif kind == "reopen":
            if values[0]:
                for path in project.folder.glob("clips.sqlite*"):
                    path.unlink()
            project = Project.open(project.folder)
        elif kind == "delete" and clips:
            clip = clips[values[0] % len(clips)]
            project.edit.delete([clip])
            given.pop(f"{clip.word}/{clip.path.name}", None)
        elif kind == "exclude" and clips:
            project.edit.exclude([clips[values[0] % len(clips)]], True)
        elif kind == "other":
            other.refresh()  # what another open program has left out is seen only then
            arrived = other.edit.add_take(values[0], sound(number), speaker=values[1]).word
            project.refresh()
        assert_same(given, parts(project))
        given = parts(project)
        if arrived:
            training, validation, testing = found = counts(project, arrived)
            removed = any(step[0] in ("delete", "exclude") or step == ("reopen", True) for step in steps[:number])
            assert validation >= (sum(found) >= 2), found
            assert removed or testing >= (sum(found) >= 10), found
            assert removed or training, found


def test_two_programs_at_once_keep_the_rule_and_agree(project):
    code = (
        "import sys, numpy as np; from kws_engine.clips.project import Project; p = Project.open(sys.argv[1])\n"
        "for n in range(10): p.edit.add_take('up', np.full(1600, 0.2, 'f4'), speaker=sys.argv[2])"
    )
    command = [sys.executable, "-c", code, str(project.folder)]
    running = [subprocess.Popen([*command, who], cwd=ROOT) for who in ("me", "ann")]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    project.refresh()
    assert sum(counts(project, "up")) == 20
    assert_rule(project)
    assert parts(Project.open(project.folder)) == parts(project)


def test_two_open_projects_count_each_others_takes(project):
    other = Project.open(project.folder)
    for number in range(12):
        (project if number % 2 else other).edit.add_take("up", sound(number), speaker=f"s{number % 2}")
        anew = Project.open(project.folder)
        assert_rule(anew)
    assert counts(anew, "up") == (10, 1, 1)
    project.refresh()
    other.refresh()
    assert parts(project) == parts(other) == parts(anew)


@pytest.mark.parametrize("lost", ["clips.sqlite", "clips.sqlite, damaged", "project.toml's split"])
def test_parts_outlive_what_can_be_measured_anew(project, lost):
    for number in range(12):
        project.edit.add_take("up", sound(number), speaker="late")
    before = parts(project)
    if lost == "clips.sqlite":
        for path in project.folder.glob("clips.sqlite*"):
            path.unlink()
    elif lost == "clips.sqlite, damaged":
        (project.folder / "clips.sqlite").write_bytes(b"no database" * 99)
    else:
        project_file.change(project.folder, lambda tables: tables.pop("split", None))
    again = Project.open(project.folder)
    assert parts(again) == before
    again.refresh()
    assert parts(again) == before == parts(Project.open(project.folder))


@pytest.mark.parametrize("damage", [b"", b"no database" * 99, None])
def test_a_damaged_file_of_parts_is_set_aside_and_the_rule_holds(project, damage):
    for number in range(12):
        project.edit.add_take("up", sound(number), speaker="late")
    path = project.folder / "parts.sqlite"
    for more in project.folder.glob("parts.sqlite-*"):
        more.unlink()
    path.write_bytes(path.read_bytes()[:5000] if damage is None else damage)
    again = Project.open(project.folder)
    assert len(again.clips()) == 12
    assert_rule(again)
    again.edit.add_take("up", sound(99), speaker="late")
    assert parts(Project.open(project.folder)) == parts(again)


@pytest.mark.parametrize("by_take", [["me"], []])
def test_a_project_of_an_older_version_keeps_every_clip_where_it_is(tmp_path, by_take):
    project = Project.create(tmp_path / "p", words=["up", "down"])
    project_file.change(project.folder, lambda tables: tables.update(split={"by_take": by_take}))
    for word in ("up", "down"):
        put(project.clips_folder, word, "me", range(9))
        put(project.clips_folder, word, "late", range(3))
    (project.folder / "parts.sqlite").unlink(missing_ok=True)
    old = Project.open(project.folder)
    for clip in old.clips():
        by_rule = split_by_take(clip.take) if clip.speaker in by_take else which_set(clip.speaker)
        assert clip.split == by_rule
    before = parts(old)
    old.edit.add_take("up", sound(1), speaker="me")
    put(tmp_path / "set", "down", "bob", range(4))
    import_folder(old, tmp_path / "set")
    again = Project.open(project.folder)
    assert_same(before, parts(again))
    assert parts(again) == parts(old)
    assert_rule(again)


@pytest.mark.skipif(not hasattr(os, "seteuid") or os.getuid() != 0, reason="needs to change rights")
def test_in_a_project_that_cannot_be_written_parts_are_decided_in_memory(project):
    put(project.clips_folder, "up", "late", range(12))
    for path in (project.folder, *project.folder.rglob("*"), *project.folder.parents[:-2]):
        path.chmod(0o755 if path.is_dir() else 0o644)
    files = sorted(project.folder.iterdir())
    os.seteuid(65534)
    try:
        opened = Project.open(project.folder)
        before = parts(opened)
        opened.refresh()
        assert counts(opened, "up") == (10, 1, 1) and parts(opened) == before
        assert parts(Project.open(project.folder)) == before
    finally:
        os.seteuid(0)
    assert sorted(project.folder.iterdir()) == files


def test_deleted_clips_come_back_where_they_were_and_new_ones_in_their_place_are_new(project, tmp_path):
    put(tmp_path / "set", "up", "me", range(20))
    import_folder(project, tmp_path / "set")
    before = parts(project)
    learned = [clip for clip in project.clips() if clip.split == "training"]
    deletion = project.edit.delete(project.clips())
    project.edit.restore(deletion)
    assert parts(project) == before
    project.edit.restore(project.edit.remove_word("up"))
    assert parts(project) == before == parts(Project.open(project.folder))
    project.edit.remove_word("up")
    for path in (tmp_path / "set/up").iterdir():
        if path.name not in {clip.path.name for clip in learned[:4]}:
            path.unlink()
    import_folder(project, tmp_path / "set")
    assert counts(project, "up") == (3, 1, 0), "four takes that were all learned before"


def test_moved_renamed_and_redone_clips_keep_their_parts(project):
    for number in range(12):
        project.edit.add_take("up", sound(number), speaker="me")
    for clip in project.clips(word="up")[:3]:
        (moved,) = project.edit.move([Move(clip, "down")])
        assert moved.split == clip.split
        (back,) = project.edit.move([Move(moved, "up", clip.path.name)])
        assert back == clip
    tested = project.clips(split="testing")[0]
    assert project.edit.replace_take(tested, sound(77)).split == "testing"
    project.edit.rename_word("up", "upwards")
    before = parts(project)
    assert sorted(before.values()).count("testing") == 1 and parts(Project.open(project.folder)) == before
    assert project.edit.set_splits([project.clips()[0]], ["testing"]) == [None]
    assert project.edit.set_splits([project.clips()[0]], [None]) == ["testing"]
    assert parts(project) == before


@pytest.mark.parametrize("index", ["kept", "in memory"])
def test_files_and_folders_that_were_renamed_by_hand_keep_their_parts(project, index):
    for number in range(12):
        project.edit.add_take("up", sound(number), speaker="me")
    before = [clip.split for clip in project.clips()]
    if index == "kept":
        project = Project.open(project.folder)
    for number in range(12):
        folder = project.clips_folder / "up"
        (folder / f"me_nohash_{number}.wav").rename(folder / f"anna_nohash_{number:02}.wav")
    shutil.move(project.clips_folder / "up", project.clips_folder / "left")
    project.refresh()
    assert [clip.split for clip in project.clips(word="left")] == before
    assert [clip.split for clip in Project.open(project.folder).clips(word="left")] == before


def test_a_take_that_could_not_be_stored_leaves_no_part(project, monkeypatch):
    project.edit.add_take("up", sound(0), speaker="me")
    with pytest.raises(ZeroDivisionError), project.edit:
        assert project.edit.add_take("up", sound(1), speaker="me").split == "validation"
        raise ZeroDivisionError
    assert project.edit.add_take("up", sound(2), speaker="me").split == "validation"
    assert counts(Project.open(project.folder), "up") == (1, 1, 0)


def test_a_clip_left_out_does_not_count(project):
    for number in range(12):
        project.edit.add_take("up", sound(number), speaker="me")
    project.edit.exclude(project.clips(split="validation") + project.clips(split="testing"), True)
    project.edit.add_take("up", sound(20), speaker="me")
    project.edit.add_take("up", sound(21), speaker="me")
    assert counts(project, "up") == (10, 1, 1)


def test_what_a_person_set_counts_for_what_arrives_next(project):
    first = project.edit.add_take("up", sound(0), speaker="me")
    project.edit.set_splits([first], ["validation"])
    assert project.edit.add_take("up", sound(1), speaker="me").split == "training"


def test_who_was_split_by_take_is_known_from_the_folder(project, tmp_path):
    put(tmp_path / "set", "up", "me", range(8))
    for number in range(40):
        put(tmp_path / "set", "down", f"{number:08x}", range(1))
    import_folder(project, tmp_path / "set")
    assert speakers_in_several_parts(project.folder) == {"me"}
    assert project.table().speakers_by_take("up") == ["me"] and project.table().speakers_by_take("down") == []
    project.edit.set_splits([clip for clip in project.clips(word="down") if clip.take == 0][:1], [SPLITS[1]])
    assert speakers_in_several_parts(project.folder) == {"me"}, "what a person sets is no rule"
