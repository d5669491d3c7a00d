"""From a stream of samples to detections, without a clock, thread or device: time counts in samples.

samples -> feature frames -> window of frames, every hop -> posteriors -> smoothed -> threshold, re-arm, refractory
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws_engine.clips.words import SILENCE, UNKNOWN
from kws_engine.features.pipeline import FrameStream
from kws_engine.spotting.decision import Decision, Detection, DetectorConfig
from kws_engine.spotting.looks import Classifier, Looks

Samples = NDArray[np.float32]


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
        self.words = words_of(model)
        self._model = model
        self._decision = decision_of(model, self.config, thresholds=thresholds or {})
        self._looks = Looks.of(model, self.config)
        self.reset()

    @property
    def thresholds(self) -> dict[str, float]:
        """The threshold of every word, 0..1."""
        return self._decision.thresholds

    def set_threshold(self, word: str, threshold: float) -> None:
        """Takes effect at the next look.

        Raises:
            SpecError: The model does not know the word, or the threshold is not in 0..1.
        """
        self._decision.set_threshold(word, threshold)

    def reset(self) -> None:
        """Starts over; the next sample is sample 0."""
        self._decision.reset()
        self._begin(0)

    def skip(self, lost: int) -> None:
        """Starts over after so many lost samples, which `at_sample` counts too."""
        self._begin(self._looked_at + len(self._waiting) + lost)

    def _begin(self, at_sample: int) -> None:
        """Starts over; the next sample has this position."""
        pipeline = self._model.pipeline
        self._stream: FrameStream = pipeline.stream()
        self._frames = np.zeros((0, pipeline.n_static), np.float32)
        self._waiting: Samples = np.zeros(self._looks.before, np.float32)
        self._looked_at = at_sample - self._looks.before  # the stream has had the samples up to there
        self._next_look = self._looked_at + self._looks.first
        self._recent: list[Samples] = []
        self._beginning: list[Samples] = []  # all sound until there are enough looks to smooth over
        self._decision.rearm()

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
        if len(self._recent) < self._looks.smoothed:
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
        if len(self._recent) >= self._looks.smoothed:
            return self.feed(silence)
        sound = np.concatenate((*self._beginning, silence[:0]))
        self._begin(self._looked_at + len(self._waiting) - len(sound) - len(silence))
        smoothed_at = self._next_look + (self._looks.smoothed - 1) * self._looks.look_samples
        rest = np.zeros(max(len(silence), smoothed_at - self._looked_at - len(silence) - len(sound)), np.float32)
        return self.feed(np.concatenate((silence, sound, rest)))

    def _look(self, samples: Samples) -> Step:
        frames = np.concatenate((self._frames, self._stream.frames(samples)))
        self._frames = frames[-self._looks.window_frames :].copy()
        self._looked_at = self._next_look
        self._next_look += self._looks.look_samples
        features = self._model.pipeline.features(self._frames)  # of this window alone, as in training
        self._recent.append(self._model.posteriors(features[None])[0])
        del self._recent[: -self._looks.smoothed]
        scores: Samples = np.asarray(np.mean(self._recent, axis=0), dtype=np.float32)
        is_smooth = len(self._recent) >= self._looks.smoothed
        found = self._decision.look(scores, self._looked_at, is_smooth=is_smooth)
        return Step(self._looked_at, scores, found, None if found else self._decision.risen(scores))


def words_of(model: Classifier) -> tuple[str, ...]:
    """The labels that are words."""
    return tuple(label for label in model.labels if label not in (UNKNOWN, SILENCE))


def decision_of(model: Classifier, config: DetectorConfig, *, thresholds: Mapping[str, float]) -> Decision:
    """What decides on the scores of all labels of a model.

    Raises:
        SpecError: A threshold is of an unknown word or not in 0..1.
    """
    decision = Decision({word: model.labels.index(word) for word in words_of(model)}, config, rate=model.rate)
    for word, threshold in thresholds.items():
        decision.set_threshold(word, threshold)
    return decision


def with_peaks(steps: Iterable[Step]) -> list[Detection]:
    """The detections of all these steps, each with the peak of its score."""
    found: list[Detection] = []
    for step in steps:
        if step.detection is not None:
            found.append(step.detection)
        elif step.risen is not None and found:
            found[-1] = step.risen
    return found
