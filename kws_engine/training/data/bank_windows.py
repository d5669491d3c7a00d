"""Windows of vectors of what is not the word: the shipped bank's, and those of a person's own talk."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kws_engine.bank import BankVectors
from kws_engine.training.data.source import Score

Floats = NDArray[np.float32]
_AT_ONCE = 2048
_SCORED = 40_000  # windows an epoch, beside the hard ones
_OWN_SHARE = 0.35  # of the windows, where a person has talked
_WORD_SHARE = 0.45  # of the others: single words, as takes are laid; the rest is sentences and noise
_HELD = 3.0  # hard windows held, for each that an epoch draws
_OUTLIERS = 3  # the closest windows of all may be the word itself, in a recording of which nobody wrote the text


class BankWindows:
    """The bank in memory, one byte a number, and the hard windows found so far."""

    def __init__(self, bank: BankVectors, own: list[Floats], *, vectors: int, draws: int, hard_share: float) -> None:
        """Indexes all windows.

        Args:
            bank: Without the words to learn.
            own: Stretches of a person's talk, vectors (n, F) each.
            vectors: In a window.
            draws: Windows that an epoch draws.
            hard_share: Of these, where any hard ones are known.
        """
        self._window = vectors
        self._hard_share = hard_share
        self._held = max(1, round(_HELD * hard_share * draws))
        self._scale = torch.from_numpy(bank.scale)
        own = [one for one in own if len(one) >= vectors]
        mine = [np.clip(np.rint(one / bank.scale), -127, 127).astype(np.int8) for one in own]
        self._values = torch.from_numpy(np.concatenate([np.asarray(bank.values), *mine]))
        kinds = np.array(bank.kinds)
        is_word = kinds == "word"
        self._words = _windows(bank.starts[is_word], bank.lengths[is_word], vectors)
        self._others = _windows(bank.starts[~is_word], bank.lengths[~is_word], vectors)
        own_lengths = np.array([len(one) for one in own], np.int64)
        own_starts = len(bank.values) + np.concatenate(([0], np.cumsum(own_lengths)))[: len(own)].astype(np.int64)
        self._own = _windows(own_starts, own_lengths, vectors)
        self._hard = torch.zeros(0, dtype=torch.int64)

    def __len__(self) -> int:
        return len(self._words) + len(self._others) + len(self._own)

    def draw(self, count: int, generator: np.random.Generator) -> Tensor:
        """Vectors (count, T, F) of windows anywhere, or hard ones."""
        windows = self._anywhere(count, generator)
        if len(self._hard):
            hard = self._hard[torch.from_numpy(generator.integers(0, len(self._hard), count))]
            windows = torch.where(torch.from_numpy(generator.random(count) < self._hard_share), hard, windows)
        return self._vectors(windows)

    def _anywhere(self, count: int, generator: np.random.Generator) -> Tensor:
        chance, place = generator.random((2, count)), generator.random(count)
        is_own = (chance[0] < _OWN_SHARE) & (len(self._own) > 0)
        is_word = ~is_own & (chance[1] < _WORD_SHARE) & (len(self._words) > 0)
        found = np.empty(count, np.int64)
        for chosen, windows in ((is_own, self._own), (is_word, self._words), (~is_own & ~is_word, self._others)):
            source = windows if len(windows) else self._words
            found[chosen] = source[(place[chosen] * len(source)).astype(np.int64)]
        return torch.from_numpy(found)

    def _vectors(self, windows: Tensor) -> Tensor:
        rows = windows.unsqueeze(1) + torch.arange(self._window)
        return self._values[rows.flatten()].float().mul_(self._scale).view(*rows.shape, -1)

    # -- hard ones

    @property
    def looks_for_hard(self) -> bool:
        """Whether hard windows are drawn at all."""
        return self._hard_share > 0

    @torch.no_grad()
    def scored(self, epoch: int, score: Score, *, rank: int, world: int) -> tuple[Tensor, Tensor]:
        """As `HardTalk`: a part of the windows, since each has much in common with the next, and the hard ones."""
        every = np.concatenate((self._words, self._others, self._own))
        step = max(2, round(len(every) / _SCORED))
        windows = torch.from_numpy(np.union1d(every[epoch % step :: step], self._hard.numpy()))
        scores = torch.zeros(len(windows))
        for number, block in enumerate(torch.split(torch.arange(len(windows)), _AT_ONCE)):
            if number % world == rank:
                scores[block] = score(self._vectors(windows[block])).float().cpu()
        return windows, scores

    def keep_hardest(self, windows: Tensor, scores: Tensor) -> None:
        """As `HardTalk`, but for the very closest."""
        order = torch.argsort(scores, descending=True, stable=True)
        self._hard = windows[order[_OUTLIERS : self._held + _OUTLIERS]]

    def tensors(self) -> dict[str, Tensor]:
        """The hard windows (N,)."""
        return {"hard": self._hard}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`; of a checkpoint without them, none are known."""
        self._hard = tensors.get("hard", self._hard[:0])


def _windows(starts: NDArray[np.int64], lengths: NDArray[np.int64], vectors: int) -> NDArray[np.int64]:
    """The first vector of every window in these stretches."""
    counts = np.maximum(0, lengths - vectors + 1)
    firsts = np.repeat(starts, counts)
    ends = np.cumsum(counts)
    return np.asarray(firsts + np.arange(len(firsts)) - np.repeat(ends - counts, counts), np.int64)
