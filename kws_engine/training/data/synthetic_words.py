"""Synthetic words: pieces of real recordings joined in random order.

A network that has seen only whole words responds to any sound that resembles a part of one. Pieces of the same words,
in the same voices, teach it to wait for the whole word.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
_FRAME = 160
_JOIN = 160  # samples over which two pieces fade into each other
_RISE = np.linspace(0, 1, _JOIN, dtype=np.float32)
_FALL = 1 - _RISE
_SHORTEST = 4 * _JOIN
_BELOW_PEAK = 10 ** (-25 / 10)  # frames weaker than this share of the loudest are not speech


def speech_spans(clips: Samples) -> NDArray[np.int64]:
    """First and one-past-last sample (N, 2) of the frames within 25 dB of each clip's loudest 10 ms."""
    frames = clips.shape[1] // _FRAME
    spans = np.empty((len(clips), 2), np.int64)
    for at in range(0, len(clips), 512):
        block = clips[at : at + 512, : frames * _FRAME].astype(np.float32).reshape(-1, frames, _FRAME)
        energy = np.square(block).mean(axis=2)
        loud = energy >= energy.max(axis=1, keepdims=True) * _BELOW_PEAK
        spans[at : at + 512, 0] = loud.argmax(axis=1) * _FRAME
        spans[at : at + 512, 1] = (frames - loud[:, ::-1].argmax(axis=1)) * _FRAME
    return spans


def synthetic_word(clips: Samples, spans: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.float32]:
    """One clip (clip_samples,) of two to six pieces, each at most half of the speech in its clip.

    Half of them are as long as a word, with silence around; the others fill the clip, as running speech does.
    """
    clip_samples = clips.shape[1]
    length = clip_samples if generator.random() < 0.5 else round(clip_samples * generator.uniform(0.35, 0.8))
    joined, end = np.zeros(length + clip_samples, np.float32), 0
    while end < length:
        piece = _piece(clips, spans, generator)
        if end:
            joined[end - _JOIN : end] *= _FALL
            piece[:_JOIN] *= _RISE
            end -= _JOIN
        joined[end : end + len(piece)] += piece
        end += len(piece)
    result = np.zeros(clip_samples, np.float32)
    start = generator.integers(0, clip_samples - length + 1)
    np.clip(joined[:length], -1, 1, out=result[start : start + length])
    return result


def _piece(clips: Samples, spans: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.float32]:
    clip, share, place, loudness = generator.random(4).tolist()
    number = int(clip * len(clips))
    first, last = spans[number].tolist()
    size = max(_SHORTEST, int((last - first) * (0.2 + 0.3 * share)))
    start = first + int(place * max(1, last - first - size))
    start = max(0, min(start, clips.shape[1] - size))  # in full, so that every piece makes the word longer
    piece = clips[number, start : start + size].astype(np.float32)
    rms = math.sqrt(float(piece @ piece) / size) or 1.0
    piece *= 0.08 * 10 ** ((12 * loudness - 6) / 20) / rms
    return piece
