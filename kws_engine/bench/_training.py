"""The inside of `kws bench train`: one measurement in this process, printed as one JSON object."""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from kws_engine.clips.project import Project
from kws_engine.clips.words import SILENCE, UNKNOWN
from kws_engine.features.batch import torch_features
from kws_engine.models import MODELS
from kws_engine.processors import cores
from kws_engine.runs.checking import check
from kws_engine.runs.fitting import Setup, make_batches
from kws_engine.runs.job import Job
from kws_engine.runs.loading import Data
from kws_engine.runs.run import run
from kws_engine.settings import Settings
from kws_engine.training.data.clips import LoadedClips
from kws_engine.training.data.source import Batch
from kws_engine.training.events import Epoch, Event, Failed, Started
from kws_engine.training.optimizing import make_optimizer
from kws_engine.training.train import CURVE_CLIPS, EvaluationSet, Loop
from kws_engine.training.training_dynamics import TrainingDynamics

RATE, BATCH = 16_000, 128
_CLIPS, _LABELS = 10_000, 12
_VALIDATION = _CLIPS // 8  # as many as there are of Speech Commands
_EPOCHS, _ROUNDS, _STEPS = 10, 25, 10
_EVERY = 20  # steps of a run, after which so many bare ones are taken: a machine's own speed changes within seconds
_RUN_EPOCHS = 40


def speed(folder: Path, augmented: str) -> dict[str, float]:
    """Clips/s of whole epochs with all that belongs to them, and of the same step on a batch that is ready."""
    setup = _setup(folder, Settings() if augmented == "1" else _unaugmented())
    settings, pipeline = setup.settings.training, setup.pipeline
    batches = make_batches(setup, torch_features(pipeline))
    measured = [
        EvaluationSet(torch.randn(n, *_shape(pipeline)), torch.zeros(n).long()) for n in (CURVE_CLIPS, _VALIDATION)
    ]
    step = _stepping(_network(pipeline), torch.randn(settings.batch_size, *_shape(pipeline)))
    loop = _Interleaved(
        _network(pipeline), batches, settings, penalties={}, training=measured[0], validation=measured[1],
        should_stop=lambda: False, dynamics=TrainingDynamics(len(setup.data.training), _LABELS), bare=step,
    )  # fmt: skip
    run, bare = [], []
    for event in loop.epochs():
        if isinstance(event, Epoch):
            run.append((event.seconds - sum(loop.bare_s)) / len(batches))
            bare.append(statistics.fmean(loop.bare_s) / (_STEPS * settings.batch_size))
            loop.bare_s.clear()
        if len(run) > _EPOCHS:
            break
    later = [(_spread(run[0], own), beside) for own, beside in zip(run[1:], bare[1:], strict=True)]
    run_s, bare_s = (statistics.median(values) for values in zip(*later, strict=True))
    return {"run": 1 / run_s, "bare": 1 / bare_s, "ratio": statistics.median(beside / own for own, beside in later)}


class _Interleaved(Loop):
    """A run that pauses after every few of its steps while as many bare ones are timed."""

    def __init__(self, *arguments: Any, bare: Callable[[int], float], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._bare = bare
        self._taken = 0
        self.bare_s: list[float] = []

    def _step(self, batch: Batch, *, late: bool) -> dict[str, Tensor]:
        terms = super()._step(batch, late=late)
        self._taken += 1
        if self._taken % _EVERY == 0:
            self.bare_s.append(_STEPS * self._bare(_STEPS))
        return terms


def _setup(folder: Path, settings: Settings) -> Setup:
    """A run on synthetic sounds, from its settings to the state before its first epoch."""
    words = [f"word {number}" for number in range(_LABELS - 2)]
    project = Project.create(folder / "project", words=words)
    generator = torch.Generator().manual_seed(0)
    samples = (torch.randn(_CLIPS, RATE, generator=generator) * torch.hann_window(RATE) * 4000).to(torch.int16)
    part = LoadedClips(samples, torch.arange(_CLIPS) % (_LABELS - 1))
    data = Data((*words, UNKNOWN, SILENCE), part, part, 0.1 * torch.randn(400 * RATE, generator=generator))
    pipeline, _ = check(settings, rate=RATE, n_samples=RATE, n_labels=_LABELS)
    return Setup(Job(project.folder), project.folder, project, settings, pipeline, data, torch.device("cpu"))


def _unaugmented() -> Settings:
    settings = Settings()
    return settings.with_options([f"augment.{name}.probability=0" for name in settings.augment])


def step(_folder: Path) -> dict[str, float]:
    """A step of our network and of the same network in conv1d, in turns."""
    pipeline, _ = check(Settings(), rate=RATE, n_samples=RATE, n_labels=_LABELS)
    features = torch.randn(BATCH, *_shape(pipeline))
    ours = _stepping(_network(pipeline), features)
    theirs = _stepping(_Conv1dTcResNet(pipeline.n_features, _LABELS), features, plain=True)
    pairs = [(ours(_STEPS), theirs(_STEPS)) for _ in range(_ROUNDS)]
    own, other = (statistics.median(values) for values in zip(*pairs, strict=True))
    ratio = statistics.median(slow / fast for fast, slow in pairs)
    return {"ours": BATCH / own, "conv1d": BATCH / other, "ratio": ratio}


def memory(folder: Path) -> dict[str, float]:
    """The peak memory of a run on a project's clips until its second epoch."""
    for event in run(_few_epochs(folder, 2)):
        if _epoch_of(event) == 2:
            break
    return {"bytes": _most_bytes()}


def whole(folder: Path) -> dict[str, float]:
    """A run of one epoch from its clips to its model file: its seconds, and its peak memory at three moments."""
    began, found = time.monotonic(), dict[str, float]()
    for event in run(_few_epochs(folder, 1)):
        _epoch_of(event)
        if isinstance(event, Started):
            found |= {"started_s": time.monotonic() - began, "started_bytes": _most_bytes()}
        if isinstance(event, Epoch):
            found |= {"epoch_s": event.seconds, "epoch_bytes": _most_bytes()}
    return found | {"bytes": _most_bytes(), "seconds": time.monotonic() - began}


def _few_epochs(folder: Path, epochs: int) -> Job:
    options = ("training.shipped_unknown=no", "training.clips_per_epoch=1", f"training.epochs={epochs}")
    return Job(folder / "project", Settings().with_options(options).to_dict())


def _epoch_of(event: Event) -> int:
    """The number of the epoch that an event reports, or 0; a failure ends the measurement."""
    if isinstance(event, Failed):
        raise SystemExit(event.message)
    if isinstance(event, Started | Epoch):
        print(f"{event}"[:200], file=sys.stderr)
    return event.epoch if isinstance(event, Epoch) else 0


def _most_bytes() -> float:
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _spread(first: float, later: float) -> float:
    """The mean over a whole run, whose first epoch computes every clip's features."""
    return (first + (_RUN_EPOCHS - 1) * later) / _RUN_EPOCHS


def _shape(pipeline: Any) -> tuple[int, int]:
    return pipeline.n_frames(RATE), pipeline.n_features


def _network(pipeline: Any) -> nn.Module:
    entry, (n_frames, n_features) = MODELS["tc_resnet"], _shape(pipeline)
    network: nn.Module = entry.build(entry.config(), n_features=n_features, n_frames=n_frames, n_labels=_LABELS)
    return network


def _stepping(network: nn.Module, features: Tensor, *, plain: bool = False) -> Callable[[int], float]:
    """A function that takes so many steps and returns the seconds of one."""
    network.train()
    settings = Settings().training
    optimizer = torch.optim.AdamW(network.parameters()) if plain else make_optimizer(network, settings)
    labels = torch.arange(len(features)) % _LABELS

    def take(steps: int) -> float:
        began = time.perf_counter()
        for _ in range(steps):
            loss = functional.cross_entropy(network(features), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return (time.perf_counter() - began) / steps

    take(3)
    return take


class _Conv1dTcResNet(nn.Module):
    """TC-ResNet8 as it is usually written: conv1d over (B, F, T), plain batch norm, plain AdamW (Choi et al. 2019)."""

    def __init__(self, n_features: int, n_labels: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(n_features, 16, 3, padding=1, bias=False), nn.BatchNorm1d(16), nn.ReLU())
        self.blocks = nn.ModuleList(_Block1d(n_in, n_out) for n_in, n_out in ((16, 24), (24, 32), (32, 48)))
        self.head = nn.Sequential(nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(48, n_labels))

    def forward(self, features: Tensor) -> Tensor:
        values = self.stem(features.transpose(1, 2))
        for block in self.blocks:
            values = block(values)
        logits: Tensor = self.head(values)
        return logits


class _Block1d(nn.Module):
    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(n_in, n_out, 9, stride=2, padding=4, bias=False), nn.BatchNorm1d(n_out), nn.ReLU(),
            nn.Conv1d(n_out, n_out, 9, padding=4, bias=False), nn.BatchNorm1d(n_out),
        )  # fmt: skip
        self.around = nn.Sequential(nn.Conv1d(n_in, n_out, 1, stride=2, bias=False), nn.BatchNorm1d(n_out), nn.ReLU())

    def forward(self, values: Tensor) -> Tensor:
        total: Tensor = functional.relu(self.body(values) + self.around(values))
        return total


if __name__ == "__main__":
    torch.set_num_threads(cores())
    measurements: dict[str, Callable[..., dict[str, float]]] = {
        "speed": speed,
        "step": step,
        "memory": memory,
        "whole": whole,
    }
    print(json.dumps(measurements[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])))
