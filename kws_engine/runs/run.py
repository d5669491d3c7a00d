"""One run: loads the clips, trains, writes the model file, and says so event by event; knows nobody who listens."""

from __future__ import annotations

import contextlib
import json
import traceback
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from kws_engine import __version__, spec
from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Augment
from kws_engine.clips.project import Project
from kws_engine.disk import write_atomically
from kws_engine.errors import KwsError, ProjectError, TrainingError
from kws_engine.evaluation.metrics import evaluate
from kws_engine.export import model_file
from kws_engine.features.batch import torch_features
from kws_engine.features.pipeline import Pipeline
from kws_engine.models import MODELS
from kws_engine.models.counting import count
from kws_engine.processors import cores
from kws_engine.regularizers import REGULARIZERS
from kws_engine.runs.checking import check
from kws_engine.runs.job import Job, append_event, make_run_folder
from kws_engine.runs.loading import Data, Loading, load
from kws_engine.runs.weights import acting, write_weights
from kws_engine.settings import Settings
from kws_engine.spotting.model_file import Manifest, SpottingModel
from kws_engine.training import checkpoint
from kws_engine.training.batches import Batches, Part, mixture
from kws_engine.training.events import Epoch, Event, Failed, Finished, Skipped, Started
from kws_engine.training.silence import silence
from kws_engine.training.train import CURVE_CLIPS, NOTHING_TRAINED, Fit, Measured, Penalty, fit

ShouldStop = Callable[[], bool]
_OTHER_DEVICE = "choose training.device=cpu or a smaller batch size"


@dataclass(frozen=True)
class Setup:
    """A run that stands: all that its steps need to know."""

    job: Job
    folder: Path
    project: Project
    settings: Settings
    pipeline: Pipeline
    data: Data
    device: torch.device


def run(job: Job, should_stop: ShouldStop = lambda: False) -> Iterator[Event]:
    """Yields the events of a run; exactly one ending, `Finished` or `Failed`, is the last of them."""
    folder: Path | None = None
    try:
        for event in _events(job, should_stop):
            if isinstance(event, Started):
                folder = Path(event.run)
            if isinstance(event, Finished):
                _append_if_possible(folder, event)  # the model stands, whatever the disk says now
            elif folder is not None:
                append_event(folder, event)
            yield event
    except Exception as error:  # noqa: BLE001 - the run's edge: every end is an event
        yield _failed(error, folder)


def _failed(error: Exception, folder: Path | None) -> Failed:
    event = Failed(_sentence(error), "".join(traceback.format_exception(error)))
    _append_if_possible(folder, event)
    return event


def _sentence(error: Exception) -> str:
    if isinstance(error, KwsError):
        return str(error)
    first = next(iter(str(error).splitlines()), "") or type(error).__name__
    if isinstance(error, torch.OutOfMemoryError):
        return f"The graphics card has too little memory for this run: {_OTHER_DEVICE}"
    if isinstance(error, torch.AcceleratorError):
        return f"The graphics card failed ({first}): {_OTHER_DEVICE}"
    return f"Training failed: {first}"


def _append_if_possible(folder: Path | None, event: Event) -> None:
    """The last event; where the disk is full the screen still hears of it."""
    if folder is not None:
        with contextlib.suppress(TrainingError):
            append_event(folder, event)


def _events(job: Job, should_stop: ShouldStop) -> Iterator[Event]:
    torch.set_num_threads(job.threads or cores())
    settings, project = Settings.from_dict(job.settings), Project.open(job.project)
    pipeline, _ = check(
        settings, rate=project.rate, n_samples=project.clip_samples, n_labels=max(1, len(project.words)) + 2
    )
    torch.manual_seed(job.seed)
    device = pick_device(settings.training.device)
    data = yield from _unless_stopped(load(project, settings), should_stop)
    network = build_network(settings, pipeline, n_samples=project.clip_samples, n_labels=len(data.labels))
    folder = make_run_folder(job, job.runs_folder or project.runs_folder)
    setup = Setup(job, folder, project, settings, pipeline, data, device)
    yield _started(setup, network)
    ended = yield from _fit(setup, network.to(device), should_stop)
    checkpoint.save(setup.folder / "best.safetensors", ended.weights)
    path = setup.folder / f"{settings.model.name}.kws"
    model_file.write(path, network.cpu(), pipeline, _manifest(setup, ended))
    yield from write_weights(setup.folder, network, settings)
    yield from _write_evaluation(setup.folder, SpottingModel(path), project)
    best = ended.best
    yield Finished(str(setup.folder), str(path), best.epoch, best.validation_accuracy, ended.stopped_early)


def _unless_stopped(loading: Loading[Data], should_stop: ShouldStop) -> Loading[Data]:
    while True:
        try:
            event = next(loading)
        except StopIteration as end:
            data: Data = end.value
            return data
        if should_stop():
            raise TrainingError(NOTHING_TRAINED)
        yield event


def build_network(settings: Settings, pipeline: Pipeline, *, n_samples: int, n_labels: int) -> torch.nn.Module:
    """The chosen network for clips of that many samples."""
    entry, n_frames = MODELS[settings.model.name], pipeline.n_frames(n_samples)
    network: torch.nn.Module = entry.build(
        settings.model.config, n_features=pipeline.n_features, n_frames=n_frames, n_labels=n_labels
    )
    return network


def pick_device(name: str) -> torch.device:
    """The device of that name; `auto` takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        TrainingError: It is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(candidate for candidate, found in there.items() if found)
    if not there[name]:
        raise TrainingError(f"This machine has no {name} device: choose auto or cpu")
    return torch.device(name)


def _started(setup: Setup, network: torch.nn.Module) -> Started:
    data, pipeline = setup.data, setup.pipeline

    def counts(part: Part) -> dict[str, int]:
        return {label: int((part.labels == number).sum()) for number, label in enumerate(data.labels[:-1])}

    cost = count(network, n_frames=pipeline.n_frames(setup.project.clip_samples), n_features=pipeline.n_features)
    return Started(
        run=str(setup.folder),
        labels=list(data.labels),
        training=counts(data.training),
        validation=counts(data.validation),
        parameters=cost.parameters,
        macs=cost.macs,
        device=str(setup.device),
        epochs=setup.settings.training.epochs,
    )


def _fit(setup: Setup, network: torch.nn.Module, should_stop: ShouldStop) -> Generator[Epoch, None, Fit]:
    """Trains, keeping the last weights and every new best on disk before the epoch is told of."""
    features = torch_features(setup.pipeline).to(setup.device)
    epochs = fit(
        network,
        _batches(setup, features),
        setup.settings.training,
        penalties=_penalties(setup.settings, network),
        training=_measured(setup.data.training, setup, features, most=CURVE_CLIPS),
        validation=_measured(setup.data.validation, setup, features, most=len(setup.data.validation)),
        should_stop=should_stop,
    )
    while True:
        try:
            epoch = next(epochs)
        except StopIteration as end:
            ended: Fit = end.value
            return ended
        if epoch.best:
            checkpoint.save(setup.folder / "best.safetensors", network.state_dict())
        checkpoint.save(setup.folder / "last.safetensors", network.state_dict())
        yield epoch


def _batches(setup: Setup, features: torch.nn.Module) -> Batches:
    data, settings = setup.data, setup.settings.training
    unknown = len(data.labels) - 2
    sound, spectrogram = _augmentations(setup.settings, setup.project.rate)
    return Batches(
        data.training,
        mixture(data.training.labels, settings, words=unknown, unknown=unknown),
        noises=data.noises,
        sound=sound,
        spectrogram=spectrogram,
        features=features,
        batch_size=settings.batch_size,
        rate=setup.project.rate,
        unknown=unknown,
        seed=setup.job.seed,
        device=setup.device,
    )


def _penalties(settings: Settings, network: torch.nn.Module) -> dict[str, Penalty]:
    """Those that act on any of the network's weights."""
    return {name: REGULARIZERS[name].build(settings.regularizers[name]) for name in acting(settings, network)}


def _augmentations(settings: Settings, rate: int) -> tuple[list[Augment], list[Augment]]:
    chosen: dict[str, list[Augment]] = {"sound": [], "spectrogram": []}
    for name, config in sorted(settings.augment.items(), key=lambda item: item[1].order):
        if config.probability > 0:
            chosen[config.domain].append(AUGMENTATIONS[name].build(config, rate=rate))
    return chosen["sound"], chosen["spectrogram"]


def _measured(part: Part, setup: Setup, features: torch.nn.Module, *, most: int) -> Measured:
    """Features of at most so many clips, the same ones in every run, and their share of silence."""
    generator = torch.Generator().manual_seed(0)
    some = torch.randperm(len(part), generator=generator)[:most]
    data, n_samples = setup.data, part.samples.shape[1]
    quiet = silence(max(1, len(some) // len(data.labels)), n_samples, noises=data.noises, generator=generator)
    blocks = [part.samples[numbers].float() / 32768.0 for numbers in torch.split(some, 256)]
    with torch.no_grad():
        framed = [features(block.to(setup.device)) for block in (*blocks, *torch.split(quiet, 256))]
    labels = torch.cat([part.labels[some], torch.full((len(quiet),), len(data.labels) - 1)])
    return Measured(torch.cat(framed), labels.to(setup.device))


def _manifest(setup: Setup, ended: Fit) -> Manifest:
    project, settings = setup.project, setup.settings
    return Manifest(
        labels=setup.data.labels,
        rate=project.rate,
        window_samples=project.clip_samples,
        feature={"name": settings.feature.name, "options": spec.to_dict(settings.feature.config)},
        network={"name": settings.model.name, "options": spec.to_dict(settings.model.config)},
        detector={**spec.to_dict(settings.detector), "thresholds": {}},
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


def _write_evaluation(folder: Path, model: SpottingModel, project: Project) -> Iterator[Skipped]:
    """Leaves it out where it cannot be written: the model stands, and `kws evaluate` gives the same any time."""
    path = folder / "evaluation.json"
    try:
        evaluated = evaluate(model, project.clips(split="validation"))
        content: dict[str, Any] = {"split": "validation", **evaluated.to_dict()}
        write_atomically(path, json.dumps(content, indent=2).encode())
    except ProjectError as error:
        yield Skipped(str(path), str(error))
