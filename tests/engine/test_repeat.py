"""The same run again, and the rest of one that was cut off, from its folder alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from run_folders import ended, epochs, run_folder
from speech_project import QUICK, make_project

from kws_engine import audio, resources
from kws_engine.cli import main
from kws_engine.clips.project import Project
from kws_engine.errors import KwsError, TrainingError
from kws_engine.runs import labels
from kws_engine.runs.clip_list import row_of
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job, read_job
from kws_engine.runs.records import past_runs, read_run
from kws_engine.runs.repeating import repetition, resumption
from kws_engine.settings import Settings

ROOT = Path(__file__).parents[2]
OPTIONS = (*QUICK, "training.epochs=2", "training.shipped_unknown=yes", "augment.background_noise.probability=0.5")


def with_list(project: Project, folder: Path) -> Path:
    """A run with the list of all of the project's clips."""
    rows = (row_of(one.path, project=project.folder, split=one.split, label=one.word) for one in project.clips())
    RunFolder(folder).clips.write(rows)
    return folder


@pytest.fixture
def run(project: Project) -> Path:
    """A run by hand in a project with clips and a noise of its own."""
    noise = sorted(resources.path("starter", "clips", "_background_noise_").iterdir())[0]
    (project.clips_folder / "_background_noise_").mkdir()
    shutil.copyfile(noise, project.clips_folder / "_background_noise_" / noise.name)
    return with_list(project, ended(project.folder, OPTIONS, seed=6, name="good one"))


def test_a_repetition_has_the_run_s_settings_seed_threads_and_clips(project: Project, run: Path) -> None:
    again = repetition(run)
    again.check()
    assert again.job == Job(
        project.folder, Settings().with_options(OPTIONS).to_dict(), seed=6, threads=read_job(run).threads,
        name="good one (repeated)", clips=run / "clips.csv",
    )  # fmt: skip
    assert (again.changed, again.missing, again.added, again.versions) == ((), (), (), ())
    labels.rename(run, "x" * 80)
    assert len(repetition(run).job.name) <= labels.LONGEST_NAME
    labels.rename(run, "")
    assert repetition(run).job.name == ""


def test_clips_that_came_since_do_not_matter_and_others_are_named(project: Project, run: Path) -> None:
    clips = project.clips()
    project.edit.add_take("stop", audio.read(clips[0].path, rate=16_000), speaker="newcomer")
    repetition(run).check()
    for clip in clips[:5]:
        clip.path.unlink()
    clips[5].path.write_bytes(clips[6].path.read_bytes())
    found = repetition(run)
    keys = [clip.path.relative_to(project.folder).as_posix() for clip in clips]
    assert found.missing == tuple(keys[:5]) and found.changed == (keys[5],)
    with pytest.raises(TrainingError) as refused:
        found.check()
    assert f"1 clip has changed ({keys[5]}), 5 clips are missing ({keys[0]}, {keys[1]}, {keys[2]}, ...)" in str(
        refused.value
    )
    assert keys[3] not in str(refused.value) and "--allow-changes" in str(refused.value)


def test_noises_belong_to_a_run_too(project: Project, run: Path) -> None:
    noise = next((project.clips_folder / "_background_noise_").iterdir())
    other = noise.with_name("other.flac")
    shutil.copyfile(noise, other)
    assert repetition(run).added == ("clips/_background_noise_/other.flac",)
    noise.write_bytes(b"")
    assert repetition(run).changed == (f"clips/_background_noise_/{noise.name}",)
    noise.unlink()
    assert repetition(run).missing == (f"clips/_background_noise_/{noise.name}",)


def test_other_versions_are_said(run: Path) -> None:
    content = tomllib.loads((run / "job.toml").read_text())
    content["versions"] |= {"torch": "1.0", "numpy": 3}
    (run / "job.toml").write_text(tomli_w.dumps({**content, "version": "0.0.1"}))
    said = repetition(run).versions
    assert [one.split(" was ")[0] for one in said] == ["KWS Studio", "torch"] and "torch was 1.0 and is 2" in said[1]
    del content["versions"]
    (run / "job.toml").write_text(tomli_w.dumps({**content, "noises": "none"}))
    assert repetition(run).versions == ()


def test_runs_that_cannot_be_repeated_are_refused(project: Project, run: Path) -> None:
    with pytest.raises(TrainingError, match="no list of its clips"):
        repetition(ended(project.folder))
    (run / "clips.csv").write_text("path")
    with pytest.raises(TrainingError, match="is damaged"):
        repetition(run)
    (run / "job.toml").write_text("")
    for folder in (run, project.folder, project.folder / "none"):
        with pytest.raises(KwsError):
            repetition(folder)


def test_only_what_ended_early_goes_on(project: Project) -> None:
    done, cut = ended(project.folder), run_folder(project.folder, events=epochs(2), seed=3)
    with pytest.raises(TrainingError, match="came to its end"):
        resumption(done)
    with pytest.raises(TrainingError, match="has no checkpoint"):
        resumption(cut)
    RunFolder(cut).snapshot.path.write_bytes(b"weights")
    assert resumption(cut).resume == cut and resumption(cut).seed == 3
    with RunFolder(cut).lock(), pytest.raises(TrainingError, match="is being trained by another program"):
        resumption(cut)


def test_the_command_line_says_why_not(project: Project, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project.clips()[0].path.unlink()
    for command, folder, said in (("repeat", run, "1 clip is missing"), ("resume", run, "came to its end")):
        assert main([command, str(folder), "--json"]) == 1
        out, err = capsys.readouterr()
        (line,) = [json.loads(one) for one in out.splitlines()]
        assert line["event"] == "failed" and said in line["message"]
        assert err == f"kws {command}: {line['message']}\n"


def trained(*arguments: object, capsys: pytest.CaptureFixture[str]) -> tuple[list[dict[str, Any]], str]:
    """The lines of a command that trains to its end, and what it said besides."""
    capsys.readouterr()
    assert main([str(one) for one in (*arguments, "--json")]) == 0
    out, err = capsys.readouterr()
    return [json.loads(line) for line in out.splitlines()], err


def history(folder: Path) -> list[float]:
    """All that a finished run's epochs measured, in one row."""
    run = read_run(folder)
    assert run is not None and run.state == "finished"
    rows = ((one.train_loss, one.validation_loss, one.train_accuracy, one.validation_accuracy) for one in run.epochs)
    return [value for row in rows for value in row]


@pytest.mark.slow
def test_a_run_is_repeated_to_the_last_digit_whatever_came_since(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path / "words")
    sets = [word for option in OPTIONS for word in ("--set", option)]
    lines, _ = trained("train", project.folder, *sets, "--seed", 8, "--threads", 1, capsys=capsys)
    first = Path(lines[-1]["run"])
    assert len(list(RunFolder(first).clips.read())) >= 100
    project.edit.add_take("stop", audio.read(project.clips()[0].path, rate=16_000), speaker="espeakadam0")
    project.edit.save_settings(Settings().with_options(["model.name=cnn"]).to_dict())
    lines, _ = trained("repeat", first, capsys=capsys)
    assert [line["event"] for line in lines] == ["started", "epoch", "epoch", "promised", "finished"]
    second = Path(lines[-1]["run"])
    assert second != first and history(second) == pytest.approx(history(first), abs=1e-6)
    assert list(RunFolder(second).clips.read()) == list(RunFolder(first).clips.read())

    project.clips(word="music", split="training")[0].path.unlink()
    lines, said = trained("repeat", second, "--allow-changes", capsys=capsys)
    assert "Not quite the same run: 1 clip is missing" in said and lines[-1]["event"] == "finished"
    assert len(past_runs(project.runs_folder)) == 3


@pytest.mark.slow
def test_a_killed_run_goes_on_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make_project(tmp_path / "words")
    options = [word for option in (*OPTIONS, "training.epochs=4") for word in ("--set", option)]
    command = [
        sys.executable,
        "-m",
        "kws_engine.cli",
        "train",
        str(project.folder),
        *options,
        "--threads",
        "1",
        "--json",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
    ) as killed:
        assert killed.stdout is not None
        for line in killed.stdout:
            if json.loads(line).get("epoch") == 2:
                killed.send_signal(signal.SIGKILL)
                break
    (run,) = past_runs(project.runs_folder)
    assert run.state == "cut off" and run.can_resume
    lines, _ = trained("resume", run.folder, capsys=capsys)
    assert lines[-1]["event"] == "finished" and lines[-1]["run"] == str(run.folder)
    (after,) = past_runs(project.runs_folder)
    assert after.state == "finished" and [one.epoch for one in after.epochs] == [1, 2, 3, 4]
