"""Which draws' features are kept in which row, and how new each block of them is; knows no feature.

Block b is made before epoch 1 and then every so many epochs; the blocks take turns, so that each epoch has the same
share of new ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kws_engine.training.mixture import Draws

BLOCK = 128  # draws made together


@dataclass(frozen=True)
class Share:
    """Which process of how many this is."""

    rank: int = 0
    world: int = 1


ALONE = Share()


class Kept:
    """The rows of one process."""

    def __init__(self, draws: Draws, share: Share, *, still: bool) -> None:
        """With `still`, where no sound is augmented, draws that always take the same clip are made once."""
        mine = draws.of(share.rank, share.world)
        moving = draws.change(mine) if still else torch.ones(len(mine), dtype=torch.bool)
        self._draws = torch.cat([mine[moving], mine[~moving]])
        self._clips = torch.zeros(len(mine), dtype=torch.int64)
        self._row = torch.full((len(draws),), -1)
        self._row[self._draws] = torch.arange(len(mine))
        middle = int(moving.sum())
        self._moving = _bounds(0, middle)
        self._bounds = self._moving + _bounds(middle, len(mine))
        self._generation = [-1] * len(self._bounds)

    def __len__(self) -> int:
        return len(self._draws)

    def due(self, epoch: int, period: int) -> list[tuple[int, int]]:
        """Blocks that are not yet as they should be in this epoch (from 1 on), with their generation then."""
        moving = [(epoch - 1 + block % period) // period for block in range(len(self._moving))]
        wanted = moving + [0] * (len(self._bounds) - len(moving))
        return [(block, new) for block, new in enumerate(wanted) if new != self._generation[block]]

    def block(self, block: int) -> tuple[Tensor, Tensor]:
        """Its rows and its draws."""
        first, end = self._bounds[block]
        return torch.arange(first, end), self._draws[first:end]

    def made(self, block: int, generation: int, clips: Tensor) -> None:
        """The rows of a block hold these clips now."""
        first, end = self._bounds[block]
        self._generation[block], self._clips[first:end] = generation, clips

    def rows(self, draws: Tensor) -> Tensor:
        """Where the features of these draws (B,) of this process are."""
        return self._row[draws]

    def clips(self, rows: Tensor) -> Tensor:
        """The clips (B,) whose features are in these rows."""
        return self._clips[rows]


def _bounds(first: int, end: int) -> list[tuple[int, int]]:
    return [(start, min(start + BLOCK, end)) for start in range(first, end, BLOCK)]
