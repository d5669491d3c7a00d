"""Edits of a project: clips left out or moved, many steps at once, nothing overwritten, all or none, and back again."""

from __future__ import annotations

import os
import pathlib
import threading

import numpy as np
import pytest

from kws_engine import audio
from kws_engine.clips import layout, project_file
from kws_engine.clips.clip import Clip
from kws_engine.clips.edit import Move
from kws_engine.clips.project import Project
from kws_engine.errors import ProjectError
from kws_engine.file_lock import FileLock

RATE = 16_000


def sound(seed: int) -> np.ndarray:
    return (0.2 * np.random.default_rng(seed).standard_normal(RATE // 4)).astype(np.float32)


@pytest.fixture
def project(tmp_path: pathlib.Path) -> Project:
    made = Project.create(tmp_path / "words", words=["up", "down"])
    for number in range(6):
        audio.write(made.clips_folder / "up" / f"ann_nohash_{number}.wav", sound(number), rate=RATE)
    audio.write(made.clips_folder / "down" / "ann_nohash_1.wav", sound(99), rate=RATE)
    audio.write(made.clips_folder / "down" / "bob_nohash_0.wav", sound(98), rate=RATE)
    made.refresh()
    made.edit.settle_split()
    return made


def clip(project: Project, word: str, take: int) -> Clip:
    return next(
        one for one in project.clips(word=word, include_excluded=True) if (one.speaker, one.take) == ("ann", take)
    )


def contents(project: Project) -> dict[str, bytes]:
    return {path.relative_to(project.clips_folder).as_posix(): path.read_bytes()
            for path in project.clips_folder.rglob("*.wav")}  # fmt: skip


def note(project: Project, clip: Clip) -> str:
    decision = project.index.decided.get(f"{clip.word}/{clip.path.name}")
    return decision.note if decision else ""


def same_after_reading_anew(project: Project) -> None:
    anew = Project.open(project.folder)
    assert list(anew.clips(include_excluded=True)) == list(project.clips(include_excluded=True))


def test_a_moved_clip_keeps_its_name_where_that_is_free_and_comes_back(project: Project) -> None:
    before, was = contents(project), clip(project, "up", 3)
    (moved,) = project.edit.move([Move(was, "down")])
    assert (moved.word, moved.path.name, moved.speaker, moved.take, moved.split) == (
        "down", was.path.name, "ann", 3, was.split,
    )  # fmt: skip
    assert not was.path.exists() and moved.path.read_bytes() == before["up/ann_nohash_3.wav"]
    assert project.summary()["up"].training + project.summary()["up"].validation + project.summary()["up"].testing == 5
    same_after_reading_anew(project)
    assert project.edit.move([Move(moved, "up", was.path.name)]) == [was]
    assert contents(project) == before
    same_after_reading_anew(project)


def test_a_name_in_use_is_never_overwritten_and_the_way_back_finds_the_old_name(project: Project) -> None:
    before, was = contents(project), clip(project, "up", 1)
    (moved,) = project.edit.move([Move(was, "down")])
    after = contents(project)
    assert moved.path.name == "ann_nohash_2.wav" and moved.split == was.split
    assert after["down/ann_nohash_1.wav"] == before["down/ann_nohash_1.wav"]
    assert after["down/ann_nohash_2.wav"] == before["up/ann_nohash_1.wav"]
    same_after_reading_anew(project)
    assert project.edit.move([Move(moved, "up", was.path.name)]) == [was]
    assert contents(project) == before


def test_the_name_of_a_deleted_clip_stays_free_for_it(project: Project) -> None:
    deleted = project.edit.delete([clip(project, "down", 1)])
    (moved,) = project.edit.move([Move(clip(project, "up", 1), "down")])
    assert moved.path.name == "ann_nohash_2.wav"
    project.edit.restore(deleted)
    assert len(project.clips(word="down")) == 3


def test_a_clip_keeps_its_part_even_under_a_number_of_another_part(project: Project) -> None:
    for take in range(6):
        was = clip(project, "up", take)
        (moved,) = project.edit.move([Move(was, "down")])
        assert moved.split == was.split
    same_after_reading_anew(project)


def test_what_was_decided_goes_along(project: Project) -> None:
    project.edit.exclude([clip(project, "up", 4)], True)
    project.edit.set_splits([clip(project, "up", 4)], ["testing"])
    was = clip(project, "up", 4)
    project.index.decided.decide([f"up/{was.path.name}"], note="coughs")
    (moved,) = project.edit.move([Move(was, "_unknown_")])
    assert moved.excluded and moved.split == "testing" and note(project, moved) == "coughs"
    same_after_reading_anew(project)


def test_all_move_or_none(project: Project) -> None:
    before = contents(project)
    moves = [Move(clip(project, "up", 2), "down"), Move(clip(project, "up", 5), "down")]
    moves[1].clip.path.unlink()
    with pytest.raises(ProjectError, match="no longer there"):
        project.edit.move(moves)
    before.pop("up/ann_nohash_5.wav")
    assert contents(project) == before
    with pytest.raises(ProjectError, match="no word"):
        project.edit.move([Move(moves[0].clip, "sideways")])
    assert contents(project) == before


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "seteuid") or os.getuid() != 0, reason="needs to change rights")
def test_where_one_cannot_be_moved_the_others_come_back(project: Project) -> None:
    before = contents(project)
    moves = [Move(clip(project, "up", 2), "down"), Move(clip(project, "up", 3), "_unknown_")]
    for path in (project.folder, *project.folder.rglob("*"), *project.folder.parents[:4]):
        path.chmod(path.stat().st_mode | 0o777)
    (project.clips_folder / "_unknown_").chmod(0o555)
    os.seteuid(65534)
    try:
        with pytest.raises(ProjectError, match="cannot be written"):
            project.edit.move(moves)
    finally:
        os.seteuid(0)
    assert contents(project) == before


def test_many_are_left_out_at_once_and_come_back(project: Project) -> None:
    clips = list(project.clips(word="up"))
    project.edit.exclude(clips, True)
    assert not project.clips(word="up") and len(project.clips(word="up", include_excluded=True)) == 6
    same_after_reading_anew(project)
    project.edit.exclude(clips, False)
    assert list(project.clips(word="up")) == clips
    clips[0].path.unlink()
    with pytest.raises(ProjectError, match="no longer there"):
        project.edit.exclude(clips, True)
    assert not any(one.excluded for one in project.clips(include_excluded=True))


def stored(project: Project) -> tuple[object, ...]:
    """Everything that an edit may change: the clips' files, project.toml, and what is known of each clip."""
    known = {clip.path.name + clip.word: clip for clip in project.clips(include_excluded=True)}
    notes = {name: note(project, clip) for name, clip in known.items()}
    folders = sorted(path.name for path in project.clips_folder.iterdir())
    text = (project.folder / "project.toml").read_text(encoding="utf-8")
    return contents(project), text, known, notes, project.words, project.settings, folders


def everything(project: Project) -> None:
    """One change of each kind, in the edit that is under way."""
    edit = project.edit
    edit.exclude([clip(project, "up", 0)], True)
    edit.set_splits([clip(project, "up", 0), clip(project, "up", 1)], ["testing", "validation"])
    edit.replace_take(clip(project, "up", 2), sound(7))
    edit.delete([clip(project, "up", 3)])
    (moved,) = edit.move([Move(clip(project, "up", 4), "down")])
    edit.exclude([moved], True)
    edit.add_word("left")
    edit.add_take("left", sound(8), speaker="eve")
    edit.add_take("_background_noise_", sound(9), speaker="room")
    edit.rename_word("up", "upwards")
    edit.restore(edit.remove_word("down"))
    edit.remove_word("left")
    edit.save_settings({"seed": 3})


def test_an_edit_that_fails_undoes_all_of_its_steps(project: Project) -> None:
    project.edit.exclude([clip(project, "up", 0)], True)
    project.edit.set_splits([clip(project, "up", 1)], ["testing"])
    project.index.decided.decide(["up/ann_nohash_4.wav"], note="coughs")
    before = stored(project)
    with pytest.raises(ZeroDivisionError), project.edit:
        everything(project)
        raise ZeroDivisionError
    assert stored(project) == before and stored(Project.open(project.folder)) == before
    assert not list((project.folder / ".trash").rglob("*.*"))
    with project.edit:
        everything(project)
    assert stored(project) != before and stored(Project.open(project.folder)) == stored(project)
    assert project.words == ("upwards", "down") and project.settings == {"seed": 3}


@pytest.mark.parametrize("change", ["add", "remove", "rename", "restore", "everything"])
def test_what_project_toml_does_not_take_is_undone(
    project: Project, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    removal = project.edit.remove_word("down") if change == "restore" else None
    before = stored(project)
    monkeypatch.setattr(project_file, "_PATIENCE_S", 0.05)
    lock = FileLock(project.folder / layout.LOCK_FILE)
    assert lock.take(seconds=0)
    with pytest.raises(ProjectError, match="being changed by another program"), project.edit as edit:
        if change == "add":
            edit.add_word("left")
        elif change == "remove":
            edit.remove_word("up")
        elif change == "rename":
            edit.rename_word("up", "upwards")
        elif removal is not None:
            edit.restore(removal)
        else:
            everything(project)
    assert stored(project) == before
    lock.release()
    assert stored(Project.open(project.folder)) == before
    if removal is not None:
        project.edit.restore(removal)
        assert project.words == ("up", "down")


def test_a_step_that_fails_leaves_the_others_of_its_edit(project: Project) -> None:
    with project.edit as edit:
        edit.exclude([clip(project, "up", 0)], True)
        with pytest.raises(ProjectError, match="no word"):
            edit.move([Move(clip(project, "up", 1), "down"), Move(clip(project, "up", 2), "sideways")])
        edit.add_word("left")
    assert project.words == ("up", "down", "left") and clip(project, "up", 0).excluded and clip(project, "up", 1)
    same_after_reading_anew(project)


def test_the_words_of_another_program_stay_whatever_becomes_of_an_edit(project: Project) -> None:
    other = Project.open(project.folder)
    with project.edit as edit:
        edit.rename_word("up", "upwards")
        other.edit.add_word("left")
        edit.add_word("right")
    assert project.words == Project.open(project.folder).words == ("upwards", "down", "left", "right")
    with pytest.raises(ProjectError, match="there already"), project.edit as edit:
        edit.add_word("back")
        edit.remove_word("down")
        other.edit.add_word("back")
    assert Project.open(project.folder).words == ("upwards", "down", "left", "right", "back")
    assert len(project.clips(word="down")) == 2


def test_other_threads_see_an_edit_when_it_is_stored(project: Project) -> None:
    seen: list[tuple[int, tuple[str, ...]]] = []

    def look() -> None:
        seen.append((len(project.clips(word="up")), project.words))

    def in_a_thread() -> None:
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    with project.edit as edit:
        edit.delete([clip(project, "up", 0)])
        edit.add_word("left")
        in_a_thread()
    in_a_thread()
    assert seen == [(6, ("up", "down")), (5, ("up", "down", "left"))]
