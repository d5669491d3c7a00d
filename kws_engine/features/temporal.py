"""Those steps of a feature that depend on earlier frames: PCEN, running mean, deltas.

All of them are causal: a frame needs only itself and earlier ones. "Earlier" always means within the window that the
network classifies: the running levels start at the values of its first frame, and the frames before that count as
repetitions of it. In training the window is the clip; live, the detector starts anew in every window, although it
computes what belongs to single frames only once. So a network gets exactly what it was trained on, and sounds before
the window (a door, an hour of silence) cannot change its answer. A `Stream` that is read by itself never starts anew:
it equals the batch of all its samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
DELTA_REACH = 4  # frames that a delta looks back
_BLOCK_FRAMES = 128  # smoothed at once, by a product with a triangular matrix


@dataclass(frozen=True)
class Pcen:
    """Per-channel energy normalisation: (E / (floor + M) ** gain + bias) ** power - bias ** power (Wang et al. 2017).

    M is the running level of the band: M[t] = (1 - smoothing) M[t - 1] + smoothing E[t], from M = E in the first frame.

    Attributes:
        smoothing: s in the paper, a frame's share in the running level.
        gain: alpha, 1 divides loudness out entirely.
        bias: delta, and
        power: r, compress what is left.
        floor: epsilon, a small power that prevents a division by zero in silence.
    """

    smoothing: float
    gain: float
    bias: float
    power: float
    floor: float

    def compressed(self, powers: Floats, levels: Doubles) -> Floats:
        """Band powers and their running levels, both (T, bands), to PCEN (T, bands)."""
        divided = powers * (levels + self.floor).astype(np.float32) ** np.float32(-self.gain)
        values: Floats = (divided + np.float32(self.bias)) ** np.float32(self.power) - np.float32(self.bias**self.power)
        return values


@dataclass(frozen=True)
class TemporalProcessing:
    """The steps over consecutive frames; each is skipped where it is None or 0.

    Attributes:
        pcen: Takes band powers.
        mean_share: A frame's share in the running mean that is subtracted from every feature; 0 for none.
        deltas: The order of the slopes over time that are appended: 0, 1 (slope) or 2 (slope and its slope).
    """

    pcen: Pcen | None = None
    mean_share: float = 0.0
    deltas: int = 0

    def state(self, scale: Floats, shift: Floats) -> TemporalState:
        """The state before the first frame; PCEN is scaled by `scale` and `shift` (bands,)."""
        return TemporalState(self, scale, shift)


class TemporalState:
    """Processes frames that arrive in chunks of any size; equal to processing all at once."""

    def __init__(self, processing: TemporalProcessing, scale: Floats, shift: Floats) -> None:
        self._processing = processing
        self._scale = scale
        self._shift = shift
        self._level: Doubles | None = None
        self._mean: Doubles | None = None
        self._past: list[Floats | None] = [None] * processing.deltas

    def push(self, values: Floats) -> Floats:
        """Frames (n, values) to features (n, features)."""
        processing = self._processing
        if len(values) and processing.pcen:
            levels, self._level = smoothed(values, processing.pcen.smoothing, before=self._level)
            values = processing.pcen.compressed(values, levels) * self._scale + self._shift
        if len(values) and processing.mean_share:
            means, self._mean = smoothed(values, processing.mean_share, before=self._mean)
            values = (values - means).astype(np.float32)
        parts = [values]
        for number in range(processing.deltas):
            parts.append(self._slopes(parts[-1], number))
        return np.concatenate(parts, axis=1) if processing.deltas else values

    def _slopes(self, values: Floats, number: int) -> Floats:
        if len(values) == 0:
            return values
        past = self._past[number]
        joined = np.concatenate((values[:1].repeat(DELTA_REACH, axis=0) if past is None else past, values))
        self._past[number] = joined[-DELTA_REACH:].copy()
        return slopes(joined)


def smoothed(values: Floats, share: float, *, before: Doubles | None) -> tuple[Doubles, Doubles]:
    """Running means (T, F) of values (T, F), T > 0, by a first-order recursion, and the last one, to continue from.

    Args:
        values: Consecutive frames.
        share: Of each new value in the mean, 0..1.
        before: The mean so far (F,); None starts at the first value.
    """
    weights, fading = _recursion(share)
    mean = values[0].astype(np.float64) if before is None else before
    means: Doubles = np.empty(values.shape, np.float64)
    for start in range(0, len(values), _BLOCK_FRAMES):
        block = values[start : start + _BLOCK_FRAMES]
        n = len(block)
        means[start : start + n] = weights[:n, :n] @ block + fading[:n, None] * mean
        mean = means[start + n - 1]
    return means, mean.copy()


@lru_cache(maxsize=8)
def _recursion(share: float) -> tuple[Doubles, Doubles]:
    """One block of the recursion: a matrix (n, n) for its values, and factors (n,) for the mean before it."""
    steps = np.arange(_BLOCK_FRAMES)
    age = steps[:, None] - steps[None, :]
    weights: Doubles = np.where(age >= 0, share * np.power(1 - share, np.maximum(age, 0), dtype=np.float64), 0.0)
    fading: Doubles = np.power(1 - share, steps + 1.0, dtype=np.float64)
    return weights, fading


def slopes(joined: Floats) -> Floats:
    """Regression slopes per frame (n, F) over the last five frames, of values (n + 4, F) that include four before them.

    The usual deltas, torchaudio's `compute_deltas(win_length=5)`, two frames later: they look back instead of ahead.
    """
    far, near = joined[4:] - joined[:-4], joined[3:-1] - joined[1:-3]
    return np.asarray(0.2 * far + 0.1 * near, dtype=np.float32)
