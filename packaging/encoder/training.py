"""Trains the encoder's later convolutions to tell words apart and voices not.

Three losses see a batch of blocks. Supervised contrast (Khosla et al. 2020, arXiv:2004.11362), once behind a small
network that is thrown away and once on the vectors themselves, averaged over the two halves of a word: the same word by
other voices is near, everything else is far, the same voice's other words three times as much. And an additive margin
(Wang et al. 2018, arXiv:1801.05599) between all words of the vocabulary. A penalty holds the vectors near the base's.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from encoder.blocks import LOCAL, Block
from encoder.network import VALUES, Encoder
from encoder.sounds import PART_OF_A_WORD
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Options:
    """Of the training."""

    steps: int = 480
    blocks: int = 3
    first: int = 11
    """The first convolution that is trained; those before it stay the base's."""
    rate: float = 1e-3
    rate_of_rest: float = 3e-3
    held_steps: int = 30
    """In which only the rest learns, so that its chance beginning does not disturb the encoder."""
    warm_steps: int = 50
    base_weight: float = 0.15
    vector_weight: float = 0.5
    margin_weight: float = 0.3
    same_voice: float = 3.0
    average: float = 0.98
    """Of the weights over steps, for the encoder that is kept."""


@dataclass(frozen=True)
class Prepared:
    """A block as it reaches the first trained convolution, with the base's vectors."""

    values: Tensor
    vectors: Tensor
    labels: list[str]
    sessions: list[int]


def prepared(block: Block, base: Encoder, options: Options) -> Prepared:
    """Computed once: what comes before the trained convolutions never changes."""
    with torch.no_grad():
        values = base.front(torch.tensor(block.windows, dtype=torch.float32), until=options.first)
        vectors = base.back(values, since=options.first)
    return Prepared(values.half(), vectors.half(), block.labels, block.sessions)


def trained(base: Encoder, blocks: list[Prepared], options: Options, *, seed: int) -> Encoder:
    """The average of the encoder over the last steps."""
    torch.manual_seed(seed)
    encoder, kept = copy.deepcopy(base).train(), copy.deepcopy(base)
    back = [
        parameter
        for number, convolution in enumerate(encoder.children())
        for parameter in convolution.parameters()
        if number >= options.first
    ]
    loss = _Loss(blocks, options)
    groups = [{"params": back, "lr": options.rate}, {"params": list(loss.parameters()), "lr": options.rate_of_rest}]
    optimizer = torch.optim.AdamW(groups, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, [lambda step: _pace(step, options), lambda step: 0.05 + 0.95 * _cosine(step, options)]
    )
    for step, batch in enumerate(_batches(blocks, options, seed=seed), start=1):
        vectors = encoder.back(torch.cat([one.values for one in batch]).float(), since=options.first)
        value = loss(vectors, batch)
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(back, 1.0)
        optimizer.step()
        schedule.step()
        share = 1 - options.average if step > options.held_steps + options.warm_steps else 1.0
        with torch.no_grad():
            for average, newest in zip(kept.parameters(), encoder.parameters(), strict=True):
                average.lerp_(newest, share)
        if step % 20 == 0:
            print(f"step {step} of {options.steps}: loss {value.item():.3f}", flush=True)
    return kept.eval()


def _batches(blocks: list[Prepared], options: Options, *, seed: int) -> Iterator[list[Prepared]]:
    rng = np.random.default_rng(seed)
    for _ in range(options.steps):
        yield [blocks[number] for number in rng.choice(len(blocks), options.blocks, replace=False)]


def _cosine(step: int, options: Options) -> float:
    return 0.5 + 0.5 * math.cos(math.pi * step / options.steps)


def _pace(step: int, options: Options) -> float:
    return min(1.0, max(0, step - options.held_steps) / options.warm_steps) * _cosine(step, options)


class _Loss(nn.Module):
    def __init__(self, blocks: list[Prepared], options: Options) -> None:
        super().__init__()
        self._options = options
        sample = torch.cat([one.vectors.float().reshape(-1, VALUES) for one in blocks[:100]])
        self._mean, self._deviation = sample.mean(0), sample.std(0) + 1e-3
        words = sorted({label for one in blocks for label in one.labels if _is_word(label)})
        self._numbers = {word: number for number, word in enumerate(words)}
        self._projection = _Projection()
        self._centres = nn.Parameter(torch.randn(len(words), _Projection.SIZE) * 0.1)

    def forward(self, vectors: Tensor, batch: list[Prepared]) -> Tensor:
        values = (vectors - self._mean) / self._deviation
        before = (torch.cat([one.vectors for one in batch]).float() - self._mean) / self._deviation
        labels, sessions = self._labels(batch)
        projected = self._projection(values)
        shift = int(torch.randint(3, ()))
        halves = torch.cat([values[:, 1 + shift : 6].mean(1), values[:, 5 : 8 + shift].mean(1)], 1)
        options = self._options
        return (
            self._contrast(projected, labels, sessions, temperature=0.1)
            + options.vector_weight * self._contrast(functional.normalize(halves), labels, sessions, temperature=0.15)
            + options.margin_weight * self._margin(projected, labels)
            + options.base_weight * functional.mse_loss(values, before)
        )

    def _labels(self, batch: list[Prepared]) -> tuple[Tensor, Tensor]:
        """Words as 0 and above, -1 for what is nothing's like, -2 and below for what holds within a block."""
        labels, sessions, local = [], [], {}
        for block, one in enumerate(batch):
            for label, session in zip(one.labels, one.sessions, strict=True):
                if label.startswith(LOCAL):
                    labels.append(-2 - local.setdefault((block, label), len(local)))
                else:
                    labels.append(-1 if label == PART_OF_A_WORD else self._numbers[label])
                sessions.append(block * 1000 + session)
        return torch.tensor(labels), torch.tensor(sessions)

    def _contrast(self, embedded: Tensor, labels: Tensor, sessions: Tensor, *, temperature: float) -> Tensor:
        itself = torch.eye(len(embedded), dtype=torch.bool)
        same_word = (labels[:, None] == labels) & ~itself & (labels != -1)[:, None]
        same_voice = (sessions[:, None] == sessions) & ~same_word
        scores = embedded @ embedded.T / temperature + same_voice * math.log(self._options.same_voice)
        scores = scores.masked_fill(itself, -1e9)
        likelihood = scores - scores.logsumexp(1, keepdim=True)
        count = same_word.sum(1)
        has_some = count > 0
        return -((likelihood * same_word).sum(1)[has_some] / count[has_some]).mean()

    def _margin(self, embedded: Tensor, labels: Tensor) -> Tensor:
        is_word = labels >= 0
        if not is_word.any():
            return embedded.new_zeros(())
        cosines = embedded[is_word] @ functional.normalize(self._centres).T
        own = functional.one_hot(labels[is_word], cosines.shape[1])
        return functional.cross_entropy(24 * (cosines - 0.2 * own), labels[is_word])


class _Projection(nn.Module):
    """Ten vectors to one on the unit sphere; thrown away after the training."""

    SIZE = 128

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv1d(VALUES, self.SIZE, 3), nn.Conv1d(self.SIZE, self.SIZE, 3)
        self.attention, self.out = nn.Conv1d(self.SIZE, 1, 1), nn.Linear(2 * self.SIZE, self.SIZE)

    def forward(self, vectors: Tensor) -> Tensor:
        values = functional.gelu(self.second(functional.gelu(self.first(vectors.transpose(1, 2)))))
        weights = self.attention(values).softmax(2)
        return functional.normalize(self.out(torch.cat([(values * weights).sum(2), values.amax(2)], 1)))


def _is_word(label: str) -> bool:
    return label != PART_OF_A_WORD and not label.startswith(LOCAL)
