"""Background noise: adds recorded noise to clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Augment, Context
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class BackgroundNoiseConfig:
    """Options of the background noise."""

    domain: ClassVar[str] = "sound"
    order: ClassVar[int] = 30

    probability: float = option(
        0.7,
        "Probability",
        "Share of the clips that get noise; 0 is off. It is the noise recorded in the project, or where there is none "
        "the noise that comes with the program.",
        low=0.0,
        high=1.0,
    )
    snr_db: tuple[float, float] = option(
        (0.0, 30.0),
        "Signal to noise",
        "How far the clip is above the noise; lower is noisier.",
        low=-20,
        high=60,
        unit="dB",
    )


@AUGMENTATIONS.register("background_noise", "Background noise", BackgroundNoiseConfig)
def build(config: BackgroundNoiseConfig, *, rate: int) -> Augment:
    """Adds random pieces of the project's recorded noise, or of the program's own where none is recorded."""

    def add_noise(sound: Tensor, context: Context) -> Tensor:
        chosen = context.rows(sound, config.probability)
        if len(chosen) == 0:
            return sound
        clips = sound.index_select(0, chosen)
        snr_db = context.uniform(len(clips), *config.snr_db, device=sound.device)
        context.note("background_noise", sound, chosen, "{:.1f} dB signal to noise", snr_db)
        noise = _generated(clips, context) if context.noises is None else _pieces(context.noises, clips, context)
        level = _rms(clips) / _rms(noise).clamp_min(1e-6) * 10 ** (-snr_db.unsqueeze(1) / 20)
        return sound.index_add(0, chosen, noise * level)

    return add_noise


def _rms(sound: Tensor) -> Tensor:
    """Root mean square of each clip, (B, 1)."""
    return sound.square().mean(dim=1, keepdim=True).sqrt()


def _pieces(noises: Tensor, clips: Tensor, context: Context) -> Tensor:
    """A random piece of the noise for each clip; noise shorter than a clip is repeated."""
    samples = clips.shape[1]
    if len(noises) < samples:
        noises = noises.repeat(-(-samples // len(noises)) + 1)
    last = len(noises) - samples
    starts = context.uniform(len(clips), 0, last, device=clips.device).round().long().clamp_max(last)
    return noises.unfold(0, samples, 1)[starts]


def _generated(clips: Tensor, context: Context) -> Tensor:
    """White noise for one half of the clips, pink (power falling as 1 / f) for the other."""
    import torch

    device = context.generator.device
    white = torch.randn(clips.shape, generator=context.generator, device=device).to(clips.device)
    spectrum = torch.fft.rfft(white)
    slope = torch.arange(1, spectrum.shape[1] + 1, device=clips.device) ** -0.5
    pink = torch.fft.irfft(spectrum * slope, n=clips.shape[1])
    return white.where(context.chosen(len(clips), 0.5, device=clips.device).unsqueeze(1), pink)
