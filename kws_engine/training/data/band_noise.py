"""Background noise added to the band energies of a clip instead of its samples.

The power of the sum of two uncorrelated sounds is on average the sum of their powers. So noise can be added to the
cached bands of a clip, different noise each time the clip is taken, at a twentieth of the cost of adding it to the
samples. What is lost is how the two interfere in single frames: some tenths of a dB where they are equally strong.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kws_engine.augment.background_noise import BackgroundNoiseConfig
from kws_engine.augment.context import Context
from kws_engine.features._torch import TorchFeatures

_AT_ONCE_S = 10


class BandNoise:
    """Recorded noise as band energies, with the loudness of every stretch."""

    def __init__(self, noises: Tensor, features: TorchFeatures, config: BackgroundNoiseConfig) -> None:
        """Computes the bands of noise (N,), at least as long as a clip, on the device of the features."""
        self._config = config
        pipeline = features.pipeline
        self._hop = pipeline.hop_samples
        self._window = pipeline.window_samples
        self._bands = _bands(noises, features)
        exact = noises.cpu() if noises.device.type == "mps" else noises  # mps has no double precision
        self._squares = torch.nn.functional.pad(exact.double().square().cumsum(0), (1, 0))

    def add(self, bands: Tensor, power: Tensor, context: Context) -> Tensor:
        """Adds a random stretch of noise to the bands (B, T, bands) of some clips, as the config says.

        Args:
            bands: Energies, not their logarithms; changed in place.
            power: Mean square (B,) of each clip's samples.
            context: Randomness for the batch.
        """
        chosen = context.rows(bands, self._config.probability)
        if len(chosen) == 0:
            return bands
        frames = bands.shape[1]
        snr_db = context.uniform(len(chosen), *self._config.snr_db, device=bands.device)
        last = max(len(self._bands) - frames, 0)
        starts = context.uniform(len(chosen), 0, last, device=bands.device).round().long().clamp_max(last)
        pieces = self._bands[starts.unsqueeze(1) + torch.arange(frames, device=bands.device)]
        level = power[chosen] / self._power(starts, frames).clamp_min(1e-12) * 10 ** (-snr_db / 10)
        return bands.index_add_(0, chosen, pieces.mul_(level.view(-1, 1, 1)))

    def _power(self, starts: Tensor, frames: int) -> Tensor:
        """Mean square (B,) of the samples that these stretches of frames see."""
        first = (starts * self._hop).to(self._squares.device)
        samples = (frames - 1) * self._hop + self._window
        return ((self._squares[first + samples] - self._squares[first]) / samples).float().to(starts.device)


def _bands(noises: Tensor, features: TorchFeatures) -> Tensor:
    """Energies (frames, bands) of all the noise."""
    hop, window = features.pipeline.hop_samples, features.pipeline.window_samples
    frames = features.pipeline.n_frames(len(noises))
    each = _AT_ONCE_S * features.pipeline.rate // hop
    blocks = []
    with torch.no_grad():
        for first in range(0, frames, each):
            count = min(each, frames - first)
            piece = noises[first * hop : (first + count - 1) * hop + window]
            blocks.append(features.bands(piece.unsqueeze(0))[0])
    return torch.cat(blocks)
