"""A feature pipeline as torch modules; needs torch at import, so the registry leaves this module alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from kws_engine.features.pipeline import Floats, Pipeline


class _Tail(nn.Module):
    """From power (..., T, bins) to features (..., T, n_features): bands, logarithm, projection, scaling."""

    filterbank: Tensor
    projection: Tensor
    shift: Tensor

    def __init__(self, pipeline: Pipeline, filterbank: Floats) -> None:
        super().__init__()
        transform = np.eye(pipeline.n_bands, dtype=np.float32) if pipeline.projection is None else pipeline.projection
        self.floor = pipeline.floor
        self.register_buffer("filterbank", torch.tensor(filterbank), persistent=False)
        self.register_buffer("projection", torch.tensor(transform * pipeline.scale), persistent=False)
        self.register_buffer("shift", torch.tensor(pipeline.shift), persistent=False)

    def forward(self, power: Tensor) -> Tensor:
        return torch.log(power @ self.filterbank + self.floor) @ self.projection + self.shift


class TorchFeatures(nn.Module):
    """Samples (B, N) to features (B, T, F), the fastest way measured: unfold, rfft, matmul."""

    window: Tensor

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__()
        self.pipeline = pipeline
        self.register_buffer("window", torch.tensor(pipeline.window), persistent=False)
        self.tail = _Tail(pipeline, pipeline.filterbank)

    def forward(self, samples: Tensor) -> Tensor:
        pipeline = self.pipeline
        if pipeline.n_frames(samples.shape[-1]) == 0:
            return samples.new_zeros((*samples.shape[:-1], 0, pipeline.n_features))
        frames = samples.unfold(-1, pipeline.window_samples, pipeline.hop_samples) * self.window
        spectrum = torch.view_as_real(torch.fft.rfft(frames, pipeline.n_fft))
        features: Tensor = self.tail(spectrum.square().sum(-1))
        return features


class FrontendGraph(nn.Module):
    """The same without complex numbers, for export: a strided convolution with sines and cosines is the transform.

    Only the frequencies that some band listens to are computed.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__()
        heard = np.flatnonzero(pipeline.filterbank.any(axis=1))
        angles = 2 * np.pi / pipeline.n_fft * np.outer(heard, np.arange(pipeline.window_samples))
        basis = np.concatenate((np.cos(angles), np.sin(angles))) * pipeline.window
        self.transform = nn.Conv1d(1, len(basis), pipeline.window_samples, stride=pipeline.hop_samples, bias=False)
        self.transform.weight = nn.Parameter(torch.tensor(basis[:, None], dtype=torch.float32), requires_grad=False)
        self.tail = _Tail(pipeline, pipeline.filterbank[heard])

    def forward(self, samples: Tensor) -> Tensor:
        squares = self.transform(samples.unsqueeze(1)).square()
        cosine, sine = squares.chunk(2, dim=1)
        features: Tensor = self.tail((cosine + sine).transpose(1, 2))
        return features
