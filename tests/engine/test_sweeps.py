"""Sweeps: what is searched, who runs what, workers that are killed, and what a sweep has found."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from speech_project import QUICK, make_project
from test_house import ROOT
from waiting import collect, wait_until

from kws_engine import cli
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.errors import KwsError, SpecError, TrainingError
from kws_engine.settings import Settings
from kws_engine.spotting.model_file import SpottingModel
from kws_engine.sweeps import claims, remaining
from kws_engine.sweeps.address import masked
from kws_engine.sweeps.events import (
    SweepEnded,
    SweepEvent,
    SweepFailed,
    SweepStarted,
    TrialEnded,
    TrialEpoch,
    TrialStarted,
    WorkerLost,
)
from kws_engine.sweeps.folder import SweepFolder, past_sweeps
from kws_engine.sweeps.job import SweepJob
from kws_engine.sweeps.process import SweepProcess
from kws_engine.sweeps.results import parallel, results
from kws_engine.sweeps.space import Axis, axis, parse, searchable, settings_with
from kws_engine.sweeps.study import Sweep, open_sweep, sampler_of, suggested
from kws_engine.sweeps.worker import work

RATE = "training.learning_rate=1e-4:1e-1:log"
BATCH = "training.batch_size=16:64:16"


def job_of(project: Project, *ranges: str, **changes: Any) -> SweepJob:
    return SweepJob(project.folder, (*QUICK, *(ranges or (RATE,))), threads=1, **changes)


def trained_without_a_network(sweep: Sweep, values: list[float], *, epochs: int = 1) -> None:
    """Finished trials as a worker leaves them, of which only the results are of interest."""
    for slot, value in enumerate(values):
        trial = claims.claim(sweep, total=len(values))
        assert trial is not None and trial.number == slot
        suggested(trial.trial, sweep.definition.space.axes)
        for epoch in range(1, epochs + 1):
            trial.trial.report(value, epoch)
        sweep.study.tell(trial.number, value)


# What is searched


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("model.width", "0.5:2.0", Axis("model.width", "Width multiplier", "float", 0.5, 2.0)),
        ("regularizers.l2.weight", "1e-6:1e-2:log", Axis("regularizers.l2.weight", "", "float", 1e-6, 1e-2, log=True)),
        ("training.batch_size", "16:70:16", Axis("training.batch_size", "", "int", 16, 64, 16)),
        ("training.epochs", "5:50:log", Axis("training.epochs", "", "int", 5, 50, log=True)),
        ("training.mixup", "0:0.35:0.1", Axis("training.mixup", "", "float", 0.0, 0.3, 0.1)),
        ("training.optimizer", "adamw|sgd", Axis("training.optimizer", "", "choice", choices=("adamw", "sgd"))),
        ("training.early_stopping", "on|off", Axis("training.early_stopping", "", "choice", choices=("yes", "no"))),
        ("model.name", "cnn|tc_resnet", Axis("model.name", "", "choice", choices=("cnn", "tc_resnet"))),
    ],
)
def test_a_range_is_read_and_written_back(path: str, text: str, found: Axis) -> None:
    read = axis(Settings(), path, text)
    assert replace(read, title="") == replace(found, title="") and read.title
    assert axis(Settings(), path, read.text()) == read


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("model.widht=1:2", "did you mean 'model.width'"),
        ("model.width=0.1:2", "0.1 is outside 0.25 to 4"),
        ("model.width=1:9", "9 is outside 0.25 to 4"),
        ("model.width=2:1", "put the smaller one first"),
        ("model.width=1:2:lag", "neither log nor a step"),
        ("model.width=1:2:3", "does not fit into a range"),
        ("model.width=1:", "is no range"),
        ("training.batch_size=1.5:8", "is not a whole number"),
        ("training.mixup=0:1:log", "must begin above 0"),
        ("training.schedule=cosine:one_cycle", "A|B|C"),
        ("training.optimizer=adamw|adam", "not one of adamw, sgd"),
        ("training.optimizer=sgd|sgd", "not two different choices"),
        ("model.name=cnn|tc_resnt", "did you mean 'tc_resnet'"),
        ("detector.threshold=0.1:0.9", "changes nothing that a training measures"),
        ("training.device=cpu|cuda", "changes nothing that a training measures"),
    ],
)
def test_a_wrong_range_is_refused_by_name(assignment: str, said: str) -> None:
    with pytest.raises(SpecError, match=said.replace("|", r"\|")) as refused:
        parse(Settings(), [assignment])
    assert assignment.partition("=")[0] in str(refused.value)


def test_nothing_to_search_is_refused() -> None:
    with pytest.raises(SpecError, match="nothing to search"):
        parse(Settings(), ["model.width=1.5"])
    with pytest.raises(SpecError, match="given twice"):
        parse(Settings(), ["model.width=1:2", "model.width=1:3"])


def test_ranges_and_values_make_the_settings_of_a_trial() -> None:
    space = parse(Settings(), ["model.width=0.5:2", "training.epochs=7", "training.optimizer=adamw|sgd"])
    assert [one.path for one in space.axes] == ["model.width", "training.optimizer"]
    assert space.settings.training.epochs == 7
    settings = settings_with(space, {"model.width": 1 / 3 + 0.5, "training.optimizer": "sgd"})
    assert settings.model.config.width == 1 / 3 + 0.5 and settings.training.optimizer == "sgd"


def test_a_searched_feature_keeps_the_network() -> None:
    space = parse(Settings(), ["feature.name=log_mel|speech_embedding"])
    assert settings_with(space, {"feature.name": "speech_embedding"}).model == Settings().model


def test_every_searched_network_must_have_every_searched_option() -> None:
    with pytest.raises(SpecError, match=r"With cnn: .*model\.blocks"):
        parse(Settings(), ["model.blocks=8|14", "model.name=tc_resnet|cnn"])
    base = Settings().with_option("model.width", "2")
    space = parse(base, ["model.name=tc_resnet|cnn", RATE])
    assert settings_with(space, {"model.name": "tc_resnet"}).model == base.model, "what was chosen is kept"
    assert settings_with(space, {"model.name": "cnn"}).model == Settings().with_model("cnn").model


def test_what_a_form_may_offer_can_be_searched() -> None:
    offered = searchable(Settings())
    assert {"model.name", "model.width", "regularizers.l2.weight"} <= {path for path, _ in offered}
    for path, option in offered:
        if option.kind in ("int", "float"):
            low, high = option.low or 0, option.high if option.high is not None else 1
            assert axis(Settings(), path, f"{low}:{high}").kind == option.kind
        else:
            choices = option.choices if option.kind == "choice" else ("no", "yes")
            if len(choices) > 1:
                assert axis(Settings(), path, "|".join(choices)).choices == tuple(choices)


# Who runs what


def attempt(number: int, slot: int, turn: int, state: str, **more: Any) -> optuna.trial.FrozenTrial:
    attributes = {remaining.SLOT: slot, remaining.ATTEMPT: turn, **more.pop("attributes", {})}
    value = 0.5 if state == "COMPLETE" else None
    trial = optuna.create_trial(state=optuna.trial.TrialState[state], value=value, user_attrs=attributes, **more)
    trial.number = number
    return trial


def test_a_slot_is_filled_again_by_the_reason_it_is_empty() -> None:
    options: dict[str, Any] = {
        "params": {"x": 0.25},
        "distributions": {"x": optuna.distributions.FloatDistribution(0, 1)},
    }
    trials = [
        attempt(0, 0, 0, "COMPLETE", **options),
        attempt(1, 1, 0, "FAIL", **options),  # its worker vanished
        attempt(2, 2, 0, "FAIL", attributes={remaining.MESSAGE: "no network"}, **options),
        attempt(3, 3, 0, "FAIL", attributes={remaining.STOPPED: True}, **options),
        attempt(4, 4, 0, "RUNNING", **options),
    ]
    owed = {one.slot: one for one in remaining.next_attempts(trials, total=6, most=10)}
    assert sorted(owed) == [1, 2, 3, 5]
    assert owed[1].params == owed[3].params == {"x": 0.25} and (owed[1].retry_of, owed[3].retry_of) == (1, 3)
    assert owed[2].params == owed[5].params == {} and owed[2].retry_of is None
    assert remaining.finished(trials) == 1 and [one.number for one in remaining.failed(trials)] == [2]
    assert len(remaining.next_attempts(trials, total=100, most=8)) == 8


def test_options_that_take_every_worker_with_them_are_given_up() -> None:
    trials = [attempt(number, 0, number, "FAIL", params={}, distributions={}) for number in range(3)]
    assert [one.retry_of for one in remaining.next_attempts(trials[:2], total=1, most=1)] == [1]
    assert [one.retry_of for one in remaining.next_attempts(trials, total=1, most=1)] == [None]


def test_of_one_attempt_added_twice_the_lower_number_counts() -> None:
    trials = [attempt(1, 0, 0, "WAITING"), attempt(0, 0, 0, "RUNNING"), attempt(2, 1, 0, "WAITING")]
    assert [one.number for one in remaining.duplicates(trials)] == [1]
    assert [one.number for one in remaining.distinct(trials)] == [0, 2]
    assert remaining.next_attempts(trials, total=2, most=5) == []


@pytest.mark.slow
def test_no_trial_is_claimed_twice_by_workers_that_begin_at_once(project: Project) -> None:
    job = job_of(project, name="crowd", trials=12)
    taken: list[int] = []

    def worker() -> None:
        sweep = open_sweep(job)
        while remaining.finished(sweep.trials()) < job.trials:
            claimed = claims.claim(sweep, total=job.trials)
            if claimed is not None:
                taken.append(claimed.number)
                sweep.study.tell(claimed.number, float(claimed.number))

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == job.trials
    assert remaining.finished(open_sweep(job).trials()) == job.trials


def test_the_first_options_do_not_depend_on_who_tries_them(project: Project) -> None:
    definition = open_sweep(job_of(project, RATE, BATCH)).definition

    def tried(order: list[int]) -> dict[int, dict[str, Any]]:
        study = optuna.create_study()
        found = {}
        for slot in order:
            study.sampler = sampler_of(definition, slot=slot, attempt=0)
            found[slot] = suggested(study.ask(), definition.space.axes)
        return found

    assert tried([0, 1, 2, 3]) == tried([3, 1, 0, 2])
    assert len({tuple(options.values()) for options in tried([0, 1, 2, 3]).values()}) == 4


# Runs


@pytest.mark.slow
def test_a_sweep_in_this_process_is_stopped_and_gone_on_with(project: Project) -> None:
    job = job_of(project, RATE, BATCH, trials=2, by="accuracy")
    told: list[SweepEvent] = []
    for event in work(replace(job, assignments=(*job.assignments, "training.epochs=2")), lambda: bool(stopping(told))):
        told.append(event)
    ended = told[-1]
    assert isinstance(ended, SweepEnded) and ended.stopped and ended.best is None and ended.finished == 0
    stopped = next(event.trial for event in told if isinstance(event, TrialEnded))
    assert stopped.state == "stopped" and stopped.options

    again = list(work(SweepJob(project.folder, threads=1, trials=2)))
    ended = again[-1]
    assert isinstance(ended, SweepEnded) and not ended.stopped and (ended.finished, ended.failed) == (2, 0)
    done = [event.trial for event in again if isinstance(event, TrialEnded)]
    assert [one.state for one in done] == ["complete", "complete"]
    retry = next(one for one in done if one.retry_of == stopped.number)
    assert retry.options == stopped.options
    assert ended.best is not None and ended.best.value == max(one.value or 0 for one in done)
    assert ended.best.value == ended.best.validation_accuracy and ended.best.macs > 0 and ended.best.seconds > 0
    models = [next((Path(ended.folder) / "runs" / one.run).glob("*.kws")) for one in done]
    assert all(SpottingModel(model).words for model in models), "each trial leaves a model"
    assert list(project.runs_folder.iterdir()) == [], "a sweep's runs are not among the others"
    assert [type(event) for event in work(replace(job, name=ended.name, assignments=()))] == [SweepStarted, SweepEnded]


def stopping(told: list[SweepEvent]) -> list[SweepEvent]:
    return [event for event in told if isinstance(event, TrialEpoch)]


@pytest.mark.slow
def test_a_trial_that_is_worse_than_the_others_is_ended_early(project: Project) -> None:
    job = job_of(project, RATE, "training.epochs=6", trials=6)
    trained_without_a_network(open_sweep(job), [0.001] * 5, epochs=6)
    told = list(work(job))
    trial = next(event.trial for event in told if isinstance(event, TrialEnded))
    assert trial.state == "pruned" and trial.number == 5
    assert 1 <= len(stopping(told)) < 6 and trial.value is not None and trial.value > 0.001
    assert isinstance(told[-1], SweepEnded) and told[-1].finished == 6 and told[-1].best is not None
    assert told[-1].best.number == 0, "a trial that was ended early is not the best"
    without = replace(job, name="all the way", pruning="none", trials=6)
    assert not isinstance(open_sweep(without).study.pruner, optuna.pruners.MedianPruner)


def test_options_that_make_no_network_fail_their_trial_and_three_end_the_sweep(project: Project) -> None:
    settings = Settings().with_model("custom").with_option("model.layers", "maxpool 300x300; gap").to_dict()
    told = list(work(SweepJob(project.folder, (RATE,), settings, trials=5)))
    failed = [event.trial for event in told if isinstance(event, TrialEnded)]
    assert [one.state for one in failed] == ["failed"] * 3 and all(one.message for one in failed)
    assert isinstance(told[-1], SweepFailed)
    assert "first 3 trials" in told[-1].message and failed[-1].message in told[-1].message


# Several processes


def polled(process: SweepProcess, act: Callable[[SweepEvent], None] = lambda event: None) -> list[SweepEvent]:
    def poll() -> list[SweepEvent]:
        events = process.poll()
        for event in events:
            act(event)
        return events

    return collect(poll, lambda _: process.ended, seconds=400)


@pytest.mark.slow
def test_of_three_workers_one_is_killed_and_no_trial_is_lost_or_run_twice(project: Project) -> None:
    job = job_of(project, RATE, BATCH, trials=6, heartbeat_s=2, pruning="none")
    process = SweepProcess(job, workers=3)
    killed: list[TrialStarted] = []

    def kill_one(event: SweepEvent) -> None:
        if isinstance(event, TrialStarted) and event.worker == 1 and not killed:
            killed.append(event)
            os.kill(process.pids[1], signal.SIGKILL)

    try:
        told = polled(process, kill_one)
    finally:
        process.close()
    assert killed and [event.worker for event in told if isinstance(event, WorkerLost)] == [1]
    ended = told[-1]
    assert isinstance(ended, SweepEnded) and (ended.finished, ended.failed, ended.stopped) == (6, 0, False)

    begun = [event for event in told if isinstance(event, TrialStarted)]
    assert max(Counter(event.number for event in begun).values()) == 1, "no number was run by two workers"
    found = results(project.folder, ended.name)
    states = Counter(one.state for one in found.trials)
    assert states == {"complete": 6, "lost": 1}
    lost = next(one for one in found.trials if one.state == "lost")
    again = [one for one in found.trials if one.retry_of is not None]
    assert lost.number == killed[0].number
    assert [one.retry_of for one in again] == [lost.number] and again[0].options == lost.options
    assert {event.number: event.options for event in begun} == {one.number: one.options for one in found.trials}
    assert len({tuple(one.options.values()) for one in found.trials}) == 6, "each set of options has one result"
    assert len({event.worker for event in begun}) == 3


@pytest.mark.slow
def test_workers_that_all_vanish_are_said_and_the_sweep_can_go_on(project: Project) -> None:
    process = SweepProcess(job_of(project, trials=2, heartbeat_s=1))

    def kill(event: SweepEvent) -> None:
        if isinstance(event, TrialStarted):
            os.kill(process.pids[0], signal.SIGKILL)

    told = polled(process, kill)
    process.close()
    assert not process.is_alive() and process.poll() == []
    assert isinstance(told[-2], WorkerLost) and "SIGKILL" in told[-2].message
    assert isinstance(told[-1], SweepFailed) and "vanished" in told[-1].message
    assert [past.options for past in past_sweeps(project.folder)] == [{"training.learning_rate": "0.0001:0.1:log"}]
    sweep = open_sweep(SweepJob(project.folder, heartbeat_s=1))
    claimed: list[claims.Claim] = []

    def can_be_claimed() -> bool:
        claim = claims.claim(sweep, total=1)
        claimed.extend([claim] if claim else [])
        return bool(claimed)

    wait_until(can_be_claimed, step_s=0.2, what="the worker to have been silent for three seconds")
    assert claimed[0].retry_of == 0


# Names, storages and words


def test_one_command_goes_on_with_its_sweep_and_another_makes_its_own(project: Project) -> None:
    first = open_sweep(job_of(project, RATE, BATCH))
    assert first.name == "batch_size+learning_rate"
    assert open_sweep(job_of(project, BATCH, RATE, trials=50)).name == first.name, "more trials of the same"
    assert open_sweep(job_of(project, RATE, "training.batch_size=16:128:16")).name == f"{first.name}-2"
    assert open_sweep(job_of(project, RATE, BATCH, seed=1)).name == f"{first.name}-3"
    with pytest.raises(SpecError, match="another name"):
        open_sweep(job_of(project, RATE, name=first.name))
    with pytest.raises(SpecError, match="several sweeps"):
        open_sweep(SweepJob(project.folder))
    assert open_sweep(SweepJob(project.folder, name=f"{first.name}-2")).definition.space.axes[1].high == 128
    for wrong in ("../out", ".hidden", "a/b"):
        with pytest.raises(SpecError, match="cannot name a sweep"):
            SweepJob(project.folder, name=wrong)
    kept = tomllib.loads((SweepFolder.of(project.folder, first.name).path / "sweep.toml").read_text())
    assert kept["options"] == {"training.batch_size": "16:64:16", "training.learning_rate": "0.0001:0.1:log"}
    assert kept["trials"] == 50 and kept["fixed"] == list(QUICK)


def test_a_sweep_of_other_words_is_not_gone_on_with(project: Project, tmp_path: Path) -> None:
    open_sweep(job_of(project, name="mine"))
    other = Project.create(tmp_path / "other", words=("yes", "no"))
    ProjectFolder(other.folder).sweeps.mkdir()
    os.rename(SweepFolder.of(project.folder, "mine").path, SweepFolder.of(other.folder, "mine").path)
    with pytest.raises(TrainingError, match="lights, music, stop"):
        open_sweep(SweepJob(other.folder, name="mine"))


@pytest.mark.parametrize("name", ["per %20 cent?", "{SCHEMA_VERSION}", "ö # x"])
def test_a_project_may_stand_in_a_folder_of_any_name(project: Project, tmp_path: Path, name: str) -> None:
    moved = project.folder.rename(tmp_path / name)
    sweep = open_sweep(SweepJob(moved, (RATE,), name="s"))
    assert claims.claim(sweep, total=1) is not None
    assert (SweepFolder.of(moved, "s").study).is_file()
    assert [one.state for one in results(moved, "s").trials][:1] == ["running"]


def test_a_storage_that_cannot_be_used_is_said(project: Project) -> None:
    refused = {
        "nothing": "is no address of a database",
        "oracel://x": "names no kind of database",
        "sqlite:////nowhere/at/all.db": "does not answer (unable to open database file)",
    }
    for address, said in refused.items():
        with pytest.raises(KwsError) as error:
            open_sweep(job_of(project, storage=address))
        assert said in str(error.value) and "\n" not in str(error.value)
    folder = SweepFolder.of(project.folder, "learning_rate").path
    folder.mkdir(parents=True)
    SweepFolder(folder).study.write_bytes(b"this is no database" * 100)
    with pytest.raises(TrainingError, match="file is not a database"):
        open_sweep(job_of(project))
    with pytest.raises(TrainingError, match="There is no sweep 'none'"):
        results(project.folder, "none")


def test_a_driver_that_is_missing_is_named_and_no_password_is_shown(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(TrainingError) as error:
        open_sweep(job_of(project, storage="postgresql://me:secret@machine/sweeps"))
    assert "psycopg" in str(error.value) and "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql:/me:secret@machine/db", "no address of a database"),
        ("postgresql//me:secret@machine/db", "no address of a database"),
        ("postgresql://me:secret@machine:port/db", "no address of a database"),
        ("postgresql://me:top@secret@machine/db", "%40"),
        ("postgresql://me:sec/ret@machine.invalid/db", "me:***@machine.invalid"),
        ("postgresql://machine.invalid/db?user=me&password=secret", "password=***"),
        ("sqlite://", "names no file"),
    ],
)
def test_no_mistake_in_an_address_shows_its_password(project: Project, address: str, said: str) -> None:
    with pytest.raises(KwsError) as error:
        open_sweep(job_of(project, storage=address))
    assert "secret" not in str(error.value) and "ret@" not in str(error.value)
    if not lacking_driver() or "machine.invalid" not in address:
        assert said in str(error.value)
    assert masked(masked(address)) == masked(address)


def lacking_driver() -> bool:
    return not any(importlib.util.find_spec(name) for name in ("psycopg", "psycopg2"))


def test_a_file_given_as_storage_is_written_by_one_at_a_time(project: Project, tmp_path: Path) -> None:
    sweep = open_sweep(job_of(project, storage=f"sqlite:///{tmp_path / 'shared.db'}"))
    with sweep.storage.engine.begin(), sqlite3.connect(tmp_path / "shared.db", timeout=0) as other:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    other.close()


@pytest.mark.slow
def test_a_trial_of_another_machine_is_known_as_one(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("platform.node", lambda: "upstairs")
    ended = list(work(job_of(project, trials=1)))[-1]
    assert isinstance(ended, SweepEnded) and ended.best is not None
    assert ended.best.machine == "upstairs" and not ended.best.is_elsewhere
    monkeypatch.setattr("platform.node", lambda: "downstairs")
    (trial,) = results(project.folder, ended.name).trials
    assert trial.is_elsewhere and trial.run == ended.best.run
    assert cli.main(["sweep", str(project.folder), "--trials", "1"]) == 0
    assert "on the machine upstairs" in capsys.readouterr().out


def test_machines_share_a_sweep_by_its_address_alone(project: Project, tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'shared.db'}"
    here = open_sweep(job_of(project, RATE, BATCH, storage=address))
    trained_without_a_network(here, [0.3, 0.2])
    there = open_sweep(SweepJob(project.folder, storage=address))
    assert (there.name, there.definition) == (here.name, here.definition)
    assert [past.storage for past in past_sweeps(project.folder)] == [address]
    found = results(project.folder, here.name, storage=address)
    assert found.best is not None and found.best.number == 1
    with pytest.raises(KwsError, match="is kept at"):
        open_sweep(job_of(project, RATE, BATCH))
    assert open_sweep(SweepJob(project.folder)).address == address, "the only one is gone on with, where it is kept"
    with pytest.raises(TrainingError, match="There is no sweep"):
        open_sweep(SweepJob(project.folder, storage=address, name="other"))


# Results


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """A sweep in which only the learning rate counts: the value is its distance from 0.01 in decades."""
    project = make_project(tmp_path_factory.mktemp("swept") / "project")
    job = job_of(project, RATE, "training.optimizer=adamw|sgd", "training.epochs=3:9", trials=24)
    sweep = open_sweep(job)
    for _ in range(job.trials):
        claimed = claims.claim(sweep, total=job.trials)
        assert claimed is not None
        options = suggested(claimed.trial, sweep.definition.space.axes)
        rate = options["training.learning_rate"]
        assert isinstance(rate, float)
        sweep.study.tell(claimed.number, abs(math.log10(rate) + 2))
    return project, sweep.name


@pytest.mark.slow
def test_what_mattered_comes_first(swept: tuple[Project, str]) -> None:
    found = results(swept[0].folder, swept[1])
    assert next(iter(found.importance)) == "training.learning_rate"
    assert found.importance["training.learning_rate"] > 0.5
    assert sum(found.importance.values()) == pytest.approx(1)
    assert found.best is not None and found.best.value == min(one.value or 9 for one in found.trials)
    best = found.settings_of(found.best)
    assert best.training.learning_rate == found.best.options["training.learning_rate"]
    assert best.model.name == "fnn" and found.wanted == 24 and found.by == "loss"


def test_the_plot_has_a_line_a_trial_through_every_option(swept: tuple[Project, str]) -> None:
    found = results(swept[0].folder, swept[1])
    plot = parallel(found)
    assert plot.axes[0].path == "training.learning_rate" and plot.axes[-1].title == "Validation loss"
    assert plot.axes[0].ticks[0] == (0.0, "0.0001") and plot.axes[0].ticks[-1] == (1.0, "0.1")
    assert len(plot.lines) == 24 and all(len(line.positions) == len(plot.axes) == 4 for line in plot.lines)
    assert all(0 <= place <= 1 for line in plot.lines for place in (*line.positions, line.goodness))
    best = max(plot.lines, key=lambda line: line.goodness)
    assert found.best is not None and best.number == found.best.number
    assert best.goodness == 1 and best.positions[-1] == 0
    for line, trial in zip(plot.lines, found.trials, strict=True):
        optimizer = [one.path for one in plot.axes].index("training.optimizer")
        assert (line.positions[optimizer] == 1) == (trial.options["training.optimizer"] == "sgd")


def test_looking_at_results_writes_nothing(swept: tuple[Project, str]) -> None:
    folder = SweepFolder.of(swept[0].folder, swept[1]).path
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    results(swept[0].folder, swept[1])
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


@pytest.mark.slow
def test_few_trials_say_nothing_of_importance(project: Project) -> None:
    sweep = open_sweep(job_of(project, trials=4))
    trained_without_a_network(sweep, [0.4, 0.3, 0.2, 0.1])
    found = results(project.folder, sweep.name)
    assert found.importance == {} and len(parallel(found).lines) == 4
    alike = open_sweep(job_of(project, trials=9, name="alike"))
    trained_without_a_network(alike, [0.25] * 9)
    assert results(project.folder, "alike").importance == {}, "results that are all alike"
    empty = open_sweep(job_of(project, BATCH))
    found = results(project.folder, empty.name)
    assert found.best is None and parallel(found).lines == () and len(parallel(found).axes) == 2


# The command


@pytest.mark.slow
def test_the_command_prints_a_line_a_trial_and_the_end(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    ranges = [part for one in (*QUICK, RATE) for part in ("--set", one)]
    command = ["sweep", str(project.folder), *ranges, "--trials", "1", "--threads", "1", "--json"]
    assert cli.main(command) == 0
    trial, end = map(json.loads, capsys.readouterr().out.splitlines())
    assert {"event": "trial", "number": 0, "state": "complete"}.items() <= trial.items()
    assert list(trial["options"]) == ["training.learning_rate"] and Path(trial["run"]).is_dir()
    assert end["event"] == "finished" and end["best"]["value"] == trial["value"] and end["importance"] == {}
    assert cli.main(command) == 0
    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == ["finished"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--set", "model.width=9:10"], 2, "9 is outside 0.25 to 4"),
        (["--set", "model.width=1.5"], 2, "nothing to search"),
        ([], 2, "nothing to search"),
        (["--name", "none"], 1, "There is no sweep 'none'"),
        (["--set", "model.width=1:2", "--storage", "nothing"], 2, "no address of a database"),
        (["--set", "model.width=1:2", "--model", "nothing"], 2, "no model 'nothing'"),
    ],
)
def test_wrong_usage_is_said_before_anything_starts(
    project: Project, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, said: str
) -> None:
    assert cli.main(["sweep", str(project.folder), *arguments, "--json"]) == status
    printed = capsys.readouterr()
    assert said in printed.err and said in json.loads(printed.out)["message"]


def test_what_the_window_imports_loads_neither_torch_nor_optuna() -> None:
    parts = ("space", "job", "events", "process", "results")
    imports = "; ".join(f"import kws_engine.sweeps.{part}" for part in parts)
    heavy = ("torch", "optuna", "sqlalchemy")
    code = f"import sys, kws_engine.cli; {imports}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr
