"""Polarity: inverts the sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Augment, Context
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class PolarityConfig:
    """Options of the polarity."""

    domain: ClassVar[str] = "sound"
    order: ClassVar[int] = 2

    probability: float = option(
        0.5, "Probability", "Share of the clips that are inverted; 0 is off.", low=0.0, high=1.0
    )


@AUGMENTATIONS.register("polarity", "Polarity", PolarityConfig)
def build(config: PolarityConfig, *, rate: int) -> Augment:
    """Inverts the sound, as a microphone wired the other way round does; inaudible, and no power spectrum shows it.

    It matters where a network gets more than powers, and it changes the sum with a noise.
    """

    def invert(sound: Tensor, context: Context) -> Tensor:
        chosen = context.chosen(len(sound), config.probability, device=sound.device)
        context.note("polarity", sound, chosen, "upside down")
        return sound * (1 - 2 * chosen.to(sound.dtype)).unsqueeze(1)

    return invert
