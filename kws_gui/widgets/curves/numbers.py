"""The numbers of a run by epoch: smoothing, formatting, and the CSV table."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kws_engine.training.events import Epoch

Terms = Mapping[str, float]
_NUMBERS = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
_PACE = ("learning_rate", "seconds")
MOST = 1e30  # larger values are not drawn
_PLAIN_FROM, _PLAIN_TO = 1e-3, 1e5  # numbers between are written without an exponent


@dataclass(frozen=True)
class Point:
    """One epoch; accuracies are 0..1, and NaN means not recorded or not a number.

    Attributes:
        terms: The terms that add up to the training loss: "cross_entropy" and each penalty by its name.
    """

    epoch: int
    train_loss: float
    validation_loss: float
    train_accuracy: float
    validation_accuracy: float
    learning_rate: float = math.nan
    seconds: float = math.nan
    terms: Terms = field(default_factory=dict)


@dataclass(frozen=True)
class RunCurves:
    """One of several runs that are overlaid; `best` is the epoch whose weights are kept."""

    name: str
    points: Sequence[Point]
    best: int | None = None


def point_of(epoch: Epoch) -> Point:
    """The point of the curves for an epoch's event."""
    return Point(
        epoch.epoch,
        epoch.train_loss,
        epoch.validation_loss,
        epoch.train_accuracy,
        epoch.validation_accuracy,
        epoch.learning_rate,
        epoch.seconds,
        dict(epoch.terms),
    )


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """Exponential moving average with bias correction, as in TensorBoard.

    Args:
        values: One per epoch; those that are not finite are passed through and do not enter the average.
        weight: Of the past, in [0, 1).
    """
    average, remaining = 0.0, 1.0
    result: list[float] = []
    for value in values:
        if not math.isfinite(value):
            result.append(value)
            continue
        average = weight * average + (1 - weight) * value
        remaining *= weight
        result.append(average / (1 - remaining))
    return result


def finite(values: Iterable[float]) -> list[float]:
    """The values that can be drawn."""
    return [value for value in values if math.isfinite(value) and abs(value) < MOST]


def spans_a_decade(values: Iterable[float]) -> bool:
    """Whether the largest positive value is more than ten times the smallest."""
    positive = [value for value in finite(values) if value > 0]
    return bool(positive) and max(positive) > 10 * min(positive)


def total(terms: Terms) -> float:
    """The training loss, penalties included; NaN if its terms were not recorded."""
    return sum(terms.values()) if terms else math.nan


def penalties(terms: Terms) -> float:
    """The sum of the penalties; NaN if the terms were not recorded."""
    return sum(value for name, value in terms.items() if name != "cross_entropy") if terms else math.nan


def number(value: float, decimals: int = 3) -> str:
    """Fixed-point, or short scientific notation where that does not fit: "0.312", "4.2e-5", "NaN", "∞"."""
    if math.isfinite(value) and (value == 0 or _PLAIN_FROM <= abs(value) < _PLAIN_TO):
        return f"{value:.{decimals}f}"
    return brief(value)


def brief(value: float) -> str:
    """Two significant digits, with an exponent only for very small or large values: "0.01", "2.5e-4", "1e6", "∞"."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if value == 0 or _PLAIN_FROM <= abs(value) < _PLAIN_TO:
        return f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def percent(share: float) -> str:
    """A share as "93.1%"."""
    return f"{share:.1%}" if math.isfinite(share) else "NaN"


def csv_of_run(points: Sequence[Point]) -> str:
    """A table with one row per epoch; values not recorded are empty, diverged ones "nan" or "inf"."""
    names = _term_names(points)
    return _csv(["epoch", *_NUMBERS, *_PACE, *names], (_row(point, names) for point in points))


def csv_of_runs(runs: Sequence[RunCurves]) -> str:
    """The same for several runs, each row with its run's name first."""
    names = _term_names([point for run in runs for point in run.points])
    rows = ([run.name, *_row(point, names)] for run in runs for point in run.points)
    return _csv(["run", "epoch", *_NUMBERS, *_PACE, *names], rows)


def _term_names(points: Sequence[Point]) -> list[str]:
    return list(dict.fromkeys(name for point in points for name in point.terms))


def _row(point: Point, names: Sequence[str]) -> list[object]:
    known = ["" if math.isnan(value) else value for value in (point.learning_rate, point.seconds)]
    terms = [point.terms.get(name, "") for name in names]
    return [point.epoch, *(getattr(point, name) for name in _NUMBERS), *known, *terms]


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()
