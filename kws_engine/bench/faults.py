"""Damages every kind of file that this program reads, 10,000 times: each is to give a sentence or to be rebuilt."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws_engine.bench import Row
from kws_engine.bench._mutations import damaged
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.errors import KwsError
from kws_engine.runs.clip_list import ClipRow
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job, make_run_folder, project_settings, read_job, settings_of
from kws_engine.runs.label_file import Label
from kws_engine.runs.labels import relabel
from kws_engine.runs.queue import add, queue_file, read_queue
from kws_engine.runs.records import read_run
from kws_engine.settings import Settings
from kws_engine.sweeps.folder import SweepFolder, past_sweeps
from kws_engine.training.events import Epoch, Failed, Started

TITLE = "Damaged and hostile files: sentences, rebuilt, tracebacks"
INPUTS = 10_000
_RATE = 16_000
_LONGEST_S = 5.0
_WORDS = ("yes", "no")
_SWEEP = "widths"


@dataclass(frozen=True)
class Target:
    """One file of a project and all that reads it.

    Attributes:
        path: Relative to the project.
        read: Reads it in the project that it is given; raises a `KwsError`, or takes it for empty or damaged.
        share: How many of a hundred inputs it gets.
    """

    path: Path
    read: Callable[[Path], object]
    share: int = 8


def rows() -> Iterator[Row]:
    """Counts what became of 10,000 damaged files, by kind of file and together."""
    with tempfile.TemporaryDirectory() as folder:
        sample = Sample(Path(folder))
        outcomes: Counter[str] = Counter()
        total = sum(target.share for target in sample.targets)
        for target in sample.targets:
            count = -(-INPUTS * target.share // total)
            chances = (random.Random(f"{target.path.name}-{at}") for at in range(count))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of libraries, about values that are odd
                found = Counter(sample.outcome(target, chance) for chance in chances)
            failed = found["traceback"] + found["slow"]
            yield Row(f"{target.path.name}, {count} inputs: tracebacks", failed, "", asked=0, at_least=False)
            outcomes += found
        yield Row("inputs", sum(outcomes.values()), "", asked=INPUTS, at_least=True)
        yield Row("sentences", outcomes["sentence"], "")
        yield Row("read as far as they go, or rebuilt", outcomes["read"], "")
        yield Row("tracebacks", outcomes["traceback"], "", asked=0, at_least=False)
        yield Row(f"longer than {_LONGEST_S:g} s", outcomes["slow"], "", asked=0, at_least=False)


class Sample:
    """A project with one of each file, copied for each input so that none spoils the next.

    Attributes:
        whole: The project's folder, undamaged.
        targets: Its files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.whole = make_sample(folder / "whole")
        run = RunFolder(next(path for path in ProjectFolder(self.whole).runs.iterdir() if path.is_dir()))
        self.targets = tuple(_targets(self.whole, run))

    def outcome(self, target: Target, chance: random.Random) -> str:
        """What becomes of the file once damaged: "sentence", "read", "slow" or "traceback", which is printed."""
        try:
            return self.tried(target, chance)
        except Exception as error:  # noqa: BLE001 - what nothing else has caught is what is counted
            import traceback

            where = traceback.extract_tb(error.__traceback__)[-1]
            print(f"{target.path.name}: {type(error).__name__}: {error} ({where.filename}:{where.lineno})"[:300])
            return "traceback"

    def tried(self, target: Target, chance: random.Random) -> str:
        """As `outcome`; what is no sentence is raised."""
        project = self._folder / "damaged"
        shutil.rmtree(project, ignore_errors=True)
        shutil.copytree(self.whole, project, copy_function=_link_or_copy)
        path = project / target.path
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(damaged(path, content, chance))
        began = time.thread_time()
        try:
            target.read(project)
            outcome = "read"
        except KwsError as error:
            _check_sentence(str(error))
            outcome = "sentence"
        return outcome if time.thread_time() - began < _LONGEST_S else "slow"


def _check_sentence(sentence: str) -> None:
    """Raises where a message is no single short line, or holds what a terminal would obey."""
    if not 10 < len(sentence) < 900:
        raise ValueError(f"a message of {len(sentence)} characters: {sentence[:100]!r}")
    if "\n" in sentence or any(ord(one) < 32 for one in sentence):
        raise ValueError(f"a message with control characters: {sentence!r}")


def _link_or_copy(source: str, target: str) -> None:
    """Recordings are linked; whatever may be changed where it lies is copied."""
    if source.endswith(".wav"):
        os.link(source, target)
    else:
        shutil.copyfile(source, target)


def make_sample(folder: Path) -> Path:
    """Writes a small project with recordings, decisions, a queue, a run and a sweep; returns its folder."""
    project = Project.create(folder, words=_WORDS)
    chance = np.random.default_rng(0)
    clips = [
        project.edit.add_take(word, chance.normal(0, 0.1, _RATE).astype(np.float32), speaker=speaker)
        for word in _WORDS
        for speaker in ("ada", "ben")
    ]
    project.edit.exclude(clips[:1], True)
    project.edit.set_splits(clips[1:2], ["testing"])
    project.levels(clips)
    project.edit.save_settings(Settings().to_dict())
    job = Job(folder, name="first", tags=("a", "b"))
    _fill_run(RunFolder(make_run_folder(job, project.runs_folder)), folder)
    add(folder, job)
    _make_sweep(folder)
    _settle(ProjectFolder(folder).index)
    _settle(SweepFolder.of(folder, _SWEEP).study)
    return folder


def _settle(database: Path) -> None:
    """Brings all of a database into its one file."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()


def _fill_run(run: RunFolder, project: Path) -> None:
    from kws_engine.evaluation.finding import LearnedClip, ValidatedClip
    from kws_engine.export import model_file
    from kws_engine.spotting.model_file import Manifest
    from kws_engine.training.train import Snapshot

    relabel(run.path, Label("first", ("a",), "a note\nof two lines"))
    labels = [*_WORDS, "_unknown_", "_silence_"]
    run.events.append(Started(str(run.path), labels, {"yes": 8}, {"yes": 2}, 65_000, 1_500_000, "cpu", 30))
    epochs = [Epoch(at, 0.9, 0.9, 1 / at, 0.8, 1e-3, 2.0, 0.0, True, {"cross_entropy": 1.0}) for at in (1, 2, 3)]
    for epoch in epochs:
        run.events.append(epoch)
    run.events.append(Failed("The disk is full", kind="disk_full"))
    paths = [path.relative_to(project).as_posix() for path in sorted(ProjectFolder(project).clips.glob("*/*.wav"))]
    run.clips.write(ClipRow(path, "training", path.split("/")[1], "0" * 64) for path in paths)
    run.learning.write(LearnedClip(path, "yes", 3, 0.5, 0.9, "no") for path in paths)
    run.validation.write(ValidatedClip(path, "yes", "no", 0.5, 0.9) for path in paths)
    run.evaluation.write({"accuracy": 0.9, "clips": 12, "false_alarms_per_hour": 1.5})
    row = {"name": "1", "title": "1. dense", "weights": 9, "near_zero": 1, "penalties": {"l1": 0.1}, "reach": 1.0}
    penalties = {"l1": {"weights": 9, "near_zero": 1}}
    run.weights.write({"near_zero_below": 0.01, "penalties": penalties, "layers": [{**row, "counts": [1] * 41}]})
    feature, network = _network(len(labels))
    run.best_weights.write(network.state_dict())
    run.snapshot.write(Snapshot(dict(network.state_dict()), tuple(epochs), 30))
    manifest = Manifest(
        tuple(labels), _RATE, _RATE, {"name": "log_mel", "options": {}}, {"name": "fnn", "options": {}},
        {"hop_ms": 30.0, "thresholds": {"yes": 0.6}}, {"project": "p"}, {"validation_accuracy": 1.0},
    )  # fmt: skip
    model_file.write(run.model_file("fnn"), network, feature, manifest)


def _network(n_labels: int):  # type: ignore[no-untyped-def]
    from kws_engine import spec
    from kws_engine.features import FEATURES
    from kws_engine.models import MODELS

    feature = FEATURES["log_mel"].build(FEATURES["log_mel"].config(), rate=_RATE)
    config = spec.from_dict(MODELS["tc_resnet"].config, {"width": 0.25})
    frames = feature.n_frames(_RATE)
    return feature, MODELS["tc_resnet"].build(config, n_features=feature.n_features, n_frames=frames, n_labels=n_labels)


def _make_sweep(project: Path) -> None:
    import optuna

    from kws_engine.sweeps.job import SweepJob
    from kws_engine.sweeps.study import open_sweep

    job = SweepJob(project, ("model.width=0.5:2", "training.batch_size=16:64"), name=_SWEEP, trials=6)
    sweep = open_sweep(job)
    for number in range(6):
        sweep.study.add_trial(
            optuna.create_trial(
                value=1.0 / (number + 1),
                params={"model.width": 0.5 + number / 4, "training.batch_size": 16 + number},
                distributions={
                    "model.width": optuna.distributions.FloatDistribution(0.5, 2),
                    "training.batch_size": optuna.distributions.IntDistribution(16, 64),
                },
                user_attrs={"slot": number, "attempt": 0, "run": "r", "seconds": 1.0, "parameters": 5, "macs": 5},
            )
        )


def _targets(project: Path, run: RunFolder) -> Iterator[Target]:
    inside = ProjectFolder(project)

    def in_project(path: Path) -> Path:
        return path.relative_to(project)

    def run_in(folder: Path) -> RunFolder:
        return RunFolder(folder / in_project(run.path))

    yield Target(in_project(inside.project_file), _read_project)
    yield Target(in_project(inside.index), _read_index, share=8)
    yield Target(in_project(queue_file(project)), read_queue)
    yield Target(in_project(run.label.path), lambda folder: _read_run(run_in(folder)), share=4)
    yield Target(in_project(run.job.path), lambda folder: _read_job(run_in(folder)))
    yield Target(in_project(run.events.path), lambda folder: _read_run(run_in(folder)))
    yield Target(in_project(run.clips.path), lambda folder: list(run_in(folder).clips.read()), share=4)
    yield Target(in_project(run.learning.path), lambda folder: list(run_in(folder).learning.read()), share=4)
    yield Target(in_project(run.validation.path), lambda folder: _read_validation(run_in(folder)), share=4)
    yield Target(in_project(run.evaluation.path), lambda folder: run_in(folder).evaluation.read(), share=4)
    yield Target(in_project(run.weights.path), lambda folder: run_in(folder).weights.read(), share=4)
    yield Target(in_project(run.snapshot.path), lambda folder: run_in(folder).snapshot.read())
    yield Target(
        in_project(run.model_file("fnn")), lambda folder: _read_model(run_in(folder).model_file("fnn")), share=16
    )
    sweep = SweepFolder.of(project, _SWEEP)
    yield Target(in_project(sweep.file), past_sweeps, share=4)
    yield Target(in_project(sweep.study), _read_sweep, share=2)


def _read_project(folder: Path) -> None:
    project = Project.open(folder)
    project_settings(project)
    project.summary()
    project.edit.add_word("maybe")


def _read_index(folder: Path) -> None:
    project = Project.open(folder)
    clips = project.clips(include_excluded=True)
    if len(clips) != 2 * len(_WORDS):
        raise ValueError(f"{len(clips)} clips are left")
    project.levels(clips)
    project.edit.exclude(clips[2:3], True)
    project.edit.rename_word("yes", "oui")
    if not any(clip.excluded for clip in Project.open(folder).clips(word="oui", include_excluded=True)):
        raise ValueError("a decision is lost")


def _read_run(run: RunFolder) -> None:
    found = read_run(run.path)
    if found is not None:
        found.to_dict()


def _read_job(run: RunFolder) -> None:
    _read_run(run)
    settings_of(run.path)
    read_job(run.path)


def _read_validation(run: RunFolder) -> None:
    list(run.validation.read())
    run.validation.answers()


def _read_model(path: Path) -> None:
    from kws_engine.spotting.model_file import SpottingModel

    detector = SpottingModel(path).detector()
    detector.feed(np.zeros(2 * _RATE, np.float32))
    detector.flush()


def _read_sweep(folder: Path) -> None:
    from kws_engine.sweeps.results import parallel, results

    parallel(results(folder, _SWEEP))
