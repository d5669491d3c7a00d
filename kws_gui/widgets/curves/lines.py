"""Which lines each panel draws for one run or several, and the texts of their legend."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from kws_engine.regularizers import REGULARIZERS
from kws_gui.widgets.curves.legend import LegendItem
from kws_gui.widgets.curves.numbers import Point, RunCurves, brief, finite, number, penalties, percent, total
from kws_gui.widgets.curves.panel import Line
from kws_gui.widgets.curves.style import (
    CROSS_ENTROPY,
    RATE,
    TOTAL,
    TRAINING,
    VALIDATION,
    CurveStyle,
    penalty_style,
    run_style,
)

LOSS = "loss"
ACCURACY = "accuracy"
LEARNING_RATE = "rate"
TOTAL_LOSS = "total"
PENALTIES = "penalties"
PANELS = {"curves": (LOSS, ACCURACY), "rate": (LOSS, LEARNING_RATE), "terms": (TOTAL_LOSS, PENALTIES)}
Value = Callable[[Point], float]
_OF_RUNS: dict[str, Value] = {
    LOSS: lambda point: point.validation_loss,
    ACCURACY: lambda point: 100 * point.validation_accuracy,
    LEARNING_RATE: lambda point: point.learning_rate,
    TOTAL_LOSS: lambda point: total(point.terms),
    PENALTIES: lambda point: penalties(point.terms),
}
_TRAINING_OF_RUNS: dict[str, Value] = {
    LOSS: lambda point: point.train_loss,
    ACCURACY: lambda point: 100 * point.train_accuracy,
}
_NOT_RECORDED = "not recorded"
_HEAD_WIDEST = "Epoch 500 · best 500"
_LOSS, _BOTH, _RATE, _TERM = "00.000", "00.000 · 100.0%", "0.00025", "0.000 (00%)"


def penalty_names(points: Iterable[Point]) -> list[str]:
    """The penalties of a run, in the order they were reported."""
    return list(dict.fromkeys(name for point in points for name in point.terms if name != "cross_entropy"))


def title_of(term: str) -> str:
    """The display name of a loss term: "l2" is "L2"."""
    if term == "cross_entropy":
        return "Cross-entropy"
    return REGULARIZERS[term].title.partition(" (")[0] if term in REGULARIZERS else term


def lines_of_run(panel: str, points: Sequence[Point]) -> list[Line]:
    """The lines a panel draws for one run."""
    is_recorded = _recorded_in(panel)
    recorded = [point for point in points if is_recorded(point)]
    drawn: dict[str, list[tuple[CurveStyle, Value]]] = {
        LOSS: [(TRAINING, _TRAINING_OF_RUNS[LOSS]), (VALIDATION, _OF_RUNS[LOSS])],
        ACCURACY: [(TRAINING, _TRAINING_OF_RUNS[ACCURACY]), (VALIDATION, _OF_RUNS[ACCURACY])],
        LEARNING_RATE: [(RATE, _OF_RUNS[LEARNING_RATE])],
        TOTAL_LOSS: [(TOTAL, _OF_RUNS[TOTAL_LOSS]), (CROSS_ENTROPY, _term("cross_entropy"))],
        PENALTIES: [(penalty_style(i), _term(name)) for i, name in enumerate(penalty_names(points))],
    }
    epochs = [point.epoch for point in recorded]
    return [Line(style, epochs, [value(point) for point in recorded]) for style, value in drawn[panel]]


def lines_of_runs(panel: str, runs: Sequence[RunCurves], *, training: bool) -> list[Line]:
    """The lines a panel draws for several runs: validation of each, and training faintly if `training`."""
    is_recorded = _recorded_in(panel)
    lines = [
        _run_line(run_style(i), run, [point for point in run.points if is_recorded(point)], _OF_RUNS[panel])
        for i, run in enumerate(runs)
    ]
    if training and panel in _TRAINING_OF_RUNS:
        value = _TRAINING_OF_RUNS[panel]
        lines += [
            Line(run_style(i), [p.epoch for p in run.points], [value(p) for p in run.points], faint=True)
            for i, run in enumerate(runs)
        ]
    return lines


def head(points: Sequence[Point], selected: Point | None, best: int | None) -> LegendItem:
    """The leading text of the legend: the epoch shown, and the best."""
    if not points:
        return LegendItem(None, "No epoch yet", "", _HEAD_WIDEST.removeprefix("No epoch yet"))
    text = f"Epoch {(selected or points[-1]).epoch}" + (f" · best {best}" if best is not None else "")
    return LegendItem(None, "", text, _HEAD_WIDEST)


def legend_of_run(view: str, points: Sequence[Point], selected: Point | None, best: int | None) -> list[LegendItem]:
    """The legend of one run, with its numbers at the selected epoch or else at the last."""
    at = selected or (points[-1] if points else None)
    front = head(points, selected, best)
    if view == "terms":
        return [front, *_terms_legend(points, at)]
    rate = view == "rate"

    def both(loss: Value, accuracy: Value) -> str:
        return "" if at is None else number(loss(at)) + ("" if rate else f" · {percent(accuracy(at))}")

    items = [
        front,
        LegendItem(
            TRAINING, "Training", both(_TRAINING_OF_RUNS[LOSS], lambda p: p.train_accuracy), _LOSS if rate else _BOTH
        ),
        LegendItem(
            VALIDATION, "Validation", both(_OF_RUNS[LOSS], lambda p: p.validation_accuracy), _LOSS if rate else _BOTH
        ),
    ]
    if rate:
        items.append(LegendItem(RATE, "Learning rate", "" if at is None else rate_text(at.learning_rate), _RATE))
    return items


def legend_of_runs(view: str, runs: Sequence[RunCurves], selected: int | None) -> list[LegendItem]:
    """The legend of several runs, at the selected epoch or else at the best or last of each."""
    front = f"Epoch {selected}" if selected is not None else "Each run's best epoch" if runs else "No run chosen"
    items = [LegendItem(None, "", front, "Each run's best epoch")]
    for index, run in enumerate(runs):
        wanted = selected if selected is not None else run.best if run.best is not None else _last(run.points)
        at = next((point for point in run.points if point.epoch == wanted), None)
        items.append(LegendItem(run_style(index), run.name, _value_of_run(view, at), _BOTH))
    return items


def describe_run(points: Sequence[Point], selected: int | None, best: int | None) -> str:
    """Describes the curves of a run at the selected epoch, or at the last."""
    if not points:
        return "No epoch yet: the curves appear while the network trains"
    point = next((point for point in points if point.epoch == selected), points[-1])
    rate = "" if math.isnan(point.learning_rate) else f" · learning rate {rate_text(point.learning_rate)}"
    marked = f" · best {best}" if best is not None else ""
    return (
        f"Epoch {point.epoch}: loss {number(point.train_loss)} / {number(point.validation_loss)}, accuracy "
        f"{percent(point.train_accuracy)} / {percent(point.validation_accuracy)} (training / validation){rate}{marked}"
    )


def describe_runs(runs: Sequence[RunCurves], selected: int | None) -> str:
    """The same for several runs."""
    values = [f"{item.name} {item.value or '–'}" for item in legend_of_runs("curves", runs, selected)[1:]]
    front = f"Validation at epoch {selected}" if selected is not None else "Validation at each run's best epoch"
    return f"{front}: {'; '.join(values)}" if values else "No run chosen"


def losses(points: Iterable[Point]) -> list[float]:
    """All losses that can be drawn."""
    return finite(value for point in points for value in (point.train_loss, point.validation_loss))


def rate_text(rate: float) -> str:
    """A learning rate with two or three significant digits, or "not recorded"."""
    if math.isnan(rate):
        return _NOT_RECORDED
    return f"{rate:.3g}" if 1e-4 <= rate < 1e4 else brief(rate)


def _term(name: str) -> Value:
    return lambda point: point.terms.get(name, math.nan)


def _recorded_in(panel: str) -> Callable[[Point], bool]:
    """A test for points that have the values of a panel: runs of older versions lack some."""
    if panel == LEARNING_RATE:
        return lambda point: not math.isnan(point.learning_rate)
    return (lambda point: bool(point.terms)) if panel in (TOTAL_LOSS, PENALTIES) else (lambda point: True)


def _run_line(style: CurveStyle, run: RunCurves, points: Sequence[Point], value: Value) -> Line:
    return Line(style, [p.epoch for p in points], [value(p) for p in points], best=run.best)


def _terms_legend(points: Sequence[Point], at: Point | None) -> list[LegendItem]:
    terms = at.terms if at is not None else {}
    whole = total(terms)
    value_text = number(whole) if terms else _NOT_RECORDED if at is not None else ""
    items = [LegendItem(TOTAL, "Total loss", value_text, _LOSS)]
    styles = {"cross_entropy": CROSS_ENTROPY}
    styles |= {name: penalty_style(i) for i, name in enumerate(penalty_names(points))}
    for name, style in styles.items():
        value = terms.get(name)
        share = f" ({value / whole:.0%})" if value is not None and whole and math.isfinite(whole) else ""
        items.append(LegendItem(style, title_of(name), "" if value is None else number(value) + share, _TERM))
    return items


def _value_of_run(view: str, at: Point | None) -> str:
    if at is None:
        return ""
    if view == "curves":
        return f"{number(at.validation_loss)} · {percent(at.validation_accuracy)}"
    if view == "rate":
        return rate_text(at.learning_rate)
    return number(total(at.terms)) if at.terms else _NOT_RECORDED


def _last(points: Sequence[Point]) -> int | None:
    return points[-1].epoch if points else None
