"""Which row of the feature cache holds which draw, and when each block of rows is recomputed.

Every block is computed before epoch 1 and recomputed in turns after that. Early, when steps are large and little is
memorised, few are recomputed; late, four times as many. Unknown words, synthetic words and silence, whose supply is
endless, change twice as fast as the words.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kws_engine.training.data.sampling import Sampler

BLOCK = 128  # draws computed together
_EARLY, _LATE = 0.4, 1.6  # of the requested share, in the first and the last epoch
_NON_WORD_RATE = 2.0  # times as fast
_GOLDEN = 0.6180339887498949  # multiples of it, modulo 1, are spread evenly however many there are


@dataclass(frozen=True)
class Shard:
    """Which of the processes that share an epoch this is."""

    rank: int = 0
    world: int = 1


WHOLE = Shard()


class FeatureCache:
    """The bookkeeping of one process's cached rows; the features themselves are in a `FeatureStore`."""

    def __init__(self, sampler: Sampler, shard: Shard, *, fresh_share: float, epochs: int, fixed_sound: bool) -> None:
        """Plans to recompute a share of the draws each epoch, on average over all `epochs`.

        With `fixed_sound`, where no sound is augmented, it is a share of those draws that change their clip from one
        generation to the next; the others are computed once.
        """
        own = sampler.of(shard.rank, shard.world)
        own = own[~sampler.are_talk(own)]  # whose windows are cut from longer pieces
        changing = sampler.change(own) if fixed_sound else torch.ones(len(own), dtype=torch.bool)
        non_words = sampler.are_non_words(own)
        groups = [own[changing & ~non_words], own[changing & non_words], own[~changing]]
        rate = fresh_share * len(own) / max(len(groups[0]) + _NON_WORD_RATE * len(groups[1]), 1)
        self._draws = torch.cat(groups)
        self._clips = torch.zeros(len(own), dtype=torch.int64)
        self._power = torch.zeros(len(own))
        self._row = torch.full((len(sampler),), -1)
        self._row[self._draws] = torch.arange(len(own))
        ends = np.cumsum([0, *map(len, groups)]).tolist()
        blocks = [_blocks(start, end) for start, end in itertools.pairwise(ends)]
        self._bounds = [block for group in blocks for block in group]
        rates = [fresh_share, fresh_share, 0.0] if fixed_sound else [rate, _NON_WORD_RATE * rate, 0.0]
        self._rates = np.repeat(rates, [len(group) for group in blocks])
        self._phases = (np.arange(len(self._bounds)) * _GOLDEN) % 1
        self._epochs = epochs
        self._generation = [-1] * len(self._bounds)

    def __len__(self) -> int:
        return len(self._draws)

    def due(self, epoch: int) -> list[tuple[int, int]]:
        """The blocks to recompute before this epoch (from 1 on), each with its new generation."""
        share = np.linspace(_EARLY, _LATE, max(self._epochs - 1, 1))
        passed = float(share[: epoch - 1].sum()) + _LATE * max(epoch - 1 - len(share), 0)
        wanted = np.floor(self._rates * passed + self._phases).astype(int).tolist()
        return [(block, new) for block, new in enumerate(wanted) if new != self._generation[block]]

    def block(self, block: int) -> tuple[int, Tensor]:
        """The first row of a block, and its draws."""
        first, end = self._bounds[block]
        return first, self._draws[first:end]

    def update(self, block: int, generation: int, clips: Tensor, power: Tensor) -> None:
        """Notes that a block's rows now hold these clips (B,), whose sound has these mean squares (B,)."""
        first, end = self._bounds[block]
        self._generation[block] = generation
        self._clips[first:end] = clips
        self._power[first:end] = power

    def rows(self, draws: Tensor) -> Tensor:
        """The rows (B,) of these draws (B,) of this process, -1 for talk."""
        return self._row[draws]

    def clips(self, rows: Tensor) -> Tensor:
        """The clips (B,) whose features are in these rows."""
        return self._clips[rows]

    def power(self, rows: Tensor) -> Tensor:
        """The mean squares (B,) of the sound in these rows."""
        return self._power[rows]


def _blocks(first: int, end: int) -> list[tuple[int, int]]:
    return [(start, min(start + BLOCK, end)) for start in range(first, end, BLOCK)]
