"""How each clip was learned, from the logits of the very steps: clips with a wrong label stay apart; knows no file.

A clip whose label is right is pulled towards it by all that resembles it; one with a wrong label is pulled away. The
mean margin over training tells them apart (Pleiss et al. 2020, area under the margin), and what the network would
rather have called it says what it may be.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

_MOSTLY = 0.8  # of a mixed clip that must be its own to count
_TOGETHER = 64  # steps taken in at once: by themselves they cost a small network's run 3% of its time


class TrainingDynamics:
    """Sums over all steps of a run, for each of N recorded clips."""

    def __init__(self, n_clips: int, n_labels: int) -> None:
        self._seen = torch.zeros(n_clips)
        self._margin = torch.zeros(n_clips)
        self._own = torch.zeros(n_clips)
        self._votes = torch.zeros((n_clips, n_labels), dtype=torch.int16)
        self._waiting: list[tuple[Tensor, ...]] = []  # clips, labels, logits, shares
        self._is_late = False

    def observe(self, clips: Tensor, labels: Tensor, logits: Tensor, *, late: bool, shares: Tensor | None) -> None:
        """Takes in one step.

        Args:
            clips: (B,) indices; those below 0 are no recordings.
            labels: (B,).
            logits: (B, n_labels).
            late: Whether the run is in its second half, where what a clip is called counts.
            shares: (B,) how much of each clip is its own, where clips are mixed.
        """
        if late != self._is_late or len(self._waiting) >= _TOGETHER:
            self._take_in()
        self._is_late = late
        self._waiting.append((clips, labels, logits.detach(), torch.ones(len(clips)) if shares is None else shares))

    def _take_in(self) -> None:
        """What waits."""
        if not self._waiting:
            return
        clips, labels, logits, shares = (torch.cat(part).cpu() for part in zip(*self._waiting, strict=True))
        self._waiting.clear()
        known = (clips >= 0) & (shares >= _MOSTLY)
        clips, labels, logits = clips[known], labels[known].unsqueeze(1), logits[known].float()
        own = logits.gather(1, labels)
        others = logits.scatter(1, labels, -torch.inf).amax(1, keepdim=True)
        self._seen.index_add_(0, clips, torch.ones(len(clips)))
        self._margin.index_add_(0, clips, (own - others).squeeze(1))
        self._own.index_add_(0, clips, logits.softmax(1).gather(1, labels).squeeze(1))
        if self._is_late:
            one = torch.ones(len(clips), dtype=torch.int16)
            self._votes.index_put_((clips, logits.argmax(1)), one, accumulate=True)

    def rows(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(seen, mean margin in logits, mean own probability, label most often given or -1), each (N,)."""
        self._take_in()
        seen, votes = self._seen.clamp_min(1), self._votes.amax(1)
        predicted = torch.where(votes > 0, self._votes.argmax(1), -1)
        return self._seen.long(), self._margin / seen, self._own / seen, predicted

    def tensors(self) -> dict[str, Tensor]:
        """All that is kept."""
        self._take_in()
        return {"seen": self._seen, "margin": self._margin, "own": self._own, "votes": self._votes}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`."""
        for name, kept in self.tensors().items():
            kept.copy_(tensors[name])
