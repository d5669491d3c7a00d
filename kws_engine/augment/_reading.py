"""Reads sound between its samples; knows no augmentation. Needs torch at import: the registry skips it."""

from __future__ import annotations

import torch
from torch import Tensor


def read_between(sound: Tensor, at: Tensor) -> Tensor:
    """Sound (B, N) at places (B, M) between its samples, by linear interpolation; silence outside.

    `at` is used up: on large batches fresh memory costs more than the arithmetic.
    """
    samples = sound.shape[1]
    padded = torch.nn.functional.pad(sound, (1, 2))
    at = at.add_(1).clamp_(0, samples + 1)
    index = at.long()
    share = at.sub_(index)
    low = padded.gather(1, index)
    return low.lerp_(padded.gather(1, index.add_(1)), share)
