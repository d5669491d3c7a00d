"""One run: loads the clips, trains, writes the model file, and says so event by event; knows nobody who listens."""

from __future__ import annotations

import json
import os
import traceback
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import torch

from kws_engine import __version__, resources, spec
from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Augment
from kws_engine.clips.clip import Clip, layout_clips
from kws_engine.clips.project import Project
from kws_engine.errors import KwsError, TrainingError
from kws_engine.evaluation.metrics import evaluate
from kws_engine.export import model_file
from kws_engine.features import FEATURES
from kws_engine.features.batch import torch_features
from kws_engine.features.pipeline import Pipeline
from kws_engine.models import MODELS
from kws_engine.models.counting import count
from kws_engine.regularizers import REGULARIZERS
from kws_engine.runs.enough import check_enough, check_words
from kws_engine.runs.job import Job, append_event, make_run_folder
from kws_engine.settings import Settings
from kws_engine.spotting.detector import SILENCE, UNKNOWN
from kws_engine.spotting.model_file import Manifest, SpottingModel
from kws_engine.training import checkpoint
from kws_engine.training.batches import Batches, Part, load_noise, load_part, mixture, silence
from kws_engine.training.events import Epoch, Event, Failed, Finished, Progress, Skipped, Started
from kws_engine.training.train import CURVE_CLIPS, Fit, Measured, fit

Result = TypeVar("Result")
ShouldStop = Callable[[], bool]


@dataclass(frozen=True)
class Data:
    """What is learned from: both parts in memory, and the noises in one row."""

    labels: tuple[str, ...]
    training: Part
    validation: Part
    noises: torch.Tensor


def run(job: Job, should_stop: ShouldStop = lambda: False) -> Iterator[Event]:
    """Yields the events of a run; exactly one ending, `Finished` or `Failed`, is the last of them."""
    folder: Path | None = None
    try:
        for event in _events(job, should_stop):
            if isinstance(event, Started):
                folder = Path(event.run)
            if folder is not None:
                append_event(folder, event)
            yield event
    except Exception as error:  # noqa: BLE001 - the run's edge: every end is an event
        yield _failed(error, folder)


def _failed(error: Exception, folder: Path | None) -> Failed:
    said = str(error) if isinstance(error, KwsError) else f"Training failed: {error or type(error).__name__}"
    event = Failed(said, "".join(traceback.format_exception(error)))
    if folder is not None:
        try:
            append_event(folder, event)
        except TrainingError:  # the disk is full: the screen still hears of it
            pass
    return event


def _events(job: Job, should_stop: ShouldStop) -> Iterator[Event]:
    torch.set_num_threads(job.threads or os.cpu_count() or 1)
    torch.manual_seed(job.seed)
    settings, project = Settings.from_dict(job.settings), Project.open(job.project)
    pipeline: Pipeline = FEATURES[settings.feature.name].build(settings.feature.config, rate=project.rate)
    data = yield from _load(project, settings)
    network = build_network(settings, pipeline, n_samples=project.clip_samples, n_labels=len(data.labels))
    device = pick_device(settings.training.device)
    folder = make_run_folder(job, project.runs_folder)
    yield _started(folder, data, network, pipeline, project, settings, device)
    ended = yield from _fit(network.to(device), data, pipeline, project, settings, job, device, folder, should_stop)
    checkpoint.save(folder / "best.safetensors", ended.weights)
    path = folder / f"{settings.model.name}.kws"
    manifest = _manifest(data, pipeline, project, settings, ended, folder)
    model_file.write(path, network.cpu(), pipeline, manifest)
    _write_evaluation(folder, path, project)
    best = ended.best
    yield Finished(str(folder), str(path), best.epoch, best.validation_accuracy, ended.stopped_early)


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


def _load(project: Project, settings: Settings) -> Generator[Event, None, Data]:
    labels = (*project.words, UNKNOWN, SILENCE)
    check_words(project.words)
    index = {label: number for number, label in enumerate(labels)}
    clips = project.clips()
    parts = {}
    for split in ("training", "validation"):
        chosen = [clip for clip in clips if clip.split == split]
        if settings.training.shipped_unknown:
            chosen += _shipped_unknown(chosen, project.words, split)
        check_enough(chosen, project.words, split)
        pairs = [(clip.path, index[clip.word]) for clip in chosen]
        loading = load_part(pairs, rate=project.rate, clip_samples=project.clip_samples, what=f"Reading {split} clips")
        parts[split] = yield from _last(loading)
    noises = yield from _last(load_noise(project.noises() or shipped_noises(), rate=project.rate))
    return Data(labels, parts["training"], parts["validation"], noises)


def _last(events: Iterator[Event | Result]) -> Generator[Event, None, Result]:
    """Passes the events on and returns the last item, which is none."""
    for item in events:
        if isinstance(item, Progress | Skipped):
            yield item
        else:
            return item  # type: ignore[return-value]
    raise AssertionError("a loader ends with what it loaded")


def _shipped_unknown(clips: Sequence[Clip], words: Sequence[str], split: str) -> list[Clip]:
    """The program's own recordings of other words, where the project has fewer of them than of a word."""
    counts = Counter(clip.word for clip in clips)
    if counts[UNKNOWN] >= max(counts[word] for word in words):
        return []
    taken = {word.casefold() for word in words}
    shipped = [clip for clip in layout_clips(resources.path("starter", "clips")) if clip.split == split]
    return [
        Clip(**{**vars(clip), "word": UNKNOWN})
        for clip in shipped
        if clip.word == UNKNOWN or clip.word.casefold() not in taken
    ]


def shipped_noises() -> list[Path]:
    """The noises that ship with the program, for projects that have recorded none."""
    return sorted(resources.path("starter", "clips", "_background_noise_").iterdir())


def _started(
    folder: Path, data: Data, network: torch.nn.Module, pipeline: Pipeline, project: Project, settings: Settings,
    device: torch.device,
) -> Started:  # fmt: skip
    def counts(part: Part) -> dict[str, int]:
        return {label: int((part.labels == number).sum()) for number, label in enumerate(data.labels[:-1])}

    cost = count(network, n_frames=pipeline.n_frames(project.clip_samples), n_features=pipeline.n_features)
    return Started(
        run=str(folder), labels=list(data.labels), training=counts(data.training), validation=counts(data.validation),
        parameters=cost.parameters, macs=cost.macs, device=str(device), epochs=settings.training.epochs,
    )  # fmt: skip


def _fit(
    network: torch.nn.Module, data: Data, pipeline: Pipeline, project: Project, settings: Settings, job: Job,
    device: torch.device, folder: Path, should_stop: ShouldStop,
) -> Generator[Epoch, None, Fit]:  # fmt: skip
    features = torch_features(pipeline).to(device)
    unknown = len(data.labels) - 2
    sound, spectrogram = _augmentations(settings, project.rate)
    batches = Batches(
        data.training, mixture(data.training.labels, settings.training, words=len(project.words), unknown=unknown),
        noises=data.noises, sound=sound, spectrogram=spectrogram, features=features, rate=project.rate,
        batch_size=settings.training.batch_size, silence_label=unknown + 1, seed=job.seed, device=device,
    )  # fmt: skip
    penalties = [
        REGULARIZERS[name].build(config)
        for name, config in settings.regularizers.items()
        if config != REGULARIZERS[name].config()
    ]
    training, validation = (_measured(part, data, features, device) for part in (data.training, data.validation))
    epochs = fit(
        network, batches, settings.training, penalties=penalties, training=training, validation=validation,
        should_stop=should_stop,
    )  # fmt: skip
    while True:
        try:
            epoch = next(epochs)
        except StopIteration as end:
            ended: Fit = end.value
            return ended
        if epoch.best:
            checkpoint.save(folder / "best.safetensors", network.state_dict())
        yield epoch


def _augmentations(settings: Settings, rate: int) -> tuple[list[Augment], list[Augment]]:
    chosen: dict[str, list[Augment]] = {"sound": [], "spectrogram": []}
    for name, config in sorted(settings.augment.items(), key=lambda item: item[1].order):
        if config.probability > 0:
            chosen[config.domain].append(AUGMENTATIONS[name].build(config, rate=rate))
    return chosen["sound"], chosen["spectrogram"]


def _measured(part: Part, data: Data, features: torch.nn.Module, device: torch.device) -> Measured:
    """Features of at most CURVE_CLIPS clips, the same ones in every run, and their share of silence."""
    generator = torch.Generator().manual_seed(0)
    some = torch.randperm(len(part), generator=generator)[:CURVE_CLIPS]
    quiet = silence(
        max(1, len(some) // len(data.labels)), part.samples.shape[1], noises=data.noises, generator=generator
    )
    sound = torch.cat([part.samples[some].float() / 32768.0, quiet])
    labels = torch.cat([part.labels[some], torch.full((len(quiet),), len(data.labels) - 1)])
    with torch.no_grad():
        framed = torch.cat([features(block.to(device)) for block in torch.split(sound, 256)])
    return Measured(framed, labels.to(device))


def _manifest(
    data: Data, pipeline: Pipeline, project: Project, settings: Settings, ended: Fit, folder: Path
) -> Manifest:
    return Manifest(
        labels=data.labels,
        rate=project.rate,
        window_samples=project.clip_samples,
        feature={"name": settings.feature.name, "options": spec.to_dict(settings.feature.config)},
        network={"name": settings.model.name, "options": spec.to_dict(settings.model.config)},
        detector={**spec.to_dict(settings.detector), "thresholds": {}},
        source={
            "project": project.name,
            "run": folder.name,
            "version": __version__,
            "date": f"{datetime.now():%Y-%m-%d}",
        },
        quality={"validation_accuracy": ended.best.validation_accuracy, "validation_clips": len(data.validation)},
    )


def _write_evaluation(folder: Path, model: Path, project: Project) -> None:
    evaluated = evaluate(SpottingModel(model), project.clips(split="validation"))
    content: dict[str, Any] = {"split": "validation", **evaluated.to_dict()}
    (folder / "evaluation.json").write_text(json.dumps(content, indent=2), encoding="utf-8")
