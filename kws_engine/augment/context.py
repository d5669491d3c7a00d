"""What an augmentation gets besides the batch: randomness, sample rate and recorded noise.

An augmentation is one file with a frozen config that starts with `probability` (0 = off) and has class variables for
the `domain` it works on ("sound", samples (B, N), or "spectrogram", features (B, T, F)) and its `order` among the
others (small first); its `build(config, *, rate)` returns an `Augment`. To preview one clip, call that with a batch of
one and `Context(drawn={})`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

UNCHANGED = "unchanged"
"""Marks a clip that an augmentation left alone; never shown."""


@dataclass(frozen=True)
class Context:
    """Shared by all augmentations of a run.

    Attributes:
        generator: The only source of randomness, so that a seed repeats a run.
        rate: Samples per second.
        noises: Recorded background noise in one row (N,) at `rate`, on the batch's device; None where there is none.
        drawn: Where augmentations note what they did, for a preview: under the name of each, a text per clip
            ("+2.1 semitones", "unchanged"); None where nobody reads it.
    """

    generator: torch.Generator
    rate: int
    noises: Tensor | None = None
    drawn: dict[str, list[str]] | None = None

    def uniform(self, count: int, low: float, high: float, *, device: torch.device) -> Tensor:
        """Random numbers (count,) between low and high."""
        import torch

        drawn = torch.rand(count, generator=self.generator, device=self.generator.device)
        return (low + (high - low) * drawn).to(device)

    def chosen(self, count: int, probability: float, *, device: torch.device) -> Tensor:
        """Whether each of `count` clips is changed: bool (count,)."""
        return self.uniform(count, 0.0, 1.0, device=device) < probability

    def steps(self, count: int, most: int, *, device: torch.device) -> Tensor:
        """Random whole numbers (count,) in -most .. most without 0."""
        import torch

        drawn = self.uniform(count, 0, 2 * most, device=device).floor().clamp_max(2 * most - 1) - most
        return torch.where(drawn < 0, drawn, drawn + 1).long()

    def rows(self, batch: Tensor, probability: float) -> Tensor:
        """The indices (n,) of those clips of a batch (B, ...) that are changed."""
        return self.chosen(len(batch), probability, device=batch.device).nonzero().squeeze(1)

    def note(self, name: str, batch: Tensor, rows: Tensor, text: str, *values: Tensor) -> None:
        """Notes in `drawn` what was done to which clips, where that is read.

        Args:
            name: The augmentation, as registered.
            batch: (B, ...).
            rows: Which clips are changed: bool (B,), or their indices (n,) in order.
            text: A format for `str.format`, with a field for each of the values.
            values: The random values, (B,) where `rows` is bool, else (n,).
        """
        if self.drawn is None:
            return
        texts = self.drawn.setdefault(name, [UNCHANGED] * len(batch))
        if not rows.dtype.is_signed:  # bool
            rows, values = rows.nonzero().squeeze(1), tuple(value[rows] for value in values)
        for place, *numbers in zip(rows.tolist(), *(value.tolist() for value in values), strict=True):
            texts[place] = text.format(*numbers)


Augment = Callable[["Tensor", Context], "Tensor"]
