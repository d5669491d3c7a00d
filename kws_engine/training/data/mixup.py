"""Blends of pairs of clips with their labels (Zhang et al. 2018); knows no network and no loss."""

from __future__ import annotations

import torch
from torch import Tensor


def mixed(features: Tensor, labels: Tensor, alpha: float) -> tuple[Tensor, Tensor, Tensor]:
    """Every clip of a batch blended with another one of it.

    Args:
        features: (B, T, F).
        labels: (B,).
        alpha: Of Beta(alpha, alpha), from which each clip's own share is drawn; above 0. Chance is torch's own, which a
            run seeds.

    Returns:
        The blends (B, T, F), the partners' labels (B,), and each clip's own share (B,) in 0.5..1: which of the two
        is called the partner is of no account.
    """
    count = len(labels)
    partner = torch.randperm(count).to(labels.device)
    drawn = torch.distributions.Beta(alpha, alpha).sample((count,))
    shares = torch.maximum(drawn, 1 - drawn).to(features.device, features.dtype)
    own = shares[:, None, None]
    return own * features + (1 - own) * features[partner], labels[partner], shares
