"""Sound to feature frames in numpy, for whole clips and for streams.

samples → frames of `window_samples` every `hop_samples` → |rfft|² → mel bands → log → (cosine transform) → scaled
                                                                              → PCEN → scaled       → (mean, deltas)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kws_engine.features.temporal import TemporalProcessing, TemporalState

Floats = NDArray[np.float32]
_ARRAYS = ("window", "filterbank", "projection", "scale", "shift")
_NONE = TemporalProcessing()
_BLOCK_FRAMES = 512  # stays in the processor's cache, and bounds the memory of a two-hour file
_BLOCK_NUMBERS = 1 << 21  # and this that of many long frames


class FrameStream(Protocol):
    """Frames of a sound that arrives in pieces of any size."""

    def push(self, samples: ArrayLike) -> Floats:
        """The features (n, n_features), n >= 0, of the frames that these samples (N,) complete."""
        ...

    def frames(self, samples: ArrayLike) -> Floats:
        """The frames (n, n_static) that these samples complete, for windows of frames."""
        ...


class FeaturePipeline(Protocol):
    """What networks, training and detectors need of any feature; `Pipeline` has it, and so has what stands behind one.

    Attributes:
        ends_windows: Whether a network is to see words at the end of its window, after other sound, as in a stream;
            otherwise a clip is its window, with the word in the middle.
    """

    ends_windows: bool

    @property
    def rate(self) -> int: ...
    @property
    def window_samples(self) -> int: ...
    @property
    def hop_samples(self) -> int: ...
    @property
    def hop_s(self) -> float: ...
    @property
    def n_static(self) -> int: ...
    @property
    def n_features(self) -> int: ...
    @property
    def temporal(self) -> TemporalProcessing: ...
    def n_frames(self, n_samples: int) -> int: ...
    def window_for(self, clip_samples: int) -> int: ...
    def batch(self, samples: ArrayLike) -> Floats: ...
    def features(self, frames: Floats) -> Floats: ...
    def stream(self) -> FrameStream: ...


@dataclass(frozen=True, eq=False)
class Pipeline:
    """One feature definition at one sample rate, from which every implementation takes its numbers.

    There is no centring and no padding: frame t sees samples [t * hop_samples, t * hop_samples + window_samples), so a
    stream and a file give the same frames.

    Attributes:
        rate: Samples a second.
        window_samples: Samples a frame sees.
        hop_samples: Samples from one frame's start to the next's.
        n_fft: Length of the Fourier transform, at least `window_samples`.
        window: (window_samples,), the taper.
        filterbank: (n_fft // 2 + 1, n_bands), weights of the power spectrum.
        floor: Added to each band's power before the logarithm.
        projection: (n_bands, n_features), applied after the logarithm; None where bands are the features.
        scale: (n_static,), and
        shift: (n_static,): feature = value * scale + shift, fixed by the definition and not by data.
        temporal: The steps that depend on earlier frames: PCEN in place of the logarithm, running mean, deltas.
    """

    rate: int
    window_samples: int
    hop_samples: int
    n_fft: int
    window: Floats
    filterbank: Floats
    floor: float
    projection: Floats | None
    scale: Floats
    shift: Floats
    temporal: TemporalProcessing = _NONE

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            array = getattr(self, name)
            if array is not None:
                object.__setattr__(self, name, np.ascontiguousarray(array, dtype=np.float32))
        if problem := self._problem():
            raise ValueError(f"This feature pipeline does not fit together: {problem}")

    @property
    def n_bands(self) -> int:
        """Mel bands."""
        return int(self.filterbank.shape[1])

    @property
    def n_static(self) -> int:
        """Features per frame without deltas."""
        return self.n_bands if self.projection is None else int(self.projection.shape[1])

    @property
    def n_features(self) -> int:
        """Features per frame: the static ones, followed by their first and second deltas where those are on."""
        return self.n_static * (1 + self.temporal.deltas)

    @property
    def hop_s(self) -> float:
        """Seconds from one frame to the next."""
        return self.hop_samples / self.rate

    ends_windows = False

    def window_for(self, clip_samples: int) -> int:
        """Samples of a window for clips of that length: the clip itself."""
        return clip_samples

    def n_frames(self, n_samples: int) -> int:
        """How many whole frames fit into this many samples."""
        return max(0, 1 + (n_samples - self.window_samples) // self.hop_samples)

    def batch(self, samples: ArrayLike) -> Floats:
        """Features of whole clips.

        Args:
            samples: (N,) or (B, N), full scale ±1.

        Returns:
            (T, n_features) or (B, T, n_features) with T = `n_frames(N)`.
        """
        sound = np.ascontiguousarray(samples, dtype=np.float32)
        n_frames = self.n_frames(sound.shape[-1])
        if sound.ndim == 1:
            return self.features(self._frames(sound, n_frames))
        clips = [self.features(self._frames(clip, n_frames)) for clip in sound]
        return np.stack(clips) if clips else np.empty((0, n_frames, self.n_features), np.float32)

    def features(self, frames: Floats) -> Floats:
        """The features (T, n_features) of a window of frames (T, n_static) as `Stream.frames` returns them.

        Nothing before the first frame counts.
        """
        return self.temporal_state().push(frames)

    def temporal_state(self) -> TemporalState:
        """The state of the temporal processing before the first frame."""
        return self.temporal.state(self.scale, self.shift)

    def stream(self) -> Stream:
        """A new stream, at sample 0."""
        return Stream(self)

    def _frames(self, sound: Floats, n_frames: int) -> Floats:
        """The first frames (n_frames, n_static) of contiguous samples, without temporal processing; powers for PCEN."""
        at_once = min(_BLOCK_FRAMES, max(1, _BLOCK_NUMBERS // self.n_fft))
        if n_frames <= at_once:
            return self._block(sound, n_frames)
        hop = self.hop_samples
        return np.concatenate(
            [self._block(sound[start * hop :], min(at_once, n_frames - start)) for start in range(0, n_frames, at_once)]
        )

    def _block(self, sound: Floats, n_frames: int) -> Floats:
        if n_frames == 0:
            return np.empty((0, self.n_static), np.float32)
        # A view; np.ndarray() is 20 times faster than sliding_window_view, which matters at one frame per call.
        frames: Floats = np.ndarray(
            (n_frames, self.window_samples), np.float32, sound, strides=(4 * self.hop_samples, 4)
        )
        spectrum = np.fft.rfft(frames * self.window, self.n_fft)
        parts: Floats = spectrum.view(np.float32)  # real and imaginary ones take turns
        np.multiply(parts, parts, out=parts)
        bands: Floats = np.matmul(parts[:, 0::2] + parts[:, 1::2], self.filterbank, dtype=np.float32)
        if self.temporal.pcen:
            return bands
        bands += np.float32(self.floor)
        values: Floats = np.log(bands, out=bands)
        if self.projection is not None:
            values = values @ self.projection
        values *= self.scale
        values += self.shift
        return values

    def _problem(self) -> str:
        """What does not fit together, or an empty string."""
        if not 1 <= self.hop_samples <= self.window_samples <= self.n_fft or self.rate < 1:
            return "hop <= window <= transform length must hold"
        if self.window.shape != (self.window_samples,):
            return "the window's length is not window_samples"
        if self.filterbank.ndim != 2 or self.filterbank.shape[0] != self.n_fft // 2 + 1:
            return "the filterbank does not have n_fft // 2 + 1 rows"
        if self.projection is not None and (self.projection.ndim != 2 or self.projection.shape[0] != self.n_bands):
            return "the projection does not have a row per band"
        if self.scale.shape != (self.n_static,) or self.shift.shape != (self.n_static,):
            return "scale and shift do not have a value per feature"
        if self.temporal.pcen and self.projection is not None:
            return "PCEN takes bands and has no projection"
        return "" if self.floor > 0 else "the floor must be above 0"


class Stream:
    """Features of a sound that arrives in pieces of any size; equal to `Pipeline.batch` of the whole."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.reset()

    def reset(self) -> None:
        """Starts over; the next sample is the first."""
        self._tail: Floats = np.empty(0, np.float32)
        self._state = self.pipeline.temporal_state()

    def push(self, samples: ArrayLike) -> Floats:
        """The features (n, n_features), n >= 0, of the frames that these samples (N,) complete."""
        return self._state.push(self.frames(samples))

    def frames(self, samples: ArrayLike) -> Floats:
        """The frames (n, n_static) that these samples complete, without temporal processing; for windows of frames.

        `Pipeline.features` of a window of frames equals `Pipeline.batch` of its samples. Use either this or `push` on a
        stream, not both.
        """
        sound = np.concatenate((self._tail, np.asarray(samples, dtype=np.float32)))
        n_frames = self.pipeline.n_frames(len(sound))
        self._tail = sound[n_frames * self.pipeline.hop_samples :].copy()
        return self.pipeline._frames(sound, n_frames)
