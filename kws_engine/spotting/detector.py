"""From a stream of samples to detections, without a clock, thread or device: time counts in samples.

samples -> feature frames -> window of frames, every hop -> posteriors -> smoothed -> threshold, re-arm, refractory
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kws_engine.clips.words import SILENCE, UNKNOWN
from kws_engine.features.pipeline import Pipeline, Stream
from kws_engine.spec import find, option, unknown

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class DetectorConfig:
    hop_ms: float = option(
        30.0,
        "Hop",
        "Time from one look of the network to the next; smaller locates words more exactly and costs more.",
        low=10.0,
        high=500.0,
        unit="ms",
    )
    smoothing_ms: float = option(
        240.0,
        "Smoothing",
        "Scores are averaged over this time; longer means fewer false alarms and later detections.",
        low=0.0,
        high=2000.0,
        unit="ms",
    )
    threshold: float = option(
        0.7,
        "Threshold",
        "A smoothed score of at least this is a detection, for words without a threshold of their own.",
        low=0.0,
        high=1.0,
    )
    refractory_ms: float = option(
        700.0,
        "Refractory time",
        "After a detection nothing is detected for this long.",
        low=0.0,
        high=10_000.0,
        unit="ms",
    )
    rearm: float = option(
        0.5,
        "Re-arm below",
        "A word can be detected again when its score has fallen below this share of its threshold.",
        low=0.05,
        high=1.0,
        advanced=True,
    )


_THRESHOLD = find(DetectorConfig, "threshold")


class Classifier(Protocol):
    """What the detector needs from a model file."""

    labels: tuple[str, ...]
    rate: int
    window_samples: int
    pipeline: Pipeline

    def posteriors(self, features: Samples) -> Samples:
        """Features (B, T, F) to posteriors (B, labels), each row summing to 1."""
        ...


@dataclass(frozen=True)
class Detection:
    """A word heard: `at_sample` is the end of the audio that was needed to hear it, and `score` its score there."""

    word: str
    at_sample: int
    score: float


@dataclass(frozen=True)
class Step:
    """One look of the network: smoothed scores (labels,) at `at_sample`, and the detection it led to, if any.

    A detection is reported at once, where its score crosses the threshold. `risen` is the newest one again, with the
    higher score that it has by now; the last of these before the word fades away has the peak.
    """

    at_sample: int
    scores: Samples
    detection: Detection | None
    risen: Detection | None = None


class Detector:
    """Feed it any number of samples at `model.rate`; every chunking of the same audio gives identical steps."""

    def __init__(
        self, model: Classifier, config: DetectorConfig | None = None, *, thresholds: Mapping[str, float] | None = None
    ) -> None:
        self.config = config or DetectorConfig()
        self.words = tuple(label for label in model.labels if label not in (UNKNOWN, SILENCE))
        self._model = model
        self._columns = {word: model.labels.index(word) for word in self.words}
        self._thresholds = dict.fromkeys(self.words, self.config.threshold)
        for word, threshold in (thresholds or {}).items():
            self.set_threshold(word, threshold)
        pipeline = model.pipeline
        self._window_frames = pipeline.n_frames(model.window_samples)
        frames_per_look = max(1, round(self.config.hop_ms * model.rate / 1000 / pipeline.hop_samples))
        self._look_samples = frames_per_look * pipeline.hop_samples
        self._looks_smoothed = max(1, round(self.config.smoothing_ms * model.rate / 1000 / self._look_samples))
        self._refractory_samples = round(self.config.refractory_ms * model.rate / 1000)
        self.reset()

    @property
    def thresholds(self) -> dict[str, float]:
        """The threshold of every word, 0..1."""
        return dict(self._thresholds)

    def set_threshold(self, word: str, threshold: float) -> None:
        """Takes effect at the next look.

        Raises:
            SpecError: The model does not know the word, or the threshold is not in 0..1.
        """
        if word not in self._columns:
            raise unknown(word, self._columns, what="word of this model")
        self._thresholds[word] = _THRESHOLD.check(threshold)

    def reset(self) -> None:
        """Starts over; the next sample is sample 0."""
        self._quiet_until = 0
        self._begin(0)

    def skip(self, lost: int) -> None:
        """Starts over after so many lost samples, which `at_sample` counts too."""
        self._begin(self._looked_at + len(self._waiting) + lost)

    def _begin(self, at_sample: int) -> None:
        """Starts over; the next sample has this position."""
        pipeline = self._model.pipeline
        self._stream: Stream = pipeline.stream()
        self._frames = np.zeros((0, pipeline.n_static), np.float32)
        self._waiting: Samples = np.zeros(0, np.float32)
        self._looked_at = at_sample  # the stream has had the samples up to there
        self._next_look = at_sample + (self._window_frames - 1) * pipeline.hop_samples + pipeline.window_samples
        self._recent: list[Samples] = []
        self._beginning: list[Samples] = []  # all sound until there are enough looks to smooth over
        self._armed = dict.fromkeys(self.words, True)
        self._sounding: Detection | None = None  # the newest, with its highest score, until it has faded away

    def feed(self, samples: Samples) -> list[Step]:
        """Takes samples (N,) in -1..1 and returns the looks that they complete, oldest first."""
        # Exactly the samples of one look at a time: matrix products of other sizes round differently, and the events
        # must not depend on how the sound was cut into pieces.
        new = np.asarray(samples, np.float32)
        sound = np.concatenate((self._waiting, new))
        steps, start = [], 0
        while len(sound) - start >= self._next_look - self._looked_at:
            stop = start + self._next_look - self._looked_at
            steps.append(self._look(sound[start:stop]))
            start = stop
        self._waiting = sound[start:].copy()
        if len(self._recent) < self._looks_smoothed:
            self._beginning.append(new.copy())
        else:
            self._beginning.clear()
        return steps

    def flush(self) -> list[Step]:
        """Ends the audio with half a window of digital silence, so that a word at its very end is detected too.

        Sound too short to smooth over is processed again with silence before it as well, and enough after it: a word
        that is the whole sound gets as many looks as in the middle of a stream. Those steps start earlier again.
        """
        silence = np.zeros(self._model.window_samples // 2, np.float32)
        if len(self._recent) >= self._looks_smoothed:
            return self.feed(silence)
        sound = np.concatenate((*self._beginning, silence[:0]))
        self._begin(self._looked_at + len(self._waiting) - len(sound) - len(silence))
        smoothed_at = self._next_look + (self._looks_smoothed - 1) * self._look_samples
        rest = np.zeros(max(len(silence), smoothed_at - self._looked_at - len(silence) - len(sound)), np.float32)
        return self.feed(np.concatenate((silence, sound, rest)))

    def _look(self, samples: Samples) -> Step:
        frames = np.concatenate((self._frames, self._stream.frames(samples)))
        self._frames = frames[-self._window_frames :].copy()
        self._looked_at = self._next_look
        self._next_look += self._look_samples
        features = self._model.pipeline.features(self._frames)  # of this window alone, as in training
        self._recent.append(self._model.posteriors(features[None])[0])
        del self._recent[: -self._looks_smoothed]
        scores: Samples = np.asarray(np.mean(self._recent, axis=0), dtype=np.float32)
        found = self._decide(scores, self._looked_at)
        return Step(self._looked_at, scores, found, None if found else self._risen(scores))

    def _risen(self, scores: Samples) -> Detection | None:
        """The newest detection with its new highest score, if this is one."""
        if self._sounding is None or self._armed[self._sounding.word]:
            self._sounding = None
            return None
        score = float(scores[self._columns[self._sounding.word]])
        if score <= self._sounding.score:
            return None
        self._sounding = replace(self._sounding, score=score)
        return self._sounding

    def _decide(self, scores: Samples, at_sample: int) -> Detection | None:
        for word, column in self._columns.items():
            if scores[column] < self.config.rearm * self._thresholds[word]:
                self._armed[word] = True
        if at_sample < self._quiet_until or len(self._recent) < self._looks_smoothed:
            return None
        heard = [word for word, column in self._columns.items() if scores[column] >= self._thresholds[word]]
        if not heard:
            return None
        word = max(heard, key=lambda candidate: float(scores[self._columns[candidate]]))
        if not self._armed[word]:  # it is still sounding, and any weaker word is its echo
            return None
        self._armed[word] = False
        self._quiet_until = at_sample + self._refractory_samples
        self._sounding = Detection(word, at_sample, float(scores[self._columns[word]]))
        return self._sounding


def with_peaks(steps: Iterable[Step]) -> list[Detection]:
    """The detections of all these steps, each with the peak of its score."""
    found: list[Detection] = []
    for step in steps:
        if step.detection is not None:
            found.append(step.detection)
        elif step.risen is not None and found:
            found[-1] = step.risen
    return found
