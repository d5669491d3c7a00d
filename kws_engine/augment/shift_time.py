"""Shift in time: moves spectrograms earlier or later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Augment, Context
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ShiftTimeConfig:
    """Options of the shift in time."""

    domain: ClassVar[str] = "spectrogram"
    order: ClassVar[int] = 20

    probability: float = option(
        0.1,
        "Probability",
        "Share of the spectrograms that are shifted; 0 is off. It adds to the time shift of the sound.",
        low=0.0,
        high=1.0,
    )
    max_frames: int = option(
        8,
        "Largest shift",
        "Earlier or later by up to this; more cuts into long words.",
        low=1,
        high=100,
        unit="frames",
    )


@AUGMENTATIONS.register("shift_time", "Shift in time", ShiftTimeConfig)
def build(config: ShiftTimeConfig, *, rate: int) -> Augment:
    """Moves the spectrogram left or right, as if the word began sooner or later; the edge frame fills the gap."""

    def shift(features: Tensor, context: Context) -> Tensor:
        import torch

        frames = features.shape[1]
        chosen = context.rows(features, config.probability)
        if len(chosen) == 0:
            return features
        offsets = context.steps(len(chosen), config.max_frames, device=features.device)
        context.note("shift_time", features, chosen, "{:+d} frames", offsets)
        places = (torch.arange(frames, device=features.device) - offsets.unsqueeze(1)).clamp(0, frames - 1)
        return features.index_copy(0, chosen, features[chosen.unsqueeze(1), places])

    return shift
