"""Gain: makes clips louder or quieter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Augment, Context
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class GainConfig:
    """Options of the gain."""

    domain: ClassVar[str] = "sound"
    order: ClassVar[int] = 20

    probability: float = option(
        0.5, "Probability", "Share of the clips whose loudness changes; 0 is off.", low=0.0, high=1.0
    )
    gain_db: tuple[float, float] = option(
        (-15.0, 6.0), "Gain", "Quieter for a far speaker, louder for a near one.", low=-60, high=40, unit="dB"
    )


@AUGMENTATIONS.register("gain", "Gain", GainConfig)
def build(config: GainConfig, *, rate: int) -> Augment:
    """Changes the loudness, as when people stand near or far; never beyond full scale, so that nothing clips."""

    def amplify(sound: Tensor, context: Context) -> Tensor:
        gains_db = context.uniform(len(sound), *config.gain_db, device=sound.device)
        chosen = context.chosen(len(sound), config.probability, device=sound.device)
        loudest = sound.abs().amax(dim=1).clamp_min(1e-9)
        factors = (10 ** (gains_db / 20)).minimum((1 / loudest).clamp_min(1.0))
        context.note("gain", sound, chosen, "{:+.1f} dB", 20 * factors.log10())
        return sound * factors.where(chosen, 1.0).unsqueeze(1)

    return amplify
