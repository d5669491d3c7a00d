"""What an epoch is made of: how often each label is drawn, and from which clips; knows no sound.

An epoch is a fixed number of draws. Each draw belongs to one label for good and takes one clip of it after another,
a generation at a time, so that every clip of a label has its turn as often as the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kws_engine.training.config import TrainingConfig
from kws_engine.training.seeds import ORDER, SOURCES, numpy_generator

SILENT, SYNTHETIC = -1, -2  # in the place of a clip's index
_LANES = 16  # processes that divide this see the very batches that one process sees


@dataclass(frozen=True)
class SamplingPlan:
    """How many draws of each label an epoch has, from which clips, and which labels are no words."""

    draws: Mapping[int, int]
    members: Mapping[int, Tensor]
    others: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return sum(self.draws.values())


class Sampler:
    """The draws of an epoch in a fixed order of their own: which clip each takes, and in which order they come."""

    def __init__(self, plan: SamplingPlan, *, seed: int) -> None:
        self._seed = seed
        self._members = {label: plan.members[label].numpy() for label in plan.draws}
        self._counts, self._others = dict(plan.draws), plan.others
        labels = np.repeat(np.array(list(plan.draws), np.int64), list(plan.draws.values()))
        slots = np.concatenate([np.arange(count) for count in plan.draws.values()] or [np.zeros(0, np.int64)])
        shuffled = numpy_generator(seed, SOURCES).permutation(len(labels))
        self._labels, self._slots = labels[shuffled], slots[shuffled]
        self._turns = {
            label: numpy_generator(seed, SOURCES, 1 + number).permutation(len(members))
            for number, (label, members) in enumerate(self._members.items())
        }

    def __len__(self) -> int:
        return len(self._labels)

    def of(self, rank: int, world: int) -> Tensor:
        """The draws that one of `world` processes makes, in every epoch the same."""
        own = np.arange(len(self._labels)) % _lanes(world) % world == rank
        return torch.from_numpy(np.flatnonzero(own))

    def labels(self, draws: Tensor, *, unknown: int) -> Tensor:
        """The label of each draw (B,), that of made-up words being `unknown`."""
        labels = self._labels[draws.numpy()]
        return torch.from_numpy(np.where(labels == SYNTHETIC, unknown, labels))

    def change(self, draws: Tensor) -> Tensor:
        """Whether each draw (B,) takes another clip, or another sound made on the way, in the next generation."""
        changing = [label for label, members in self._members.items()
                    if int(members[0]) < 0 or self._counts[label] % len(members)]  # fmt: skip
        return torch.from_numpy(np.isin(self._labels[draws.numpy()], changing))

    def are_others(self, draws: Tensor) -> Tensor:
        """Whether each draw (B,) is another word, a made-up one or silence."""
        return torch.from_numpy(np.isin(self._labels[draws.numpy()], list(self._others)))

    def clips(self, draws: Tensor, *, generation: int) -> Tensor:
        """The clips' indices (B,), or SILENT or SYNTHETIC, that these draws (B,) take in a generation from 0 on."""
        rows = draws.numpy()
        found = np.empty(len(rows), np.int64)
        labels = self._labels[rows]
        for label in np.unique(labels):
            mine = labels == label
            members, turns = self._members[int(label)], self._turns[int(label)]
            at = (generation * self._counts[int(label)] + self._slots[rows[mine]]) % len(members)
            found[mine] = members[turns[at]]
        return torch.from_numpy(found)

    def order(self, epoch: int, *, world: int = 1) -> Tensor:
        """All draws once, in an order of this epoch; place p belongs to process p % world in every epoch."""
        lanes = _lanes(world)
        shuffled = numpy_generator(self._seed, ORDER, epoch).permutation(len(self._labels))
        by_lane = shuffled[np.argsort(shuffled % lanes, kind="stable")]
        lane = by_lane % lanes
        first = np.searchsorted(lane, np.arange(lanes))
        turn = np.arange(len(lane)) - first[lane]
        return torch.from_numpy(by_lane[np.argsort(turn * lanes + lane, kind="stable")])


def _lanes(world: int) -> int:
    return _LANES if _LANES % world == 0 else world


def sampling_plan(labels: Tensor, config: TrainingConfig, *, words: int, unknown: int) -> SamplingPlan:
    """Every clip of a word once, or as often as `clips_per_epoch` asks; other words and silence by their shares.

    With `class_balance` "draws" each word is drawn as often as the mean word, however many clips it has.

    Args:
        labels: (N,) of the training part; labels below `words` are words.
        config: The shares.
        words: How many words there are.
        unknown: The label index of `_unknown_`; silence is `unknown + 1`. Made-up words count under SYNTHETIC.
    """
    members = {label: torch.nonzero(labels == label).flatten() for label in range(unknown + 1)}
    spoken = sum(len(members[label]) for label in range(words))
    speech_share = max(1.0 - config.unknown_share - config.silence_share - config.made_up_share, 0.05)
    repeats = max(1.0, config.clips_per_epoch * speech_share / max(spoken, 1))
    draws = {label: round(len(members[label]) * repeats) for label in range(words)}
    if config.class_balance == "draws":
        draws = {label: round(spoken * repeats / words) if len(members[label]) else 0 for label in draws}
    per_share = sum(draws.values()) / speech_share
    # Few recordings repeated many times would be learned by heart: at most three times as often as a word's.
    draws[unknown] = round(min(config.unknown_share * per_share, 3 * repeats * len(members[unknown])))
    draws[unknown + 1] = round(config.silence_share * per_share)
    draws[SYNTHETIC] = round(config.made_up_share * per_share)
    members |= {unknown + 1: torch.tensor([SILENT]), SYNTHETIC: torch.tensor([SYNTHETIC])}
    others = frozenset((unknown, unknown + 1, SYNTHETIC))
    return SamplingPlan({label: count for label, count in draws.items() if count}, members, others)
