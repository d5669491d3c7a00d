"""The command line at its edges: odd lengths, names that no terminal can show, networks larger than the memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tone_model
from virtual_microphone import VirtualMicrophone

from kws_engine import audio
from kws_engine.cli import main
from kws_engine.clips.project import Project
from kws_engine.runs.job import Job
from kws_engine.runs.run import run
from kws_engine.training.events import Failed, Progress

ODD_SECONDS = 2.0100001  # no whole number of samples


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[dict[str, Any]], str]:
    """Status, what was printed as JSON, and what was said beside it."""
    capsys.readouterr()
    status = main([*map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    return status, [json.loads(line) for line in out.splitlines()], err


def test_listening_to_a_file_ends_after_a_time_between_two_samples(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audio.write(tmp_path / "tone.wav", tone_model.tone("low", 5.0), rate=16_000)
    model = tone_model.write(tmp_path / "tones.kws")
    status, lines, _ = told(capsys, "listen", model, "--file", tmp_path / "tone.wav", "--seconds", ODD_SECONDS)
    assert status == 0 and lines[-1]["audio_s"] == 2.01


@pytest.mark.timeout(60)
def test_listening_to_a_microphone_ends_after_a_time_between_two_samples(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], virtual_microphone: VirtualMicrophone
) -> None:
    model = tone_model.write(tmp_path / "tones.kws")
    status, lines, err = told(capsys, "listen", model, "--seconds", ODD_SECONDS)
    assert status == 0, err
    assert lines[-1]["event"] == "finished" and lines[-1]["audio_s"] == 2.01


@pytest.mark.timeout(120)
@pytest.mark.slow
def test_background_noise_is_recorded_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], virtual_microphone: VirtualMicrophone
) -> None:
    project = Project.create(tmp_path / "mine")
    status, lines, err = told(capsys, "record", project.folder, "_background_noise_")
    assert status == 0, err
    assert lines[0]["advice"] == "" and "be silent" in err
    assert [audio.info(path).seconds for path in project.noises()] == [10.0]


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="every file name is Unicode there")
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_file_name_that_is_no_unicode_is_named_all_the_same(tmp_path: Path, more: list[str]) -> None:
    project = Project.create(tmp_path / "mine")
    word = tmp_path / "from" / "yes"
    word.mkdir(parents=True)
    audio.write(word / "ann_nohash_0.wav", 0.1 * np.sin(np.arange(16_000)), rate=16_000)
    with open(os.fsencode(word) + b"/caf\xe9.wav", "wb") as file:
        file.write(b"no sound")
    call = [sys.executable, "-m", "kws_engine.cli", "import", project.folder, tmp_path / "from", *more]
    done = subprocess.run(call, capture_output=True, timeout=60, env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"})
    assert done.returncode == 0, done.stderr
    assert b"\\udce9" in done.stdout
    (word / os.fsdecode(b"caf\xe9.wav")).rename(project.clips_folder / "yes" / os.fsdecode(b"caf\xe9.wav"))
    assert len(Project.open(project.folder).unreadable) == 1
    if more:
        path = json.loads(done.stdout)["skipped"][0]["path"]
        assert path == str(word / os.fsdecode(b"caf\xe9.wav"))


@pytest.mark.slow
def test_networks_that_do_not_fit_are_named_and_the_others_listed(capsys: pytest.CaptureFixture[str]) -> None:
    status, lines, err = told(capsys, "models", "--features", 8, "--frames", 15)
    assert status == 0 and "cnn trad-fpool3: Layer 1" in err
    assert {"cnn", "fnn", "tc_resnet"} <= {line["name"] for line in lines}
    assert ("cnn", "trad-fpool3") not in {(line["name"], line["preset"]) for line in lines}


@pytest.mark.slow
def test_networks_larger_than_any_memory_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    status, lines, _ = told(capsys, "models", "--features", 100_000, "--frames", 4_000)
    largest = max(line["parameters"] for line in lines if line["name"] == "fnn")
    assert status == 0 and largest > 100_000 * 4_000 * 512


def test_a_project_that_cannot_be_written_is_refused_before_any_clip_is_read(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode, **_: False)  # root may write everywhere
    monkeypatch.setattr(os, "supports_effective_ids", {os.access})
    status, lines, said = told(capsys, "train", project.folder)
    assert status == 1 and "is read-only" in said and "copy the project" in said
    assert not any("of" in line for line in lines) and not any(project.runs_folder.iterdir())


def test_a_run_ends_while_clips_are_read(project: Project) -> None:
    events = list(run(Job(project.folder), lambda: True))
    assert isinstance(events[-1], Failed) and "nothing was trained" in events[-1].message
    assert not any(isinstance(event, Progress) for event in events) and not any(project.runs_folder.iterdir())
