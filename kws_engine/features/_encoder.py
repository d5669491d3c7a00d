"""The speech encoders by onnxruntime: frames of a mel spectrogram to vectors, for whole sounds and for streams.

The graph is one for both: every convolution over time gets the last frames of the block before as a state, zeros at the
start. So a stream gets the numbers of a window of 76 frames at the cost of its newest eight. Four frames of zeros in
front of all align the pooling of both. What comes out before the encoder has seen 76 frames is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from kws_engine import resources
from kws_engine.features.encoded import FRAMES, FRAMES_APART, MEL_BANDS, VALUES, EncoderName

Floats = NDArray[np.float32]
_IN_FRONT = 4
_DROPPED = (FRAMES + _IN_FRONT) // FRAMES_APART - 1
MODELS: Final[Mapping[EncoderName, tuple[str, str]]] = {
    "robust": ("models", "robust_encoder.onnx"),
    "google": ("models", "google_encoder.onnx"),
}
"""Where the graph of each is among the resources."""
_LIVE = (FRAMES_APART, 2 * FRAMES_APART)  # frames in a block, without any before them
_AT_ONCE = 800  # frames of the bulk, some megabytes inside the graph


class EncoderStream:
    """Vectors of sounds (B, ...) whose mel frames arrive in blocks of any size; equal to encoding all at once."""

    def __init__(self, encoder: EncoderName, sounds: int = 1) -> None:
        self._session, shapes = _loaded(encoder)
        self._states = {name: np.zeros((sounds, *shape), np.float32) for name, shape in shapes.items()}
        self._waiting = np.zeros((sounds, _IN_FRONT, MEL_BANDS), np.float32)
        self._to_drop = _DROPPED
        self._bound: dict[int, _Bound] = {}  # by vectors in a block

    def push(self, frames: Floats) -> Floats:
        """Mel frames (B, T, 32) to the vectors (B, n, 96), n >= 0, that they complete."""
        joined = np.concatenate((self._waiting, frames), axis=1)
        if not self._to_drop and joined.shape[1] in _LIVE:
            self._waiting = joined[:, :0]
            return self._run(joined)
        whole = joined.shape[1] - joined.shape[1] % FRAMES_APART
        self._waiting = joined[:, whole:].copy()
        found = [self._run(joined[:, at : min(at + _AT_ONCE, whole)]) for at in range(0, whole, _AT_ONCE)]
        vectors = np.concatenate([np.zeros((len(frames), 0, VALUES), np.float32), *found], axis=1)
        dropped = min(self._to_drop, vectors.shape[1])
        self._to_drop -= dropped
        return vectors[:, dropped:]

    def _run(self, frames: Floats) -> Floats:
        if len(frames) == 1 and frames.shape[1] in _LIVE:
            vectors = frames.shape[1] // FRAMES_APART
            if vectors not in self._bound:
                self._bound[vectors] = _Bound(self._session, self._states, vectors)
            found, self._states = self._bound[vectors].run(frames, self._states)
            return found
        vectors, *states = self._session.run(None, {"mel": frames, **self._states})
        self._states = dict(zip(self._states, states, strict=True))
        return np.asarray(vectors, np.float32)


class _Bound:
    """Blocks of few vectors of one sound, as they come live, in memory that stays: an eighth cheaper.

    States go back and forth between two sets of arrays.
    """

    def __init__(self, session: onnxruntime.InferenceSession, states: dict[str, Floats], vectors: int) -> None:
        self._session = session
        self._frames = np.zeros((1, vectors * FRAMES_APART, MEL_BANDS), np.float32)
        self._vectors = np.zeros((1, vectors, VALUES), np.float32)
        self._sets = [{name: np.zeros_like(state) for name, state in states.items()} for _ in range(2)]
        value = onnxruntime.OrtValue.ortvalue_from_numpy
        frames, found = value(self._frames), value(self._vectors)
        values = [[value(state) for state in one.values()] for one in self._sets]
        first, *outputs = [output.name for output in session.get_outputs()]
        self._bindings = []
        for before, after in (values, values[::-1]):
            binding = session.io_binding()
            binding.bind_ortvalue_input("mel", frames)
            binding.bind_ortvalue_output(first, found)
            for name, state in zip(states, before, strict=True):
                binding.bind_ortvalue_input(name, state)
            for name, state in zip(outputs, after, strict=True):
                binding.bind_ortvalue_output(name, state)
            self._bindings.append(binding)
        self._at = 0

    def run(self, frames: Floats, states: dict[str, Floats]) -> tuple[Floats, dict[str, Floats]]:
        """The vectors (1, n, 96) of frames (1, 8 n, 32), and the states after them, which hold until the next run."""
        own = self._sets[self._at]
        if states is not own:
            for name, state in states.items():
                own[name][:] = state
        self._frames[:] = frames
        self._session.run_with_iobinding(self._bindings[self._at])
        self._at = 1 - self._at
        return self._vectors.copy(), self._sets[self._at]


def encoded(frames: Floats, encoder: EncoderName) -> Floats:
    """Mel frames (B, T, 32) of whole sounds to vectors (B, n, 96) with n = 1 + (T - 76) // 8, none below 76 frames."""
    return EncoderStream(encoder, len(frames)).push(frames)


@lru_cache(maxsize=len(MODELS))
def _loaded(encoder: EncoderName) -> tuple[onnxruntime.InferenceSession, dict[str, tuple[int, ...]]]:
    """The session, which threads may share, and the shape of each state for one sound."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    settings.enable_cpu_mem_arena = False  # which would keep for good what the longest sound took; as quick without
    path = resources.path(*MODELS[encoder])
    session = onnxruntime.InferenceSession(path.read_bytes(), settings, providers=["CPUExecutionProvider"])
    return session, {one.name: tuple(one.shape[1:]) for one in session.get_inputs() if one.name != "mel"}
