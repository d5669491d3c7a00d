"""From a stream of samples to detections, without a clock, thread or device: time counts in samples.

samples -> feature frames -> window of frames, every hop -> posteriors -> smoothed -> threshold, re-arm, refractory
        -> speech gate                                                              -> second look ->
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws_engine.clips.words import SILENCE, UNKNOWN
from kws_engine.features.pipeline import FrameStream
from kws_engine.features.temporal import TemporalProcessing
from kws_engine.spotting.decision import Decision, Detection, DetectorConfig
from kws_engine.spotting.looks import Classifier, Looks, second_of
from kws_engine.spotting.saving import Saving

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
        self._saving = Saving.of(model, self.config, self._looks)
        self._has_features = model.pipeline.temporal != TemporalProcessing()
        self._second = second_of(model, self.config)
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
        looks, pipeline = self._looks, self._model.pipeline
        self._stream: FrameStream | None = pipeline.stream()
        self._frames = np.zeros((0, pipeline.n_static), np.float32)
        self._waiting: Samples = np.zeros(looks.before, np.float32)
        self._looked_at = at_sample - looks.before  # what is waiting begins there
        self._needed = looks.first  # samples to the end of the next look, or group of looks
        self._last: Samples | None = None  # posteriors of the last look of the group before
        self._recent = np.zeros((0, len(self._model.labels)), np.float32)
        self._beginning: list[Samples] = []  # all sound until there are enough looks to smooth over
        if self._saving is not None:
            self._gate = self._saving.gate()
            self._kept: deque[Samples] = deque()  # the newest sound, from which frames are made when the gate opens
            self._of_group: list[Samples] = []  # the sound of a group whose looks are taken one at a time
            self._one_at_a_time = False
        if self._second is not None:
            self._second.begin(at_sample)
        self._decision.rearm()

    def feed(self, samples: Samples) -> list[Step]:
        """Takes samples (N,) in -1..1 and returns the looks that they complete, oldest first."""
        # Exactly the samples of one group of looks at a time: matrix products of other sizes round differently, and the
        # events must not depend on how the sound was cut into pieces.
        new = np.asarray(samples, np.float32)
        sound = np.concatenate((self._waiting, new))
        steps: list[Step] = []
        start = 0
        while len(sound) - start >= self._needed:
            stop = start + self._needed
            steps += self._look(sound[start:stop])
            start = stop
        self._waiting = sound[start:].copy()
        if len(self._recent) < self._looks.smoothed:
            self._beginning.append(new.copy())
        elif self._beginning:
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
        smoothed_at = self._looks.first + (self._looks.smoothed - 1) * self._looks.look_samples
        rest = np.zeros(max(len(silence), smoothed_at - len(silence) - len(sound)), np.float32)
        return self.feed(np.concatenate((silence, sound, rest)))

    def _look(self, samples: Samples) -> list[Step]:
        """The looks that these samples complete: one, or a group."""
        posteriors = self._posteriors(samples)
        count, smoothed = len(posteriors), self._looks.smoothed
        self._looked_at += len(samples)
        first_at = self._looked_at - (count - 1) * self._looks.look_samples
        recent = np.concatenate((self._recent, posteriors))
        before = len(self._recent)
        self._recent = recent[-smoothed:]
        if before < smoothed:
            rows = [recent[max(0, end - smoothed) : end].mean(axis=0) for end in range(before + 1, before + 1 + count)]
            every: Samples = np.stack(rows)
        else:
            labels = recent.shape[1]
            strides = (4 * labels, 4 * labels, 4)
            windows: Samples = np.ndarray((count, smoothed, labels), np.float32, recent, 4 * labels, strides)
            every = np.add.reduce(windows, axis=1) / np.float32(smoothed)
        if self._second is not None:
            self._second.push(samples)
        elif self._decision.is_calm(every):
            return [
                Step(first_at + number * self._looks.look_samples, scores, None) for number, scores in enumerate(every)
            ]
        steps = []
        for number, scores in enumerate(every):
            at_sample = first_at + number * self._looks.look_samples
            is_smooth = before + 1 + number >= smoothed
            if self._second is not None:  # not asked before, when nothing can be detected
                scores = self._second.settle(scores[None], np.array([at_sample]))[0] if is_smooth else 0 * scores
            found = self._decision.look(scores, at_sample, is_smooth=is_smooth)
            steps.append(Step(at_sample, scores, found, None if found else self._decision.risen(scores)))
        return steps

    def _posteriors(self, samples: Samples) -> Samples:
        """The posteriors (looks, labels) of the looks that these samples complete; the first is one by itself."""
        looks, saving, before = self._looks, self._saving, self._last
        if saving is None or before is None:
            last: Samples = self._answers(self._new_frames(samples, 1)[None])[0]
            self._ends_with(last)
            return last[None]
        if self._one_at_a_time:
            return self._one(samples, saving)
        if not self._hears_anything(samples, saving):
            self._stream = None
            self._ends_with(saving.quiet)
            return saving.silent
        frames = self._new_frames(samples, saving.group)
        last = self._answers(frames[-looks.window_frames :][None])[0]
        self._ends_with(last)
        if saving.group == 1:
            return last[None]
        if not self._one_at_a_time:
            return saving.line(before, last)
        starts = range(0, (saving.group - 1) * looks.frames_per_look, looks.frames_per_look)
        inner = np.stack([frames[start : start + looks.window_frames] for start in starts])
        return np.concatenate((self._answers(inner), last[None]))

    def _one(self, samples: Samples, saving: Saving) -> Samples:
        """One look of a group behind a word, for which the gate counts as open."""
        found = self._answers(self._new_frames(samples, 1)[None])
        self._of_group.append(samples)
        if len(self._of_group) == saving.group:
            self._hears_anything(np.concatenate(self._of_group), saving)
            self._of_group.clear()
            self._ends_with(found[0])
        return found

    def _ends_with(self, last: Samples) -> None:
        """A group, or the first look, has ended with these posteriors."""
        looks, saving = self._looks, self._saving
        self._last = last
        self._needed = looks.look_samples
        if saving is not None:
            self._one_at_a_time = saving.group > 1 and saving.is_near(last)
            self._needed = looks.look_samples if self._one_at_a_time else saving.block_samples

    def _hears_anything(self, samples: Samples, saving: Saving) -> bool:
        """Whether the gate is open behind the samples of a group, which are kept for when it opens."""
        self._kept.append(samples.copy())
        if len(self._kept) > saving.kept_blocks:
            self._kept.popleft()
        return self._gate.take(samples)

    def _new_frames(self, samples: Samples, count: int) -> Samples:
        """The frames of so many windows, one from the next by the frames of a look, of which the last ends here."""
        looks = self._looks
        wanted = looks.window_frames + (count - 1) * looks.frames_per_look
        if self._stream is None:
            self._stream = self._model.pipeline.stream()
            needed = looks.first + (count - 1) * looks.look_samples
            self._frames = self._stream.frames(np.concatenate(self._kept)[-needed:])
        else:
            self._frames = np.concatenate((self._frames, self._stream.frames(samples)))[-wanted:]
        return self._frames

    def _answers(self, windows: Samples) -> Samples:
        """The posteriors (B, labels) of windows (B, T, n_static) of frames."""
        if self._has_features:  # of each window alone, as in training
            windows = np.stack([self._model.pipeline.features(window) for window in windows])
        return self._model.posteriors(windows)


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
