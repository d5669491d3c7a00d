"""One run from a project to a model file: its events, its files, and every way in which it can end."""

from __future__ import annotations

import csv
import itertools
import json
import math
import tomllib
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from run_folders import largest_file
from speech_project import QUICK, VOICES, WORDS, Trained, make_project
from waiting import wait_until

from kws_engine import audio, spec
from kws_engine.augment import AUGMENTATIONS
from kws_engine.clips.project import Project
from kws_engine.errors import KwsError, TrainingError
from kws_engine.evaluation.metrics import evaluate
from kws_engine.features import FEATURES
from kws_engine.models import MODELS
from kws_engine.regularizers import REGULARIZERS
from kws_engine.runs.checking import build_network
from kws_engine.runs.clip_list import sha256_of
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job, make_run_folder, settings_of
from kws_engine.runs.minimum_clips import missing_clips
from kws_engine.runs.records import past_runs, run_in
from kws_engine.runs.run import pick_device, run
from kws_engine.settings import Settings
from kws_engine.spotting.model_file import SpottingModel
from kws_engine.training import checkpoint
from kws_engine.training.events import Epoch, Event, Failed, Finished, Progress, Promised, Skipped, Started


def job_of(project: Project, *options: str) -> Job:
    return Job(project.folder, Settings().with_options((*QUICK, *options)).to_dict(), threads=1)


def up_to_the_first_epoch(job: Job) -> list[Event]:
    """The events of a run that is then left alone."""
    told: list[Event] = []
    with closing(run(job)) as events:  # type: ignore[type-var]
        for event in events:
            told.append(event)
            if isinstance(event, Epoch):
                break
    return told


def ending(job: Job) -> Failed:
    """The only ending of a run that fails."""
    told = list(run(job))
    assert [event for event in told if isinstance(event, Finished | Failed)] == told[-1:]
    assert isinstance(told[-1], Failed)
    assert "\n" not in told[-1].message and not told[-1].message.startswith("Training failed")
    return told[-1]


def test_events_come_in_order_with_exactly_one_ending(trained: Trained) -> None:
    kinds = [kind for kind, _ in itertools.groupby(type(event) for event in trained.events)]
    assert kinds == [Progress, Started, Progress, Epoch, Progress, Promised, Finished]
    started = next(event for event in trained.events if isinstance(event, Started))
    epochs = [event for event in trained.events if isinstance(event, Epoch)]
    assert started.labels == [*WORDS, "_unknown_", "_silence_"]
    assert {word: started.training[word] for word in WORDS} == dict.fromkeys(WORDS, 39)
    assert {word: started.validation[word] for word in WORDS} == dict.fromkeys(WORDS, 6)
    assert started.training["_unknown_"] > 0, "the program's own recordings of other words"
    assert started.epochs == 12 and [epoch.epoch for epoch in epochs] == list(range(1, 13))
    best = min(epochs, key=lambda epoch: epoch.validation_loss)
    assert trained.finished.best_epoch == best.epoch
    assert trained.finished.validation_accuracy == best.validation_accuracy > 0.8


def test_the_run_folder_holds_all_of_the_run(trained: Trained) -> None:
    folder = Path(trained.finished.run)
    names = {
        "job.toml",
        "events.jsonl",
        "best.safetensors",
        "checkpoint.safetensors",
        "clips.csv",
        "learning.csv",
        "validation.csv",
        "evaluation.json",
        "promise.json",
        "weights.json",
        "tc_resnet.kws",
    }
    assert {path.name for path in folder.iterdir() if ".tfevents." not in path.name} == names
    assert len(list(folder.glob("events.out.tfevents.*"))) == 1
    kept = [event for event in trained.events if not isinstance(event, Progress)]
    assert list(RunFolder(folder).events.read()) == kept
    job = tomllib.loads((folder / "job.toml").read_text())
    assert job["seed"] == 1 and settings_of(folder).training.epochs == 12
    evaluation = json.loads((folder / "evaluation.json").read_text())
    assert evaluation["split"] == "validation" and evaluation["clips"] == 18 and evaluation["accuracy"] > 0.8
    past = past_runs(trained.project.runs_folder)
    assert [(one.folder, one.network, one.model, one.message) for one in past] == [
        (folder, "tc_resnet", trained.model, "")
    ]
    assert past[0].best is not None and past[0].best.epoch == trained.finished.best_epoch


def test_the_manifest_says_what_the_file_is(trained: Trained) -> None:
    manifest = SpottingModel(trained.model).manifest
    assert manifest.labels == (*WORDS, "_unknown_", "_silence_") and manifest.schema == 1
    assert (manifest.rate, manifest.window_samples) == (16_000, 16_000)
    assert manifest.feature["name"] == Settings().feature.name and manifest.network["name"] == "tc_resnet"
    assert manifest.source["project"] == "three words" and manifest.source["run"] == Path(trained.finished.run).name
    assert manifest.quality["validation_accuracy"] == trained.finished.validation_accuracy


def test_the_file_gives_the_scores_of_the_best_weights(trained: Trained) -> None:
    model = SpottingModel(trained.model)
    folder = Path(trained.finished.run)
    network = build_network(settings_of(folder), model.pipeline, n_samples=16_000, n_labels=len(model.labels))
    network.load_state_dict(checkpoint.load(folder / "best.safetensors"))
    clips = [audio.read(clip.path, rate=16_000)[:16_000] for clip in trained.project.clips()[::5]]
    features = model.pipeline.batch(np.stack(clips))
    with torch.no_grad():
        expected = torch.softmax(network.eval()(torch.from_numpy(features)), dim=1).numpy()
    assert np.abs(model.posteriors(features) - expected).max() <= 1e-4


def test_it_knows_words_of_voices_it_never_heard(trained: Trained) -> None:
    assert evaluate(SpottingModel(trained.model), trained.project.clips(split="testing")).accuracy > 0.6


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS.names())
def test_every_network_trains(name: str, project: Project) -> None:
    told = up_to_the_first_epoch(job_of(project, f"model.name={name}"))
    assert isinstance(told[-1], Epoch) and math.isfinite(told[-1].validation_loss)
    weights = checkpoint.load(next(project.runs_folder.glob("*/best.safetensors")))
    assert all(torch.isfinite(value).all() for value in weights.values())


@pytest.mark.slow
def test_bfloat16_trains_and_everything_is_measured_in_float32(project: Project) -> None:
    met: set[tuple[bool, torch.dtype]] = set()

    def note(module: torch.nn.Module, _given: object, made: object) -> None:
        if isinstance(module, torch.nn.Linear | torch.nn.Conv1d | torch.nn.Conv2d) and isinstance(made, torch.Tensor):
            met.add((module.training, made.dtype))

    hook = torch.nn.modules.module.register_module_forward_hook(note)
    try:
        told = list(run(job_of(project, "training.precision=bfloat16", "training.epochs=20")))
    finally:
        hook.remove()
    assert {dtype for training, dtype in met if training} == {torch.bfloat16}
    assert {dtype for training, dtype in met if not training} == {torch.float32}
    found = [event for event in told if isinstance(event, Epoch)]
    assert isinstance(told[-1], Finished) and found[-1].train_loss < 0.6 * found[0].train_loss
    weights = checkpoint.load(next(project.runs_folder.glob("*/best.safetensors")))
    assert {value.dtype for value in weights.values() if value.is_floating_point()} == {torch.float32}
    best = next(epoch for epoch in reversed(found) if epoch.best)
    judged = evaluate(SpottingModel(Path(told[-1].model)), project.clips(split="validation"))
    assert abs(judged.accuracy - best.validation_accuracy) < 0.2, "the file's float32 network is the one measured"


@pytest.mark.all_parts
def test_all_regularizers_and_augmentations_together_train(project: Project) -> None:
    options = [f"augment.{entry.name}.probability=1" for entry in AUGMENTATIONS]
    for entry in REGULARIZERS:
        options += [f"regularizers.{entry.name}.{o.name}=1e-4" for o in spec.options(entry.config) if o.kind == "float"]
    told = up_to_the_first_epoch(job_of(project, "model.name=tc_resnet", *options))
    assert isinstance(told[-1], Epoch) and told[-1].penalty > 0 and math.isfinite(told[-1].train_loss)


@pytest.mark.parametrize("feature", FEATURES.names())
def test_every_feature_and_the_real_recordings_train(feature: str, tmp_path: Path, shared_data: Path) -> None:
    project = Project.create(tmp_path / "real", words=("left", "right"))
    for word in ("left", "right"):
        clips = sorted((shared_data / "speech_commands" / word).glob("*.*"))
        for path in clips[:60]:
            sound = audio.read(path, rate=16_000, max_seconds=30)
            audio.write(project.clips_folder / word / f"{path.stem}.wav", sound, rate=16_000)
    project.refresh()
    told = up_to_the_first_epoch(job_of(project, f"feature.name={feature}", "model.name=tc_resnet"))
    assert isinstance(told[-1], Epoch) and math.isfinite(told[-1].train_loss)


def test_damaged_clips_are_named_and_the_run_goes_on(project: Project) -> None:
    clips = project.clips(word="music", split="training")
    clips[0].path.write_text("no sound")
    whole = clips[1].path.read_bytes()
    clips[1].path.write_bytes(whole[: len(whole) // 2])
    clips[2].path.unlink()
    told = up_to_the_first_epoch(job_of(project))
    skipped = {Path(event.path): event.reason for event in told if isinstance(event, Skipped)}
    assert set(skipped) == {clips[0].path, clips[1].path}
    assert all(path.name in reason for path, reason in skipped.items())
    assert "is cut off after" in skipped[clips[1].path]
    started = next(event for event in told if isinstance(event, Started))
    assert started.training["music"] == 12 and isinstance(told[-1], Epoch)


def test_too_few_readable_clips_end_in_a_sentence(project: Project) -> None:
    for clip in project.clips(word="music", split="training"):
        content = clip.path.read_bytes()
        clip.path.write_bytes(content[: len(content) // 2])  # the headers are whole, but what is read decides
    assert "'music' has 0 clips in the training part" in missing_clips(Project.open(project.folder).clips(), WORDS)
    assert "'music' has 0 clips in the training part" in ending(job_of(project)).message


def test_validation_without_a_readable_clip_ends_in_a_sentence(project: Project) -> None:
    for clip in project.clips(split="validation"):
        content = clip.path.read_bytes()
        clip.path.write_bytes(content[: len(content) // 2])
    assert "No word has a clip in the validation part" in ending(job_of(project)).message


def test_what_a_project_lacks_is_said(tmp_path: Path) -> None:
    empty = Project.create(tmp_path / "empty")
    assert "has no words yet" in ending(job_of(empty)).message
    nothing = Project.create(tmp_path / "nothing", words=("lights",))
    assert "'lights' has 0 clips in the training part: record at least 2 takes" in ending(job_of(nothing)).message
    one = make_project(tmp_path / "one", voices=VOICES[:3])
    for clip in one.clips(split="validation"):
        one.edit.delete([clip])
    assert "No word has a clip in the validation part" in ending(job_of(one)).message
    assert "There is no project" in ending(Job(tmp_path / "none")).message
    assert list(tmp_path.glob("*/runs/*")) == [], "a run that cannot start leaves no folder"


def test_settings_that_fit_nothing_are_said(project: Project) -> None:
    for settings in ({"model": {"name": "tc_resnt"}}, {"training": {"epochs": -1}}, {"model": 1}):
        assert ending(Job(project.folder, settings)).message


def test_a_device_that_is_not_there_is_said(project: Project) -> None:
    missing = next(name for name, there in (("cuda", torch.cuda.is_available()), ("mps", False)) if not there)
    assert f"no {missing} device" in ending(job_of(project, f"training.device={missing}")).message
    assert pick_device("cpu") == torch.device("cpu") and pick_device("auto").type in ("cpu", "cuda", "mps")


def test_a_disk_full_at_a_checkpoint_ends_in_one_sentence(project: Project) -> None:
    with largest_file(100_000):
        failed = ending(job_of(project))
    assert "disk is full" in failed.message and "best.safetensors" in failed.message
    folder = next(project.runs_folder.iterdir())
    assert list(RunFolder(folder).events.read())[-1] == Failed(failed.message, kind="disk_full")
    assert not list(folder.glob("*.safetensors")) and not list(folder.glob(".*")), "nothing half-written stays"
    assert past_runs(project.runs_folder)[0].message == failed.message


def test_a_disk_full_at_the_very_start_ends_in_one_sentence(project: Project) -> None:
    with largest_file(300):
        assert "disk is full" in ending(job_of(project)).message
    assert list(project.runs_folder.iterdir()) == []


def test_half_an_event_on_a_full_disk_does_not_spoil_the_reason_why_the_run_ends(tmp_path: Path) -> None:
    RunFolder(tmp_path).events.append(Failed("first"))
    with largest_file((tmp_path / "events.jsonl").stat().st_size + 60):
        with pytest.raises(TrainingError, match="free some space"):
            RunFolder(tmp_path).events.append(Failed("long" * 50))
        RunFolder(tmp_path).events.append(Failed("full"))
    assert list(RunFolder(tmp_path).events.read()) == [Failed("first"), Failed("full")]


def test_a_stop_before_anything_was_learned_is_said(project: Project) -> None:
    told = list(run(job_of(project), lambda: True))
    assert isinstance(told[-1], Failed) and "stopped before its first epoch" in told[-1].message


def test_two_runs_of_one_second_have_two_folders(project: Project) -> None:
    folders = {make_run_folder(job_of(project), project.runs_folder) for _ in range(5)}
    assert len(folders) == 5


def test_damaged_run_folders_are_passed_over(trained: Trained, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    cut_off = make_run_folder(Job(tmp_path), runs)
    RunFolder(cut_off).events.append(next(event for event in trained.events if isinstance(event, Epoch)))
    with open(cut_off / "events.jsonl", "ab") as file:
        file.write(b'[1]\n"text"\n{"event": "none"}\n\xff\xfe\n{"event": "epoch", "epo')
    for name, content in {"text": "settings = 3", "no toml": "[[", "empty": ""}.items():
        (runs / name).mkdir()
        (runs / name / "job.toml").write_text(content)
    (runs / "nothing").mkdir()
    past = past_runs(runs)
    assert [(one.folder, len(one.epochs), one.model) for one in past] == [(cut_off, 1, None)]
    assert "cut off" in past[0].message
    for name in ("text", "no toml", "empty", "nothing"):
        with pytest.raises(KwsError):
            settings_of(runs / name)


def test_the_settings_of_a_run_are_all_of_them(tmp_path: Path) -> None:
    values: dict[str, Any] = {"model": {"name": "cnn"}}
    assert settings_of(make_run_folder(Job(tmp_path, values), tmp_path / "runs")) == Settings().with_model("cnn")


@pytest.mark.slow
def test_a_model_stands_also_where_its_evaluation_cannot_be_written(project: Project) -> None:
    told: list[Event] = []
    for event in run(job_of(project, "training.epochs=1")):
        told.append(event)
        if isinstance(event, Epoch):  # something else stands where the evaluation shall be written
            (Path(next(one for one in told if isinstance(one, Started)).run) / "evaluation.json" / "x").mkdir(
                parents=True
            )
    finished = told[-1]
    assert isinstance(finished, Finished) and SpottingModel(finished.model).words
    skipped = next(event for event in told if isinstance(event, Skipped))
    assert skipped.path.endswith("evaluation.json") and "cannot be written" in skipped.reason


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 GiB"), "has too little memory for this run"),
        (
            torch.AcceleratorError("CUDA error: unspecified launch failure\nCompile with", 719),
            "unspecified launch failure",
        ),
    ],
)
def test_a_graphics_card_that_fails_leaves_a_remedy(
    project: Project, monkeypatch: pytest.MonkeyPatch, error: RuntimeError, said: str
) -> None:
    def load(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("kws_engine.runs.run.load", load)
    message = ending(job_of(project)).message
    assert said in message and message.endswith("choose training.device=cpu or a smaller batch size")


@pytest.mark.slow
def test_the_last_weights_are_kept_beside_the_best(project: Project) -> None:
    told = list(run(job_of(project, "training.epochs=3", "training.learning_rate=0.05")))
    assert isinstance(told[-1], Finished)
    folder = Path(told[-1].run)
    snapshot, best = RunFolder(folder).snapshot.read(), checkpoint.load(folder / "best.safetensors")
    assert [epoch.epoch for epoch in snapshot.history] == [1, 2, 3]
    last = {name: snapshot.tensors[f"average/{name}"] for name in best}
    same = all(torch.equal(last[name], best[name]) for name in best)
    assert same == (told[-1].best_epoch == 3)


def test_a_run_knows_its_clips_and_how_each_was_learned(trained: Trained) -> None:
    folder = Path(trained.finished.run)
    listed = list(RunFolder(folder).clips.read())
    assert {row.split for row in listed} == {"training", "validation"}
    own = [row for row in listed if not Path(row.path).is_absolute()]
    assert {row.label for row in own} == {*WORDS} and all(
        row.sha256 == sha256_of(trained.project.folder / row.path) for row in own
    )
    with open(folder / "learning.csv", newline="") as file:
        learned = list(csv.DictReader(file))
    assert {row["path"] for row in learned} == {row.path for row in listed if row.split == "training"}
    assert all(int(row["seen"]) > 0 and 0 <= float(row["own_probability"]) <= 1 for row in learned)
    with open(folder / "validation.csv", newline="") as file:
        judged = list(csv.DictReader(file))
    right = sum(row["label"] == row["predicted"] for row in judged) / len(judged)
    assert right == pytest.approx(trained.finished.validation_accuracy, abs=1e-6)
    assert {row["path"] for row in judged if row["path"]} == {row.path for row in listed if row.split == "validation"}


@pytest.mark.slow
def test_a_run_keeps_to_the_clips_it_is_told(project: Project, tmp_path: Path) -> None:
    first = list(run(job_of(project)))[-1]
    assert isinstance(first, Finished)
    audio.write(project.clips_folder / WORDS[0] / "new_nohash_0.wav", np.zeros(16_000, np.float32), rate=16_000)
    again = list(run(replace(job_of(project), clips=Path(first.run) / "clips.csv")))
    assert [e.validation_loss for e in again if isinstance(e, Epoch)] == [
        epoch.validation_loss for epoch in past_runs(project.runs_folder)[1].epochs
    ]


@pytest.mark.slow
def test_a_run_cut_off_is_made_a_model_of_its_best_epoch(project: Project) -> None:
    told = up_to_the_first_epoch(job_of(project, "training.epochs=50"))
    folder = Path(next(event.run for event in told if isinstance(event, Started)))
    RunFolder(folder).events.append(Failed("The loss is no longer a number", kind="not_a_number"))
    again = list(run(replace(job_of(project, "training.epochs=50"), resume=folder, finish=True)))
    assert [event.epoch for event in again if isinstance(event, Epoch)] == [1]
    assert isinstance(again[-1], Finished) and again[-1].best_epoch == 1 and again[-1].stopped_early
    assert SpottingModel(Path(again[-1].model)).manifest.source["run"] == folder.name
    kept = [type(event) for event in RunFolder(folder).events.read()]
    assert kept == [Started, Epoch, Failed, Promised, Finished], "why it failed is still true of its curves"
    assert run_in(folder).state == "stopped" and run_in(folder).model


def test_a_run_cannot_go_on_without_its_clips(project: Project) -> None:
    folder = Path(next(event.run for event in up_to_the_first_epoch(job_of(project)) if isinstance(event, Started)))
    wait_for = folder / "clips.csv"
    wait_until(wait_for.exists, seconds=30)
    clip = next(row for row in RunFolder(folder).clips.read() if row.split == "training" and row.label == WORDS[0])
    gone = project.folder / clip.path
    gone.unlink()
    message = ending(replace(job_of(project), resume=folder)).message
    assert gone.name in message and "cannot go on" in message
    assert RunFolder(folder).events.read() and (folder / "checkpoint.safetensors").exists()
