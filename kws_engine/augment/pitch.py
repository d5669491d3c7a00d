"""Pitch: makes the voice higher or lower, at the same speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Augment, Context
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class PitchConfig:
    """Options of the pitch."""

    domain: ClassVar[str] = "sound"
    order: ClassVar[int] = 7

    probability: float = option(
        0.2, "Probability", "Share of the clips whose pitch changes; 0 is off.", low=0.0, high=1.0
    )
    semitones: tuple[float, float] = option(
        (-3.0, 3.0),
        "Semitones",
        "Below 0 is lower, above 0 higher; 12 are an octave, far more than a voice changes.",
        low=-12,
        high=12,
        unit="semitones",
    )
    keep_formants: bool = option(
        True,
        "Keep formants",
        "The same mouth speaks higher or lower; off, the mouth grows or shrinks as well, like a child's or a giant's.",
    )


@AUGMENTATIONS.register("pitch", "Pitch", PitchConfig)
def build(config: PitchConfig, *, rate: int) -> Augment:
    """Shifts the pitch and keeps the duration: pieces played faster or slower, joined where they match (WSOLA).

    Verhelst & Roelands 1993. Formants are kept by restoring the cepstral envelope (Röbel & Rodet 2005).
    """

    def change_pitch(sound: Tensor, context: Context) -> Tensor:
        chosen = context.rows(sound, config.probability)
        if len(chosen) == 0:
            return sound
        from kws_engine.augment import _pitch

        semitones = context.uniform(len(chosen), *config.semitones, device=sound.device)
        context.note("pitch", sound, chosen, "{:+.1f} semitones", semitones)
        ratio = 2 ** (semitones / 12)
        shifted = _pitch.shift_pitch(sound.index_select(0, chosen), ratio, rate=rate)
        if config.keep_formants:
            shifted = _pitch.restore_formants(shifted, ratio, rate=rate)
        return sound.index_copy(0, chosen, shifted)

    return change_pitch
