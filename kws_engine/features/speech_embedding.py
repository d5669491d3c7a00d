"""The speech embedding: vectors of an encoder that has learned from many people what tells words apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from kws_engine.errors import SpecError
from kws_engine.features import FEATURES
from kws_engine.features.encoded import MEL_BANDS, EncodedPipeline
from kws_engine.features.mel import hann
from kws_engine.features.pipeline import Pipeline
from kws_engine.spec import option

RATE = 16_000
_LOW_HZ, _HIGH_HZ = 60.0, 3800.0
_N_FFT, _WINDOW, _HOP = 512, 400, 160
_FLOOR = 1e-2  # of samples on the 16-bit scale
_SCALE = 0.05  # brings vectors to the order of 1


@dataclass(frozen=True)
class SpeechEmbeddingConfig:
    """Options of the speech embedding."""

    network: ClassVar[str] = "vector_cnn"  # made for it; other features have none and are used with the usual one
    lays_words: ClassVar[bool] = True  # training lays clips into other sound
    formerly: ClassVar[Mapping[str, Any]] = {"encoder": "google"}  # in files that are older than the option

    vectors: int = option(
        10,
        "Vectors",
        "How many the network sees at once, one every 80 ms: ten are 1.5 s of sound. Longer clips get more by "
        "themselves.",
        low=3,
        high=40,
    )
    encoder: Literal["robust", "google"] = option(
        "robust",
        "Encoder",
        "“robust” has been trained further to give in noise and in rooms what it gives without them. “google” is the "
        "one it comes from, which openWakeWord has: choose it where a word is to be exported there.",
        advanced=True,
    )


@FEATURES.register("speech_embedding", "Speech embedding", SpeechEmbeddingConfig)
def build(config: SpeechEmbeddingConfig, *, rate: int) -> EncodedPipeline:
    """Vectors by a pretrained encoder (Lin et al. 2020): twenty recordings teach a word, and other words are rejected.

    Raises:
        SpecError: The sound is not at 16 kHz, which is all that the encoder knows.
    """
    if rate != RATE:
        raise SpecError(
            f"The speech embedding needs sound at {RATE} Hz, and this project has {rate} Hz: choose another feature, "
            f"or make a project at {RATE} Hz",
            option="vectors",
        )
    mel = Pipeline(
        rate=rate,
        window_samples=_WINDOW,
        hop_samples=_HOP,
        n_fft=_N_FFT,
        window=(hann(_WINDOW) * 32768).astype(np.float32),
        filterbank=_slaney_filterbank(),
        floor=_FLOOR,
        projection=None,
        scale=np.full(MEL_BANDS, 1 / np.log(10), np.float32),
        shift=np.full(MEL_BANDS, 2.0, np.float32),
    )
    return EncodedPipeline(mel, config.vectors, _SCALE, config.encoder)


def _slaney_filterbank() -> np.ndarray:
    """Triangles of equal area (n_fft // 2 + 1, 32) on Slaney's mel scale: linear below 1 kHz, logarithmic above."""
    low, high = _to_mel(_LOW_HZ), _to_mel(_HIGH_HZ)
    corners_hz = _to_hz(np.linspace(low, high, MEL_BANDS + 2))
    distances_hz = corners_hz[None, :] - np.linspace(0, RATE / 2, _N_FFT // 2 + 1)[:, None]
    widths_hz = np.diff(corners_hz)
    rising, falling = -distances_hz[:, :-2] / widths_hz[:-1], distances_hz[:, 2:] / widths_hz[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(triangles * 2 / (corners_hz[2:] - corners_hz[:-2]), np.float32)


def _to_mel(hz: float) -> float:
    return 3 * hz / 200 if hz < 1000 else 15 + 27 * float(np.log(hz / 1000) / np.log(6.4))


def _to_hz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < 15, 200 * mel / 3, 1000 * np.exp(np.log(6.4) * (mel - 15) / 27))
