"""Reverberation: the sound of a room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kws_engine.augment import AUGMENTATIONS
from kws_engine.augment.context import Augment, Context
from kws_engine.spec import option

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_DIRECT_S, _EARLY_S, _REFLECTIONS = 0.002, 0.05, 6
_LONGEST_S = 0.5  # of the response: in a clip of one second, the next sound masks what comes later


@dataclass(frozen=True)
class ReverbConfig:
    """Options of the reverberation."""

    domain: ClassVar[str] = "sound"
    order: ClassVar[int] = 15

    probability: float = option(
        0.15, "Probability", "Share of the clips that get reverberation; 0 is off.", low=0.0, high=1.0
    )
    rt60_s: tuple[float, float] = option(
        (0.15, 0.6),
        "Reverberation time",
        "Time in which the echo falls by 60 dB: 0.2 in a car, 0.5 in a living room, 2 in a church.",
        low=0.05,
        high=3.0,
        unit="s",
    )
    direct_db: tuple[float, float] = option(
        (0.0, 12.0),
        "Direct to reverberant",
        "How far the voice itself is above its echo: high is near, below 0 is the other end of the room.",
        low=-15,
        high=30,
        unit="dB",
    )


@AUGMENTATIONS.register("reverb", "Reverberation", ReverbConfig)
def build(config: ReverbConfig, *, rate: int) -> Augment:
    """A random synthetic room for every clip: a few early reflections and noise that dies away (Polack 1988).

    Such rooms train nearly as well as measured ones (Ko et al. 2017). The loudness stays the same.
    """

    def reverberate(sound: Tensor, context: Context) -> Tensor:
        chosen = context.rows(sound, config.probability)
        if len(chosen) == 0:
            return sound
        rt60_s = context.uniform(len(chosen), *config.rt60_s, device=sound.device)
        direct_db = context.uniform(len(chosen), *config.direct_db, device=sound.device)
        context.note("reverb", sound, chosen, "{:.2f} s, voice {:+.1f} dB to echo", rt60_s, direct_db)
        rooms = _responses(rt60_s, direct_db, rate=rate, context=context)
        dry = sound.index_select(0, chosen)
        return sound.index_copy(0, chosen, _as_loud_as(dry, _convolved(dry, rooms)))

    return reverberate


def _responses(rt60_s: Tensor, direct_db: Tensor, *, rate: int, context: Context) -> Tensor:
    """Room impulse responses (B, N): 1 at sample 0, and an echo of the chosen energy."""
    import torch

    clips, device = len(rt60_s), rt60_s.device
    samples = round(min(float(rt60_s.max()), _LONGEST_S) * rate)
    seconds = torch.arange(samples, device=device) / rate
    noise = torch.randn((clips, samples), generator=context.generator, device=context.generator.device).to(device)
    late = noise * (seconds > _DIRECT_S) * (1 - torch.exp(-seconds / _EARLY_S))  # a room fills up before it dies away
    echo = (late + _reflections(clips, samples, rate, context, device)) * torch.exp(-6.91 * seconds / rt60_s[:, None])
    energy = echo.square().sum(dim=1).clamp_min(1e-9)
    echo = echo * (10 ** (-direct_db / 20) / energy.sqrt()).unsqueeze(1)
    echo[:, 0] = 1.0
    return echo


def _reflections(clips: int, samples: int, rate: int, context: Context, device: torch.device) -> Tensor:
    """Single echoes (B, N) from the walls near by, at random times, with random sign and strength."""
    import torch

    drawn = context.uniform(clips * _REFLECTIONS * 2, 0.0, 1.0, device=device).view(2, clips, _REFLECTIONS)
    at = ((_DIRECT_S + (_EARLY_S - _DIRECT_S) * drawn[0]) * rate).long().clamp_max(samples - 1)
    strength = (rate / 1000) ** 0.5 * (4 * drawn[1] - 2)  # beside a noise of strength 1 in every sample
    return torch.zeros((clips, samples), device=device).scatter_add(1, at, strength)


def _convolved(sound: Tensor, rooms: Tensor) -> Tensor:
    """Each clip (B, N) in its room (B, M), cut to N."""
    import torch

    samples = sound.shape[1]
    n_fft = _fast_length(samples + rooms.shape[1] - 1)
    spectrum = torch.fft.rfft(sound, n_fft) * torch.fft.rfft(rooms, n_fft)
    reverberant: Tensor = torch.fft.irfft(spectrum, n_fft)
    return reverberant[:, :samples]


def _fast_length(size: int) -> int:
    """The next length with a fast transform: 2, 3 or 5 times a power of two."""
    power = 1 << (size - 1).bit_length()
    return min(length for length in (power, power // 8 * 5, power // 4 * 3) if length >= size)


def _as_loud_as(before: Tensor, after: Tensor) -> Tensor:
    """`after` with the power of `before`, and within full scale where `before` is."""
    level = before.square().mean(dim=1, keepdim=True) / after.square().mean(dim=1, keepdim=True).clamp_min(1e-12)
    after = after * level.sqrt()
    full_scale = before.abs().amax(dim=1, keepdim=True).clamp_min(1.0)
    return after / (after.abs().amax(dim=1, keepdim=True) / full_scale).clamp_min(1.0)
