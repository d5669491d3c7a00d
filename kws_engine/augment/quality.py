"""Reduced quality: the sound of a bad microphone or line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Augment, Context
from kws_engine.errors import SpecError
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class QualityConfig:
    """Options of the reduced quality."""

    domain: ClassVar[str] = "sound"
    order: ClassVar[int] = 40

    probability: float = option(
        0.1,
        "Probability",
        "Share of the clips whose quality is reduced, each in one of the ways below; 0 is off.",
        low=0.0,
        high=1.0,
    )
    band_limit: bool = option(True, "Narrow band", "Only part of the frequencies, as on a telephone.")
    high_hz: tuple[float, float] = option(
        (2500.0, 4000.0),
        "Upper limit",
        "No frequencies above it come through.",
        low=500,
        high=20_000,
        unit="Hz",
        shown_when=("band_limit", True),
    )
    low_hz: tuple[float, float] = option(
        (50.0, 400.0),
        "Lower limit",
        "No frequencies below it come through.",
        low=0,
        high=2000,
        unit="Hz",
        shown_when=("band_limit", True),
    )
    low_rate: bool = option(True, "Low sample rate", "Fewer samples, each held until the next, as in cheap devices.")
    sample_rate: tuple[float, float] = option(
        (5000.0, 8000.0),
        "Sample rate",
        "Of the cheap device, which has no filter against aliasing.",
        low=1000,
        high=48_000,
        unit="Hz",
        shown_when=("low_rate", True),
    )
    eight_bit: bool = option(True, "8 bit", "256 equal steps; faint sound drowns in hiss.")
    mu_law: bool = option(True, "µ-law", "256 steps, finer for faint sound (ITU-T G.711).")


@AUGMENTATIONS.register("quality", "Reduced quality", QualityConfig)
def build(config: QualityConfig, *, rate: int) -> Augment:
    """Removes what a bad microphone, an old line or a codec removes: bandwidth, sample rate or bits (ITU-T G.711).

    Raises:
        SpecError: The lower limit can lie above the upper one.
    """
    if config.band_limit and config.low_hz[1] >= config.high_hz[0]:
        raise SpecError(
            f"Lower limit: up to {config.low_hz[1]:g} Hz is not below the upper one, {config.high_hz[0]:g} Hz; "
            "lower it",
            option="low_hz",
        )
    ways = [way for name, way in _WAYS.items() if getattr(config, name)]

    def reduce(sound: Tensor, context: Context) -> Tensor:
        chosen = context.rows(sound, config.probability)
        if len(chosen) == 0 or not ways:
            return sound
        way = context.uniform(len(chosen), 0, len(ways), device=sound.device).long()
        changed = sound.clone()
        for number, reduced in enumerate(ways):
            rows = chosen[way == number]
            if len(rows):
                changed[rows] = reduced(sound[rows], config, context, _Note(sound, rows))
        return changed

    return reduce


@dataclass(frozen=True)
class _Note:
    """Notes what was done to some clips of a batch."""

    batch: Tensor
    rows: Tensor

    def __call__(self, context: Context, text: str, *values: Tensor) -> None:
        context.note("quality", self.batch, self.rows, text, *values)


def _band_limited(sound: Tensor, config: QualityConfig, context: Context, note: _Note) -> Tensor:
    """Frequencies outside the band fall by 24 dB an octave, without delay."""
    import torch

    low_hz = context.uniform(len(sound), *config.low_hz, device=sound.device)
    high_hz = context.uniform(len(sound), *config.high_hz, device=sound.device)
    note(context, "band of {:.0f} to {:.0f} Hz", low_hz, high_hz)
    samples = sound.shape[1]
    bins_hz = torch.arange(samples // 2 + 1, device=sound.device) * (context.rate / samples)
    passed = 1 / (1 + (bins_hz / high_hz.unsqueeze(1)) ** 4)
    passed = passed * (1 - 1 / (1 + (bins_hz / low_hz.unsqueeze(1).clamp_min(1e-3)) ** 4))
    narrow: Tensor = torch.fft.irfft(torch.fft.rfft(sound) * passed, samples)
    return narrow


def _slowly_sampled(sound: Tensor, config: QualityConfig, context: Context, note: _Note) -> Tensor:
    import torch

    rates = context.uniform(len(sound), *config.sample_rate, device=sound.device).clamp_max(context.rate)
    note(context, "{:.0f} samples a second", rates)
    step = (context.rate / rates).unsqueeze(1)
    held = (torch.arange(sound.shape[1], device=sound.device) / step + 1e-4).floor() * step
    return sound.gather(1, held.round().long().clamp_max(sound.shape[1] - 1))


def _in_eight_bits(sound: Tensor, config: QualityConfig, context: Context, note: _Note) -> Tensor:
    note(context, "8 bit")
    return (sound * 127).round().clamp(-128, 127) / 127


def _by_mu_law(sound: Tensor, config: QualityConfig, context: Context, note: _Note) -> Tensor:
    """The continuous µ-law with µ = 255, as torchaudio's: 256 codes of the logarithm of 1 + 255 |x|."""
    import torch

    note(context, "µ-law")
    largest = math.log1p(255)
    compressed = torch.log1p(255 * sound.abs().clamp_max(1.0)) / largest * sound.sign()
    code = ((compressed + 1) / 2 * 255 + 0.5).floor()
    expanded = code / 255 * 2 - 1
    return torch.expm1(expanded.abs() * largest) / 255 * expanded.sign()


_WAYS = {
    "band_limit": _band_limited,
    "low_rate": _slowly_sampled,
    "eight_bit": _in_eight_bits,
    "mu_law": _by_mu_law,
}
