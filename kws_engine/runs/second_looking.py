"""Trains the second look of a run's model, beside it on the same clips, and adds it to the model file."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from kws_engine import spec
from kws_engine.errors import KwsError, TrainingError
from kws_engine.export.model_file import add_second_look
from kws_engine.features.encoded import EncodedPipeline
from kws_engine.operating.laying import Take
from kws_engine.operating.measuring import misses_in
from kws_engine.runs.checking import build_network
from kws_engine.runs.fitting import Setup, ShouldStop
from kws_engine.runs.fitting_laid import laid_batches, measured_laid
from kws_engine.runs.promising import background_of
from kws_engine.runs.teaching import teach_settings
from kws_engine.settings import Settings
from kws_engine.spotting.model_file import SpottingModel
from kws_engine.spotting.second_look import SecondLookPart, embedding
from kws_engine.training.data.clips import Clips
from kws_engine.training.events import Epoch, Progress, Skipped
from kws_engine.training.scale_out import ONE
from kws_engine.training.train import Loop

CHANGES: Sequence[str] = ("training.epochs=16",)
"""Options of the recipe that differ for a second look, as after `--set`."""
_TASK = "Training the second look"
_MOST_MEASURED = 200
_GATE_TAKES = 40  # of each word
_GATE_SNR_DB = 10.0
_LOST = 0.01  # of the takes, whose highest score may lie below twice the gate
_LOWEST_GATE, _HIGHEST_GATE = 0.01, 0.05


@dataclass(frozen=True)
class _Head:
    """A trained second network, and what it is made of."""

    network: nn.Module
    settings: Settings
    pipeline: EncodedPipeline
    window_samples: int


def take_second_look(setup: Setup, path: Path, should_stop: ShouldStop) -> Iterator[Progress | Skipped]:
    """Adds a second look to the model that a run has written; without it the model stays as it is, and it is said why.

    Args:
        setup: The run.
        path: Its model file.
        should_stop: As of the run.

    Raises:
        ProjectError: The model file cannot be written; the old one stays.
    """
    if setup.job.finish or should_stop():
        yield _left_out(path, "the run was ended before it was trained")
        return
    try:
        head = yield from _trained(setup, should_stop)
    except KwsError as error:
        stopped = isinstance(error, TrainingError) and error.kind == "stopped"
        yield _left_out(path, "it was stopped") if stopped else Skipped(str(path), f"There is no second look: {error}")
        return
    if head is None:
        yield _left_out(path, "it was stopped")
        return
    yield Progress("Choosing when it is asked", 0, 1, after_training=True)
    model = SpottingModel(path)
    part = SecondLookPart(
        feature=spec.to_dict(head.settings.feature.config),
        network={"name": head.settings.model.name, "options": spec.to_dict(head.settings.model.config)},
        window_samples=head.window_samples,
        gates=gates_of(model, setup),
    )
    add_second_look(path, head.network.cpu(), head.pipeline, part, manifest=model.manifest)
    yield Progress("Choosing when it is asked", 1, 1, after_training=True)


def _left_out(path: Path, why: str) -> Skipped:
    return Skipped(str(path), f"The model has no second look, because {why}: train again for one")


def _trained(setup: Setup, should_stop: ShouldStop) -> Generator[Progress, None, _Head | None]:
    """The network after its last epoch; None where it was stopped before."""
    settings = teach_settings().with_options(CHANGES)
    pipeline = embedding(spec.to_dict(settings.feature.config), rate=setup.project.rate)
    own = dataclasses.replace(setup, settings=settings, pipeline=pipeline, processes=ONE)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # it is so small that a second thread costs more than it computes
    try:
        torch.manual_seed(setup.job.seed)
        network = build_network(
            settings, pipeline, n_samples=setup.project.clip_samples, n_labels=len(setup.data.labels)
        )
        yield Progress(_TASK, 0, settings.training.epochs, after_training=True)
        measured, _ = measured_laid(setup.data.validation, own, pipeline, most=_MOST_MEASURED)
        loop = Loop(
            network.to(setup.device),
            laid_batches(own, pipeline),
            settings.training,
            penalties={},
            training=measured,
            validation=measured,
            should_stop=should_stop,
            seed=setup.job.seed,
        )
        for event in loop.epochs():
            done = event.epoch if isinstance(event, Epoch) else event.done
            total = settings.training.epochs if isinstance(event, Epoch) else event.total
            yield Progress(_TASK if isinstance(event, Epoch) else event.what, done, total, after_training=True)
    finally:
        torch.set_num_threads(threads)
    return None if loop.stopped_early else _Head(network, settings, pipeline, own.window_samples)


def gates_of(model: SpottingModel, setup: Setup) -> dict[str, float]:
    """By word, the score of the first network from which the second is asked: takes in noise hardly ever stay below.

    It is half of what all but a hundredth of the takes reach, those of the validation part first, and at most
    `_HIGHEST_GATE`, since takes that are learned from score higher than others.
    """
    takes: list[Take] = []
    for number, word in enumerate(model.words):
        for part in (setup.data.validation, setup.data.training):
            missing = _GATE_TAKES - sum(take.word == word for take in takes)
            takes += _takes(part, number, word, most=missing)
    peaks = misses_in(model, takes, background_of(model), snr_db=_GATE_SNR_DB).quality.hit_peaks
    return {word: _gate(peaks.get(word, [])) for word in model.words}


def _takes(part: Clips, number: int, word: str, *, most: int) -> list[Take]:
    of_word = torch.nonzero(part.labels == number).flatten()
    some = of_word[torch.randperm(len(of_word), generator=torch.Generator().manual_seed(0))[: max(0, most)]]
    return [Take(word, part.sound(clip.unsqueeze(0))[0].cpu().numpy()) for clip in some]


def _gate(peaks: list[float]) -> float:
    reached = float(np.quantile(peaks, _LOST)) / 2 if peaks else 0.0
    return round(min(max(reached, _LOWEST_GATE), _HIGHEST_GATE), 4)
