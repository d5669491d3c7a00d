"""The speech encoder by onnxruntime: frames of a mel spectrogram to vectors, for whole sounds and for streams.

The graph is one for both: every convolution over time gets the last frames of the block before as a state, zeros at the
start. So a stream gets the numbers of a window of 76 frames at the cost of its newest eight. Four frames of zeros in
front of all align the pooling of both. What comes out before the encoder has seen 76 frames is dropped.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from kws_engine import resources
from kws_engine.features.encoded import FRAMES, FRAMES_APART, MEL_BANDS, VALUES

Floats = NDArray[np.float32]
_IN_FRONT = 4
_DROPPED = (FRAMES + _IN_FRONT) // FRAMES_APART - 1
MODEL = ("models", "speech_encoder.onnx")
_AT_ONCE = 800  # frames of the bulk, some megabytes inside the graph


class EncoderStream:
    """Vectors of sounds (B, ...) whose mel frames arrive in blocks of any size; equal to encoding all at once."""

    def __init__(self, sounds: int = 1) -> None:
        self._session, shapes = _loaded()
        self._states = {name: np.zeros((sounds, *shape), np.float32) for name, shape in shapes.items()}
        self._waiting = np.zeros((sounds, _IN_FRONT, MEL_BANDS), np.float32)
        self._to_drop = _DROPPED

    def push(self, frames: Floats) -> Floats:
        """Mel frames (B, T, 32) to the vectors (B, n, 96), n >= 0, that they complete."""
        joined = np.concatenate((self._waiting, frames), axis=1)
        whole = joined.shape[1] - joined.shape[1] % FRAMES_APART
        self._waiting = joined[:, whole:].copy()
        found = [self._run(joined[:, at : min(at + _AT_ONCE, whole)]) for at in range(0, whole, _AT_ONCE)]
        vectors = np.concatenate([np.zeros((len(frames), 0, VALUES), np.float32), *found], axis=1)
        dropped = min(self._to_drop, vectors.shape[1])
        self._to_drop -= dropped
        return vectors[:, dropped:]

    def _run(self, frames: Floats) -> Floats:
        vectors, *states = self._session.run(None, {"mel": frames, **self._states})
        self._states = dict(zip(self._states, states, strict=True))
        return np.asarray(vectors, np.float32)


def encoded(frames: Floats) -> Floats:
    """Mel frames (B, T, 32) of whole sounds to vectors (B, n, 96) with n = 1 + (T - 76) // 8, none below 76 frames."""
    return EncoderStream(len(frames)).push(frames)


@lru_cache(maxsize=1)
def _loaded() -> tuple[onnxruntime.InferenceSession, dict[str, tuple[int, ...]]]:
    """The session, which threads may share, and the shape of each state for one sound."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    path = resources.path(*MODEL)
    session = onnxruntime.InferenceSession(path.read_bytes(), settings, providers=["CPUExecutionProvider"])
    return session, {one.name: tuple(one.shape[1:]) for one in session.get_inputs() if one.name != "mel"}
