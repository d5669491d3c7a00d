"""Which windows of a stream a network looks at, and the smoothed scores of many of them at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kws_engine.features.pipeline import FeaturePipeline, FrameStream
from kws_engine.features.temporal import TemporalProcessing
from kws_engine.spotting.decision import DetectorConfig
from kws_engine.spotting.saving import Saving
from kws_engine.spotting.second_look import SecondScores

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


def second_of(model: Classifier, config: DetectorConfig) -> SecondScores | None:
    """The second look at a stream, where a model has one and it is asked for."""
    second = getattr(model, "second", None)
    if not config.second_look or second is None:
        return None
    return SecondScores(second, first_share=config.first_share)


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
        self._second = second_of(model, config)
        self._before = 0 if of_frames else self.looks.before
        self._saving = Saving.of(model, config, self.looks)
        self._of_frames = of_frames  # nothing tells how loud they are
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
        self._is_first = True
        self._last: Floats | None = None  # posteriors of the group before
        self._gate = None if self._saving is None or self._of_frames else self._saving.gate()
        self._ungated = np.zeros(0, np.float32)
        self._to_gate = self.looks.first - self._before  # samples before the first that the gate hears
        self._open: list[bool] = []  # of the groups whose looks are still to come
        if self._second is not None:
            self._second.begin(at_sample)

    def feed(self, samples: Floats) -> Scores:
        """Takes samples (N,) in -1..1 and returns the scores of the looks that they complete."""
        samples = np.asarray(samples, np.float32)
        if self._second is not None:
            self._second.push(samples)
        self._hear(samples)
        return self._take(self._stream.frames(samples), samples)

    def feed_frames(self, frames: Floats) -> Scores:
        """The same of frames (n, n_static) that were computed before, from the sound's first on; never mix the two.

        Raises:
            ValueError: The model has a second look, which needs the sound.
        """
        if self._second is not None:
            raise ValueError("A second look needs the sound, not frames of it")
        return self._take(frames, np.zeros(0, np.float32))

    def _hear(self, samples: Floats) -> None:
        """Lets the gate hear samples."""
        if self._saving is None or self._gate is None:
            return
        skipped = min(self._to_gate, len(samples))
        self._to_gate -= skipped
        sound, size = np.concatenate((self._ungated, samples[skipped:])), self._saving.block_samples
        whole = len(sound) - len(sound) % size
        self._open += [self._gate.take(sound[at : at + size]) for at in range(0, whole, size)]
        self._ungated = sound[whole:].copy()

    def _take(self, new: Floats, samples: Floats) -> Scores:
        looks = self.looks
        joined = np.concatenate((self._frames, new))
        frames = joined[self._skip :]
        count = max(0, (len(frames) - looks.window_frames) // looks.frames_per_look + 1)
        if self._saving is not None and count:
            count -= (count - self._is_first) % self._saving.group
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
        scores: Floats = windows.mean(axis=2, dtype=np.float32)
        return Scores(at_samples, scores if self._second is None else self._second.settle(scores, at_samples))

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
        if not count:
            return np.zeros((0, len(self._model.labels)), np.float32)
        looks, saving = self.looks, self._saving
        every = np.lib.stride_tricks.sliding_window_view(frames, looks.window_frames, axis=0)
        windows = every[:: looks.frames_per_look][:count].transpose(0, 2, 1)
        if saving is None:
            return self._answers(windows)
        first = int(self._is_first)
        self._is_first = False
        groups = (count - first) // saving.group
        is_open = np.ones(groups, bool)
        if self._gate is not None:
            is_open = np.array(self._open[:groups], bool)
            del self._open[:groups]
        lasts = first - 1 + saving.group * np.arange(1 - first, groups + 1)
        found = np.tile(saving.quiet, (count, 1))
        taken = np.concatenate((np.ones(first, bool), is_open))
        missing = taken
        before = np.zeros((0, len(self._model.labels)), np.float32)
        while missing.any():
            found[lasts[missing]] = self._answers(windows[lasts[missing]])
            before = np.concatenate(((saving.quiet if self._last is None else self._last)[None], found[lasts]))
            missing = ~taken & saving.near(before[:-1]) & (saving.group > 1)  # behind a word every look is taken
            taken |= missing
        if not taken.any():
            before = np.concatenate(((saving.quiet if self._last is None else self._last)[None], found[lasts]))
        self._last = before[-1]
        if saving.group > 1:
            behind_first = slice(first, None)
            is_open = taken[behind_first]
            self._fill(windows, found, lasts[behind_first][is_open], before[:-1][behind_first][is_open])
        return found

    def _fill(self, windows: Floats, found: Floats, lasts: NDArray[np.intp], before: Floats) -> None:
        """Fills in what is before the last looks of open groups, whose groups before ended with `before`."""
        saving = self._saving
        assert saving is not None
        is_near = saving.near(found[lasts]) | saving.near(before)
        inner = np.arange(1 - saving.group, 0)
        wanted = (lasts[is_near][:, None] + inner).ravel()
        found[wanted] = self._answers(windows[wanted])
        for last, one in zip(lasts[~is_near], before[~is_near], strict=True):
            found[last + inner] = saving.line(one, found[last])[:-1]

    def _answers(self, windows: Floats) -> Floats:
        """The posteriors (B, labels) of windows (B, T, n_static)."""
        if not len(windows):
            return np.zeros((0, len(self._model.labels)), np.float32)
        parts = (windows[start : start + _AT_ONCE] for start in range(0, len(windows), _AT_ONCE))
        return np.concatenate([self._model.posteriors(self._features(part)) for part in parts])

    def _features(self, windows: Floats) -> Floats:
        """The features (B, T, F) of windows of frames (B, T, n_static), each for itself, as in training."""
        pipeline = self._model.pipeline
        if pipeline.temporal == TemporalProcessing():
            return np.ascontiguousarray(windows)
        return np.stack([pipeline.features(window) for window in windows])
