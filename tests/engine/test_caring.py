"""Checks of clips, what is missing, and changes by hand that outlast a restart; the sounds are synthetic speech."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from kws_engine import audio
from kws_engine.caring.checking import check
from kws_engine.caring.missing import missing
from kws_engine.caring.neighbours import compare
from kws_engine.caring.sound_check import look_at
from kws_engine.cli import main
from kws_engine.clips.changes import Changes
from kws_engine.clips.edit import Move
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.project import Project, copy_starter
from kws_engine.errors import ProjectError

RATE = 16_000


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter project with 8 clips of each of 3 words."""
    found = copy_starter(tmp_path_factory.mktemp("starter") / "words")
    for word in found.words:
        found.edit.delete(found.clips(word=word)[8:])
    for word in found.words[3:]:
        found.edit.remove_word(word)
    shutil.rmtree(ProjectFolder(found.folder).trash)
    return found.folder


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Project:
    """A copy of it."""
    return Project.open(shutil.copytree(template, tmp_path / "words"))


def spoken(project: Project) -> np.ndarray:
    return audio.read(project.clips(word=project.words[0])[0].path, rate=RATE)


def put(project: Project, name: str, samples: np.ndarray, *, word: int = 0) -> str:
    path = project.clips_folder / project.words[word] / f"{name}_nohash_0.wav"
    audio.write(path, samples.astype(np.float32), rate=RATE)
    return f"{project.words[word]}/{path.name}"


def kinds(samples: np.ndarray, *, clip_samples: int = RATE) -> tuple[str, ...]:
    return look_at(samples.astype(np.float32), RATE, clip_samples=clip_samples).kinds


def test_each_fault_of_a_recording_is_found(project: Project) -> None:
    clip = spoken(project)
    noise = np.random.default_rng(0).standard_normal(len(clip)) * 0.1
    assert kinds(clip) == ()
    assert "clipping" in kinds(np.clip(clip * 30, -1, 1))
    assert "too_quiet" in kinds(clip * 0.003 / np.abs(clip).max() * 5)
    assert "noisy" in kinds(clip / np.abs(clip).max() * 0.5 + noise)
    assert kinds(noise) == ("nothing_said", "noisy")
    assert kinds(noise * 0.001) == ("nothing_said", "too_quiet")
    assert "nothing_said" in kinds(np.zeros(RATE))
    loudest = int(np.abs(clip).argmax())
    assert "cut_off" in kinds(clip[loudest:])
    phrase = np.concatenate([clip[2000:12000]] * 3)
    assert "too_long" in kinds(phrase)
    assert "too_long" not in kinds(phrase, clip_samples=4 * RATE)


def test_a_clip_under_a_wrong_word_sounds_like_its_own(project: Project) -> None:
    first, second, _ = project.words
    wrong = project.edit.move([Move(project.clips(word=first)[0], second)])[0]
    found = check(project)
    assert [str(problem) for problem in found.of(f"{second}/{wrong.path.name}")] == [f"sounds like “{first}”"]
    others = [row for row in range(len(found.table)) if any(p.kind == "another_word" for p in found.problems[row])]
    assert len(others) == 1


def test_a_word_with_few_clips_is_not_judged() -> None:
    rng = np.random.default_rng(0)
    centres = np.eye(96, dtype=np.float32)[:2] * 10
    labels = np.array([0] * 10 + [1] * 3)
    vectors = (centres[labels] + rng.standard_normal((13, 96)) * 0.1).astype(np.float32)
    vectors[0] = centres[1]
    assert (compare(vectors, labels, np.ones(13, bool)).taken_for == -1).all()
    labels = np.repeat([0, 1], 10)
    vectors = (centres[labels] + rng.standard_normal((20, 96)) * 0.1).astype(np.float32)
    vectors[0], vectors[5] = centres[1], 0
    assert compare(vectors, labels, np.ones(20, bool)).taken_for.tolist() == [1, *[-1] * 19]


def test_the_same_sound_twice_is_found_by_content(project: Project) -> None:
    clip = project.clips(word=project.words[0])[0]
    samples = audio.read(clip.path, rate=RATE)
    again = project.clips_folder / project.words[0] / "zoe_nohash_0.flac"
    again.write_bytes(audio.encode(samples, rate=RATE, kind="FLAC"))
    elsewhere = put(project, "zoe", samples, word=1)
    found = check(Project.open(project.folder))
    first = f"{clip.word}/{clip.path.name}"
    assert [p.other for p in found.of(f"{clip.word}/zoe_nohash_0.flac") if p.kind == "duplicate"] == [first]
    assert [p.other for p in found.of(elsewhere) if p.kind == "duplicate"] == [first]
    assert [p.other for p in found.of(first) if p.kind == "duplicate"] == [elsewhere]


def test_what_was_looked_at_is_remembered_by_content(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    first = check(project)
    old = project.clips()[0]
    old.path.rename(old.path.with_name("renamed_nohash_3.wav"))
    put(project, "new", np.zeros(RATE))
    looked = []
    monkeypatch.setattr(
        "kws_engine.caring.checking.look_at", lambda *given, **named: looked.append(0) or look_at(*given, **named)
    )
    again = check(Project.open(project.folder))
    assert len(looked) == 1
    assert len(again.table) == len(first.table) + 1
    assert again.counts["nothing_said"] == 1


def test_a_check_that_is_stopped_goes_on_later_and_damage_is_survived(project: Project) -> None:
    stopped = check(project, should_stop=lambda: True)
    assert stopped.stopped and not any(stopped.problems)
    check(project)
    file = project.folder / "checks.sqlite"
    file.write_bytes(b"no database at all" * 100)
    seen: list[tuple[int, int]] = []
    assert not check(project, progress=lambda done, total: seen.append((done, total))).stopped
    assert seen[-1] == (len(project.table()), len(project.table()))


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p", words=["tree", "house"])
    rng = np.random.default_rng(0)
    for _ in range(6):
        project.edit.add_take("tree", (rng.standard_normal(RATE) * 0.1).astype(np.float32), speaker="ann")
    said = list(map(str, missing(project.table())))
    assert said == [
        "tree has 6 takes of one speaker; 20 of two would do more than any setting",
        "house has no takes yet: record 20 of two",
    ]


def test_exclusions_and_new_words_are_undone_after_a_restart(project: Project) -> None:
    first, second, _ = project.words
    before = list(project.clips(include_excluded=True))
    clips = list(project.clips(word=first)[:3])
    Changes(project).exclude(clips, True)
    again = Project.open(project.folder)
    assert len(again.clips(word=first)) == 5
    moved = Changes(again).relabel(list(again.clips(word=first, include_excluded=True)[:2]), second)
    deleted = Changes(again).delete(list(again.clips(word=second)[:2]))
    parted = Changes(again).set_part(list(again.clips(word=second)[:2]), "testing")
    assert [str(change) for change in Changes(Project.open(project.folder)).done()] == [
        "Leave out 3 clips", f"Put 2 clips under “{second}”", "Delete 2 clips", "Change the part of 2 clips",
    ]  # fmt: skip
    assert moved and deleted and parted
    for _ in range(4):
        fresh = Project.open(project.folder)
        changes = Changes(fresh)
        changes.undo(changes.done()[-1])
    assert list(Project.open(project.folder).clips(include_excluded=True)) == before
    assert Changes(project).done() == []
    with pytest.raises(ProjectError, match="undone already"):
        Changes(project).undo(moved)


def test_a_failing_change_changes_nothing_and_is_not_noted(project: Project) -> None:
    clips = list(project.clips(word=project.words[0]))
    clips[-1].path.unlink()
    with pytest.raises(ProjectError):
        Changes(project).exclude(clips, True)
    assert len(project.clips(word=project.words[0])) == 8
    assert Changes(project).done() == []


@pytest.mark.parametrize(
    "content", ["{}", "[]", "nothing", '{"moves": [["../x/a.wav", "b/c.wav"]]}', '{"moves": [["a/b.wav"]]}']
)
def test_a_strangers_note_is_not_obeyed(project: Project, content: str) -> None:
    change = Changes(project).relabel(list(project.clips()[:1]), project.words[1])
    assert change is not None
    with sqlite3.connect(project.folder / "changes.sqlite") as database:
        database.execute("UPDATE changes SET content = ?", (content,))
    with pytest.raises(ProjectError):
        Changes(Project.open(project.folder)).undo(change)


def test_a_project_that_cannot_note_can_still_undo_until_it_is_closed(project: Project) -> None:
    (project.folder / "changes.sqlite").mkdir()
    changes = Changes(project)
    change = changes.exclude(list(project.clips()[:2]), True)
    assert change is not None
    changes.undo(change)
    assert not project.table().excluded.any()


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, object]:
    capsys.readouterr()
    assert main([str(argument) for argument in (*arguments, "--json")]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_the_command_line_finds_leaves_out_and_puts_right(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, _ = project.words
    quiet = put(project, "mia", spoken(project) * 0.001)
    found = run(capsys, "check", project.folder)
    of = {Path(clip["path"]).name: clip for clip in found["clips"]}  # type: ignore[attr-defined]
    assert of["mia_nohash_0.wav"]["word"] == first
    assert "too_quiet" in of["mia_nohash_0.wav"]["problems"]
    assert any(clip["problems"] == [] for clip in found["clips"])  # type: ignore[attr-defined]
    assert found["missing"]
    listed = run(capsys, "clips", project.folder, "--filter", f"word={first}", "problem=too_quiet")
    assert [Path(clip["path"]).name for clip in listed["clips"]] == ["mia_nohash_0.wav"]  # type: ignore[attr-defined]
    run(capsys, "exclude", project.folder, quiet, "--dry-run")
    assert run(capsys, "clips", project.folder, "--filter", "excluded=yes")["clips"] == []
    run(capsys, "exclude", project.folder, "--filter", "problem=too_quiet")
    left_out = run(capsys, "clips", project.folder, "--filter", "excluded=yes")["clips"]
    assert [clip["part"] for clip in left_out] == [None]  # type: ignore[attr-defined]
    run(capsys, "relabel", project.folder, second, quiet)
    assert (project.clips_folder / second / "mia_nohash_0.wav").is_file()
    assert Project.open(project.folder).table().excluded.sum() == 1
    run(capsys, "relabel", project.folder, "--undo")
    run(capsys, "exclude", project.folder, "--undo")
    assert (project.clips_folder / quiet).is_file()
    assert not Project.open(project.folder).table().excluded.any()
    run(capsys, "exclude", project.folder, quiet)
    run(capsys, "exclude", project.folder, quiet, "--undo")
    assert not Project.open(project.folder).table().excluded.any()


@pytest.mark.parametrize("filters", [["word"], ["part=all"], ["problem=bad"], ["excluded=1"], ["colour=red"]])
def test_a_filter_that_is_none_is_refused(
    project: Project, filters: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["clips", str(project.folder), "--filter", *filters]) == 1
    assert filters[0] in capsys.readouterr().err
