"""A feature pipeline as torch modules. Imports torch, so the registry skips this module."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from kws_engine.features._encoder_network import Encoder
from kws_engine.features.encoded import EncodedPipeline
from kws_engine.features.pipeline import Floats, Pipeline
from kws_engine.features.temporal import DELTA_REACH


class _PowerToFeatures(nn.Module):
    """Power (..., T, bins) to features (..., T, n_features): bands, logarithm, projection, scaling, temporal steps."""

    filterbank: Tensor
    projection: Tensor
    shift: Tensor

    def __init__(self, pipeline: Pipeline, filterbank: Floats) -> None:
        super().__init__()
        transform = np.eye(pipeline.n_bands, dtype=np.float32) if pipeline.projection is None else pipeline.projection
        self.floor = pipeline.floor
        self.takes_powers = pipeline.temporal.pcen is not None
        self.register_buffer("filterbank", torch.tensor(filterbank), persistent=False)
        self.register_buffer("projection", torch.tensor(transform * pipeline.scale), persistent=False)
        self.register_buffer("shift", torch.tensor(pipeline.shift), persistent=False)
        self.temporal = _TemporalProcessing(pipeline)

    def forward(self, power: Tensor) -> Tensor:
        return self.finish(power @ self.filterbank)

    def finish(self, bands: Tensor) -> Tensor:
        """Band energies (..., T, bands) to features."""
        features: Tensor = self.temporal(self.frames(bands))
        return features

    def frames(self, bands: Tensor) -> Tensor:
        """Band energies (..., T, bands) to frames (..., T, n_static), each for itself; for PCEN, the energies."""
        if self.takes_powers:
            return bands
        return nn.functional.linear((bands + self.floor).log_(), self.projection.T, self.shift)


class _TemporalProcessing(nn.Module):
    """`temporal.TemporalProcessing` over whole clips (..., T, values), T > 0."""

    scale: Tensor
    shift: Tensor

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__()
        self.temporal = pipeline.temporal
        self.register_buffer("scale", torch.tensor(pipeline.scale), persistent=False)
        self.register_buffer("shift", torch.tensor(pipeline.shift), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        pcen = self.temporal.pcen
        if pcen:
            divided = values * (_smoothed(values, pcen.smoothing) + pcen.floor) ** -pcen.gain
            values = ((divided + pcen.bias) ** pcen.power - pcen.bias**pcen.power) * self.scale + self.shift
        if self.temporal.mean_share:
            values = values - _smoothed(values, self.temporal.mean_share)
        parts = [values]
        for _ in range(self.temporal.deltas):
            parts.append(_slopes(parts[-1]))
        return torch.cat(parts, dim=-1) if self.temporal.deltas else values


def _smoothed(values: Tensor, share: float) -> Tensor:
    """The running mean over time (..., T, F) as one matrix product: a clip is short enough for a (T, T) matrix."""
    steps = torch.arange(values.shape[-2], device=values.device)
    age = steps.unsqueeze(1) - steps
    fading = torch.exp(age.clamp_min(0).to(values.dtype) * math.log1p(-share))
    weights = torch.where(steps == 0, fading, share * fading)  # the mean begins at the first value
    return torch.where(age >= 0, weights, 0.0) @ values


def _slopes(values: Tensor) -> Tensor:
    first = values[..., :1, :]
    joined = torch.cat([first] * DELTA_REACH + [values], dim=-2)
    far, near = joined[..., 4:, :] - joined[..., :-4, :], joined[..., 3:-1, :] - joined[..., 1:-3, :]
    return 0.2 * far + 0.1 * near


_CHUNK = 8  # clips; the spectra of more exceed the processor's cache (0.5 ms per clip of one second instead of 0.1)


class TorchFeatures(nn.Module):
    """Samples (B, N) to features (B, T, F), the fastest way measured: unfold, rfft, matmul, a few clips at a time."""

    window: Tensor

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__()
        self.pipeline = pipeline
        self.register_buffer("window", torch.tensor(pipeline.window), persistent=False)
        self.tail = _PowerToFeatures(pipeline, pipeline.filterbank)

    def forward(self, samples: Tensor) -> Tensor:
        pipeline = self.pipeline
        if pipeline.n_frames(samples.shape[-1]) == 0:
            return samples.new_zeros((*samples.shape[:-1], 0, pipeline.n_features))
        return self.finish(self.bands(samples))

    def finish(self, bands: Tensor) -> Tensor:
        """Band energies (B, T, n_bands), as `bands` returns them, to features."""
        return self.tail.finish(bands)

    def bands(self, samples: Tensor) -> Tensor:
        """Samples (..., N), at least one window of them, to band energies (..., T, n_bands)."""
        clips = samples.reshape(-1, samples.shape[-1])
        pipeline, frames = self.pipeline, self.pipeline.n_frames(samples.shape[-1])
        size = max(1, min(_CHUNK, len(clips)) if samples.device.type == "cpu" else len(clips))
        windowed = samples.new_zeros(
            (size, frames, pipeline.n_fft)
        )  # one buffer for all chunks, zero-padded after the window
        bands = samples.new_empty((len(clips), frames, pipeline.n_bands))
        for chunk, energies in zip(torch.split(clips, size), torch.split(bands, size), strict=True):
            padded = windowed[: len(chunk)]
            framed = chunk.unfold(-1, pipeline.window_samples, pipeline.hop_samples)
            torch.mul(framed, self.window, out=padded[..., : pipeline.window_samples])
            squares = torch.view_as_real(torch.fft.rfft(padded)).square_()
            torch.matmul(squares[..., 0] + squares[..., 1], self.tail.filterbank, out=energies)
        return bands.reshape(*samples.shape[:-1], frames, pipeline.n_bands)


class FrontendGraph(nn.Module):
    """The same without complex numbers, for export: the transform is a strided convolution with sines and cosines.

    Only the frequencies that contribute to a band are computed.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__()
        used = np.flatnonzero(pipeline.filterbank.any(axis=1))
        angles = 2 * np.pi / pipeline.n_fft * np.outer(used, np.arange(pipeline.window_samples))
        basis = np.concatenate((np.cos(angles), np.sin(angles))) * pipeline.window
        self.transform = nn.Conv1d(1, len(basis), pipeline.window_samples, stride=pipeline.hop_samples, bias=False)
        self.transform.weight = nn.Parameter(torch.tensor(basis[:, None], dtype=torch.float32), requires_grad=False)
        self.tail = _PowerToFeatures(pipeline, pipeline.filterbank[used])

    def forward(self, samples: Tensor) -> Tensor:
        return self.features(self.frames(samples))

    def frames(self, samples: Tensor) -> Tensor:
        """Samples (B, N) to frames (B, T, n_static), each for itself."""
        squares = self.transform(samples.unsqueeze(1)).square()
        cosine, sine = squares.chunk(2, dim=1)
        return self.tail.frames((cosine + sine).transpose(1, 2) @ self.tail.filterbank)

    def features(self, frames: Tensor) -> Tensor:
        """A window of frames (B, T, n_static) to features (B, T, n_features)."""
        features: Tensor = self.tail.temporal(frames)
        return features


class EncodedFeatures(nn.Module):
    """Samples (B, N) to vectors (B, T, 96): the mel frames as `TorchFeatures` computes them, then the encoder."""

    def __init__(self, pipeline: EncodedPipeline, *, for_export: bool = False) -> None:
        super().__init__()
        self.pipeline = pipeline
        self.mel = FrontendGraph(pipeline.mel) if for_export else TorchFeatures(pipeline.mel)
        self.encoder = Encoder(pipeline.encoder)
        self.scale = pipeline.scale
        self.is_exported = for_export  # then sounds are never shorter than a vector's

    def forward(self, samples: Tensor) -> Tensor:
        if not self.is_exported and self.pipeline.n_frames(samples.shape[-1]) == 0:
            return samples.new_zeros((*samples.shape[:-1], 0, self.pipeline.n_features))
        vectors: Tensor = self.encoder(self.mel(samples)) * self.scale
        return vectors
