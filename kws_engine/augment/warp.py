"""Time warp: stretches one part of a spectrogram and compresses the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Augment, Context
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class WarpConfig:
    """Options of the time warp."""

    domain: ClassVar[str] = "spectrogram"
    order: ClassVar[int] = 10

    probability: float = option(0.2, "Probability", "Share of the clips that are warped; 0 is off.", low=0.0, high=1.0)
    max_frames: int = option(
        6,
        "Largest warp",
        "A moment in the middle half moves by up to this; more distorts the word.",
        low=1,
        high=100,
        unit="frames",
    )


@AUGMENTATIONS.register("warp", "Time warp", WarpConfig)
def build(config: WarpConfig, *, rate: int) -> Augment:
    """Makes one part of the word slower and the rest faster, while both ends stay in place (Park et al. 2019)."""

    def warp(features: Tensor, context: Context) -> Tensor:
        frames = features.shape[1]
        chosen = context.rows(features, config.probability)
        if len(chosen) == 0:
            return features
        moment = (frames - 1) * context.uniform(len(chosen), 0.25, 0.75, device=features.device)
        largest = min(float(config.max_frames), (frames - 1) / 8)  # so that frames stay in order
        moves = context.uniform(len(chosen), -largest, largest, device=features.device)
        context.note("warp", features, chosen, "frame {:.0f} by {:+.1f}", moment, moves)
        return features.index_copy(0, chosen, _read(features.index_select(0, chosen), _places(moment, moves, frames)))

    return warp


def _places(moment: Tensor, moves: Tensor, frames: int) -> Tensor:
    """Where each frame (B, T) is read: linear up to the moment, which moves by `moves`, and linear from there on."""
    import torch

    at, last = torch.arange(frames, device=moment.device), max(frames - 1, 1)
    source, target = moment.unsqueeze(1), (moment + moves).unsqueeze(1)
    before = at * (source / target.clamp_min(1e-3))
    after = last - (last - at) * ((last - source) / (last - target).clamp_min(1e-3))
    return torch.where(moves.unsqueeze(1) == 0, at, torch.where(at < target, before, after)).clamp(0, frames - 1)


def _read(features: Tensor, places: Tensor) -> Tensor:
    """Features (B, T, F) at fractional frames (B, T), by linear interpolation."""
    import torch

    index = places.long()
    share = (places - index).unsqueeze(2)
    low = features.gather(1, index.unsqueeze(2).expand_as(features))
    high = features.gather(1, (index + 1).clamp_max(features.shape[1] - 1).unsqueeze(2).expand_as(features))
    return torch.lerp(low, high, share)
