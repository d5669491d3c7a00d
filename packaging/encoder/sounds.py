"""What a microphone makes of speech: words laid in a stream, with one room, one channel and one noise for all of it.

A session is one voice at one microphone. Its words are each other's hardest opposites, because all but the word is the
same; they teach the encoder not to look at voice and channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from encoder.mel import FRAMES, HOP, mel_frames
from scipy.signal import fftconvolve

RATE = 16_000
PART_OF_A_WORD = ""
_CUTS_IN_WORDS = 2


@dataclass(frozen=True)
class Background:
    """Sound of people and of none, to be laid under and between the words."""

    speech: list[np.ndarray]
    noise: list[np.ndarray]


def trimmed(sound: np.ndarray) -> np.ndarray | None:
    """What is within 35 dB of the loudest 10 ms, its peak at 0.5; None where there is less than 60 ms or silence."""
    window = RATE // 100
    pieces = len(sound) // window
    if pieces < 6:
        return None
    level = np.sqrt((sound[: pieces * window].reshape(pieces, window) ** 2).mean(axis=1))
    if level.max() < 1e-4:
        return None
    loud = np.flatnonzero(level > level.max() * 10 ** (-35 / 20))
    cut = sound[max(0, loud[0] - 2) * window : (loud[-1] + 3) * window]
    return (cut / np.abs(cut).max() * 0.5).astype(np.float32)


def played_faster(sound: np.ndarray, factor: float) -> np.ndarray:
    """Speed and pitch together."""
    return np.interp(np.arange(0, len(sound) - 1, factor), np.arange(len(sound)), sound).astype(np.float32)


def session(
    sounds: Sequence[np.ndarray | None], labels: Sequence[str], background: Background, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[str]]:
    """Windows (148, 32) of mel frames that end 20 to 350 ms behind each word, and two that end inside one.

    The latter are labelled `PART_OF_A_WORD`: they are nothing's like.
    """
    stream, ends = _laid(sounds, background, rng)
    heard = _degraded(_through_a_channel(stream, rng), background, rng)
    frames = mel_frames(heard)
    windows, found = [], []
    cuts = [(end + rng.uniform(0.02, 0.35) * RATE, labels[word]) for end, _, word in ends]
    for _ in range(_CUTS_IN_WORDS):
        end, length, _ = ends[rng.integers(len(ends))]
        cuts.append((end - rng.uniform(0.35, 0.7) * length, PART_OF_A_WORD))
    for at, label in cuts:
        last = int(at / HOP)
        if FRAMES <= last <= len(frames):
            windows.append(frames[last - FRAMES : last].astype(np.float16))
            found.append(label)
    return windows, found


def _laid(
    sounds: Sequence[np.ndarray | None], background: Background, rng: np.random.Generator
) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    """Words in any order: alone after quiet, close together, or each after some talk; (end, length, number) of each."""
    style = str(rng.choice(["alone", "close", "in talk"], p=[0.4, 0.35, 0.25]))
    talk = background.speech[rng.integers(len(background.speech))]
    parts, ends = [np.zeros(int(1.5 * RATE), np.float32)], []
    total = len(parts[0])
    for number in rng.permutation(len(sounds)):
        word = sounds[number]
        if word is None:
            continue
        before = np.zeros(
            int(rng.uniform(*{"alone": (0.8, 1.6), "close": (0.04, 0.3)}.get(style, (0.03, 0.25))) * RATE)
        )
        if style == "in talk":
            length = int(rng.uniform(0.3, 1) * RATE)
            start = rng.integers(len(talk) - length)
            piece = talk[start : start + length]
            before = np.concatenate([piece / (np.abs(piece).max() + 1e-6) * 0.5, before])
        parts += [before.astype(np.float32), word * 10 ** (rng.uniform(-4, 4) / 20)]
        total += len(before) + len(word)
        ends.append((total, len(word), int(number)))
    return np.concatenate([*parts, np.zeros(int(0.8 * RATE), np.float32)]), ends


def _through_a_channel(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Band limits (a telephone's in three of ten), tilt, waves in the response, and half of the time a room."""
    spectrum = np.fft.rfft(sound)
    hz = np.maximum(np.fft.rfftfreq(len(sound), 1 / RATE), 1)
    octaves = np.log2(np.maximum(hz, 50) / 1000)
    kind, slope = rng.random(), 2 * rng.uniform(2, 8)
    gain_db = np.zeros_like(hz)
    if kind < 0.3 or 0.5 <= kind < 0.65:
        low_hz = rng.uniform(200, 400) if kind < 0.3 else rng.uniform(80, 400)
        gain_db -= 10 * np.log10(1 + (low_hz / hz) ** slope)
    if kind < 0.5:
        high_hz = rng.uniform(2800, 3600) if kind < 0.3 else rng.uniform(2500, 7000)
        gain_db -= 10 * np.log10(1 + (hz / high_hz) ** slope)
    if rng.random() < 0.75:
        gain_db += octaves * rng.uniform(-6, 6)
    if rng.random() < 0.6:
        for _ in range(3):
            gain_db += rng.uniform(-4, 4) * np.cos(octaves * rng.uniform(0.5, 4) + rng.uniform(0, 2 * np.pi))
    heard = np.fft.irfft(spectrum * 10 ** (np.clip(gain_db, -80, 30) / 20), len(sound))
    if rng.random() < 0.5:
        heard = fftconvolve(heard, _room(rng))[: len(sound)]
    return heard.astype(np.float32)


def _room(rng: np.random.Generator) -> np.ndarray:
    """Direct sound of 1, then noise that falls by 60 dB in 80 to 600 ms."""
    samples = int(rng.uniform(0.08, 0.6) * RATE)
    response = rng.normal(size=samples) * 10 ** (-3 * np.arange(samples) / samples)
    response[: int(rng.uniform(1, 6) * RATE / 1000)] = 0
    response *= 10 ** (-rng.uniform(0, 15) / 20) / np.sqrt((response**2).sum() + 1e-9)
    response[0] = 1
    return response


def _degraded(sound: np.ndarray, background: Background, rng: np.random.Generator) -> np.ndarray:
    """Noise 2 to 30 dB below three times in four, sometimes clipped or in eight bits, as loud as may be."""
    power = np.sqrt((sound**2).sum() / max((np.abs(sound) > 1e-4).sum(), 1))
    snr_db = rng.uniform(2, 30) if rng.random() < 0.75 else rng.uniform(35, 60)
    heard = sound + _noise(len(sound), background, rng) * power * 10 ** (-snr_db / 20)
    heard /= np.abs(heard).max()
    if rng.random() < 0.12:
        heard = np.clip(heard * rng.uniform(1.5, 5), -1, 1)
    if rng.random() < 0.2:
        steps = np.round(np.sign(heard) * np.log1p(255 * np.abs(heard)) / np.log(256) * 127) / 127
        heard = np.sign(steps) * (256 ** np.abs(steps) - 1) / 255
    heard = heard * 10 ** (rng.uniform(-30, -1) / 20) + rng.normal(size=len(heard)) * 2e-5
    return heard.astype(np.float32)


def _noise(samples: int, background: Background, rng: np.random.Generator) -> np.ndarray:
    """Recorded, coloured, or up to four people at once; its power is 1."""
    kind = rng.random()
    if kind < 0.5:
        recording = background.noise[rng.integers(len(background.noise))]
        start = rng.integers(max(1, len(recording) - samples))
        noise = np.resize(recording[start : start + samples], samples)
    elif kind < 0.75:
        spectrum = np.fft.rfft(rng.normal(size=samples))
        noise = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 10) ** rng.uniform(0, 1.2), samples)
    else:
        people = [background.speech[rng.integers(len(background.speech))] for _ in range(rng.integers(1, 5))]
        noise = np.sum([np.roll(np.resize(one, samples), rng.integers(samples)) for one in people], axis=0)
    return noise / np.sqrt((noise**2).mean() + 1e-12)
