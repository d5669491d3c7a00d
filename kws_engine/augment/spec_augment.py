"""SpecAugment: masks stretches of time and bands of frequency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Augment, Context
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SpecAugmentConfig:
    """Options of SpecAugment."""

    domain: ClassVar[str] = "spectrogram"
    order: ClassVar[int] = 40

    probability: float = option(0.5, "Probability", "Share of the clips that are masked; 0 is off.", low=0.0, high=1.0)
    time_masks: int = option(1, "Time masks", "Stretches of time masked in a clip.", low=0, high=10)
    max_frames: int = option(
        15,
        "Longest time mask",
        "Each is up to this long; keep it shorter than a syllable.",
        low=0,
        high=200,
        unit="frames",
    )
    frequency_masks: int = option(
        1, "Frequency masks", "Groups of neighbouring features masked in a clip.", low=0, high=10
    )
    max_bands: int = option(6, "Widest frequency mask", "Each masks up to this many features.", low=0, high=128)


@AUGMENTATIONS.register("spec_augment", "SpecAugment", SpecAugmentConfig)
def build(config: SpecAugmentConfig, *, rate: int) -> Augment:
    """Masks parts of the spectrogram, so that the network relies on no single one (Park et al. 2019).

    Masked values become the feature's mean over the clip.
    """

    def mask(features: Tensor, context: Context) -> Tensor:
        frames, bands = features.shape[1:]
        chosen = context.rows(features, config.probability)
        if len(chosen) == 0:
            return features
        some = features.index_select(0, chosen)
        hidden_frames = _stretches(some, config.time_masks, config.max_frames, frames, context)
        hidden_bands = _stretches(some, config.frequency_masks, config.max_bands, bands, context)
        hidden = hidden_frames.unsqueeze(2) | hidden_bands.unsqueeze(1)
        sums = hidden_frames.sum(dim=1), hidden_bands.sum(dim=1)
        context.note("spec_augment", features, chosen, "{} frames and {} features hidden", *sums)
        return features.index_copy(0, chosen, some.mean(dim=1, keepdim=True).where(hidden, some))

    return mask


def _stretches(features: Tensor, count: int, longest: int, size: int, context: Context) -> Tensor:
    """The masked positions, bool (B, size): `count` random stretches of 0 .. `longest` for each clip."""
    import torch

    clips, device = len(features), features.device
    lengths = context.uniform(clips * count, 0, min(longest, size) + 1, device=device).floor()
    starts = (context.uniform(clips * count, 0, 1, device=device) * (size - lengths + 1)).floor()
    places = torch.arange(size, device=device)
    inside = (places >= starts.unsqueeze(1)) & (places < (starts + lengths).unsqueeze(1))
    return inside.view(clips, count, size).any(dim=1)
