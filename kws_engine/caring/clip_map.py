"""Lays the clips of a project in a plane, so that those that sound alike lie together, and marks wrong labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_engine.caring.checking import Check
from kws_engine.caring.neighbours import centred
from kws_engine.clips.table import ClipTable

_LANDMARKS: Final = 1_200  # clips that t-SNE lays; the others go where their nearest landmarks lie
_NEAREST: Final = 5
_STEPS, _EXAGGERATED, _LEARNING_RATE = 400, 100, 50.0
_PERPLEXITY: Final = 30.0
_AT_ONCE: Final = 4_096

Floats = NDArray[np.float32]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class ClipMap:
    """Where N clips lie.

    Attributes:
        table: The clips, N rows.
        places: (N, 2) float32, about -1 to 1; NaN where nothing is said in a clip.
        outliers: (N,) bool, whether a clip sounds more like another word than like its own.
        nearest: (N,) int64, the other word that it is most like, an index into `table.words`; -1 where not known.
        suspicion: (N,) float32, how much more like that one than like its own, in cosines; NaN where not known.
        stopped: Whether it was ended early.
    """

    table: ClipTable
    places: Floats
    outliers: NDArray[np.bool_]
    nearest: NDArray[np.int64]
    suspicion: Floats
    stopped: bool = False


def map_of(
    found: Check, *, progress: Progress = lambda done, total: None, should_stop: Callable[[], bool] = lambda: False
) -> ClipMap:
    """Lays out the clips that were checked by the vectors that the check has kept.

    Args:
        found: What was found in them.
        progress: Called with how many steps are done, of how many.
        should_stop: Ends it early; clips that were not laid by then have no place.
    """
    compared = found.compared
    places = lay_out(found.vectors, progress=progress, should_stop=should_stop)
    stopped = found.stopped or should_stop()
    return ClipMap(found.table, places, compared.suspected, compared.others, compared.excess, stopped)


def lay_out(
    vectors: Floats,
    *,
    progress: Progress = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Floats:
    """Places (N, 2) of vectors (N, 96), NaN for zeros; the labels have no say, or a wrong one would not show.

    t-SNE lays a sample, beginning from its principal components (van der Maaten and Hinton 2008; Kobak and Berens
    2019), and every other clip lies in the middle of the nearest clips of the sample. The order of the clips does not
    matter.
    """
    places = np.full((len(vectors), 2), np.nan, np.float32)
    said = np.any(vectors != 0, axis=1)
    rows = np.flatnonzero(said)
    if not len(rows):
        return places
    rows = rows[np.lexsort(vectors[rows, :8].T)]
    unit = centred(vectors[rows], np.ones(len(rows), bool))
    landmarks = np.linspace(0, len(rows) - 1, min(len(rows), _LANDMARKS)).astype(np.int64)
    laid = _t_sne(unit[landmarks], progress, should_stop)
    for at in range(0, len(rows), _AT_ONCE):
        if should_stop():
            return places
        places[rows[at : at + _AT_ONCE]] = _between(unit[at : at + _AT_ONCE], unit[landmarks], laid)
    places[rows[landmarks]] = laid
    return places / max(float(np.abs(places[rows]).max()), 1e-9)


def _between(unit: Floats, landmarks: Floats, laid: Floats) -> Floats:
    """Places (M, 2) in the middle of each vector's nearest landmarks, the nearer ones counting more."""
    cosines = unit @ landmarks.T
    nearest = min(_NEAREST, len(landmarks))
    columns = np.argpartition(-cosines, nearest - 1, axis=1)[:, :nearest]
    weights = np.exp(20.0 * np.take_along_axis(cosines, columns, axis=1))
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(np.einsum("mk,mkd->md", weights, laid[columns]), np.float32)


def _t_sne(unit: Floats, progress: Progress, should_stop: Callable[[], bool]) -> Floats:
    """Places (n, 2) of a sample of n vectors, by gradient descent with momentum."""
    start = _principal(unit)
    if len(unit) < 4:
        return start
    near = _joint(unit)
    places, speed = 1e-4 * start / max(float(start.std()), 1e-9), np.zeros_like(start)
    for step in range(_STEPS):
        if should_stop():
            break
        early = step < _EXAGGERATED
        norms = (places**2).sum(axis=1)
        student = 1.0 / (1.0 + np.maximum(norms[:, None] + norms[None, :] - 2.0 * places @ places.T, 0.0))
        np.fill_diagonal(student, 0.0)
        pull = (near * (12.0 if early else 1.0) - student / student.sum()) * student
        slope = 4.0 * (places * pull.sum(axis=1, keepdims=True) - pull @ places)
        speed = (0.5 if early else 0.8) * speed - max(_LEARNING_RATE, len(unit) / 12.0) * slope
        places = places + speed
        progress(step + 1, _STEPS)
    return np.asarray(places - places.mean(axis=0), np.float32)


def _principal(unit: Floats) -> Floats:
    """The first two principal components (n, 2); their signs do not depend on the order of the rows."""
    middle = unit - unit.mean(axis=0)
    _, axes = np.linalg.eigh(middle.T @ middle)
    axes = axes[:, -2:][:, ::-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    return np.asarray(middle @ axes, np.float32)


def _joint(unit: Floats) -> Floats:
    """How near each two of n vectors are (n, n), all together 1: Gaussians of such widths that all see as many."""
    apart = np.maximum(2.0 - 2.0 * unit @ unit.T, 0.0).astype(np.float64)
    np.fill_diagonal(apart, np.inf)
    wanted = np.log(min(_PERPLEXITY, max(len(unit) / 8.0, min(5.0, (len(unit) - 1) / 3.0))))
    low, high = np.full(len(unit), -3.0), np.full(len(unit), 12.0)  # of the logarithm of the precision
    finite = np.where(np.isfinite(apart), apart, 0.0)
    for _ in range(30):
        middle = (low + high) / 2
        precision = np.exp(middle)[:, None]
        shares = np.exp(-precision * (apart - apart.min(axis=1, keepdims=True)))
        totals = shares.sum(axis=1, keepdims=True)
        shares /= totals
        entropy = np.log(totals[:, 0]) + (precision * (finite - apart.min(axis=1, keepdims=True)) * shares).sum(axis=1)
        wide = entropy > wanted
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    joint = (shares + shares.T) / (2.0 * len(unit))
    return np.asarray(np.maximum(joint, 1e-12), np.float32)
