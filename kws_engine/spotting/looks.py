"""Which windows of a stream a network looks at, and the smoothed scores of many of them at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kws_engine.features.pipeline import FeaturePipeline, FrameStream
from kws_engine.features.temporal import TemporalProcessing
from kws_engine.spotting.decision import DetectorConfig

Floats = NDArray[np.float32]
_AT_ONCE = 256  # windows, a few megabytes


class Classifier(Protocol):
    """What hearing a stream needs from a model file."""

    labels: tuple[str, ...]
    rate: int
    window_samples: int
    pipeline: FeaturePipeline

    def posteriors(self, features: Floats) -> Floats:
        """Features (B, T, F) to posteriors (B, labels), each row summing to 1."""
        ...


@dataclass(frozen=True)
class Looks:
    """The looks at a stream.

    Attributes:
        window_frames: Feature frames in a window.
        frames_per_look: From one look to the next.
        look_samples: The same in samples.
        first: How many samples the first look needs.
        smoothed: Over how many looks scores are averaged.
        before: Samples of digital silence that a stream is taken to begin after. Windows that end soon after a word are
            long, and a word at the very start is heard only with something before it.
    """

    window_frames: int
    frames_per_look: int
    look_samples: int
    first: int
    smoothed: int
    before: int = 0

    @classmethod
    def of(cls, model: Classifier, config: DetectorConfig) -> Looks:
        """Those of a model with a detector's options."""
        pipeline = model.pipeline
        window_frames = pipeline.n_frames(model.window_samples)
        frames_per_look = max(1, round(config.hop_ms * model.rate / 1000 / pipeline.hop_samples))
        look_samples = frames_per_look * pipeline.hop_samples
        first = (window_frames - 1) * pipeline.hop_samples + pipeline.window_samples
        return cls(
            window_frames,
            frames_per_look,
            look_samples,
            first,
            max(1, round(config.smoothing_ms * model.rate / 1000 / look_samples)),
            first - look_samples if pipeline.ends_windows else 0,
        )


@dataclass(frozen=True)
class Scores:
    """The smoothed scores (L, labels) of L looks, which end at `at_samples` (L,)."""

    at_samples: NDArray[np.int64]
    scores: Floats


class BulkScores:
    """Smoothed scores of a stream that is not live; equal to a detector's but for rounding, at a fraction of its cost.

    Looks before the first that is smooth give none, since they detect nothing.
    """

    def __init__(self, model: Classifier, config: DetectorConfig, *, of_frames: bool = False) -> None:
        """Begins at sample 0; `of_frames` where `feed_frames` is to be used."""
        self._model = model
        self.looks = Looks.of(model, config)
        self._before = 0 if of_frames else self.looks.before
        self.reset()

    def reset(self) -> None:
        """Starts over; the next sample is sample 0."""
        self._begin(0)

    def _begin(self, at_sample: int) -> None:
        self._beginning: list[Floats] | None = []  # all sound until there are enough looks to average
        self._stream: FrameStream = self._model.pipeline.stream()
        self._frames = self._stream.frames(np.zeros(self._before, np.float32))
        self._posteriors = np.zeros((0, len(self._model.labels)), np.float32)  # too few to average, or the last ones
        self._next_look = at_sample - self._before + self.looks.first
        self._skip = 0

    def feed(self, samples: Floats) -> Scores:
        """Takes samples (N,) in -1..1 and returns the scores of the looks that they complete."""
        return self._take(self._stream.frames(samples), samples)

    def feed_frames(self, frames: Floats) -> Scores:
        """The same of frames (n, n_static) that were computed before, from the sound's first on; never mix the two."""
        return self._take(frames, np.zeros(0, np.float32))

    def _take(self, new: Floats, samples: Floats) -> Scores:
        looks = self.looks
        joined = np.concatenate((self._frames, new))
        frames = joined[self._skip :]
        count = max(0, (len(frames) - looks.window_frames) // looks.frames_per_look + 1)
        posteriors = np.concatenate((self._posteriors, self._look(frames, count)))
        used = self._skip + count * looks.frames_per_look
        self._skip, self._frames = max(0, used - len(joined)), joined[used:].copy()
        smooth = max(0, len(posteriors) - looks.smoothed + 1)
        self._posteriors = posteriors[smooth:].copy()
        last = self._next_look + (count - 1) * looks.look_samples
        self._next_look += count * looks.look_samples
        at_samples = last - looks.look_samples * np.arange(smooth - 1, -1, -1, dtype=np.int64)
        if not smooth:
            if self._beginning is not None:
                self._beginning.append(samples)
            return Scores(at_samples, np.zeros((0, posteriors.shape[1]), np.float32))
        self._beginning = None
        windows = np.lib.stride_tricks.sliding_window_view(posteriors, looks.smoothed, axis=0)
        return Scores(at_samples, windows.mean(axis=2, dtype=np.float32))

    def flush(self) -> Scores:
        """Ends the stream with half a window of digital silence, so that a word at its very end is heard too.

        Sound too short to average over is heard again with silence before it, as `Detector.flush` does.
        """
        silence = np.zeros(self._model.window_samples // 2, np.float32)
        if self._beginning is None:
            return self.feed(silence)
        sound, looks = np.concatenate((*self._beginning, silence[:0])), self.looks
        self._begin(-len(silence))
        smooth_after = looks.first + (looks.smoothed - 1) * looks.look_samples
        rest = np.zeros(max(len(silence), smooth_after - len(silence) - len(sound)), np.float32)
        return self.feed(np.concatenate((silence, sound, rest)))

    def _look(self, frames: Floats, count: int) -> Floats:
        model, looks = self._model, self.looks
        if not count:
            return np.zeros((0, len(model.labels)), np.float32)
        every = np.lib.stride_tricks.sliding_window_view(frames, looks.window_frames, axis=0)
        windows = every[:: looks.frames_per_look][:count].transpose(0, 2, 1)
        parts = (windows[start : start + _AT_ONCE] for start in range(0, count, _AT_ONCE))
        return np.concatenate([model.posteriors(self._features(part)) for part in parts])

    def _features(self, windows: Floats) -> Floats:
        """The features (B, T, F) of windows of frames (B, T, n_static), each for itself, as in training."""
        pipeline = self._model.pipeline
        if pipeline.temporal == TemporalProcessing():
            return np.ascontiguousarray(windows)
        return np.stack([pipeline.features(window) for window in windows])
