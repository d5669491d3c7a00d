"""Which draws' features are kept in which row, and how new each block of them is; knows no feature.

Every block is made before epoch 1 and then again and again, the blocks in turns. Early, when steps are long and little
is learned by heart, few are made anew; late, four times as many. Other words, made-up words and silence, of which there
is no end, change twice as fast as the words.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kws_engine.training.data.sampling import Sampler

BLOCK = 128  # draws made together
_EARLY, _LATE = 0.4, 1.6  # of the asked share, in the first and the last epoch
_OTHERS = 2.0  # times as fast
_GOLDEN = 0.6180339887498949  # turns at multiples of it are spread evenly, however many they are


@dataclass(frozen=True)
class Shard:
    """Which process of how many this is."""

    rank: int = 0
    world: int = 1


WHOLE = Shard()


class FeatureCache:
    """The rows of one process."""

    def __init__(self, draws: Sampler, shard: Shard, *, fresh_share: float, epochs: int, still: bool) -> None:
        """Makes a share of the draws anew each epoch, over all `epochs` on average.

        With `still`, where no sound is augmented, it is a share of those that do not always take the same clip; the
        others are made once.
        """
        mine = draws.of(shard.rank, shard.world)
        moving = draws.change(mine) if still else torch.ones(len(mine), dtype=torch.bool)
        others = draws.are_others(mine)
        groups = [mine[moving & ~others], mine[moving & others], mine[~moving]]
        rate = fresh_share * len(mine) / max(len(groups[0]) + _OTHERS * len(groups[1]), 1)
        self._draws = torch.cat(groups)
        self._clips, self._power = torch.zeros(len(mine), dtype=torch.int64), torch.zeros(len(mine))
        self._row = torch.full((len(draws),), -1)
        self._row[self._draws] = torch.arange(len(mine))
        ends = np.cumsum([0, *map(len, groups)]).tolist()
        blocks = [_bounds(start, end) for start, end in itertools.pairwise(ends)]
        self._bounds = [block for group in blocks for block in group]
        rates = [fresh_share, fresh_share, 0.0] if still else [rate, _OTHERS * rate, 0.0]
        self._rates = np.repeat(rates, [len(group) for group in blocks])
        self._turns = (np.arange(len(self._bounds)) * _GOLDEN) % 1
        self._epochs = epochs
        self._generation = [-1] * len(self._bounds)

    def __len__(self) -> int:
        return len(self._draws)

    def due(self, epoch: int) -> list[tuple[int, int]]:
        """Blocks that are not yet as they should be in this epoch (from 1 on), with their generation then."""
        share = np.linspace(_EARLY, _LATE, max(self._epochs - 1, 1))
        passed = float(share[: epoch - 1].sum()) + _LATE * max(epoch - 1 - len(share), 0)
        wanted = np.floor(self._rates * passed + self._turns).astype(int).tolist()
        return [(block, new) for block, new in enumerate(wanted) if new != self._generation[block]]

    def block(self, block: int) -> tuple[int, Tensor]:
        """Its first row and its draws."""
        first, end = self._bounds[block]
        return first, self._draws[first:end]

    def made(self, block: int, generation: int, clips: Tensor, power: Tensor) -> None:
        """The rows of a block hold these clips (B,) now, whose sound has these mean squares (B,)."""
        first, end = self._bounds[block]
        self._generation[block], self._clips[first:end], self._power[first:end] = generation, clips, power

    def rows(self, draws: Tensor) -> Tensor:
        """Where the features of these draws (B,) of this process are."""
        return self._row[draws]

    def clips(self, rows: Tensor) -> Tensor:
        """The clips (B,) whose features are in these rows."""
        return self._clips[rows]

    def power(self, rows: Tensor) -> Tensor:
        """The mean squares (B,) of the sound in these rows."""
        return self._power[rows]


def _bounds(first: int, end: int) -> list[tuple[int, int]]:
    return [(start, min(start + BLOCK, end)) for start in range(first, end, BLOCK)]
