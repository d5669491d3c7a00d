"""Few takes of words as log mel frames and as vectors of the speech embedding, and a linear classifier on each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.clips import trimming
from kws_engine.clips.clip import Clip
from kws_engine.clips.words import parse_clip_name
from kws_engine.features import FEATURES
from kws_engine.features.log_mel import LogMelConfig
from kws_engine.features.log_mel import build as log_mel
from kws_engine.features.speech_embedding import SpeechEmbeddingConfig

RATE = 16_000
MOST_TAKES = 12
LEAST_VOICES = 4
"""With fewer there are not enough to learn from and others to ask."""
FEATURE_NAMES = ("log_mel", "speech_embedding")
_MOST_CLIPS = 60  # of a word
_CLIP_SAMPLES = RATE
_LEARNING_VOICES = 1 / 3
_SHRINK = 0.1  # of the ridge, in mean variances
_DRAWS = 10
Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Take:
    """A clip of a word, and who says it."""

    path: Path
    word: str
    voice: str


@dataclass(frozen=True, eq=False)
class Frames:
    """A take as each feature has it, by the feature's name: (T, F) of the same window of sound."""

    take: Take
    of: Mapping[str, Floats]


@dataclass(frozen=True, eq=False)
class Answers:
    """What a classifier that has learned from `learned` (n,) says of all takes: labels (N,)."""

    learned: Counts
    said: Counts
    share_right: float


class Study:
    """Takes of two or three words, by several voices, compared by what a linear classifier makes of each feature."""

    def __init__(self, words: Sequence[str], takes: Sequence[Frames], *, whole: bool) -> None:
        """Args:
        words: Each has takes.
        takes: Of these words.
        whole: Compare all frames in their order; otherwise their mean.
        """
        self.words = tuple(words)
        self.whole = whole
        self.takes = [one.take for one in takes]
        self.labels = np.array([self.words.index(take.word) for take in self.takes])
        self.voices = np.array([take.voice for take in self.takes])
        self._points = {name: _points(takes, name, whole=whole) for name in FEATURE_NAMES}

    def is_of(self, words: Sequence[str], takes: Sequence[Frames], *, whole: bool) -> bool:
        """Whether it is that comparison."""
        same = self.words == tuple(words) and self.takes == [one.take for one in takes]
        return same and self.whole == whole

    def answers(self, feature: str, takes: int, *, seed: int) -> Answers:
        """After learning from so many takes of each word; `share_right` is that of the voices that it has not heard."""
        learned, others = self._parts(takes, seed)
        gram = self._grams[feature]
        wanted = np.eye(len(self.words))[self.labels]
        inner = _centred(gram, learned)
        kept = inner[np.ix_(learned, learned)]
        ridge = _SHRINK * max(float(np.trace(kept)) / len(learned), 1e-9) * np.eye(len(learned))
        mean = wanted[learned].mean(axis=0)
        said = (inner[:, learned] @ np.linalg.solve(kept + ridge, wanted[learned] - mean) + mean).argmax(axis=1)
        return Answers(learned, said, float(np.mean(said[others] == self.labels[others])))

    def curve(self, feature: str) -> Array:
        """Mean share of other voices' takes that is right, (MOST_TAKES,): after one take of each word, two, ..."""
        return np.array(
            [
                np.mean([self.answers(feature, takes, seed=1000 + seed).share_right for seed in range(_DRAWS)])
                for takes in range(1, MOST_TAKES + 1)
            ]
        )

    def plane(self, feature: str) -> Array:
        """The takes (N, 2) along the two directions in which they vary most (principal components), within -1..1."""
        inner = _centred(self._grams[feature], np.arange(len(self.takes)))
        values, vectors = np.linalg.eigh(inner)
        places = vectors[:, [-1, -2]] * np.sqrt(np.maximum(values[[-1, -2]], 0))
        turned = places * np.where(places[self.labels == 0].mean(axis=0) > 0, -1, 1)  # the first word lower left
        return np.asarray(turned / np.maximum(np.abs(turned).max(axis=0), 1e-9))

    def others(self, seed: int) -> Counts:
        """The takes of voices that no take to learn from is of."""
        return self._parts(1, seed)[1]

    @cached_property
    def _grams(self) -> dict[str, Array]:
        return {name: points @ points.T for name, points in self._points.items()}

    def _parts(self, takes: int, seed: int) -> tuple[Counts, Counts]:
        """The takes to learn from, which grow by whole takes, and those of other voices."""
        chance = np.random.default_rng(seed)
        voices = chance.permutation(np.unique(self.voices))
        heard = np.isin(self.voices, voices[: max(1, round(_LEARNING_VOICES * len(voices)))])
        parts = [
            chance.permutation(np.flatnonzero(heard & (self.labels == label)))[:takes]
            for label in range(len(self.words))
        ]
        return np.concatenate(parts), np.flatnonzero(~heard)


def takes_by_word(clips: Mapping[str, Sequence[Clip | Path]]) -> dict[str, list[Take]]:
    """The takes of each word that enough voices say, as many of each voice as there is room for."""
    found = {}
    for word, some in clips.items():
        by_voice: dict[str, list[Path]] = defaultdict(list)
        for clip in some:
            path, voice = (clip.path, clip.speaker) if isinstance(clip, Clip) else (clip, parse_clip_name(clip.stem)[0])
            if voice:
                by_voice[voice].append(path)
        if len(by_voice) >= LEAST_VOICES:
            each = max(1, _MOST_CLIPS // len(by_voice))
            chosen = [Take(path, word, voice) for voice, paths in by_voice.items() for path in paths[:each]]
            found[word] = chosen[:_MOST_CLIPS]
    return found


def read(
    takes: Sequence[Take],
    known: Mapping[Path, Frames],
    *,
    progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> list[Frames]:
    """Each take in every feature; those that are known are not read again.

    Raises:
        AudioError: A clip cannot be read.
    """
    found = []
    mel = log_mel(LogMelConfig(), rate=RATE)
    embedding = FEATURES["speech_embedding"].build(SpeechEmbeddingConfig(), rate=RATE)
    window = embedding.window_for(_CLIP_SAMPLES)
    for number, take in enumerate(takes):
        if should_stop():
            break
        if take.path not in known:
            sound = trimming.ending(audio.read(take.path, rate=RATE, max_seconds=60.0), RATE, window_samples=window)
            found.append(Frames(take, {"log_mel": mel.batch(sound), "speech_embedding": embedding.batch(sound)}))
        else:
            found.append(known[take.path])
        progress(number + 1, len(takes))
    return found


def _points(takes: Sequence[Frames], name: str, *, whole: bool) -> Array:
    frames = np.stack([one.of[name] for one in takes]).astype(np.float64)
    return frames.reshape(len(frames), -1) if whole else frames.mean(axis=1)


def _centred(gram: Array, around: Counts) -> Array:
    """Inner products after the mean of some points is taken off."""
    to_mean = gram[:, around].mean(axis=1)
    return np.asarray(gram - to_mean[:, None] - to_mean[None, :] + gram[np.ix_(around, around)].mean())
