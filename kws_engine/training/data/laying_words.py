"""Lays a recorded word into sound as a stream has it: after quiet or talk, alone or with something behind it.

What a word is laid into is drawn the same way for the words to learn and for other words. Otherwise a network learns
that a word comes after quiet, or is cut tightly, in place of the word.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws_engine.clips.trimming import speech_core

Samples = NDArray[np.float32]
_TALK_BEFORE, _TALK_BEHIND = 0.4, 0.3  # shares; else quiet
_LEAST_MARGIN_S, _MOST_MARGIN_S = 0.02, 0.25
_GAP_S = (0.03, 0.5)
_FADE_S = 0.008
_QUIET_DB = (-80.0, -45.0)
_ZEROS_SHARE = 0.2
_TALK_DB = (-12.0, 6.0)  # of the talk around, above the word


@dataclass(frozen=True)
class Window:
    """Where a laid word lies.

    Attributes:
        samples: Length of the whole.
        word_end: Where the word's sound ends.
        rate: Samples a second.
    """

    samples: int
    word_end: int
    rate: int


def core_of(samples: Samples, rate: int) -> tuple[int, int]:
    """First and one-past-last sample of the speech; the whole where none is found."""
    return speech_core(samples, rate) or (0, len(samples))


def laid(
    clip: Samples, core: tuple[int, int], window: Window, generator: np.random.Generator, *, talk: Samples | None = None
) -> Samples:
    """The sound (window.samples,) with the clip's speech ending at `window.word_end`.

    Args:
        clip: (N,) in -1..1.
        core: The speech in it, (first, one past last).
        window: Where to lay it.
        generator: Of all chance.
        talk: Speech without the words (M,), for what is said before and behind; None leaves quiet.
    """
    rate = window.rate
    first, last = (max(0, core[0] - _margin(rate, generator)), min(len(clip), core[1] + _margin(rate, generator)))
    start = window.word_end - (core[1] - first)
    sound = _quiet(clip, core, window.samples, generator)
    piece = _faded(clip[first:last].astype(np.float32), rate)
    level = _rms(clip[core[0] : core[1]])
    if talk is not None and len(talk) > rate // 4:
        if generator.random() < _TALK_BEFORE:
            end = start - round(generator.uniform(*_GAP_S) * rate)
            _add_talk(sound, talk, 0, end, level, rate, generator)
        if generator.random() < _TALK_BEHIND:
            begin = start + len(piece) + round(generator.uniform(*_GAP_S) * rate)
            _add_talk(sound, talk, begin, window.samples, level, rate, generator)
    into = slice(max(0, start), max(0, min(window.samples, start + len(piece))))
    sound[into] += piece[into.start - start : into.stop - start]
    return np.clip(sound, -1.0, 1.0).astype(np.float32)


def half_of(core: tuple[int, int], generator: np.random.Generator) -> tuple[int, int]:
    """The first or the second part of a word's speech, about half of it."""
    length = core[1] - core[0]
    share = generator.uniform(0.35, 0.62)
    if generator.random() < 0.5:
        return core[0], core[0] + max(1, round(share * length))
    return core[1] - max(1, round(share * length)), core[1]


def _margin(rate: int, generator: np.random.Generator) -> int:
    return round(generator.uniform(_LEAST_MARGIN_S, _MOST_MARGIN_S) * rate)


def _quiet(clip: Samples, core: tuple[int, int], length: int, generator: np.random.Generator) -> Samples:
    """What is there while nobody speaks: the recording's own noise where it has some, faint noise, or zeros."""
    outside = clip[: core[0]] if core[0] >= len(clip) - core[1] else clip[core[1] :]
    chance = generator.random()
    if chance < _ZEROS_SHARE:
        return np.zeros(length, np.float32)
    if chance < 0.6 and len(outside) > 800:
        looped = np.concatenate((outside, outside[::-1]))
        return np.resize(np.roll(looped, int(generator.integers(len(looped)))), length).astype(np.float32)
    level = 10 ** (generator.uniform(*_QUIET_DB) / 20)
    white = generator.standard_normal(length).astype(np.float32)
    smooth = np.convolve(white, np.full(4, 0.5, np.float32), mode="same") if generator.random() < 0.5 else white
    return np.asarray(level * smooth, np.float32)


def _add_talk(
    sound: Samples, talk: Samples, begin: int, end: int, level: float, rate: int, generator: np.random.Generator
) -> None:
    begin, end = max(0, begin), min(len(sound), end)
    if end - begin < rate // 10:
        return
    at = int(generator.integers(max(1, len(talk) - (end - begin))))
    piece = np.resize(talk[at : at + end - begin], end - begin).astype(np.float32)
    gain = level * 10 ** (generator.uniform(*_TALK_DB) / 20) / max(_rms(piece), 1e-5)
    sound[begin:end] += _faded(piece, rate) * np.float32(min(gain, 30.0))


def _faded(piece: Samples, rate: int) -> Samples:
    count = min(round(_FADE_S * rate), len(piece) // 2)
    ramp = np.linspace(0, 1, count, dtype=np.float32)
    piece = piece.copy()
    piece[:count] *= ramp
    piece[len(piece) - count :] *= ramp[::-1]
    return piece


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0
