"""Clips by this machine's synthetic voices: marked, learned only unless asked, whole after a cancel."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kws_engine import audio
from kws_engine.cli import main
from kws_engine.clips.project import Project
from kws_engine.clips.synthetic import SynthesisConfig, as_clip, synthesize
from kws_engine.clips.words import UNKNOWN, is_synthetic
from kws_engine.errors import KwsError, SpecError
from kws_engine.synthesis import _child, _espeak

RATE = 16_000
pytestmark = pytest.mark.skipif(_espeak.data() is None, reason="espeak-ng is not installed")


@pytest.fixture(autouse=True)
def _no_process_is_left():
    yield
    _child.close_idle()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project", words=["stop"])


def record(project: Project, takes: int, speaker: str = "ann") -> dict[str, str]:
    noise = np.random.default_rng(takes)
    for _ in range(takes):
        project.edit.add_take("stop", noise.normal(0, 0.1, RATE).astype(np.float32), speaker=speaker)
    return real_parts(project)


def real_parts(project: Project) -> dict[str, str]:
    return {clip.path.name: clip.split for clip in project.clips(word="stop") if not is_synthetic(clip.speaker)}


def test_clips_are_marked_hold_sound_and_are_only_learned_from(project: Project) -> None:
    done: list[tuple[int, int]] = []
    made = synthesize(project, ["stop"], SynthesisConfig(clips=12), progress=lambda n, of: done.append((n, of)))
    clips = project.clips(word="stop")
    assert made.words == {"stop": 12} and len(clips) == len(made.clips) == 12
    assert done == [(n, 12) for n in range(1, 13)]
    assert all(is_synthetic(clip.speaker) and clip.split == "training" for clip in clips)
    assert made.voices == len({clip.speaker for clip in clips}) > 6
    for clip in clips:
        samples = audio.read(clip.path, rate=RATE)
        assert len(samples) == project.clip_samples and audio.peak_db(samples) > -19
    assert project.clips() == Project.open(project.folder).clips()


def test_real_clips_are_shared_out_as_if_there_were_no_synthetic_ones(project: Project, tmp_path: Path) -> None:
    alone = record(Project.create(tmp_path / "alone", words=["stop"]), 12)
    synthesize(project, ["stop"], SynthesisConfig(clips=30))
    assert record(project, 12) == alone
    assert {"validation", "testing"} <= set(alone.values())
    synthesize(project, ["stop"], SynthesisConfig(clips=30))
    assert real_parts(project) == alone


def test_they_validate_and_test_where_that_is_asked_for(project: Project) -> None:
    synthesize(project, ["stop"], SynthesisConfig(clips=20, all_parts=True))
    summary = project.summary()["stop"]
    assert summary.validation > 0 and summary.testing > 0 and summary.training > 10
    assert Project.open(project.folder).summary()["stop"] == summary


def test_neighbours_become_other_words_and_no_word_of_the_project_is_among_them(project: Project) -> None:
    project.edit.add_word("top")
    made = synthesize(project, ["stop"], SynthesisConfig(clips=10, neighbours=4))
    assert made.words == {"stop": 10, UNKNOWN: 10}
    assert len(made.neighbours) == 4 and "top" not in made.neighbours and "stop" not in made.neighbours
    assert project.words == ("stop", "top")


def test_a_phrase_is_a_new_word_and_clips_are_as_long_as_it_needs(project: Project) -> None:
    before = project.clip_ms
    made = synthesize(project, ["computer lights", "stop"], SynthesisConfig(clips=3))
    assert made.new_words == ("computer lights",) and project.words == ("stop", "computer lights")
    assert project.clip_ms > before
    assert {round(clip.seconds * 1000) for clip in project.clips()} == {project.clip_ms}


def test_a_second_call_brings_other_clips(project: Project) -> None:
    one = synthesize(project, ["stop"], SynthesisConfig(clips=6))
    other = synthesize(project, ["stop"], SynthesisConfig(clips=6))
    lengths = [
        {np.count_nonzero(np.abs(audio.read(path, rate=RATE)) > 0.01) for path in made.clips} for made in (one, other)
    ]
    assert len(project.clips(word="stop")) == 12 and lengths[0] != lengths[1]


def test_cancelled_it_leaves_whole_clips_and_says_so(project: Project) -> None:
    made = synthesize(project, ["stop"], SynthesisConfig(clips=40), should_stop=lambda: len(present(project)) >= 5)
    assert made.stopped and len(made.clips) == 5
    assert sorted(present(project)) == sorted(made.clips)
    assert all(len(audio.read(path, rate=RATE)) == project.clip_samples for path in made.clips)
    assert len(project.clips()) == 5


def present(project: Project) -> list[Path]:
    return list((project.clips_folder / "stop").iterdir())


@pytest.mark.parametrize(
    ("words", "config", "error"),
    [
        (["go", "???"], SynthesisConfig(), KwsError),
        (["go", "_other_"], SynthesisConfig(), KwsError),
        ([], SynthesisConfig(), KwsError),
        (["go"], SynthesisConfig(language="xx"), KwsError),
        (["go"], SynthesisConfig(clips=0), SpecError),
    ],
)
def test_what_cannot_be_said_is_refused_before_anything_is_made(project, words, config, error) -> None:
    with pytest.raises(error, match=r"[.:]"):
        synthesize(project, words, config)
    assert project.words == ("stop",) and not project.clips()


def test_the_clip_is_at_the_level_of_recordings_in_a_quiet_room() -> None:
    speech = np.sin(np.arange(4000) / 5).astype(np.float32)
    clips = [as_clip(speech, RATE, clip_samples=RATE, seed=seed) for seed in range(40)]
    levels = [audio.peak_db(clip) for clip in clips]
    assert min(levels) < -14 and max(levels) < -1.5 and max(levels) > -6
    assert all(-80 < audio.rms_db(clip[:2000]) < -70 for clip in clips)


def test_the_command_says_what_was_made(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["synthesize", str(project.folder), "stop", "--clips", "4", "--neighbours", "2", "--json"]
    assert main(command) == 0
    (said,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert said["event"] == "synthesized" and said["words"] == {"stop": 4, UNKNOWN: 4}
    assert all(Path(path).is_file() for path in said["paths"]) and len(said["neighbours"]) == 2
    assert main(["synthesize", str(project.folder), "stop", "--clips", "0"]) == 2
