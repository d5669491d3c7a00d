"""Speed: plays the word faster or slower."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Augment, Context
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SpeedConfig:
    """Options of the speed."""

    domain: ClassVar[str] = "sound"
    order: ClassVar[int] = 5

    probability: float = option(
        0.7, "Probability", "Share of the clips that change speed; 0 is off.", low=0.0, high=1.0
    )
    factor: tuple[float, float] = option(
        (0.85, 1.15),
        "Factor",
        "Above 1 is faster and higher, as on a tape; below 1 slower and lower.",
        low=0.5,
        high=2.0,
    )


@AUGMENTATIONS.register("speed", "Speed", SpeedConfig)
def build(config: SpeedConfig, *, rate: int) -> Augment:
    """Plays the clip faster or slower about its middle, pitch included (Ko et al. 2015); gaps become silence."""

    def change_speed(sound: Tensor, context: Context) -> Tensor:
        chosen = context.rows(sound, config.probability)
        if len(chosen) == 0:
            return sound
        factor = context.uniform(len(chosen), *config.factor, device=sound.device)
        context.note("speed", sound, chosen, "{:.2f} times the speed", factor)
        return sound.index_copy(0, chosen, _played(sound.index_select(0, chosen), factor))

    return change_speed


def _played(sound: Tensor, factor: Tensor) -> Tensor:
    """Samples (B, N) read at `factor` (B,) times the speed by linear interpolation, the middle staying in place."""
    import torch

    from kws_engine.augment._interpolation import interpolate

    steps = torch.arange(sound.shape[1], device=sound.device) - (sound.shape[1] - 1) / 2
    return interpolate(sound, torch.outer(factor, steps).add_((sound.shape[1] - 1) / 2))
