"""What an epoch consists of: how often each label is drawn, and from which clips.

An epoch is a fixed number of draws. Each draw belongs to one label for good and takes its clips one after another, a
generation at a time, so that every clip of a label is taken as often as the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kws_engine.training.config import TrainingConfig
from kws_engine.training.seeds import ORDER, SOURCES, numpy_generator

SILENT, SYNTHETIC, TALK = -1, -2, -3  # in place of a clip's index
_LANES = 16  # if the number of processes divides this, they see the very batches that one process sees


@dataclass(frozen=True)
class SamplingPlan:
    """How many draws of each label an epoch has, from which clips, and which labels are not words."""

    draws: Mapping[int, int]
    members: Mapping[int, Tensor]
    non_words: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return sum(self.draws.values())


class Sampler:
    """The draws of an epoch by number: which clip each takes, and in which order they come."""

    def __init__(self, plan: SamplingPlan, *, seed: int) -> None:
        self._seed = seed
        self._members = {label: plan.members[label].numpy() for label in plan.draws}
        self._counts = dict(plan.draws)
        self._non_words = plan.non_words
        labels = np.repeat(np.array(list(plan.draws), np.int64), list(plan.draws.values()))
        offsets = np.concatenate([np.arange(count) for count in plan.draws.values()] or [np.zeros(0, np.int64)])
        shuffled = numpy_generator(seed, SOURCES).permutation(len(labels))
        self._labels = labels[shuffled]
        self._offsets = offsets[shuffled]
        self._turns = {
            label: numpy_generator(seed, SOURCES, 1 + number).permutation(len(members))
            for number, (label, members) in enumerate(self._members.items())
        }

    def __len__(self) -> int:
        return len(self._labels)

    def of(self, rank: int, world: int) -> Tensor:
        """The draws of one of `world` processes, the same in every epoch."""
        own = np.arange(len(self._labels)) % _lanes(world) % world == rank
        return torch.from_numpy(np.flatnonzero(own))

    def labels(self, draws: Tensor, *, unknown: int) -> Tensor:
        """The label of each draw (B,); that of synthetic words and of talk is `unknown`."""
        labels = self._labels[draws.numpy()]
        return torch.from_numpy(np.where(labels < 0, unknown, labels))

    def change(self, draws: Tensor) -> Tensor:
        """Whether each draw (B,) takes another clip, or another generated sound, in the next generation."""
        changing = [
            label
            for label, members in self._members.items()
            if int(members[0]) < 0 or self._counts[label] % len(members)
        ]
        return torch.from_numpy(np.isin(self._labels[draws.numpy()], changing))

    def are_non_words(self, draws: Tensor) -> Tensor:
        """Whether each draw (B,) is an unknown word, a synthetic one or silence."""
        return torch.from_numpy(np.isin(self._labels[draws.numpy()], list(self._non_words)))

    def are_talk(self, draws: Tensor) -> Tensor:
        """Whether each draw (B,) is a window of talk."""
        return torch.from_numpy(self._labels[draws.numpy()] == TALK)

    def clips(self, draws: Tensor, *, generation: int) -> Tensor:
        """The clips' indices (B,), or SILENT, SYNTHETIC or TALK, of these draws (B,) in a generation from 0 on."""
        rows = draws.numpy()
        found = np.empty(len(rows), np.int64)
        labels = self._labels[rows]
        for label in np.unique(labels):
            own = labels == label
            members, turns = self._members[int(label)], self._turns[int(label)]
            at = (generation * self._counts[int(label)] + self._offsets[rows[own]]) % len(members)
            found[own] = members[turns[at]]
        return torch.from_numpy(found)

    def order(self, epoch: int, *, world: int = 1) -> Tensor:
        """All draws once, in the order of this epoch; position p belongs to process p % world in every epoch."""
        lanes = _lanes(world)
        shuffled = numpy_generator(self._seed, ORDER, epoch).permutation(len(self._labels))
        by_lane = shuffled[np.argsort(shuffled % lanes, kind="stable")]
        lane = by_lane % lanes
        first = np.searchsorted(lane, np.arange(lanes))
        turn = np.arange(len(lane)) - first[lane]
        return torch.from_numpy(by_lane[np.argsort(turn * lanes + lane, kind="stable")])


def _lanes(world: int) -> int:
    return _LANES if _LANES % world == 0 else world


def sampling_plan(
    labels: Tensor, config: TrainingConfig, *, words: int, unknown: int, has_talk: bool = False
) -> SamplingPlan:
    """Every clip of a word once, or repeated up to `clips_per_epoch`; all that is no word by its share.

    With `class_balance` "draws" each word is drawn as often as the average word, however many clips it has.

    Args:
        labels: (N,) of the training split; labels below `words` are words.
        config: The shares.
        words: How many words there are.
        unknown: The label index of `_unknown_`; silence is `unknown + 1`. Synthetic words count under SYNTHETIC,
            windows of talk under TALK.
        has_talk: Whether there is any talk to draw from.
    """
    talk_share = config.talk_share if has_talk else 0.0
    members = {label: torch.nonzero(labels == label).flatten() for label in range(unknown + 1)}
    spoken = sum(len(members[label]) for label in range(words))
    others = config.unknown_share + config.silence_share + config.made_up_share + talk_share
    speech_share = max(1.0 - others, 0.05)
    repeats = max(1.0, config.clips_per_epoch * speech_share / max(spoken, 1))
    draws = {label: round(len(members[label]) * repeats) for label in range(words)}
    if config.class_balance == "draws":
        draws = {label: round(spoken * repeats / words) if len(members[label]) else 0 for label in draws}
    per_share = sum(draws.values()) / speech_share
    # A few recordings repeated many times would be memorised: at most three times as often as a word's.
    draws[unknown] = round(min(config.unknown_share * per_share, 3 * repeats * len(members[unknown])))
    draws[unknown + 1] = round(config.silence_share * per_share)
    draws[SYNTHETIC] = round(config.made_up_share * per_share)
    draws[TALK] = round(talk_share * per_share)
    members |= {unknown + 1: torch.tensor([SILENT])} | {kind: torch.tensor([kind]) for kind in (SYNTHETIC, TALK)}
    non_words = frozenset((unknown, unknown + 1, SYNTHETIC, TALK))
    return SamplingPlan({label: count for label, count in draws.items() if count}, members, non_words)
