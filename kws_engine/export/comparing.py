"""What a model answers in a stream, look by look, to compare an export with; by the definition, with no short cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_engine.errors import KwsError
from kws_engine.spotting.looks import Looks
from kws_engine.spotting.model_file import SpottingModel
from kws_engine.talk import shipped_talk

Floats = NDArray[np.float32]
TOLERANCE: Final = 1e-4
"""Of a score, between a model and its export in full precision."""
_SECONDS: Final = 20.0
_AT_ONCE: Final = 64


def some_talk(rate: int, *, seconds: float = _SECONDS) -> Floats:
    """Shipped talk (N,), a sentence or word every few seconds, and silence at its end."""
    parts, left = [], round(seconds * rate)
    for file in shipped_talk("calibration"):
        for block in file.blocks(rate=rate):
            parts.append(block[: min(left, rate * 5)])
            left -= len(parts[-1])
            if left <= 0:
                return np.concatenate((*parts, np.zeros(rate, np.float32)))
    return np.concatenate((*parts, np.zeros(rate, np.float32)))


def windows(model: SpottingModel, sound: Floats) -> Floats:
    """The features (L, T, F) of all looks at a stream (N,) that begins after silence, as exported graphs take it."""
    looks = Looks.of(model, model.detector_config)
    before = np.zeros(looks.first - looks.look_samples, np.float32)
    frames = model.pipeline.stream().frames(np.concatenate((before, sound)))
    count = len(sound) // looks.look_samples
    starts = range(0, count * looks.frames_per_look, looks.frames_per_look)
    return np.stack([model.pipeline.features(frames[start : start + looks.window_frames]) for start in starts])


def smoothed_scores(model: SpottingModel, features: Floats, posteriors: Callable[[Floats], Floats]) -> Floats:
    """The smoothed scores (L, labels) of looks in a row (L, T, F); those before the first count as zeros."""
    smoothed = Looks.of(model, model.detector_config).smoothed
    parts = [posteriors(features[at : at + _AT_ONCE]) for at in range(0, len(features), _AT_ONCE)]
    padded = np.concatenate((np.zeros((smoothed - 1, len(model.labels)), np.float32), *parts))
    every = np.lib.stride_tricks.sliding_window_view(padded, smoothed, axis=0)
    scores: Floats = every.mean(axis=2, dtype=np.float32)
    return scores


def largest_difference(expected: Floats, found: Floats, *, tolerance: float | None = TOLERANCE) -> float:
    """Between two scores of the same look and label.

    Raises:
        KwsError: It is above the tolerance.
    """
    difference = float(np.abs(expected - found).max()) if expected.shape == found.shape else float("inf")
    if tolerance is not None and not difference <= tolerance:
        raise KwsError(f"The export differs from the model by {difference:.2g} and was not written: report this")
    return difference
