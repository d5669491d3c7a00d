"""The second look: a small network on the speech embedding, asked only where the first network hears a word.

A word has a gate, far below any threshold. While the first network's smoothed score is below it, nothing else is
computed, and the word's score is scaled down so that it reaches no threshold. Where it is reached, the second network's
score takes its place, or the mean of both networks' logits: smoothed in the same way, and the highest of the last
moments, since the two networks see a word best at different times after it. What follows (thresholds, re-arming, peaks)
works on these scores as on any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kws_engine import spec
from kws_engine.clips.words import SILENCE, UNKNOWN
from kws_engine.errors import SpecError
from kws_engine.features.encoded import EncodedPipeline
from kws_engine.features.pipeline import FeaturePipeline, FrameStream
from kws_engine.features.speech_embedding import RATE, SpeechEmbeddingConfig
from kws_engine.features.speech_embedding import build as build_embedding
from kws_engine.spotting.decision import DetectorConfig
from kws_engine.spotting.running_network import RunningNetwork

Floats = NDArray[np.float32]
SMOOTHED: Final = 2
"""Vectors, 80 ms apart, over which the second network's scores are averaged."""
HELD: Final = 6
"""Vectors among which the highest average counts."""
_CLOSED = 0.05  # no score of a closed gate is higher: below any threshold's re-arming
_MOST_LOOKED_BACK = 50  # vectors
_FARTHEST = np.float32(1e-5)  # from 0 and from 1; beyond, one network outweighs the other whatever that says
_AT_ONCE = 8  # windows, always: other batches round differently, and each new size is tried first


@dataclass(frozen=True)
class SecondLookPart:
    """What a model file's manifest tells of its second look.

    Attributes:
        feature: Options of the speech embedding.
        network: {"name", "options"} of the model registry.
        window_samples: How much sound the network sees at once.
        gates: By word, 0..1.
        smoothed: As `SMOOTHED`.
        held: As `HELD`.
    """

    feature: dict[str, Any]
    network: dict[str, Any]
    window_samples: int
    gates: dict[str, float]
    smoothed: int = SMOOTHED
    held: int = HELD

    @classmethod
    def checked(cls, values: Mapping[str, Any], words: Sequence[str]) -> SecondLookPart:
        """Of untrusted values.

        Raises:
            ValueError, TypeError: One of them cannot be.
        """
        part = cls(**values)
        if not isinstance(part.feature, dict) or not isinstance(part.network["name"], str):
            raise TypeError("second")
        numbers = (part.window_samples, part.smoothed, part.held)
        if any(type(number) is not int or number < 1 for number in numbers):
            raise ValueError("second")
        if part.smoothed + part.held > _MOST_LOOKED_BACK or part.window_samples > 10 * RATE:
            raise ValueError("second")
        if set(part.gates) != set(words) or not all(0 < float(gate) <= 1 for gate in part.gates.values()):
            raise ValueError("gates")
        return part


def embedding(feature: Mapping[str, Any], *, rate: int) -> EncodedPipeline:
    """The features of a second look.

    Raises:
        SpecError: The sound is not at 16 kHz, or an option does not fit.
    """
    if rate != RATE:
        raise SpecError(
            f"A second look needs sound at {RATE} Hz, and this is at {rate} Hz: turn it off, or make a project at "
            f"{RATE} Hz",
            option="second_look",
        )
    return build_embedding(spec.from_file(SpeechEmbeddingConfig, feature), rate=rate)


class SecondLook:
    """The second look of an open model file; by itself it is a model on the speech embedding, with the same labels.

    Attributes:
        gates: By word; a measurement may set others.
    """

    def __init__(
        self, part: SecondLookPart, labels: tuple[str, ...], pipeline: EncodedPipeline, network: RunningNetwork
    ) -> None:
        self.labels = labels
        self.pipeline: FeaturePipeline = pipeline
        self.rate = pipeline.rate
        self.window_samples = part.window_samples
        self.gates = dict(part.gates)
        self.smoothed, self.held = part.smoothed, part.held
        hop_ms = 1000 * pipeline.hop_s
        self.detector_config = DetectorConfig(hop_ms=hop_ms, smoothing_ms=part.smoothed * hop_ms)
        self._network = network

    @property
    def words(self) -> tuple[str, ...]:
        """The labels that are words."""
        return tuple(label for label in self.labels if label not in (UNKNOWN, SILENCE))

    def posteriors(self, features: Floats) -> Floats:
        """Windows of vectors (B, T, 96) to posteriors (B, labels), each row summing to 1.

        Raises:
            ModelFileError: The network fails.
        """
        return self._network.posteriors(features)


class SecondScores:
    """The scores of one stream after the second look.

    Vectors stand on a grid that begins with the stream, and before it is silence, so that every cut of the sound gives
    the same. Only the sound that a look may still need is kept, and only what an open gate asks for is encoded.
    """

    def __init__(self, second: SecondLook, *, first_share: float = 0.0) -> None:
        """Begins at sample 0; `first_share` is the first network's share of the logits that a score is the mean of."""
        self._second = second
        self._first_share = np.float32(first_share)
        gates = [second.gates.get(label, np.inf) for label in second.labels]  # what is no word is left as it is
        self._gates = np.array(gates, np.float32)
        self._closed = np.where(np.isinf(self._gates), 1, _CLOSED / self._gates).astype(np.float32)
        pipeline = second.pipeline
        self._hop, self._seen = pipeline.hop_samples, pipeline.window_samples
        self._vectors_seen = pipeline.n_frames(second.window_samples)
        self._looked_back = second.smoothed + second.held - 1
        self._kept = self._seen + (self._vectors_seen + self._looked_back) * self._hop
        self.begin(0)

    def begin(self, at_sample: int) -> None:
        """Starts over; the next sample has this position."""
        self._begin = at_sample
        self._sound: list[Floats] = [np.zeros(self._kept, np.float32)]
        self._first, self._end = -self._kept, 0  # of the sound that is kept, from the stream's beginning
        self._vectors: dict[int, Floats] = {}
        self._posteriors: dict[int, Floats] = {}
        self._stream: FrameStream | None = None
        self._next = 0  # the vector that the stream gives next
        self._pushed = 0  # samples that it has had
        self._first_at = np.zeros(0, np.int64)  # the first network's last looks,
        self._first_scores = np.zeros((0, len(self._gates)), np.float32)  # and their scores

    def push(self, samples: Floats) -> None:
        """Takes the samples (N,) that end the next looks."""
        needed_from = self._end - self._kept
        while self._first + len(self._sound[0]) <= needed_from and len(self._sound) > 1:
            self._first += len(self._sound.pop(0))
        self._sound.append(np.asarray(samples, np.float32))
        self._end += len(samples)

    def settle(self, scores: Floats, at_samples: NDArray[np.int64]) -> Floats:
        """The first network's smoothed scores (L, labels) of looks that end at `at_samples` (L,) to the final ones.

        Looks come in order, after the sound in which they end.
        """
        is_open, final = scores >= self._gates, scores * self._closed
        rows = np.flatnonzero(is_open.any(axis=1))
        held = self._held(scores, at_samples, rows) if self._first_share else None
        if len(rows):
            looked = self._looked(at_samples[rows])
            if held is not None:
                looked = _mean_of_logits(held, looked, self._first_share)
            final[rows] = np.where(is_open[rows], looked, final[rows])
        return final

    def _held(self, scores: Floats, at_samples: NDArray[np.int64], rows: NDArray[np.intp]) -> Floats:
        """The first network's highest scores (R, labels) of the last moments up to some of the looks."""
        ends = np.concatenate((self._first_at, at_samples))
        every = np.concatenate((self._first_scores, scores))
        held = self._second.held * self._hop
        begins = np.searchsorted(ends, at_samples[rows] - held, side="right")
        last = len(self._first_at) + rows + 1
        highest = [every[begin:end].max(axis=0) for begin, end in zip(begins, last, strict=True)]
        kept = int(np.searchsorted(ends, ends[-1] - held, side="right")) if len(ends) else 0
        self._first_at, self._first_scores = ends[kept:], every[kept:]
        return np.stack(highest) if highest else every[:0]

    def _looked(self, at_samples: NDArray[np.int64]) -> Floats:
        """The second network's scores (L, labels) at some looks."""
        newest = (at_samples - self._begin) // self._hop
        wanted = newest[:, None] - np.arange(self._looked_back - 1, -1, -1)
        self._answer([number for number in np.unique(wanted).tolist() if number not in self._posteriors])
        rows = np.stack([[self._posteriors[number] for number in some] for some in wanted.tolist()])
        smooth = np.lib.stride_tricks.sliding_window_view(rows, self._second.smoothed, axis=1)
        found: Floats = smooth.mean(axis=3, dtype=np.float32).max(axis=1)
        self._forget(int(newest[-1]))
        return found

    def _answer(self, numbers: Sequence[int]) -> None:
        """Fills in the posteriors of the windows that end with these vectors."""
        if not numbers:
            return
        window = range(1 - self._vectors_seen, 1)
        needed = np.unique(np.add.outer(numbers, window))
        missing = np.array([number for number in needed.tolist() if number not in self._vectors], np.int64)
        for run in np.split(missing, np.flatnonzero(np.diff(missing) > 1) + 1):
            if len(run):
                self._encode(int(run[0]), int(run[-1]))
        for at in range(0, len(numbers), _AT_ONCE):
            some = numbers[at : at + _AT_ONCE]
            padded = [*some, *[some[-1]] * (_AT_ONCE - len(some))]
            windows = np.stack([[self._vectors[number + back] for back in window] for number in padded])
            self._posteriors |= zip(some, self._second.posteriors(windows), strict=False)

    def _encode(self, first: int, last: int) -> None:
        """Fills in some vectors in a row; a stream that ended shortly before them goes on."""
        is_near = self._next <= first <= self._next + self._seen // self._hop
        if self._stream is None or not is_near or self._pushed < self._first:
            self._stream = self._second.pipeline.stream()
            self._next, self._pushed = first, first * self._hop - self._seen
        end = last * self._hop
        sound = np.concatenate(self._sound)[self._pushed - self._first : end - self._first]
        vectors = self._stream.push(sound)
        self._vectors |= zip(range(self._next, last + 1), vectors, strict=True)
        self._next, self._pushed = last + 1, end

    def _forget(self, newest: int) -> None:
        """Drops what no later look can need."""
        oldest = newest - self._looked_back + 1
        if len(self._posteriors) > 4 * self._looked_back:
            self._posteriors = {number: one for number, one in self._posteriors.items() if number >= oldest}
        if len(self._vectors) > 4 * (self._vectors_seen + self._looked_back):
            oldest -= self._vectors_seen - 1
            self._vectors = {number: one for number, one in self._vectors.items() if number >= oldest}


def _mean_of_logits(first: Floats, second: Floats, share: np.float32) -> Floats:
    """Scores whose logits are the mean of those of two networks, of which the first counts by its share."""
    first, second = (np.clip(one, _FARTHEST, 1 - _FARTHEST) for one in (first, second))
    odds = share * np.log(first / (1 - first)) + (1 - share) * np.log(second / (1 - second))
    return np.asarray(1 / (1 + np.exp(-odds)), np.float32)
