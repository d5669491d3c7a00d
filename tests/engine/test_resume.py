"""A run that is gone on with: never with other clips, never at the cost of what it had, never by two at one time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from run_folders import largest_file
from speech_project import QUICK, WORDS

from kws_engine import audio
from kws_engine.cli import main
from kws_engine.clips.project import Project
from kws_engine.runs.clip_list import ClipRow
from kws_engine.runs.clip_listing import ClipListing
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job
from kws_engine.runs.loading import Data
from kws_engine.runs.records import past_runs
from kws_engine.runs.repeating import repetition
from kws_engine.runs.run import run
from kws_engine.settings import Settings
from kws_engine.spotting.model_file import SpottingModel
from kws_engine.training.data.clips import UnreadClips
from kws_engine.training.events import Epoch, Event, Failed, Finished, Progress, Skipped, Started

ROOT = Path(__file__).parents[2]
FOUR = ("training.epochs=4",)
resource = pytest.importorskip("resource", reason="limits of POSIX systems")


def job_of(project: Project, *options: str) -> Job:
    return Job(project.folder, Settings().with_options((*QUICK, *FOUR, *options)).to_dict(), threads=1)


def ending(job: Job) -> Failed:
    last = list(run(job))[-1]
    assert isinstance(last, Failed) and "\n" not in last.message and not last.message.startswith("Training failed")
    return last


def cut_off(job: Job, *, after: int = 2) -> Path:
    """The folder of a run that is left alone after so many epochs, with its list of clips complete."""
    told: list[Event] = []
    with closing(run(job)) as events:  # type: ignore[type-var]
        for event in events:
            told.append(event)
            if getattr(event, "epoch", 0) == after:
                break
    folder = next(Path(event.run) for event in told if isinstance(event, Started))
    project = Project.open(job.project)
    RunFolder(folder).clips.write(
        [replace(row, sha256=hash_of(row, project)) for row in RunFolder(folder).clips.read()]
    )
    return folder


def hash_of(row: ClipRow, project: Project) -> str:
    return project.index.measured.digest(row.path.removeprefix("clips/"))


def without_hashes(folder: Path) -> None:
    """The list as a run leaves it that was killed before all of its clips were hashed."""
    RunFolder(folder).clips.write([replace(row, sha256="") for row in list(RunFolder(folder).clips.read())])


def test_a_refused_resume_keeps_the_curves(project: Project) -> None:
    folder = cut_off(job_of(project))
    before = (folder / "events.jsonl").read_bytes()
    assert "of another network" in ending(replace(job_of(project, "model.name=cnn"), resume=folder)).message
    after = (folder / "events.jsonl").read_bytes()
    assert after.startswith(before) and len(after.removeprefix(before).splitlines()) == 1
    assert [one.epoch for one in past_runs(project.runs_folder)[0].epochs] == [1, 2]
    assert isinstance(list(run(replace(job_of(project), resume=folder)))[-1], Finished), "it can still be gone on with"


def test_a_resume_on_a_full_disk_keeps_the_curves(project: Project) -> None:
    folder = cut_off(job_of(project))
    before = (folder / "events.jsonl").read_bytes()
    with largest_file(200):
        assert "disk is full" in ending(replace(job_of(project), resume=folder)).message
    assert (folder / "events.jsonl").read_bytes() == before


KILLED = """
import os, signal, sys
from pathlib import Path
from kws_engine.runs.repeating import resumption
from kws_engine.runs.run import run
for event in run(resumption(Path(sys.argv[1]))):
    if type(event).__name__ == "Started":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_resume_killed_as_it_starts_keeps_the_curves(project: Project) -> None:
    folder = cut_off(job_of(project))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", KILLED, str(folder)], env=environment, timeout=120)
    assert ended.returncode == -signal.SIGKILL
    (past,) = past_runs(project.runs_folder)
    assert [one.epoch for one in past.epochs] == [1, 2] and past.can_resume and past.planned == 4


def test_what_was_told_again_stands_once_in_the_file(project: Project) -> None:
    folder = cut_off(job_of(project))
    told = [event for event in run(replace(job_of(project), resume=folder)) if not isinstance(event, Progress)]
    assert list(RunFolder(folder).events.read()) == told
    assert [event.epoch for event in told if isinstance(event, Epoch)] == [1, 2, 3, 4]


def test_who_goes_on_with_a_run_has_it_alone_from_the_first_moment(project: Project) -> None:
    job = job_of(project)
    job = replace(job, resume=cut_off(job))
    with closing(run(job)) as slow:  # type: ignore[type-var]
        assert isinstance(next(slow), Progress), "it is still loading"
        other = list(run(job))
        assert len(other) == 1 and isinstance(other[0], Failed) and "in use by another program" in other[0].message
    assert isinstance(list(run(job))[-1], Finished)


def test_a_run_that_is_gone_cannot_go_on(project: Project) -> None:
    assert "There is no run" in ending(replace(job_of(project), resume=project.runs_folder / "none")).message


def test_what_a_killed_program_was_writing_is_removed(project: Project) -> None:
    folder = cut_off(job_of(project))
    left = [folder / ".0123456789abcdef.safetensors", folder / ".ffffffffffffffff.csv"]
    kept = [folder / ".0123456789abcdef.toml", folder / ".0123456789abcdeg.csv", folder / "0123456789abcdef.csv"]
    for path in (*left, *kept):
        path.write_bytes(b"half")
    assert isinstance(list(run(replace(job_of(project), resume=folder)))[-1], Finished)
    assert [path.exists() for path in (*left, *kept)] == [False] * 2 + [True] * 3


@pytest.mark.parametrize("split", ["training", "validation"])
def test_clips_that_changed_or_went_are_named(project: Project, split: str) -> None:
    job = job_of(project)
    folder = cut_off(job)
    clips = [project.folder / row.path for row in RunFolder(folder).clips.read() if row.split == split]
    for path in clips[:4]:
        path.unlink()
    clips[4].write_bytes(clips[5].read_bytes())
    message = ending(replace(job, resume=folder)).message
    keys = [path.relative_to(project.folder).as_posix() for path in clips]
    assert f"4 clips are missing ({', '.join(keys[:3])}, ...), 1 clip has changed ({keys[4]})" in message
    assert "cannot go on" in message and ("--finish" in message) == (split == "training")
    assert [one.epoch for one in past_runs(project.runs_folder)[0].epochs] == [1, 2]


def test_a_model_of_the_best_epoch_needs_no_clip_to_learn_from(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = cut_off(job_of(project))
    listed = list(RunFolder(folder).clips.read())
    for row in listed:
        if row.split == "training":
            (project.folder / row.path).unlink()
    assert main(["resume", str(folder)]) == 1 and "clips are missing" in capsys.readouterr().err
    assert main(["resume", str(folder), "--finish"]) == 0
    (past,) = past_runs(project.runs_folder)
    assert past.model is not None and SpottingModel(past.model).words == WORDS
    assert list(RunFolder(folder).clips.read()) == listed
    (project.folder / next(row.path for row in listed if row.split == "validation")).unlink()
    assert "1 clip is missing" in ending(replace(job_of(project), resume=folder, finish=True)).message


def test_a_run_killed_before_its_clips_were_hashed_goes_on_with_the_same_ones(project: Project) -> None:
    folder = cut_off(job_of(project))
    without_hashes(folder)
    project.edit.add_take("stop", audio.read(project.clips()[0].path, rate=16_000), speaker="espeakadam0")
    told = list(run(replace(job_of(project), resume=folder)))
    before, after = (
        next(event for event in events if isinstance(event, Started))
        for events in (RunFolder(folder).events.read(), told)
    )
    assert before.training == after.training and isinstance(told[-1], Finished)
    assert all(row.sha256 == hash_of(row, project) for row in RunFolder(folder).clips.read()), "now they are"
    without_hashes(folder)
    gone = next(row for row in RunFolder(folder).clips.read() if row.split == "training")
    (project.folder / gone.path).unlink()
    assert f"1 clip is missing ({gone.path})" in ending(replace(job_of(project), resume=folder)).message


def test_clips_without_a_hash_are_not_taken_for_changed_ones(project: Project) -> None:
    folder = cut_off(job_of(project))
    without_hashes(folder)
    rows = list(RunFolder(folder).clips.read())
    (project.folder / rows[0].path).unlink()
    again = repetition(folder)
    assert again.changed == () and again.missing == (rows[0].path,)
    assert any(f"content of {len(rows)} clips" in sentence for sentence in again.notes())


def test_the_list_of_clips_stands_before_their_hashes_and_its_thread_can_be_ended(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project", words=("low",))
    paths = [project.clips_folder / f"low/voice_nohash_{number}.wav" for number in range(4000)]
    for path in paths:
        path.write_bytes(path.name.encode() * 1000)
    part = UnreadClips(paths, torch.zeros(len(paths), dtype=torch.int64), clip_samples=1)
    before = set(threading.enumerate())
    listing = ClipListing(
        RunFolder(tmp_path), Data(("low", "_unknown_", "_silence_"), part, part, part.sound(part.labels[:0])), project
    )
    listing.stop()
    assert set(threading.enumerate()) == before
    rows = list(RunFolder(tmp_path).clips.read())
    assert len(rows) == 2 * len(paths) and not all(row.sha256 for row in rows)
    assert not list(tmp_path.glob(".*.csv"))


def test_a_run_that_fails_leaves_no_thread_at_work(project: Project) -> None:
    before = set(threading.enumerate())
    folder = cut_off(job_of(project))
    assert ending(replace(job_of(project, "model.name=cnn"), resume=folder)).message
    stopped = list(run(job_of(project), lambda: any(project.runs_folder.glob("*/clips.csv"))))
    assert isinstance(stopped[-1], Failed)
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("which", ["best.safetensors", "checkpoint.safetensors"])
def test_a_disk_full_at_a_later_checkpoint_keeps_the_one_before(project: Project, which: str) -> None:
    job = job_of(project)
    told: list[Event] = []
    with closing(run(job)) as events:  # type: ignore[type-var]
        for event in events:
            told.append(event)
            if isinstance(event, Epoch):
                break
        folder = next(Path(one.run) for one in told if isinstance(one, Started))
        kept = (folder / "checkpoint.safetensors").read_bytes()
        with largest_file((folder / which).stat().st_size - 1):
            rest = list(events)
    assert isinstance(rest[-1], Failed) and "safetensors could not be written" in rest[-1].message
    assert (folder / "checkpoint.safetensors").read_bytes() == kept and not list(folder.glob(".*"))
    assert [epoch.epoch for epoch in RunFolder(folder).snapshot.read().history] == [1]
    assert past_runs(project.runs_folder)[0].can_resume
    again = list(run(replace(job, resume=folder)))
    assert isinstance(again[-1], Finished) and not [event for event in again if isinstance(event, Skipped)]
    assert [event.epoch for event in again if isinstance(event, Epoch)] == [1, 2, 3, 4]


LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
from kws_engine.runs.job import Job
from kws_engine.runs.run import run
from kws_engine.settings import Settings
job = Job(Path(sys.argv[1]), Settings().with_options(sys.argv[2:]).to_dict(), threads=1)
for event in run(job):
    if type(event).__name__ == "Epoch":
        in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (in_use + int(8e6), resource.RLIM_INFINITY))
print(event.message)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="how much is in use is told by Linux")
def test_exhausted_memory_leaves_a_remedy(project: Project) -> None:
    options = (*QUICK, *FOUR, "model.name=cnn", "training.batch_size=128", "training.clips_per_epoch=128")
    ended = subprocess.run(
        [sys.executable, "-c", LITTLE_MEMORY, str(project.folder), *options],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "The computer's memory is exhausted" in ended.stdout, ended.stdout + ended.stderr
    assert "smaller batch size" in ended.stdout and "resume it" in ended.stdout
    assert past_runs(project.runs_folder)[0].can_resume
