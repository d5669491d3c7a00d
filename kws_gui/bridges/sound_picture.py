"""The spectrogram that the window shows, from samples; knows no widget."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kws_engine.features import FEATURES
from kws_engine.features.mel import hann
from kws_engine.features.pipeline import Pipeline

Samples = NDArray[np.float32]
Scale = Literal["mel", "linear"]
SCALES: tuple[Scale, ...] = ("mel", "linear")
_MEL_BANDS = 80
_LINEAR_BANDS = 128
_LOW_HZ = 20.0
_HIGHEST_HZ = 7600.0
_FLOOR = 1e-8


class SoundPicture:
    """Log powers of bands in dB below a full-scale sine, from samples at `rate`.

    Both scales have the same frames: the frame number `n` sees `window_samples` from `n * hop_samples` on.
    """

    BANDS = _MEL_BANDS
    HOP_MS = 10.0

    def __init__(self, rate: int, *, scale: Scale = "mel") -> None:
        self.scale = scale
        self._pipeline = _mel(rate) if scale == "mel" else _linear(rate, like=_mel(rate))
        self._stream = self._pipeline.stream()
        self._full_scale_db = 20 * math.log10(float(self._pipeline.window.sum()) / 2)
        self._low_hz, self._high_hz = (_LOW_HZ, min(_HIGHEST_HZ, rate / 2)) if scale == "mel" else (0.0, rate / 2)

    @property
    def bands(self) -> int:
        """Values a frame."""
        return self._pipeline.n_bands

    @property
    def hop_samples(self) -> int:
        """From one frame to the next."""
        return self._pipeline.hop_samples

    @property
    def hop_ms(self) -> float:
        """The same as a time, exactly: not quite 10 ms at rates that 100 does not divide."""
        return 1000 * self._pipeline.hop_s

    def frequency_labels(self) -> tuple[str, str]:
        """The highest and the lowest frequency."""
        return f"{self._high_hz / 1000:g} kHz", f"{self._low_hz:g} Hz"

    def push(self, samples: Samples) -> Samples:
        """The frames (n, bands) in dB that these samples complete."""
        values = self._stream.push(samples)
        log_power = (values - self._pipeline.shift) / self._pipeline.scale
        return np.asarray(log_power * (10 / math.log(10)) - self._full_scale_db, dtype=np.float32)


def _mel(rate: int) -> Pipeline:
    entry = FEATURES["log_mel"]
    config = entry.config(
        bands=_MEL_BANDS,
        hop_ms=SoundPicture.HOP_MS,
        low_hz=_LOW_HZ,
        high_hz=min(_HIGHEST_HZ, rate / 2),
        floor=_FLOOR,
    )
    pipeline = entry.build(config, rate=rate)
    assert isinstance(pipeline, Pipeline)
    return pipeline


def _linear(rate: int, *, like: Pipeline) -> Pipeline:
    """Bands of equal width from 0 to half the rate, of the same frames; the bin at 0 Hz is left out."""
    n_fft = 1 << (like.window_samples - 1).bit_length()
    bands = min(_LINEAR_BANDS, n_fft // 2)
    of_bin = np.repeat(np.eye(bands, dtype=np.float32), n_fft // 2 // bands, axis=0)
    return Pipeline(
        rate=rate,
        window_samples=like.window_samples,
        hop_samples=like.hop_samples,
        n_fft=n_fft,
        window=hann(like.window_samples).astype(np.float32),
        filterbank=np.concatenate((np.zeros((1, bands), np.float32), of_bin)),
        floor=_FLOOR,
        projection=None,
        scale=np.ones(bands, np.float32),
        shift=np.zeros(bands, np.float32),
    )
