"""Pitch shifting for a batch at once. Imports torch, so the registry skips this module.

The sound is reassembled from pieces 40 ms long, one every 20 ms, each read `ratio` times as fast. Overlapping pieces
must match, so each is taken from where, near its nominal position, the sound best matches the continuation of the
piece before (waveform similarity overlap-add):

    source    ..|--- piece m - 1 ---|....      its continuation is matched within ± 7 ms of the position of piece m
    result    |-- m - 1 --|
                    |---- m ----|              Hann windows, which add up to 1
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from kws_engine.augment._interpolation import interpolate

_HOP_S, _SEARCH_S, _MATCHED_S = 0.020, 0.007, 0.020
_COARSE_HZ = 4000  # matching needs only the voice's fundamental and first harmonics
_STAY = 1e-4  # by which a match at the edge of the search must be better, in amplitude: matters in near silence only
_QUEFRENCIES_S, _LARGEST_GAIN = 0.0015, 2.5  # of the envelope; natural logarithm of an amplitude


def shift_pitch(sound: Tensor, ratio: Tensor, *, rate: int) -> Tensor:
    """Sound (B, N) with its pitch and formants multiplied by `ratio` (B,), and the words where they were."""
    hop = round(_HOP_S * rate)
    pieces = -(-sound.shape[1] // hop) + 1
    centres = _centres(sound, ratio, hop=hop, pieces=pieces, rate=rate)
    steps = torch.arange(-hop, hop, dtype=torch.float32, device=sound.device)
    at = torch.addcmul(centres.unsqueeze(2), ratio.view(-1, 1, 1), steps)
    fade = 0.5 + 0.5 * torch.cos(math.pi / hop * steps)
    read = interpolate(sound, at.flatten(1)).view(*at.shape).mul_(fade).view(*at.shape[:2], 2, hop)
    joined: Tensor = (read[:, :-1, 1] + read[:, 1:, 0]).flatten(1)
    return joined[:, : sound.shape[1]]


def _centres(sound: Tensor, ratio: Tensor, *, hop: int, pieces: int, rate: int) -> Tensor:
    """The centre of each piece in the sound, in samples (B, pieces), not rounded."""
    step = max(1, round(rate / _COARSE_HZ))
    reach, matched = round(_SEARCH_S * rate / step), round(_MATCHED_S * rate / step)
    # Enough silence on both sides for any continuation: a hop at twice the speed and the search.
    margin = 2 * hop // step + 2 * reach + matched
    coarse = torch.nn.functional.pad(_decimated(sound, step), (margin, margin))
    before = coarse.unfold(1, matched, 1)  # (B, places, matched): what leads up to place + matched
    energies = _sums(coarse.square(), matched)
    at, off = _joints(before, energies, ratio * (hop / step), hop=hop / step, start=margin - matched, pieces=pieces)
    return (at - (margin - matched) + off.cumsum(dim=0)).T.contiguous() * step  # contiguous, as the sound is


def _decimated(sound: Tensor, step: int) -> Tensor:
    """The mean of every `step` samples (B, N / step) by strided slices: a pooling layer takes five times as long."""
    padded = torch.nn.functional.pad(sound, (0, -sound.shape[1] % step))
    return torch.stack([padded[:, first::step] for first in range(step)]).mean(0)


def _sums(values: Tensor, size: int) -> Tensor:
    """The sum of every `size` neighbours (B, N - size + 1), assembled from sums of 1, 2, 4 ... of them."""
    count, power, first = values.shape[1] - size + 1, 1, 0
    total = torch.zeros_like(values[:, :count])
    while True:
        if size & power:
            total += values[:, first : first + count]
            first += power
        if 2 * power > size:
            return total
        values = values[:, :-power] + values[:, power:]
        power *= 2


def _joints(
    before: Tensor, energies: Tensor, advance: Tensor, *, hop: float, start: int, pieces: int
) -> tuple[Tensor, Tensor]:
    """The best whole positions, found one after another, and the fraction to add to each, both (pieces, B).

    The loop runs once per piece for the whole batch, with as few operations as possible: a call costs more than its
    arithmetic.
    """
    reach = round(_SEARCH_S * _COARSE_HZ)
    stay = -_STAY * torch.linspace(-1, 1, 2 * reach + 1, device=before.device).square()
    rows = torch.arange(len(before), device=before.device)
    scale = energies.sqrt().clamp_min(1e-6).reciprocal()
    at = torch.full_like(advance, start)
    found, scores, own = [at], [], []
    for piece in range(1, pieces):
        continued = at + advance
        first = round(piece * hop) - reach + start
        searched = slice(first, first + 2 * reach + 1)
        place = continued.round().long()
        likeness = (before[:, searched] * before[rows, place].unsqueeze(1)).sum(2)  # faster than bmm, which copies
        score = torch.addcmul(stay, likeness, scale[:, searched])
        own.append(place - first)
        scores.append(score)
        at = continued + (score.argmax(dim=1) - own[-1])
        found.append(at)
    off = torch.nn.functional.pad(_between(torch.stack(scores), torch.stack(own)), (0, 0, 1, 0))
    return torch.stack(found), off


def _between(scores: Tensor, own: Tensor) -> Tensor:
    """How far from the best of each row (..., S) a parabola through its neighbours peaks, -0.5 to 0.5.

    0 where the best is at an edge, or is the continuation itself, at `own` (...), which fits exactly.
    """
    best = scores.argmax(dim=-1, keepdim=True)
    inner = best.clamp(1, scores.shape[-1] - 2)
    left, middle, right = (scores.gather(-1, inner + side) for side in (-1, 0, 1))
    bend = (left - 2 * middle + right).clamp_max(-1e-9)
    off = (0.5 * (left - right) / bend).clamp(-0.5, 0.5)
    return off.where((best == inner) & (best != own.unsqueeze(-1)), 0.0).squeeze(-1)


def restore_formants(sound: Tensor, ratio: Tensor, *, rate: int) -> Tensor:
    """Moves the spectral envelope of sound (B, N), which was shifted by `ratio` (B,), back to where it was.

    The envelope is the logarithmic spectrum without its fast changes along frequency. At f it becomes what it now is at
    f * ratio.
    """
    n_fft = 1 << round(math.log2(0.032 * rate))
    window = torch.hann_window(n_fft, device=sound.device).sqrt()
    half, samples = n_fft // 2, sound.shape[1]
    padded = torch.nn.functional.pad(sound, (half, half + -samples % half))
    spectrum = torch.fft.rfft(padded.unfold(1, n_fft, half) * window)
    power = torch.addcmul(spectrum.real.square(), spectrum.imag, spectrum.imag)
    change = _envelope_change(power.add_(1e-7).log_().mul_(0.5), ratio, rate=rate)
    spectrum *= change.clamp_(-_LARGEST_GAIN, _LARGEST_GAIN).exp_()
    pieces = (torch.fft.irfft(spectrum, n_fft) * window).unflatten(2, (2, half))
    # The squares of two windows half a window apart add up to 1.
    changed: Tensor = (pieces[:, :-1, 1] + pieces[:, 1:, 0]).flatten(1)[:, :samples]
    level = sound.square().mean(dim=1, keepdim=True)
    return changed * (level / changed.square().mean(dim=1, keepdim=True).clamp_min(1e-12)).sqrt()


def _envelope_change(logarithm: Tensor, ratio: Tensor, *, rate: int) -> Tensor:
    """The envelope at f * ratio minus the envelope at f, for logarithmic amplitudes (B, T, bins)."""
    bins = logarithm.shape[2]
    quefrencies = torch.arange(1, round(_QUEFRENCIES_S * rate), device=logarithm.device)
    angles = math.pi / (bins - 1) * quefrencies.unsqueeze(1) * torch.arange(bins, device=logarithm.device)
    weights = torch.full((bins,), 2.0 / (bins - 1), device=logarithm.device)
    weights[0] = weights[-1] = 1.0 / (bins - 1)
    cepstrum = logarithm @ (angles.cos() * weights).T
    moved = (angles.unsqueeze(0) * ratio.view(-1, 1, 1)).cos() - angles.cos()
    return cepstrum @ moved
