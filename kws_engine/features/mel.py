"""What all mel features share: their options, filterbank, cosine transform and scaling.

The mel scale is HTK's, 2595 log10(1 + f / 700), triangles of height 1 (torchaudio: mel_scale="htk", norm=None).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kws_engine.errors import SpecError
from kws_engine.features.pipeline import Pipeline
from kws_engine.features.temporal import Pcen, TemporalProcessing
from kws_engine.spec import option

Doubles = NDArray[np.float64]
_LARGEST_TRANSFORM = 1 << 15
_DELTAS = {"none": 0, "first": 1, "both": 2}


@dataclass(frozen=True)
class MelConfig:
    """Options that every mel feature has."""

    bands: int = option(
        40,
        "Mel bands",
        "Frequency bands per frame; more resolve pitch and vowels better and cost more.",
        low=4,
        high=128,
    )
    window_ms: float = option(
        30.0,
        "Window",
        "Duration of sound in one frame; longer resolves pitch better, shorter resolves fast sounds.",
        low=5,
        high=100,
        unit="ms",
    )
    hop_ms: float = option(
        10.0,
        "Hop",
        "Time from one frame to the next; longer computes less and locates words less exactly.",
        low=2,
        high=50,
        unit="ms",
    )
    low_hz: float = option(
        20.0,
        "Lowest frequency",
        "Raise it where a room hums or a microphone rumbles.",
        low=0,
        high=4000,
        unit="Hz",
        advanced=True,
    )
    high_hz: float = option(
        7600.0,
        "Highest frequency",
        "At most half the sample rate; lower it to match telephone sound.",
        low=500,
        high=48000,
        unit="Hz",
        advanced=True,
    )
    floor: float = option(
        1e-6,
        "Noise floor",
        "Power added to each band before the logarithm; raise it to ignore faint sound.",
        low=1e-10,
        high=1.0,
        log=True,
        advanced=True,
    )
    normalisation: Literal["scaled", "centred", "none"] = option(
        "scaled",
        "Normalisation",
        "Scaled to the order of 1; centred also subtracts the running mean, and with it the colour of the microphone.",
        advanced=True,
    )
    mean_ms: float = option(
        1000.0,
        "Mean over",
        "How far back the running mean reaches; shorter adapts to a microphone sooner and flattens long vowels.",
        low=50,
        high=10_000,
        unit="ms",
        log=True,
        advanced=True,
        shown_when=("normalisation", "centred"),
    )
    deltas: Literal["none", "first", "both"] = option(
        "none",
        "Deltas",
        "Adds each feature's slope over the last five frames (Furui 1986), or that and the slope of the slope.",
        advanced=True,
    )


def filterbank(n_fft: int, *, bands: int, low_hz: float, high_hz: float, rate: int) -> Doubles:
    """Triangular mel filters (n_fft // 2 + 1, bands) for a power spectrum."""
    bins_hz = np.linspace(0, rate // 2, n_fft // 2 + 1)
    mels = np.linspace(_mel(low_hz), _mel(high_hz), bands + 2)
    corners_hz = 700 * (10 ** (mels / 2595) - 1)
    widths_hz = np.diff(corners_hz)
    distances_hz = corners_hz[None, :] - bins_hz[:, None]
    rising = -distances_hz[:, :-2] / widths_hz[:-1]
    falling = distances_hz[:, 2:] / widths_hz[1:]
    return np.maximum(0, np.minimum(rising, falling))


def cosine_transform(bands: int, coefficients: int) -> Doubles:
    """The orthonormal DCT-II (bands, coefficients)."""
    angles = np.pi / bands * np.outer(np.arange(bands) + 0.5, np.arange(coefficients))
    matrix: Doubles = np.cos(angles) * math.sqrt(2 / bands)
    matrix[:, 0] /= math.sqrt(2)
    return matrix


def hann(n_samples: int) -> Doubles:
    """The periodic Hann window (n_samples,)."""
    window: Doubles = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_samples) / n_samples)
    return window


def mel_pipeline(
    config: MelConfig, *, rate: int, coefficients: int | None = None, pcen: Pcen | None = None
) -> Pipeline:
    """Log-mel features, or with `coefficients` their cosine transform, or with `pcen` PCEN, scaled to the order of 1.

    Raises:
        SpecError: Options that do not fit each other or the sample rate.
    """
    _check(config, rate)
    window = hann(round(rate * config.window_ms / 1000))
    n_fft, filters = _smallest_transform(config, len(window), rate)
    hop_samples = max(1, round(rate * config.hop_ms / 1000))
    n_static = coefficients or config.bands
    scale, shift = np.ones(n_static), np.zeros(n_static)
    if config.normalisation != "none":
        scale, shift = _pcen_scaling(window, config, pcen) if pcen else _scaling(window, config, coefficients)
    mean_share = -math.expm1(-hop_samples / rate / config.mean_ms * 1000)
    return Pipeline(
        rate=rate,
        window_samples=len(window),
        hop_samples=hop_samples,
        n_fft=n_fft,
        window=window.astype(np.float32),
        filterbank=filters.astype(np.float32),
        floor=config.floor,
        projection=None if coefficients is None else cosine_transform(config.bands, coefficients).astype(np.float32),
        scale=scale.astype(np.float32),
        shift=shift.astype(np.float32),
        temporal=TemporalProcessing(
            pcen, mean_share if config.normalisation == "centred" else 0.0, _DELTAS[config.deltas]
        ),
    )


def _check(config: MelConfig, rate: int) -> None:
    low_hz, high_hz = config.low_hz, config.high_hz
    if high_hz > rate / 2:
        raise SpecError(
            f"Highest frequency: {high_hz:g} Hz is above {rate / 2:g} Hz, half the sample rate of {rate} Hz; lower it",
            option="high_hz",
        )
    if low_hz >= high_hz:
        raise SpecError(
            f"Lowest frequency: {low_hz:g} Hz is not below the highest, {high_hz:g} Hz; lower it", option="low_hz"
        )
    if config.hop_ms > config.window_ms:
        raise SpecError(
            f"Hop: {config.hop_ms:g} ms is longer than the window of {config.window_ms:g} ms and would skip sound; "
            "shorten it",
            option="hop_ms",
        )


def _smallest_transform(config: MelConfig, window_samples: int, rate: int) -> tuple[int, Doubles]:
    """The shortest power-of-two transform that fits the window and gives every band a bin, and its filters."""
    n_fft = 1 << max(1, (window_samples - 1).bit_length())
    while n_fft <= _LARGEST_TRANSFORM:
        filters = filterbank(n_fft, bands=config.bands, low_hz=config.low_hz, high_hz=config.high_hz, rate=rate)
        if filters.any(axis=0).all():
            return n_fft, filters
        n_fft *= 2
    raise SpecError(
        f"Mel bands: {config.bands} bands do not fit between {config.low_hz:g} and {config.high_hz:g} Hz; "
        "use fewer or widen the range",
        option="bands",
    )


def _scaling(window: Doubles, config: MelConfig, coefficients: int | None) -> tuple[Doubles, Doubles]:
    """Scale and shift per feature from the definition alone: no data, so a stream needs no running statistics.

    A band's log power lies between that of the floor and that of a full-scale sine; this range is mapped to -2 .. 2.
    Of the cepstrum, coefficient 0 is the bands' mean; in speech, the others fall about as 1 / (1 + k). Coefficient k is
    scaled up by half of that in decibels, sqrt(1 + k): enough for all to count, but not for the noise in the high ones.
    """
    silence, full_scale = math.log(config.floor), 2 * math.log(window.sum() / 2)
    centre, quarter = (silence + full_scale) / 2, (full_scale - silence) / 4
    if coefficients is None:
        return np.full(config.bands, 1 / quarter), np.full(config.bands, -centre / quarter)
    scale: Doubles = np.sqrt(np.arange(1.0, coefficients + 1)) / (math.sqrt(config.bands) * quarter)
    shift = np.zeros(coefficients)
    shift[0] = -centre / quarter
    return scale, shift


def _pcen_scaling(window: Doubles, config: MelConfig, pcen: Pcen) -> tuple[Doubles, Doubles]:
    """A constant level becomes 0, the loudest sound after silence 4; from the definition alone."""
    full_scale = (window.sum() / 2) ** 2
    largest = full_scale / (pcen.smoothing * full_scale + pcen.floor) ** pcen.gain
    steady, top = (1 + pcen.bias) ** pcen.power, (largest + pcen.bias) ** pcen.power
    scale = 4 / max(top - steady, 1e-3)
    return np.full(config.bands, scale), np.full(config.bands, -scale * (steady - pcen.bias**pcen.power))


def _mel(hz: float) -> float:
    return 2595 * math.log10(1 + hz / 700)
