"""Shift in frequency: moves spectrograms up or down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Augment, Context
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ShiftFrequencyConfig:
    """Options of the shift in frequency."""

    domain: ClassVar[str] = "spectrogram"
    order: ClassVar[int] = 30

    probability: float = option(
        0.1,
        "Probability",
        "Share of the spectrograms that are shifted; 0 is off. For mel bands; useless for cepstra or with deltas.",
        low=0.0,
        high=1.0,
    )
    max_bands: int = option(
        2,
        "Largest shift",
        "Higher or lower by up to this; more turns one vowel into another.",
        low=1,
        high=40,
        unit="bands",
    )


@AUGMENTATIONS.register("shift_frequency", "Shift in frequency", ShiftFrequencyConfig)
def build(config: ShiftFrequencyConfig, *, rate: int) -> Augment:
    """Moves the spectrogram up or down, as if a smaller or larger person spoke (Jaitly & Hinton 2013).

    On the mel scale a shorter or longer vocal tract is nearly a shift. The band at the edge fills the gap.
    """

    def shift(features: Tensor, context: Context) -> Tensor:
        import torch

        bands = features.shape[2]
        chosen = context.rows(features, config.probability)
        if len(chosen) == 0:
            return features
        offsets = context.steps(len(chosen), config.max_bands, device=features.device)
        context.note("shift_frequency", features, chosen, "{:+d} bands", offsets)
        places = (torch.arange(bands, device=features.device) - offsets.unsqueeze(1)).clamp(0, bands - 1)
        some = features.index_select(0, chosen)
        return features.index_copy(0, chosen, some.gather(2, places.unsqueeze(1).expand_as(some)))

    return shift
