"""Measures how many words a project's clips tell apart by how many takes there are, and foretells what more would give.

What is trained is a linear head on the vectors that a check keeps: it takes milliseconds, and knows no training run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_engine.caring.checking import Check
from kws_engine.clips.words import UNKNOWN
from kws_engine.errors import ProjectError

FEWEST: Final = 8
"""Clips of a word, below which it is left aside: six to learn from and two to test."""
MORE: Final = 20
"""Takes a word more than the most that were measured: so many are foretold."""
FALSE_ALARMS: Final = 0.01
"""The share of clips of other words at which misses are counted."""
_FIRST: Final = 5
_DRAWS, _MOST_OF_WORD = 12, 400
_HELD_OUT: Final = 0.25
_SCALE, _PENALTY, _STEPS = 8.0, 1e-3, 60
# How fast errors fall with takes where the clips say little: by nine words of Speech Commands (docs/caring.md).
_USUAL_POWER, _POWER_SPREAD = 0.25, 0.2
_Z: Final = 1.645  # nine of ten

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class CurvePoint:
    """What so many takes a word gave, on clips that were held out.

    Attributes:
        takes: Of each word; of a word with fewer, all that were not held out.
        accuracy: The share of clips that were told right, over all draws, 0 to 1.
        accuracy_low, accuracy_high: Its interval of 90%.
        missed: The share of clips that were missed where one in a hundred clips of other words was taken for the word.
        draws: So many times takes were drawn.
    """

    takes: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    missed: float
    draws: int


@dataclass(frozen=True)
class Forecast:
    """What so many takes a word would give: the accuracy and its interval of 90%, 0 to 1."""

    takes: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float


@dataclass(frozen=True)
class LearningCurve:
    """Accuracy against takes.

    Attributes:
        words: What was told apart.
        left_aside: Words with too few clips.
        by_voice: Whether other people spoke the clips that were held out, for every word.
        points: What was measured, by rising takes.
        line: The fitted line, with its interval, beginning at the first point and ending at the last forecast.
        forecast: What `MORE` takes more would give.
    """

    words: tuple[str, ...]
    left_aside: tuple[str, ...]
    by_voice: bool
    points: tuple[CurvePoint, ...]
    line: tuple[Forecast, ...]
    forecast: Forecast

    def __str__(self) -> str:
        last, then = self.points[-1], self.forecast
        low, high = (_percent(value) for value in (then.accuracy_low, then.accuracy_high))
        return (
            f"With {last.takes} takes a word, {_percent(last.accuracy)}% of the clips held out are told right; "
            f"{then.takes} would give about {_percent(then.accuracy)}% ({low} to {high}%)"
        )


def learning_curve(
    found: Check, *, progress: Progress = lambda done, total: None, should_stop: Callable[[], bool] = lambda: False
) -> LearningCurve | None:
    """The curve of the clips that were checked, those that are left out aside; None where it was ended early.

    Args:
        found: What was found in them, with their vectors.
        progress: Called with how many draws are done, of how many.
        should_stop: Ends it early.

    Raises:
        ProjectError: Fewer than two words have enough clips.
    """
    table = found.table
    usable = ~table.excluded & np.any(found.vectors != 0, axis=1)
    counts = np.bincount(table.labels[usable], minlength=len(table.words))
    words = np.flatnonzero(counts >= FEWEST)
    if len(words) < 2:
        raise ProjectError(
            f"A learning curve needs two words, or one and other words, with {FEWEST} clips each in which something is "
            f"said: {_named(table.words, words)}"
        )
    rows = np.flatnonzero(usable & np.isin(table.labels, words))
    labels = np.searchsorted(words, table.labels[rows])
    measured = measure(found.vectors[rows], labels, table.speaker[rows], progress=progress, should_stop=should_stop)
    if measured is None:
        return None
    line, forecast = foretell(measured)
    few = np.flatnonzero((counts > 0) & (counts < FEWEST))
    return LearningCurve(
        tuple(table.words[at] for at in words.tolist()),
        tuple(table.words[at] for at in few.tolist() if table.words[at] != UNKNOWN),
        measured.by_voice,
        measured.points(),
        line,
        forecast,
    )


@dataclass(frozen=True, eq=False)
class Measured:
    """What every draw gave.

    Attributes:
        takes: (S,) sizes.
        errors: (D, S), the share of clips that were told wrong.
        missed: (D, S).
        clips: How many different clips were held out in all.
        by_voice: Whether those were of other speakers.
    """

    takes: tuple[int, ...]
    errors: Floats
    missed: Floats
    clips: int
    by_voice: bool

    def points(self) -> tuple[CurvePoint, ...]:
        """The mean over the draws, with its interval."""
        found = []
        for at, takes in enumerate(self.takes):
            accuracy, missed = 1.0 - float(self.errors[:, at].mean()), float(self.missed[:, at].mean())
            low, high = _interval(accuracy, self.clips)
            found.append(CurvePoint(takes, accuracy, low, high, missed, len(self.errors)))
        return tuple(found)


def measure(
    vectors: NDArray[np.float32],
    labels: NDArray[np.integer],
    speakers: NDArray[np.integer],
    *,
    draws: int = _DRAWS,
    seed: int = 0,
    progress: Progress = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Measured | None:
    """Trains on ever more takes of ever other clips, and tests on a quarter that was held out; None if ended early.

    Args:
        vectors: (N, 96).
        labels: (N,) from 0, without gaps.
        speakers: (N,): where a word has several, whole ones are held out.
        draws: How often.
        seed: Of the draws.
        progress: Called with how many draws are done, of how many.
        should_stop: Ends it early.
    """
    rng = np.random.default_rng(seed)
    rows_of = [_some(np.flatnonzero(labels == word), rng) for word in range(int(labels.max()) + 1)]
    splits = [_split(rows_of, speakers, rng) for _ in range(draws)]
    most = int(min(np.median([len(pool) for pool in pools]) for _, pools, _ in splits))
    sizes = tuple(size for size in (_FIRST * 2**step for step in range(12)) if size * 1.25 <= most)
    sizes = (*sizes, most) if most > 1 else sizes
    errors, missed = np.zeros((draws, len(sizes))), np.zeros((draws, len(sizes)))
    held: set[int] = set()
    for draw, (tested, pools, _) in enumerate(splits):
        held.update(tested.tolist())
        for at, size in enumerate(sizes):
            if should_stop():
                return None
            taught = np.concatenate([pool[:size] for pool in pools])
            scores = _scores(vectors[taught], labels[taught], vectors[tested])
            errors[draw, at], missed[draw, at] = _judged(scores, labels[tested])
        progress(draw + 1, draws)
    return Measured(sizes, errors, missed, len(held), all(by_voice for *_, by_voice in splits))


def foretell(measured: Measured, takes: int | None = None) -> tuple[tuple[Forecast, ...], Forecast]:
    """A power law, error = b takes^-c, through what was measured, and what it says of so many takes.

    Cortes et al., Learning curves: asymptotic values and rate of convergence, NIPS 1994; Figueroa et al., Predicting
    sample size required for classification performance, BMC Medical Informatics and Decision Making 12 (2012). The
    interval has three parts: which clips were drawn, how few were held out, and how little the points say of c.

    Args:
        measured: At least one size.
        takes: What is foretold, `MORE` above the largest size where it is None.
    """
    last = measured.takes[-1]
    takes = last + MORE if takes is None else takes
    least = 0.5 / measured.clips
    errors = np.maximum(measured.errors.mean(axis=0), least)
    log_takes, log_errors = np.log(np.array(measured.takes, float)), np.log(errors)
    # The last points weigh more: few takes are not yet on the line.
    variances = (1.0 - errors + least) / (errors * measured.clips) + 0.1**2 * (log_takes[-1] - log_takes) ** 2
    weights = 1.0 / variances
    centre = float((weights * log_takes).sum() / weights.sum())
    level = float((weights * log_errors).sum() / weights.sum())
    precision = float((weights * (log_takes - centre) ** 2).sum())
    trusted = 1.0 / _POWER_SPREAD**2
    slope = -float((weights * (log_takes - centre) * (log_errors - level)).sum()) + trusted * _USUAL_POWER
    power = max(0.0, slope / (precision + trusted))

    def at(size: float) -> Forecast:
        away = math.log(size) - centre
        error = math.exp(level - power * away)
        few = (1.0 - min(error, 1.0) + least) / (max(error, least) * measured.clips)
        spread = math.sqrt(few + away**2 / (precision + trusted))
        low, high = (min(1.0, error * math.exp(sign * _Z * spread)) for sign in (-1, 1))
        high = max(high, error + 1.2 / measured.clips)
        low = low if low * measured.clips > 1.0 else 0.0  # none wrong is as likely as one
        return Forecast(round(size), 1.0 - min(1.0, error), max(0.0, 1.0 - high), 1.0 - low)

    steps = np.unique(np.geomspace(measured.takes[0], max(takes, last), 40).round())
    return tuple(map(at, steps.tolist())), at(takes)


def _split(
    rows_of: Sequence[NDArray[np.int64]], speakers: NDArray[np.integer], rng: np.random.Generator
) -> tuple[NDArray[np.int64], list[NDArray[np.int64]], bool]:
    """Rows to test on, rows of each word to learn from in a drawn order, and whether their speakers are others."""
    rank = rng.permutation(int(speakers.max()) + 1)
    tested, pools, by_voice = [], [], True
    for rows in rows_of:
        order = rows[np.lexsort((rng.random(len(rows)), rank[speakers[rows]]))]
        held = max(2, round(_HELD_OUT * len(order)))
        rest = order[held:]
        others = rest[~np.isin(speakers[rest], speakers[order[:held]])]
        if 2 * len(others) >= len(rest):
            rest = others
        else:
            order = rng.permutation(rows)
            rest, by_voice = order[held:], False
        tested.append(order[:held])
        pools.append(rng.permutation(rest))
    return np.concatenate(tested), pools, by_voice


def _some(rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    return rows if len(rows) <= _MOST_OF_WORD else np.sort(rng.choice(rows, _MOST_OF_WORD, replace=False))


def _scores(taught: NDArray[np.float32], labels: NDArray[np.integer], tested: NDArray[np.float32]) -> Floats:
    """Probabilities (M, K) of each word, by a softmax regression with a penalty on the weights."""
    from scipy.optimize import minimize
    from scipy.special import log_softmax, softmax

    middle = taught.mean(axis=0)

    def scaled(vectors: NDArray[np.float32]) -> Floats:
        moved = (vectors - middle).astype(np.float64)
        moved *= _SCALE / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9)
        return np.hstack((moved, np.ones((len(moved), 1))))

    inputs, words = scaled(taught), int(labels.max()) + 1
    share = 1.0 / (np.bincount(labels, minlength=words)[labels] * words)
    wanted = np.eye(words)[labels]

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(-1, words)
        logs = log_softmax(inputs @ weights, axis=1)
        slope = inputs.T @ ((np.exp(logs) - wanted) * share[:, None]) + _PENALTY * weights
        return float(
            -(share * logs[np.arange(len(labels)), labels]).sum() + _PENALTY / 2 * (flat**2).sum()
        ), slope.ravel()

    start = np.zeros(inputs.shape[1] * words)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    return np.asarray(softmax(scaled(tested) @ found.x.reshape(-1, words), axis=1))


def _judged(scores: Floats, labels: NDArray[np.integer]) -> tuple[float, float]:
    """The share of clips told wrong, and the share missed where few of the others are taken for the word.

    Every word weighs the same.
    """
    wrong, missed = [], []
    best = scores.argmax(axis=1)
    for word in range(scores.shape[1]):
        own, others = labels == word, np.sort(scores[labels != word, word])
        allowed = int(FALSE_ALARMS * len(others))
        wrong.append(float((best[own] != word).mean()))
        missed.append(float((scores[own, word] <= others[len(others) - 1 - allowed]).mean()))
    return float(np.mean(wrong)), float(np.mean(missed))


def _interval(share: float, total: int) -> tuple[float, float]:
    """The interval of Jeffreys, 90%, of a share of so many clips (Brown, Cai and DasGupta 2001)."""
    from scipy.special import betaincinv

    right, wrong = share * total + 0.5, (1.0 - share) * total + 0.5
    low, high = (float(betaincinv(right, wrong, quantile)) for quantile in (0.05, 0.95))
    return min(low, share), max(high, share)


def _percent(share: float) -> str:
    """In whole percent; in tenths above 99."""
    return f"{100 * share:.1f}".removesuffix(".0") if 0.99 < share < 1 else f"{100 * share:.0f}"


def _named(words: Sequence[str], enough: NDArray[np.int64]) -> str:
    return f"only “{words[int(enough[0])]}” has them" if len(enough) else "none has them; record some more"
