"""One run: loads the clips, trains, writes the model file, and yields events on the way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from kws_engine import __version__, spec
from kws_engine.clips.project import Project
from kws_engine.errors import KwsError, ProjectError, TrainingError
from kws_engine.evaluation.metrics import evaluate
from kws_engine.export import model_file
from kws_engine.models.counting import count
from kws_engine.runs.checking import build_network, check
from kws_engine.runs.clip_listing import ClipListing
from kws_engine.runs.event_log import EventLog
from kws_engine.runs.failing import failure
from kws_engine.runs.fitting import Setup, ShouldStop, check_same_number, fit_run
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job, make_run_folder
from kws_engine.runs.loading import Data, Loading, load
from kws_engine.runs.promising import CPU_S, Wanted, keep_promise, promised
from kws_engine.runs.same_clips import check_clips
from kws_engine.runs.second_looking import take_second_look
from kws_engine.runs.weights import write_weights
from kws_engine.settings import Settings
from kws_engine.spotting.decision import DetectorConfig
from kws_engine.spotting.model_file import Manifest, SpottingModel
from kws_engine.training.data.clips import Clips
from kws_engine.training.events import Event, Failed, Finished, Progress, Promised, Skipped, Started
from kws_engine.training.scale_out import ONE, Processes
from kws_engine.training.train import NOTHING_TRAINED, Fit, Snapshot

_TRIAL_CPU_S = 3.0


def run(job: Job, should_stop: ShouldStop = lambda: False, *, processes: Processes = ONE) -> Iterator[Event]:
    """Yields the events of a run; exactly one ending, `Finished` or `Failed`, is the last of them.

    Of several processes only the first one writes anything; a `Failed` without a message is reported by another.
    """
    log = EventLog()
    try:
        for event in _events(job, should_stop, processes, log):
            if isinstance(event, Finished):
                log.add_if_possible(event)  # the model is written, however full the disk is now
            else:
                log.add(event)
            yield event
    except Exception as error:  # noqa: BLE001 - the run's edge: every end is an event
        yield _failed(error, log, processes)


def _failed(error: Exception, log: EventLog, processes: Processes) -> Failed:
    event = failure(error)
    event = replace(event, message=processes.fault(error, event.message))
    log.add_if_possible(event)
    return event


def _events(job: Job, should_stop: ShouldStop, processes: Processes, log: EventLog) -> Iterator[Event]:
    torch.set_num_threads(job.threads or processes.threads)
    settings, project = Settings.from_dict(job.settings), Project.open(job.project)
    pipeline, _ = check(
        settings, rate=project.rate, n_samples=project.clip_samples, n_labels=max(1, len(project.words)) + 2
    )
    if pipeline.ends_windows:
        torch.set_num_threads(1)  # a head is so small that a second thread costs more than it computes
    device = processes.join(pick_device(settings.training.device), batch_size=settings.training.batch_size)
    torch.manual_seed(job.seed)
    with contextlib.ExitStack() as held:
        before = processes.from_first(lambda: _taken_up(RunFolder(job.resume), held) if job.resume else None)
        skipped: list[Skipped] = []
        loading = _loaded(project, settings, job, processes)
        data = yield from unless_stopped(loading, should_stop, skipped)
        network = build_network(settings, pipeline, n_samples=project.clip_samples, n_labels=len(data.labels))
        processes.check_same((job.settings, job.seed, _labels_of(data)), name="settings and clips")
        folder = processes.from_first(
            lambda: job.resume or _new_folder(job, job.runs_folder or project.runs_folder, held)
        )
        setup = Setup(job, folder, project, settings, pipeline, data, device, processes)
        if before is not None:
            check_same_number(setup, before, skipped)
        if processes.is_first:
            after = before.history[-1] if before is not None and before.history else None
            log.begin(setup.files, after=after, finish=job.finish)
        yield _started(setup, network)
        yield from _trained(setup, network, should_stop, before)


def _new_folder(job: Job, runs_folder: Path, held: contextlib.ExitStack) -> Path:
    folder = make_run_folder(job, runs_folder)
    held.enter_context(RunFolder(folder).lock())
    return folder


def _taken_up(folder: RunFolder, held: contextlib.ExitStack) -> Snapshot:
    """The state of a run that is resumed, read when no other program can resume it any more."""
    folder.check()
    held.enter_context(folder.lock())
    folder.remove_leftovers()
    return folder.snapshot.read()


def _loaded(project: Project, settings: Settings, job: Job, processes: Processes) -> Loading[Data]:
    if job.resume is not None and processes.is_first:
        yield from check_clips(project, RunFolder(job.resume), finish=job.finish)
    return (yield from load(project, settings, only=_only(job), to_learn=not job.finish))


def _trained(
    setup: Setup, network: torch.nn.Module, should_stop: ShouldStop, before: Snapshot | None
) -> Iterator[Event]:
    path = setup.files.model_file(setup.settings.model.name)
    with contextlib.ExitStack() as held:
        listing = ClipListing(setup.files, setup.data, setup.project) if setup.processes.is_first else None
        if listing is not None:
            held.callback(listing.stop)
        with setup.processes.norms(network.to(setup.device)):
            ended = yield from fit_run(setup, network, should_stop, before=before)
        setup.processes.leave()
        if listing is not None:
            yield from _write_model(setup, path, network, ended, should_stop)
            yield from listing.end()
    best = ended.best
    yield Finished(str(setup.folder), str(path), best.epoch, best.validation_accuracy, ended.stopped_early)


def _write_model(
    setup: Setup, path: Path, network: torch.nn.Module, ended: Fit, should_stop: ShouldStop
) -> Iterator[Progress | Skipped | Promised]:
    setup.files.best_weights.write(ended.weights)
    model_file.write(path, network.cpu(), setup.pipeline, _manifest(setup, ended))
    if setup.settings.detector.second_look:
        yield from take_second_look(setup, path, should_stop)
    yield from write_weights(setup.files, network, setup.settings)
    yield from _write_evaluation(setup.files, SpottingModel(path), setup.project)
    yield from _write_promise(setup, path)


def _labels_of(data: Data) -> str:
    """A digest of which clips there are of which label."""
    return sha256(data.training.labels.numpy().tobytes() + b"/" + data.validation.labels.numpy().tobytes()).hexdigest()


def _only(job: Job) -> Path | None:
    """The list of the clips that a run keeps to: one given, or that of the run it resumes."""
    if job.clips is None and job.resume is not None and (listed := RunFolder(job.resume).clips).exists():
        return listed.path
    return job.clips


def unless_stopped(loading: Loading[Data], should_stop: ShouldStop, skipped: list[Skipped]) -> Loading[Data]:
    """Yields the events, and adds those of skipped files to `skipped`.

    Raises:
        TrainingError: It was stopped.
    """
    while True:
        try:
            event = next(loading)
        except StopIteration as end:
            data: Data = end.value
            return data
        if should_stop():
            raise TrainingError(NOTHING_TRAINED, kind="stopped")
        if isinstance(event, Skipped):
            skipped.append(event)
        yield event


def pick_device(name: str) -> torch.device:
    """The device of that name; `auto` takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        TrainingError: It is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(candidate for candidate, found in there.items() if found)
    if not there[name]:
        raise TrainingError(f"This machine has no {name} device: choose auto or cpu", kind="no_device")
    return torch.device(name)


def _started(setup: Setup, network: torch.nn.Module) -> Started:
    data, pipeline = setup.data, setup.pipeline

    def counts(part: Clips) -> dict[str, int]:
        return {label: int((part.labels == number).sum()) for number, label in enumerate(data.labels[:-1])}

    cost = count(network, n_frames=pipeline.n_frames(setup.window_samples), n_features=pipeline.n_features)
    return Started(
        run=str(setup.folder),
        labels=list(data.labels),
        training=counts(data.training),
        validation=counts(data.validation),
        parameters=cost.parameters,
        macs=cost.macs,
        device=setup.processes.described(setup.device),
        epochs=setup.settings.training.epochs,
    )


def _manifest(setup: Setup, ended: Fit) -> Manifest:
    project, settings = setup.project, setup.settings
    return Manifest(
        labels=setup.data.labels,
        rate=project.rate,
        window_samples=setup.window_samples,
        feature={"name": settings.feature.name, "options": spec.to_dict(settings.feature.config)},
        network={"name": settings.model.name, "options": spec.to_dict(settings.model.config)},
        detector={**_detector_of(settings), "thresholds": {}},
        source={
            "project": project.name,
            "run": setup.folder.name,
            "version": __version__,
            "date": f"{datetime.now():%Y-%m-%d}",
        },
        quality={
            "validation_accuracy": ended.best.validation_accuracy,
            "validation_clips": len(setup.data.validation),
        },
    )


def _detector_of(settings: Settings) -> dict[str, Any]:
    """Its options, so that older programs read the file where they can.

    The second look is told once there is one, and newer options where they are not as older programs work.
    """
    usual = DetectorConfig()
    new = {"saving": usual.saving, "first_share": usual.first_share}
    options = spec.to_dict(settings.detector)
    return {
        name: value
        for name, value in options.items()
        if name != "second_look" and not (name in new and value == new[name])
    }


def _write_promise(setup: Setup, path: Path) -> Iterator[Progress | Skipped | Promised]:
    """Skips what cannot be written or read: the model is there, and `kws calibrate` does the same at any time."""
    is_trial = setup.job.runs_folder is not None  # one of many, of which hardly any is ever listened to
    wanted = Wanted(setup.settings.training.false_alarms_per_hour, cpu_s=_TRIAL_CPU_S if is_trial else CPU_S)
    try:
        report = yield from keep_promise(path, setup.project, wanted)
        setup.files.promise.write(report)
        yield promised(report)
    except KwsError as error:
        yield Skipped(str(setup.files.promise.path), str(error))


def _write_evaluation(folder: RunFolder, model: SpottingModel, project: Project) -> Iterator[Skipped]:
    """Skips it where it cannot be written: the model is, and `kws evaluate` gives the same at any time."""
    try:
        evaluated = evaluate(model, project.clips(split="validation"))
        folder.evaluation.write({"split": "validation", **evaluated.to_dict()})
    except ProjectError as error:
        yield Skipped(str(folder.evaluation.path), str(error))
