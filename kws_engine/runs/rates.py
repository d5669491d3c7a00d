"""Looks for a learning rate with a project's clips and a run's settings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from kws_engine.clips.project import Project
from kws_engine.errors import TrainingError
from kws_engine.features.batch import torch_features
from kws_engine.processors import cores
from kws_engine.runs.checking import build_network, check
from kws_engine.runs.failing import failure
from kws_engine.runs.fitting import Setup, ShouldStop, make_batches, penalties_of
from kws_engine.runs.job import Job
from kws_engine.runs.loading import load
from kws_engine.runs.run import pick_device, unless_stopped
from kws_engine.settings import Settings
from kws_engine.training.events import Event, RateFound, RatePoint
from kws_engine.training.lr_finder import suggestion, try_rates


def find_rate(job: Job, should_stop: ShouldStop = lambda: False) -> Iterator[Event]:
    """Yields progress, a `RatePoint` a step, and one ending: `RateFound`, or `Failed`."""
    try:
        yield from _search(job, should_stop)
    except Exception as error:  # noqa: BLE001 - the search's edge: every ending is an event
        yield failure(error)


def _search(job: Job, should_stop: ShouldStop) -> Iterator[Event]:
    torch.set_num_threads(job.threads or cores())
    settings, project = Settings.from_dict(job.settings), Project.open(job.project)
    pipeline, _ = check(
        settings, rate=project.rate, n_samples=project.clip_samples, n_labels=max(1, len(project.words)) + 2
    )
    torch.manual_seed(job.seed)
    device = pick_device(settings.training.device)
    data = yield from unless_stopped(load(project, settings), should_stop, [])
    setup = Setup(job, project.folder, project, settings, pipeline, data, device)
    network = build_network(settings, pipeline, n_samples=project.clip_samples, n_labels=len(data.labels)).to(device)
    points: list[RatePoint] = []
    with contextlib.closing(make_batches(setup, torch_features(pipeline).to(device))) as batches:
        for event in try_rates(
            network,
            batches,
            settings.training,
            penalties=penalties_of(settings, network),
            should_stop=should_stop,
            seed=job.seed,
        ):
            points += [event] if isinstance(event, RatePoint) else []
            yield event
    if should_stop():
        raise TrainingError("The search was stopped: start it again for a suggestion", kind="stopped")
    yield RateFound(suggestion(points))
