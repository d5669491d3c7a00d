"""Clips without a word: steady noise, noise that swells and fades, and digital silence."""

from __future__ import annotations

import torch
from torch import Tensor

_LOUDEST_DB, _QUIETEST_DB = -10.0, -70.0
_ZEROS_SHARE, _BURST_SHARE, _COLOURED_SHARE = 0.1, 0.6, 0.4


def silence(count: int, clip_samples: int, *, noises: Tensor, generator: torch.Generator) -> Tensor:
    """Clips (count, clip_samples) in -1..1 at any loudness; some swell and fade like a door or a breath.

    A network that has only heard steady noise takes a burst for a word. One clip in ten is all zeros.

    Args:
        count: How many.
        clip_samples: Their length.
        noises: Recorded noise in one row (N,); where it is shorter than a clip, generated noise takes its place.
        generator: The only source of randomness.
    """
    recorded = _chosen(count, 1 - _COLOURED_SHARE if len(noises) > clip_samples else 0.0, generator).squeeze(1)
    known = int(recorded.sum())
    sound = torch.empty(count, clip_samples)
    if known:
        starts = torch.randint(0, len(noises) - clip_samples, (known,), generator=generator)
        sound[recorded] = noises.unfold(0, clip_samples, 1)[starts]
    if known < count:  # no transform of nothing: MKL refuses it
        sound[~recorded] = coloured_noise(count - known, clip_samples, generator=generator)
    bursts = _chosen(count, _BURST_SHARE, generator).squeeze(1)
    sound[bursts] *= _swell(int(bursts.sum()), clip_samples, generator)
    level_db = _QUIETEST_DB + (_LOUDEST_DB - _QUIETEST_DB) * torch.rand(count, 1, generator=generator)
    level_db[_chosen(count, _ZEROS_SHARE, generator)] = -torch.inf
    return (sound / _rms(sound) * 10 ** (level_db / 20)).clamp(-1, 1)


def coloured_noise(count: int, clip_samples: int, *, generator: torch.Generator) -> Tensor:
    """Gaussian noise (count, clip_samples), each falling by 6 dB an octave above a corner frequency of its own."""
    white = torch.randn(count, clip_samples, generator=generator)
    share_of_band = torch.linspace(0, 1, clip_samples // 2 + 1)
    corner = 2.0 ** (-6 * torch.rand(count, 1, generator=generator))  # of the whole band, down to a 64th of it
    spectrum = torch.fft.rfft(white) / (1 + (share_of_band / corner) ** 2).sqrt()
    noise: Tensor = torch.fft.irfft(spectrum, n=clip_samples)
    return noise


def _swell(count: int, clip_samples: int, generator: torch.Generator) -> Tensor:
    """Gaussian bumps (count, clip_samples) anywhere in the clip, a tenth to half of it wide."""
    at = torch.linspace(0, 1, clip_samples)
    middle = torch.rand(count, 1, generator=generator)
    width = 0.05 + 0.25 * torch.rand(count, 1, generator=generator)
    return torch.exp(-0.5 * ((at - middle) / width) ** 2)


def _chosen(count: int, share: float, generator: torch.Generator) -> Tensor:
    return torch.rand(count, 1, generator=generator) < share


def _rms(sound: Tensor) -> Tensor:
    return sound.square().mean(dim=1, keepdim=True).sqrt().clamp_min(1e-6)
