"""Mixup: blends of pairs of clips and of their labels (Zhang et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor


def mixup(features: Tensor, labels: Tensor, alpha: float) -> tuple[Tensor, Tensor, Tensor]:
    """Blends every clip of a batch with another one of the batch.

    Args:
        features: (B, T, F).
        labels: (B,).
        alpha: Above 0; each clip's own share is drawn from Beta(alpha, alpha), by torch's global random generator.

    Returns:
        The blends (B, T, F), the partners' labels (B,), and each clip's own share (B,) in 0.5..1: of the two, the
        partner is the one with the smaller share.
    """
    count = len(labels)
    partner = torch.randperm(count).to(labels.device)
    drawn = torch.distributions.Beta(alpha, alpha).sample((count,))
    shares = torch.maximum(drawn, 1 - drawn).to(features.device, features.dtype)
    own = shares[:, None, None]
    return own * features + (1 - own) * features[partner], labels[partner], shares
