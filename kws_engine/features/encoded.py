"""A pipeline of mel frames with the speech encoder behind it: a vector every 80 ms in place of a frame every 10 ms.

A network on vectors does not see a clip with its word in the middle. It sees a longer window that ends soon after the
word, with the sound before it, exactly as in a stream: `window_for` tells how long, and `ends_windows` that it is so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from kws_engine.features.pipeline import Floats, Pipeline, Stream
from kws_engine.features.temporal import TemporalProcessing

EncoderName = Literal["robust", "google"]
MEL_BANDS = 32
VALUES = 96
"""Numbers in a vector."""
FRAMES = 76
"""Mel frames that a vector sees."""
FRAMES_APART = 8
"""Mel frames from one vector to the next."""
_ROOM_S = 0.3  # of a window, for the sound before and after a clip's speech


@dataclass(frozen=True, eq=False)
class EncodedPipeline:
    """The same interface as `Pipeline`; its frames are vectors.

    Attributes:
        mel: What the encoder takes.
        vectors: In a window, at least.
        scale: Vectors are multiplied by it.
        encoder: Whose vectors they are.
    """

    mel: Pipeline
    vectors: int
    scale: float
    encoder: EncoderName

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self.mel.rate

    @property
    def hop_samples(self) -> int:
        """Samples from one vector to the next."""
        return FRAMES_APART * self.mel.hop_samples

    @property
    def window_samples(self) -> int:
        """Samples that one vector sees."""
        return (FRAMES - 1) * self.mel.hop_samples + self.mel.window_samples

    @property
    def n_static(self) -> int:
        """Numbers in a vector."""
        return VALUES

    @property
    def n_features(self) -> int:
        """The same: vectors have no deltas."""
        return self.n_static

    @property
    def hop_s(self) -> float:
        """Seconds from one vector to the next."""
        return self.hop_samples / self.rate

    @property
    def temporal(self) -> TemporalProcessing:
        """None: a vector needs no earlier one."""
        return TemporalProcessing()

    ends_windows = True

    def n_frames(self, n_samples: int) -> int:
        """How many vectors fit into this many samples."""
        return max(0, 1 + (n_samples - self.window_samples) // self.hop_samples)

    def window_for(self, clip_samples: int) -> int:
        """Samples of a window for words that fit into clips of that length."""
        needed = clip_samples + round(_ROOM_S * self.rate) - self.window_samples
        vectors = max(self.vectors, 1 + math.ceil(needed / self.hop_samples))
        return self.window_samples + (vectors - 1) * self.hop_samples

    def batch(self, samples: ArrayLike) -> Floats:
        """Vectors of whole sounds: (N,) or (B, N) to (T, 96) or (B, T, 96) with T = `n_frames(N)`."""
        from kws_engine.features._encoder import encoded

        frames = self.mel.batch(samples)
        vectors = encoded(frames if frames.ndim == 3 else frames[None], self.encoder) * np.float32(self.scale)
        return np.asarray(vectors if frames.ndim == 3 else vectors[0], np.float32)

    def features(self, frames: Floats) -> Floats:
        """The same vectors (T, 96)."""
        return frames

    def stream(self) -> EncodedStream:
        """A new stream, at sample 0."""
        return EncodedStream(self)


class EncodedStream:
    """Vectors of a sound that arrives in pieces of any size; equal to `EncodedPipeline.batch` of the whole."""

    def __init__(self, pipeline: EncodedPipeline) -> None:
        self.pipeline = pipeline
        self.reset()

    def reset(self) -> None:
        """Starts over; the next sample is the first."""
        from kws_engine.features._encoder import EncoderStream

        self._mel: Stream = self.pipeline.mel.stream()
        self._encoder = EncoderStream(self.pipeline.encoder)

    def push(self, samples: ArrayLike) -> Floats:
        """The vectors (n, 96), n >= 0, that these samples (N,) complete."""
        vectors = self._encoder.push(self._mel.frames(samples)[None])[0]
        return np.asarray(vectors * np.float32(self.pipeline.scale), np.float32)

    frames = push
