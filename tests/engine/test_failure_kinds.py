"""How a run failed is data: with every sentence turned to gibberish, all that is decided by it stays as it was."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from run_folders import epochs, largest_file, run_folder
from speech_project import QUICK, WORDS, make_project
from waiting import collect, wait_until

from kws_engine.clips.project import Project
from kws_engine.disk import write_error
from kws_engine.errors import FailureKind, KwsError, SpecError, TrainingError
from kws_engine.evaluation.diagnosis import KINDS
from kws_engine.runs import failing
from kws_engine.runs.diagnosing import diagnose_run, facts_of
from kws_engine.runs.failing import failure
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job
from kws_engine.runs.minimum_clips import check_words
from kws_engine.runs.process import TrainingProcess
from kws_engine.runs.records import read_run
from kws_engine.runs.run import run
from kws_engine.settings import Settings
from kws_engine.sweeps.events import SweepFailed, TrialEnded
from kws_engine.sweeps.job import SweepJob
from kws_engine.sweeps.worker import work
from kws_engine.training.events import Epoch, Failed, Started, from_dict, to_dict

GIBBERISH = "Zqx wvv"


@pytest.fixture
def gibberish(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sentence of every error, whatever it says today."""
    monkeypatch.setattr(KwsError, "__str__", lambda self: GIBBERISH)
    monkeypatch.setattr(failing, "_MEMORY_EXHAUSTED", GIBBERISH)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Project.create(tmp_path / "project", words=["low"]).folder


def job_of(project: Project, *options: str) -> Job:
    return Job(project.folder, Settings().with_options((*QUICK, *options)).to_dict(), threads=1)


def ending(job: Job, *, should_stop: bool = False) -> Failed:
    last = list(run(job, lambda: should_stop))[-1]
    assert isinstance(last, Failed)
    return last


# -- what is decided by a kind


@pytest.mark.parametrize("kind", get_args(FailureKind))
def test_the_state_and_the_diagnosis_of_a_run_come_from_the_kind_alone(folder: Path, kind: FailureKind) -> None:
    made = run_folder(folder, events=[*epochs(6), Failed(GIBBERISH, kind=kind)])
    past = read_run(made)
    assert past is not None and past.message == GIBBERISH and past.kind == kind
    assert past.state == ("stopped" if kind == "stopped" else "failed")
    assert past.to_dict()["kind"] == kind
    assert facts_of(made).lost_number == (kind == "not_a_number")
    found = {finding.kind for finding in diagnose_run(made)}
    assert found <= set(KINDS) and ("diverging" in found) == (kind == "not_a_number")


@pytest.mark.parametrize("kind", get_args(FailureKind))
def test_a_kind_is_stored_and_read(folder: Path, kind: FailureKind) -> None:
    event = Failed("The loss is no longer a number", kind=kind)
    values = json.loads(json.dumps(to_dict(event)))
    assert values == {"event": "failed", "message": event.message, "kind": kind}
    assert from_dict(values) == event
    made = run_folder(folder, events=[event])
    assert list(RunFolder(made).events.read())[-1] == event


@pytest.mark.parametrize("stored", ["melted", 7, ["stopped"], {}, ""])
def test_a_kind_of_a_newer_program_is_another_one(stored: object) -> None:
    event = from_dict({"event": "failed", "message": "The loss is no longer a number", "kind": stored})
    assert isinstance(event, Failed) and event.kind == "other"


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("The run was stopped before its first epoch ended: nothing was trained, start it again", "stopped"),
        ("The loss is no longer a number at a learning rate of 5: train again with a tenth of it", "not_a_number"),
        ("The computer's memory is exhausted: choose a smaller batch size or fewer threads", "out_of_memory"),
        ("The graphics card has too little memory for this run: choose training.device=cpu", "out_of_memory"),
        ("The graphics card failed (CUDA error): choose training.device=cpu", "no_device"),
        ("The disk is full, best.safetensors could not be written: free some space and try again", "disk_full"),
        ("/home/ann/x cannot be written: choose a folder that you may write to", "read_only"),
        ("The run 20250101-x cannot go on, because since it began 1 clip is missing (a.wav)", "clips_changed"),
        ("The training process was ended by SIGKILL, by hand or by the system", "killed"),
        ("Training failed: x", "other"),
        ("", "other"),
    ],
)
def test_a_run_stored_without_a_kind_has_that_of_its_message(folder: Path, message: str, kind: FailureKind) -> None:
    made = run_folder(folder, events=epochs(2))
    with open(made / "events.jsonl", "a") as file:
        file.write(json.dumps({"event": "failed", "message": message}) + "\n")
    past = read_run(made)
    assert past is not None and past.kind == kind and past.message == message
    assert past.state == ("stopped" if kind == "stopped" else "failed")


def test_the_kinds_in_old_files_are_still_known() -> None:
    assert {"stopped", "not_a_number", "out_of_memory", "disk_full", "clips_changed", "killed", "other"} <= set(
        get_args(FailureKind)
    ), "a kind that was once stored is never renamed"


# -- where the kinds come from


@pytest.mark.usefixtures("gibberish")
def test_a_run_that_is_stopped_at_once(project: Project) -> None:
    assert ending(job_of(project), should_stop=True) == replace(
        Failed(GIBBERISH, kind="stopped"), traceback=ending(job_of(project), should_stop=True).traceback
    )


@pytest.mark.usefixtures("gibberish")
def test_a_run_that_diverges_and_one_without_its_clips(project: Project) -> None:
    wild = ("model.batch_norm=no", "training.optimizer=sgd", "training.learning_rate=10", "training.schedule=constant",
            "training.epochs=8", "training.clips_per_epoch=200", "training.batch_size=16")  # fmt: skip
    failed = ending(job_of(project, *wild))
    assert (failed.message, failed.kind) == (GIBBERISH, "not_a_number")
    made = run_folder(project.folder)
    for event in run(job_of(project, "training.epochs=50")):
        if isinstance(event, Started):
            made = Path(event.run)
        if isinstance(event, Epoch):
            break
    wait_until((made / "clips.csv").exists, seconds=30)
    row = next(row for row in RunFolder(made).clips.read() if row.split == "training" and row.label == WORDS[0])
    (project.folder / row.path).unlink()
    refused = ending(replace(job_of(project), resume=made))
    assert (refused.message, refused.kind) == (GIBBERISH, "clips_changed")
    past = read_run(made)
    assert past is not None and past.can_resume, "a refusal leaves the run as it was"


@pytest.mark.usefixtures("gibberish")
def test_a_full_disk(project: Project) -> None:
    with largest_file(100_000):
        failed = ending(job_of(project))
    assert (failed.message, failed.kind) == (GIBBERISH, "disk_full")
    (made,) = project.runs_folder.iterdir()
    past = read_run(made)
    assert past is not None and (past.state, past.kind) == ("failed", "disk_full")


def _from(cause: Exception) -> RuntimeError:
    """As a library tells of another that it could not load."""
    error = RuntimeError("Module x is not installed!")
    error.__cause__ = cause
    return error


@pytest.mark.usefixtures("gibberish")
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(), "out_of_memory"),
        (_from(ImportError("x.so: failed to map segment from shared object")), "out_of_memory"),
        (_from(ImportError("No module named 'x'")), "other"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "out_of_memory"),
        (torch.OutOfMemoryError("CUDA out of memory"), "out_of_memory"),
        (torch.AcceleratorError("CUDA error", 719), "no_device"),
        (SpecError("Width: 9 is outside 0.25 to 4"), "unfit_settings"),
        (TrainingError("x"), "other"),
        (ValueError("x"), "other"),
        (write_error(OSError(errno.ENOSPC, "x"), Path("a")), "disk_full"),
        (write_error(OSError(errno.EACCES, "x"), Path("a")), "read_only"),
        (write_error(OSError(errno.EIO, "x"), Path("a")), "other"),
    ],
)
def test_an_exception_has_a_kind(error: Exception, kind: FailureKind) -> None:
    assert failure(error).kind == kind


@pytest.mark.usefixtures("gibberish")
def test_too_few_clips_and_a_run_that_is_in_use(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as refused:
        check_words(())
    assert refused.value.kind == "too_few_clips"
    with RunFolder(tmp_path).lock(), pytest.raises(TrainingError) as refused, RunFolder(tmp_path).lock():
        pass
    assert refused.value.kind == "in_use"


def test_a_process_that_vanishes(project: Project) -> None:
    process = TrainingProcess(job_of(project, "training.epochs=500"))
    process._process.kill()
    told = collect(process.poll, lambda _: process.ended)
    process.close()
    assert isinstance(told[-1], Failed) and told[-1].kind == "killed"


@pytest.mark.slow
@pytest.mark.usefixtures("gibberish")
def test_trials_of_a_sweep_that_make_no_network(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    settings = Settings().with_model("custom").with_option("model.layers", "maxpool 300x300; gap").to_dict()
    told = list(work(SweepJob(project.folder, ("training.learning_rate=1e-4:1e-2:log",), settings, trials=5)))
    trials = [event.trial for event in told if isinstance(event, TrialEnded)]
    assert [(one.state, one.kind, one.message) for one in trials] == [("failed", "unfit_settings", GIBBERISH)] * 3
    assert isinstance(told[-1], SweepFailed) and told[-1].kind == "other"


def test_a_stopped_run_has_no_model_of_before(folder: Path) -> None:
    made = run_folder(folder, events=[*epochs(2), Failed("", kind="stopped")])
    (made / "fnn.kws").write_bytes(b"x")
    past = read_run(made)
    assert past is not None and past.model is None and past.state == "stopped", "its message may be empty"
    RunFolder(made).events.append(epochs(3)[-1])
    past = read_run(made)
    assert past is not None and (past.state, past.kind) == ("cut off", None)
