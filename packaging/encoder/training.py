"""Trains an encoder to give of speech in a room and in noise what the one it comes from gives without them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from encoder.sounds import ALONE_DB, Pairs
from torch import Tensor, nn

from kws_engine.features import speech_embedding
from kws_engine.features._encoder_network import Encoder
from kws_engine.features.encoded import VALUES

SNRS_DB: Sequence[float] = (ALONE_DB, 0.0, 10.0, 20.0, 50.0)
_MEL = speech_embedding.build(speech_embedding.SpeechEmbeddingConfig(), rate=speech_embedding.RATE).mel
_SCALED_BY = 40  # pairs
_CHECKED = 40


@dataclass(frozen=True)
class Options:
    """How long and how fast.

    Attributes:
        steps: Of the optimizer, each on `batch` pairs of four seconds.
        batch: Pairs in a step.
        learning_rate: AdamW's highest; a hundred steps of warm-up, then half a cosine.
        averaged: Over about how many of the last steps the weights are averaged.
    """

    steps: int = 5000
    batch: int = 16
    learning_rate: float = 1e-3
    averaged: int = 100


@dataclass(frozen=True)
class Checked:
    """How far vectors in noise are from those without, as the mean square in deviations of each number.

    Attributes:
        step: After how many steps.
        losses: By SNR in dB, of pairs by other voices in other noise than are trained on.
    """

    step: int
    losses: dict[float, float]


def trained(
    base: Encoder, pairs: Pairs, checking: Pairs, options: Options, *, told: Callable[[Checked], None]
) -> Encoder:
    """A copy of the base that has learned from the pairs; `told` hears of every two hundredth step, first of the base.

    The target of a pair is what the base gives of its first sound (Hinton et al. 2015, arXiv:1503.02531, with another
    input for the student than for the teacher). A number of a vector counts by its deviation.
    """
    student = copy.deepcopy(base).train().requires_grad_(True)
    with torch.no_grad():
        vectors = base(_batch(pairs, _SCALED_BY)[0]).reshape(-1, VALUES)
    deviation = vectors.std(0)
    checks = {snr_db: _batch(checking, _CHECKED, snr_db=snr_db) for snr_db in SNRS_DB}
    told(_checked(base, base, deviation, checks, step=0))
    optimizer = torch.optim.AdamW(student.parameters(), lr=options.learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _pace(step, options))
    kept = copy.deepcopy(student)
    for step, (clean, noisy) in enumerate(_batches(pairs, options), start=1):
        with torch.no_grad():
            target = base(clean) / deviation
        loss = nn.functional.mse_loss(student(noisy) / deviation, target)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            for average, newest in zip(kept.parameters(), student.parameters(), strict=True):
                average.lerp_(newest, 1 / min(step, options.averaged))
        if step % 200 == 0 or step == options.steps:
            told(_checked(kept, base, deviation, checks, step=step))
    return kept.eval()


def _pace(step: int, options: Options) -> float:
    return min(1.0, (step + 1) / 100) * (0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * step / options.steps)))


def _batches(pairs: Pairs, options: Options) -> Iterator[tuple[Tensor, Tensor]]:
    for _ in range(options.steps):
        yield _batch(pairs, options.batch)


def _batch(pairs: Pairs, count: int, *, snr_db: float | None = None) -> tuple[Tensor, Tensor]:
    """Mel frames (count, T, 32) of both sounds."""
    clean, noisy = zip(*(pairs.draw(snr_db=snr_db) for _ in range(count)), strict=True)
    return torch.from_numpy(_MEL.batch(np.stack(clean))), torch.from_numpy(_MEL.batch(np.stack(noisy)))


@torch.no_grad()
def _checked(
    encoder: Encoder, base: Encoder, deviation: Tensor, checks: dict[float, tuple[Tensor, Tensor]], *, step: int
) -> Checked:
    return Checked(
        step,
        {
            snr_db: float((((encoder(noisy) - base(clean)) / deviation) ** 2).mean())
            for snr_db, (clean, noisy) in checks.items()
        },
    )
