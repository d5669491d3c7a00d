"""The numbers of a run by epoch: smoothed, as words and as a table; knows no widget."""

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
MOST = 1e30  # beyond, a value is drawn as none
_PLAIN_FROM, _PLAIN_TO = 1e-3, 1e5  # numbers between are written without an exponent


@dataclass(frozen=True)
class Point:
    """What is known of one epoch; accuracies are 0..1, NaN stands for what is not known or no number.

    Attributes:
        terms: What the loss that was trained on is the sum of: "cross_entropy" and each penalty by its name.
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
    """One run of several that are drawn over one another; `best` is the epoch whose weights are kept."""

    name: str
    points: Sequence[Point]
    best: int | None = None


def point_of(epoch: Epoch) -> Point:
    """An epoch's event as a point of the curves."""
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
    """Exponential moving average that starts without a bias towards zero, as TensorBoard's.

    Args:
        values: One for each epoch; what is not finite stays as it is and leaves the average alone.
        weight: Of the past, in [0, 1).
    """
    average, so_far, made = 0.0, 1.0, []
    for value in values:
        if not math.isfinite(value):
            made.append(value)
            continue
        average = weight * average + (1 - weight) * value
        so_far *= weight
        made.append(average / (1 - so_far))
    return made


def finite(values: Iterable[float]) -> list[float]:
    """Those that can be drawn."""
    return [value for value in values if math.isfinite(value) and abs(value) < MOST]


def spans_a_decade(values: Iterable[float]) -> bool:
    """Whether the largest is more than ten times the smallest of those above zero."""
    positive = [value for value in finite(values) if value > 0]
    return bool(positive) and max(positive) > 10 * min(positive)


def total(terms: Terms) -> float:
    """The loss that was trained on; NaN where its terms are not known."""
    return sum(terms.values()) if terms else math.nan


def penalties(terms: Terms) -> float:
    """All penalties together; NaN where the terms are not known."""
    return sum(value for name, value in terms.items() if name != "cross_entropy") if terms else math.nan


def number(value: float, decimals: int = 3) -> str:
    """In as few characters as tell it: "0.312", "4.2e-5", "NaN", "∞"."""
    if math.isfinite(value) and (value == 0 or _PLAIN_FROM <= abs(value) < _PLAIN_TO):
        return f"{value:.{decimals}f}"
    return brief(value)


def brief(value: float) -> str:
    """Two significant digits, an exponent only where it is shorter: "0.01", "2.5e-4", "1e6", "∞"."""
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
    """A table with one row an epoch; what is not known is empty, what diverged is "nan" or "inf"."""
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
