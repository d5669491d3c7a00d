"""Looks at one recording by itself: what is wrong with its sound, and the vector that tells its word from others."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.caring.problems import ProblemKind
from kws_engine.clips import trimming
from kws_engine.clips.recording import (
    NOISY_BELOW_DB,
    QUIET_PEAK_DB,
    is_clipped,
    is_knocking,
    is_room_noise,
    leaves_speech_out,
)
from kws_engine.clips.utterances import has_voice
from kws_engine.features import FEATURES
from kws_engine.features.encoded import VALUES, EncodedPipeline
from kws_engine.features.speech_embedding import RATE

VERSION: Final = 1
"""Of the numbers below: what was found with other ones is found anew."""
# Of 1,201 clips of Speech Commands: 0.7% are noisier, 7% cut off at an edge, 1.4% clip, 1.6% hold no voice.
_EDGE_MS, _EDGE_WITHIN_DB, _EDGE_FRAMES = 40, 10.0, 3
_AROUND_S = 0.05
_BEFORE_S, _BEHIND_S = 0.6875, 0.4  # of silence around the word: the first vectors see its beginning only
_FROM_S, _TO_S = 0.2, 0.3  # vectors that end so long after its beginning and until so long after its end count

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Found:
    """What one recording is like.

    Attributes:
        kinds: What is wrong with its sound.
        digest: Of its samples: the same sound in another file has the same.
        peak_db: Of all of it, in dBFS.
        snr_db: From its noise floor to its loudest 70 ms, between 150 and 7,500 Hz.
        vector: (96,) float32, the mean of the speech encoder's vectors over the word; zeros where nothing is said.
    """

    kinds: tuple[ProblemKind, ...]
    digest: str
    peak_db: float
    snr_db: float
    vector: NDArray[np.float32]


def look_at(samples: Samples, rate: int, *, clip_samples: int) -> Found:
    """Looks at a recording (samples,) of one word."""
    energy = trimming.BandEnergy.of(samples, rate)
    (floor_db, loudest_db), core = energy.floor_and_peak_db, energy.core
    is_said = core is not None and _is_said(samples, energy)
    kinds: list[ProblemKind] = []
    if not is_said:
        kinds.append("nothing_said")
    if is_clipped(samples):
        kinds.append("clipping")
    peak_db = audio.peak_db(samples)
    if peak_db < QUIET_PEAK_DB:
        kinds.append("too_quiet")
    elif loudest_db - floor_db < NOISY_BELOW_DB:
        kinds.append("noisy")
    if core is not None and is_said:
        kinds += _faults_of_speech(samples, energy, core, clip_samples=clip_samples)
    vector = _vector(samples, rate, core) if core is not None and is_said else np.zeros(VALUES, np.float32)
    return Found(tuple(kinds), _digest(samples), peak_db, loudest_db - floor_db, vector)


def _is_said(samples: Samples, energy: trimming.BandEnergy) -> bool:
    if energy.bounds is None or is_room_noise(energy):
        return False
    heard = samples[slice(*energy.bounds)]
    return not is_knocking(heard, energy.rate) and has_voice(heard, energy.rate)


def _faults_of_speech(
    samples: Samples, energy: trimming.BandEnergy, core: tuple[int, int], *, clip_samples: int
) -> list[ProblemKind]:
    kinds: list[ProblemKind] = []
    edge = _EDGE_MS * energy.rate // 1000
    frames_db = energy.frames_db
    loud_db = float(frames_db.max()) - _EDGE_WITHIN_DB
    begins_loud = core[0] < edge and frames_db[:_EDGE_FRAMES].max() > loud_db
    ends_loud = core[1] > len(samples) - edge and frames_db[-_EDGE_FRAMES:].max() > loud_db
    if begins_loud or ends_loud:
        kinds.append("cut_off")
    if core[1] - core[0] > clip_samples:
        clip, _ = trimming.cut(samples, energy.rate, clip_samples=clip_samples, energy=energy)
        if leaves_speech_out(clip, samples, core):
            kinds.append("too_long")
    return kinds


def _digest(samples: Samples) -> str:
    return hashlib.blake2b(audio.pcm16(samples).tobytes(), digest_size=16).hexdigest()


@lru_cache(maxsize=1)
def _encoder() -> EncodedPipeline:
    entry = FEATURES["speech_embedding"]
    pipeline = entry.build(entry.config(encoder="google"), rate=RATE)  # whose vectors earlier checks have stored
    assert isinstance(pipeline, EncodedPipeline)
    return pipeline


def _vector(samples: Samples, rate: int, core: tuple[int, int]) -> NDArray[np.float32]:
    around = round(_AROUND_S * rate)
    word = samples[max(0, core[0] - around) : core[1] + around]
    if rate != RATE:
        word = audio.resample(word, rate, RATE)
    encoder = _encoder()
    before, behind = np.zeros(round(_BEFORE_S * RATE), np.float32), np.zeros(round(_BEHIND_S * RATE), np.float32)
    vectors = encoder.batch(np.concatenate((before, word, behind)))
    ends_s = (encoder.window_samples + encoder.hop_samples * np.arange(len(vectors)) - len(before)) / RATE
    counts = (ends_s > _FROM_S) & (ends_s < len(word) / RATE + _TO_S)
    return np.asarray(vectors[counts].mean(axis=0), np.float32)
