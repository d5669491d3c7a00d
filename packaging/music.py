"""Music by computation, for the bank: no recording of music may train what ships, and music is what homes are full of.

What a spotter takes for speech in it are tones that glide and resonances that move, so that the melody has both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
Sound = NDArray[np.float32]
_SCALES = (
    (0, 2, 4, 5, 7, 9, 11),
    (0, 2, 3, 5, 7, 8, 10),
    (0, 2, 3, 5, 7, 9, 10),
    (0, 2, 4, 7, 9, 12, 14),
)  # semitones
_RESONANCES_HZ = ((270, 850), (700, 2500), (1800, 3600))
_PARTIALS = 16


def music(seconds: float, rng: np.random.Generator) -> Sound:
    """A piece in one key and time: chords, mostly a melody, a bass and drums, at chance levels; its peak is 0.5."""
    length, beat_s = round(seconds * RATE), 60 / rng.uniform(60, 150)
    scale, root_hz = np.array(_SCALES[rng.integers(len(_SCALES))]), rng.uniform(100, 220)
    bars = int(seconds / (4 * beat_s)) + 1
    degrees = rng.integers(0, 7, bars)
    sound = _chords(length, degrees, 4 * beat_s, scale, root_hz, rng)
    if rng.random() < 0.8:
        sound += rng.uniform(0.5, 2.5) * _melody(length, beat_s, scale, root_hz * rng.choice([1, 2, 4]), rng)
    if rng.random() < 0.6:
        sound += rng.uniform(0.3, 1.0) * _chords(length, degrees, 2 * beat_s, scale[:1], root_hz / 2, rng)
    if rng.random() < 0.6:
        sound += rng.uniform(0.2, 1.2) * _drums(length, beat_s, rng)
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)


def _hz(root_hz: float, scale: NDArray[np.int64], degree: int) -> float:
    return root_hz * 2 ** ((scale[degree % len(scale)] + 12 * (degree // len(scale))) / 12)


def _chords(
    length: int,
    degrees: NDArray[np.int64],
    every_s: float,
    scale: NDArray[np.int64],
    root_hz: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Three notes of the scale at once: plucked, or held as by strings."""
    sound, is_held, bright = np.zeros(length), rng.random() < 0.5, rng.uniform(0.8, 2.0)
    decay_s = rng.uniform(0.2, 1.2)
    for number, at in enumerate(range(0, length, round(every_s * RATE))):
        time_s = np.arange(min(round(1.1 * every_s * RATE), length - at)) / RATE
        envelope = np.minimum(1, time_s / 0.15) * np.minimum(1, (time_s[-1] - time_s) / 0.1 + 0.01)
        envelope = envelope if is_held else np.exp(-time_s / decay_s)
        for step in (0, 2, 4):
            pitch = _hz(root_hz, scale, int(degrees[number % len(degrees)]) + step)
            phase = 2 * np.pi * pitch * time_s + 0.02 * np.sin(2 * np.pi * 5 * time_s)
            tone = sum(np.sin(k * phase) / k**bright for k in range(1, 9) if k * pitch < RATE / 2)
            sound[at : at + len(time_s)] += np.asarray(tone) * envelope
    return sound / (np.std(sound) + 1e-9)


def _melody(
    length: int, beat_s: float, scale: NDArray[np.int64], root_hz: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """One voice: notes that glide into each other, with vibrato, through three resonances that move with them."""
    ends, pitches, loud, resonances = [0], [], [], []
    degree = int(rng.integers(0, 7))
    while ends[-1] < length:
        ends.append(ends[-1] + round(beat_s * RATE * rng.choice([0.25, 0.5, 0.5, 1, 1, 2])))
        degree = int(np.clip(degree + rng.integers(-3, 4), -3, 10))
        pitches.append(_hz(root_hz, scale, degree))
        loud.append(rng.uniform(0.4, 1) if rng.random() < 0.85 else 0.0)
        resonances.append([rng.uniform(*band) for band in _RESONANCES_HZ])
    glide = round(rng.uniform(0.01, 0.08) * RATE)
    repeats = np.diff(ends)
    smooth = np.hanning(2 * glide + 1) / np.hanning(2 * glide + 1).sum()

    def curve(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.convolve(np.repeat(values, repeats), smooth, mode="same")[:length]

    time_s = np.arange(length) / RATE
    vibrato = 1 + rng.uniform(0, 0.015) * np.sin(2 * np.pi * rng.uniform(4, 7) * time_s)
    pitch = curve(np.array(pitches)) * vibrato
    centres = [curve(np.array(resonances)[:, number]) for number in range(len(_RESONANCES_HZ))]
    phase, sound = 2 * np.pi * np.cumsum(pitch) / RATE, np.zeros(length)
    for k in range(1, _PARTIALS + 1):
        near = sum(np.exp(-(((k * pitch - centre) / (0.15 * centre + 60)) ** 2)) for centre in centres)
        sound += np.sin(k * phase) / k**0.5 * (0.03 + near) * (k * pitch < RATE / 2)
    sound *= curve(np.array(loud))
    return sound / (np.std(sound) + 1e-9)


def _drums(length: int, beat_s: float, rng: np.random.Generator) -> NDArray[np.float64]:
    sound, step = np.zeros(length), round(beat_s * RATE / 4)
    pattern = rng.choice(3, 16, p=[0.6, 0.2, 0.2])  # nothing, a low one, a high one
    time_s = np.arange(round(0.15 * RATE)) / RATE
    low = np.sin(2 * np.pi * 60 * time_s) * np.exp(-time_s / 0.05)
    for number, at in enumerate(range(0, length, step)):
        kind = pattern[number % 16]
        hit = low if kind == 1 else rng.normal(size=len(time_s)) * np.exp(-time_s / 0.03)
        hit = hit[: length - at]
        sound[at : at + len(hit)] += hit * (kind > 0)
    return sound / (np.std(sound) + 1e-9)
