"""Trimming and splitting clips: what is kept, and everything as it was when it is undone after a restart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kws_engine import audio
from kws_engine.cli import main
from kws_engine.clips.changes import Changes
from kws_engine.clips.project import Project
from kws_engine.clips.speech_span import speech_span
from kws_engine.errors import ProjectError

RATE = 16_000


def said(seconds: float, *, at_s: float) -> np.ndarray:
    """A buzz of 0.4 s in a quiet room."""
    seconds_of = np.arange(round(seconds * RATE)) / RATE
    sound = 0.001 * np.random.default_rng(1).standard_normal(len(seconds_of))
    inside = (seconds_of >= at_s) & (seconds_of < at_s + 0.4)
    sound[inside] += sum(0.1 * np.sin(2 * np.pi * 150 * n * seconds_of[inside]) for n in range(1, 12))
    return sound.astype(np.float32)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "p", words=["up", "down"])
    for number in range(6):
        made.edit.add_take("up", said(2.0 if number < 3 else 1.0, at_s=1.4 if number < 3 else 0.3), speaker="ann")
    clips = list(made.clips(word="up"))
    made.edit.exclude(clips[:1], True)
    made.edit.set_splits(clips[1:2], ["testing"])
    return made


def state(folder: Path) -> tuple[object, ...]:
    project = Project.open(folder)
    files = {path.name: path.read_bytes() for path in project.clips_folder.rglob("*.wav")}
    return list(project.clips(include_excluded=True)), files, dict(project.index.parts.of(list(project_keys(project))))


def project_keys(project: Project) -> list[str]:
    return [clip.key for clip in project.clips(include_excluded=True)]


def clips_of(project: Project) -> list:
    return list(project.clips(word="up", include_excluded=True))


def test_a_trimmed_clip_keeps_the_stretch_and_everything_but_its_length(project: Project) -> None:
    before = clips_of(project)
    old = audio.read(before[0].path, rate=RATE)
    Changes(project).trim(before[:2], [(8_000, 24_000), (16_000, 32_000)])
    after = clips_of(Project.open(project.folder))
    assert [clip.key for clip in after] == [clip.key for clip in before]
    assert [clip.seconds for clip in after[:2]] == [1.0, 1.0]
    assert [(c.excluded, c.split) for c in after] == [(c.excluded, c.split) for c in before]
    assert after[0].excluded and after[1].split == "testing"
    np.testing.assert_allclose(audio.read(after[0].path, rate=RATE), old[8_000:24_000], atol=1e-4)


def test_a_split_clip_becomes_two_takes_of_one_part(project: Project) -> None:
    clip = clips_of(project)[1]
    Changes(project).split(clip, 12_000)
    after = clips_of(Project.open(project.folder))
    assert len(after) == 7
    first, second = next(one for one in after if one.key == clip.key), after[-1]
    assert (first.seconds, second.seconds) == (0.75, 1.25)
    assert second.take == 6 and second.speaker == clip.speaker and second.split == first.split == "testing"


@pytest.mark.parametrize("kind", ["trim", "split"])
def test_a_cut_is_undone_after_a_restart_as_if_it_had_never_been(project: Project, kind: str) -> None:
    before = state(project.folder)
    changes = Changes(project)
    clips = clips_of(project)
    if kind == "trim":
        changes.trim(clips[:3], [(16_000, 32_000)] * 3)
    else:
        changes.split(clips[0], 16_000)
    assert state(project.folder) != before
    anew = Changes(Project.open(project.folder))
    (done,) = anew.done()
    assert done.kind == kind
    content = anew.content(done)
    anew.undo(done)
    assert state(project.folder) == before
    again = Changes(Project.open(project.folder))
    redone = again.redo(done, content)
    assert redone is not None and state(project.folder) != before
    Changes(Project.open(project.folder)).undo(redone)
    assert state(project.folder) == before


def test_a_cut_that_fails_leaves_every_clip_as_it_was(project: Project) -> None:
    clips = clips_of(project)
    clips[2].path.write_bytes(b"no sound")
    before = {path: path.read_bytes() for path in sorted(project.folder.rglob("*.wav"))}
    with pytest.raises(ProjectError):
        Changes(project).trim(clips[:3], [(16_000, 32_000)] * 3)
    assert {path: path.read_bytes() for path in sorted(project.folder.rglob("*.wav"))} == before
    assert Changes(project).done() == []


def test_a_span_that_leaves_nothing_or_reaches_out_is_refused_in_words(project: Project) -> None:
    clip = clips_of(project)[0]
    for span in ((0, 100), (-1, 9_000), (0, 40_000)):
        with pytest.raises(ProjectError, match=r"cannot be cut from .* it lasts 2\.00 s"):
            Changes(project).trim([clip], [span])


def test_trimming_to_speech_keeps_a_clip_around_the_word_and_leaves_short_clips_alone() -> None:
    span = speech_span(said(3.0, at_s=2.2), RATE, clip_samples=RATE)
    assert span is not None and span[1] - span[0] == RATE
    assert span[0] <= 2.2 * RATE and span[1] >= 2.6 * RATE
    assert speech_span(said(1.0, at_s=0.3), RATE, clip_samples=RATE) is None


def test_the_command_trims_says_so_as_json_and_undoes(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    before = state(project.folder)
    folder = str(project.folder)
    main(["trim", folder, "--filter", "word=up", "--dry-run", "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(told["clips"]) == 3 and told["dry_run"] and state(project.folder) == before
    main(["trim", folder, "--filter", "word=up", "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert all(round(stop - start, 3) == 1.0 for clip in told["clips"] for start, stop in clip["kept_s"])
    assert {clip.seconds for clip in clips_of(Project.open(project.folder))} == {1.0}
    main(["trim", folder, "--undo"])
    assert state(project.folder) == before
    main(["trim", folder, clips_of(project)[0].key, "--split-at", "1"])
    assert len(clips_of(Project.open(project.folder))) == 7
