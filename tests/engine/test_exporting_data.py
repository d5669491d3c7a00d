"""Exports of a project's clips: imported again they are the same words, speakers and parts."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kws_engine import audio
from kws_engine.cli import main
from kws_engine.clips.exporting import KINDS, export_data
from kws_engine.clips.import_source import Pointed, plan_pointed
from kws_engine.clips.importing import import_planned
from kws_engine.clips.project import Project
from kws_engine.clips.words import UNKNOWN
from kws_engine.errors import ProjectError

RATE = 16_000


def sound(seed: int) -> np.ndarray:
    return (0.2 * np.random.default_rng(seed).standard_normal(RATE // 4)).astype(np.float32)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Three words of four speakers and other words, one clip in another part by hand, and noise."""
    project = Project.create(tmp_path / "project", words=["stop", "äh nein"])
    for number in range(60):
        word = ("stop", "äh nein", UNKNOWN)[number % 3]
        project.edit.add_take(word, sound(number), speaker=("ann", "bob", "cy", "di")[number // 3 % 4])
    learned = project.clips(word="stop", split="training")
    project.edit.set_splits(learned[:3], ["testing"] * 3)
    audio.write(project.clips_folder / "_background_noise_/hum.wav", sound(99), rate=RATE)
    (project.folder / "runs/one").mkdir(parents=True)
    (project.folder / "runs/one/job.toml").write_text("seed = 1\n")
    return project


def content(project: Project) -> dict[tuple[str, str], tuple[str, str, bytes]]:
    """Speaker, part and sound of each clip by word and file name."""
    return {
        (clip.word, clip.path.name): (clip.speaker, clip.split, clip.path.read_bytes())
        for clip in project.clips(include_excluded=True)
    }


@pytest.mark.parametrize("kind", KINDS)
def test_exported_and_imported_again_clips_words_speakers_and_parts_are_the_same(project, tmp_path, kind) -> None:
    done: list[tuple[int, int]] = []
    target = tmp_path / ("out" if kind == "folder" else "out.zip")
    before = content(project)
    exported = export_data(project, target, kind=kind, progress=lambda n, of: done.append((n, of)))
    assert (exported.clips, exported.noises, exported.stopped) == (60, 1, False) and done[-1][0] == done[-1][1]
    other = Project.create(tmp_path / "other")
    imported = import_planned(other, plan_pointed(other, Pointed((target,))))
    assert imported.clips == 60 and not imported.skipped
    assert content(other) == before == content(project)
    assert {"validation", "testing"} <= {split for _, split, _ in before.values()}
    assert set(other.words) == set(project.words)
    assert [path.read_bytes() for path in other.noises()] == [path.read_bytes() for path in project.noises()]


def test_a_project_opens_unpacked_with_all_decisions_and_with_runs_only_if_asked(project, tmp_path) -> None:
    project.edit.exclude(project.clips(word="stop")[:2], True)
    project.edit.save_settings({"model": {"name": "cnn"}})
    for name, with_runs in (("a", False), ("b", True)):
        exported = export_data(project, tmp_path / f"{name}.zip", kind="project", with_runs=with_runs)
        assert exported.runs == int(with_runs)
        with zipfile.ZipFile(tmp_path / f"{name}.zip") as archive:
            archive.extractall(tmp_path / name)
        opened = Project.open(tmp_path / name)
        assert content(opened) == content(project) and opened.settings == project.settings
        assert opened.words == project.words and len(opened.clips()) == 58
        assert (tmp_path / name / "runs/one/job.toml").exists() == with_runs


def test_what_is_left_out_of_training_stays_out_of_speech_commands(project, tmp_path) -> None:
    project.edit.exclude(project.clips(word="stop")[:2], True)
    exported = export_data(project, tmp_path / "out")
    assert (exported.clips, exported.left_out) == (58, 2)
    names = (tmp_path / "out/testing_list.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert names and all((tmp_path / "out" / name).is_file() for name in names)


@pytest.mark.parametrize("kind", KINDS)
def test_cancelled_it_leaves_nothing(project, tmp_path, kind) -> None:
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 20

    (tmp_path / "here").mkdir()
    exported = export_data(project, tmp_path / "here/out.zip", kind=kind, should_stop=stop)
    assert exported.stopped and list((tmp_path / "here").iterdir()) == []


def test_targets_in_use_and_in_the_project_are_refused(project, tmp_path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    for target, kind in (("full", "folder"), ("full/mine.txt", "zip"), ("project/clips/out", "folder")):
        with pytest.raises(ProjectError, match="choose"):
            export_data(project, tmp_path / target, kind=kind)  # type: ignore[arg-type]
    with pytest.raises(ProjectError, match="--as project"):
        export_data(project, tmp_path / "new", with_runs=True)
    with pytest.raises(ProjectError, match="no clips"):
        export_data(Project.create(tmp_path / "empty"), tmp_path / "new")
    assert (tmp_path / "full/mine.txt").read_text() == "mine" and not (tmp_path / "new").exists()


def test_the_command_takes_the_kind_from_the_name(project, tmp_path, capsys) -> None:
    assert main(["export-data", str(project.folder), str(tmp_path / "a.zip"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["event"] == "exported" and said["clips"] == 60
    assert main(["export-data", str(project.folder), str(tmp_path / "a")]) == 0
    assert (tmp_path / "a/stop").is_dir() and zipfile.is_zipfile(tmp_path / "a.zip")
    assert main(["export-data", str(project.folder), str(tmp_path / "a")]) == 1
