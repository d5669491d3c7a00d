"""What an augmentation gets besides the batch: chance, sample rate and recorded noise; knows no augmentation by name.

An augmentation is one file with a frozen config that starts with `probability` (0 = off) and says in class variables
which `domain` it works on ("sound", samples (B, N), or "spectrogram", features (B, T, F)) and its `order` among the
others (small first); its `build(config, *, rate)` returns an `Augment`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Context:
    """Shared by all augmentations of a run.

    Attributes:
        generator: The only source of chance, so that a seed repeats a run.
        rate: Samples a second.
        noises: Recorded background noise in one row (N,) at `rate`, on the batch's device; None where there is none.
    """

    generator: torch.Generator
    rate: int
    noises: Tensor | None = None

    def uniform(self, count: int, low: float, high: float, *, device: torch.device) -> Tensor:
        """Random numbers (count,) between low and high."""
        import torch

        drawn = torch.rand(count, generator=self.generator, device=self.generator.device)
        return (low + (high - low) * drawn).to(device)

    def chosen(self, count: int, probability: float, *, device: torch.device) -> Tensor:
        """For each of `count` clips whether it is changed: bool (count,)."""
        return self.uniform(count, 0.0, 1.0, device=device) < probability


Augment = Callable[["Tensor", Context], "Tensor"]
