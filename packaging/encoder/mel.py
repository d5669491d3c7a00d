"""The encoder's mel frames: 32 bands from 60 to 3,800 Hz, one frame every 10 ms."""

from __future__ import annotations

import numpy as np

RATE, BANDS, LOW_HZ, HIGH_HZ = 16_000, 32, 60.0, 3800.0
FFT, HANN, HOP = 512, 400, 160
FRAMES = 148
"""Of a window: ten vectors of the encoder."""
_FLOOR = 1e-2  # of samples on the 16-bit scale
_AT_ONCE = 2000


def mel_frames(sound: np.ndarray) -> np.ndarray:
    """Samples within ±1 at 16 kHz to frames (T, 32)."""
    pieces = np.lib.stride_tricks.sliding_window_view(np.asarray(sound, np.float32) * 32768, FFT)[::HOP]
    frames = np.empty((len(pieces), BANDS), np.float32)
    for at in range(0, len(pieces), _AT_ONCE):
        power = np.abs(np.fft.rfft(pieces[at : at + _AT_ONCE] * _WINDOW, axis=1)).astype(np.float32) ** 2
        frames[at : at + _AT_ONCE] = np.log10(np.maximum(power @ _FILTERBANK, _FLOOR)) + 2
    return frames


def _hann() -> np.ndarray:
    window = np.zeros(FFT, np.float32)
    start = (FFT - HANN) // 2
    window[start : start + HANN] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(HANN) / HANN)
    return window


def _filterbank() -> np.ndarray:
    """Triangles of equal area on Slaney's scale: linear below 1 kHz, logarithmic above."""
    edges = np.array([3 * LOW_HZ / 200, 15 + 27 * np.log(HIGH_HZ / 1000) / np.log(6.4)])
    mels = np.linspace(edges[0], edges[1], BANDS + 2)
    corners_hz = np.where(mels < 15, 200 * mels / 3, 1000 * np.exp(np.log(6.4) * (mels - 15) / 27))
    distances_hz = corners_hz[None, :] - np.linspace(0, RATE / 2, FFT // 2 + 1)[:, None]
    widths_hz = np.diff(corners_hz)
    triangles = np.minimum(-distances_hz[:, :-2] / widths_hz[:-1], distances_hz[:, 2:] / widths_hz[1:])
    return np.asarray(np.maximum(0, triangles) * 2 / (corners_hz[2:] - corners_hz[:-2]), np.float32)


_WINDOW, _FILTERBANK = _hann(), _filterbank()
