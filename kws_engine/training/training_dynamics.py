"""How each clip is learned, from the logits of the training steps, so that clips with a wrong label stand out.

Clips that resemble it pull a correctly labelled clip towards its label, and a mislabelled one away from it. The mean
margin over training tells the two apart (Pleiss et al. 2020, area under the margin); the label that the network
predicts most often suggests what a mislabelled clip really is.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

_MIN_OWN_SHARE = 0.8  # a blend with less of its own clip does not count
_PENDING_STEPS = 64  # accumulated together: one at a time they cost a small network's run 3% of its time


class TrainingDynamics:
    """Sums over all steps of a run, for each of N clips."""

    def __init__(self, n_clips: int, n_labels: int) -> None:
        self._seen = torch.zeros(n_clips)
        self._margin = torch.zeros(n_clips)
        self._own = torch.zeros(n_clips)
        self._votes = torch.zeros((n_clips, n_labels), dtype=torch.int16)
        self._pending: list[tuple[Tensor, ...]] = []  # clips, labels, logits, shares
        self._is_late = False

    def observe(self, clips: Tensor, labels: Tensor, logits: Tensor, *, late: bool, shares: Tensor | None) -> None:
        """Adds one step.

        Args:
            clips: (B,) indices; those below 0 are not recordings and are left out.
            labels: (B,).
            logits: (B, n_labels).
            late: Whether the run is in its second half; only there do predictions count.
            shares: (B,) how much of each blend is the clip itself, where clips are mixed up.
        """
        if late != self._is_late or len(self._pending) >= _PENDING_STEPS:
            self._accumulate()
        self._is_late = late
        self._pending.append((clips, labels, logits.detach(), torch.ones(len(clips)) if shares is None else shares))

    def _accumulate(self) -> None:
        """Adds the pending steps to the sums."""
        if not self._pending:
            return
        clips, labels, logits, shares = (torch.cat(part).cpu() for part in zip(*self._pending, strict=True))
        self._pending.clear()
        known = (clips >= 0) & (shares >= _MIN_OWN_SHARE)
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
        """(times seen, mean margin in logits, mean probability of the label, commonest prediction or -1), each (N,)."""
        self._accumulate()
        seen, votes = self._seen.clamp_min(1), self._votes.amax(1)
        predicted = torch.where(votes > 0, self._votes.argmax(1), -1)
        return self._seen.long(), self._margin / seen, self._own / seen, predicted

    def tensors(self) -> dict[str, Tensor]:
        """The sums by name, for a checkpoint."""
        self._accumulate()
        return {"seen": self._seen, "margin": self._margin, "own": self._own, "votes": self._votes}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`."""
        for name, total in self.tensors().items():
            total.copy_(tensors[name])
