"""Which lines each plot draws of a run, or of several, and what is told of them; knows no plot and no widget."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from kws_engine.regularizers import REGULARIZERS
from kws_gui.widgets.curves.legend import KeyItem
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

LOSS, ACCURACY, SPEED, TRAINED, PENALTIES = "loss", "accuracy", "rate", "trained", "penalties"
PANELS = {"curves": (LOSS, ACCURACY), "rate": (LOSS, SPEED), "terms": (TRAINED, PENALTIES)}
Value = Callable[[Point], float]
_OF_RUNS: dict[str, Value] = {
    LOSS: lambda point: point.validation_loss,
    ACCURACY: lambda point: 100 * point.validation_accuracy,
    SPEED: lambda point: point.learning_rate,
    TRAINED: lambda point: total(point.terms),
    PENALTIES: lambda point: penalties(point.terms),
}
_TRAINING_OF_RUNS: dict[str, Value] = {
    LOSS: lambda point: point.train_loss,
    ACCURACY: lambda point: 100 * point.train_accuracy,
}
_HEAD_WIDEST = "Epoch 500 · best 500"
_LOSS, _BOTH, _RATE, _TERM = "00.000", "00.000 · 100.0%", "0.00025", "0.000 (00%)"


def penalty_names(points: Iterable[Point]) -> list[str]:
    """The penalties of a run in the order it told them."""
    return list(dict.fromkeys(name for point in points for name in point.terms if name != "cross_entropy"))


def title_of(term: str) -> str:
    """A term's name in words: "l2" is "L2"."""
    if term == "cross_entropy":
        return "Cross-entropy"
    return REGULARIZERS[term].title.partition(" (")[0] if term in REGULARIZERS else term


def lines_of_run(panel: str, points: Sequence[Point]) -> list[Line]:
    """What a plot draws of one run."""
    known = _knows(panel)
    told = [point for point in points if known(point)]
    drawn: dict[str, list[tuple[CurveStyle, Value]]] = {
        LOSS: [(TRAINING, _TRAINING_OF_RUNS[LOSS]), (VALIDATION, _OF_RUNS[LOSS])],
        ACCURACY: [(TRAINING, _TRAINING_OF_RUNS[ACCURACY]), (VALIDATION, _OF_RUNS[ACCURACY])],
        SPEED: [(RATE, _OF_RUNS[SPEED])],
        TRAINED: [(TOTAL, _OF_RUNS[TRAINED]), (CROSS_ENTROPY, _term("cross_entropy"))],
        PENALTIES: [(penalty_style(i), _term(name)) for i, name in enumerate(penalty_names(points))],
    }
    epochs = [point.epoch for point in told]
    return [Line(style, epochs, [value(point) for point in told]) for style, value in drawn[panel]]


def lines_of_runs(panel: str, runs: Sequence[RunCurves], *, training: bool) -> list[Line]:
    """What a plot draws of several runs: each one's validation, and its training faint where asked for."""
    known = _knows(panel)
    lines = [
        _run_line(run_style(i), run, [point for point in run.points if known(point)], _OF_RUNS[panel])
        for i, run in enumerate(runs)
    ]
    if training and panel in _TRAINING_OF_RUNS:
        of = _TRAINING_OF_RUNS[panel]
        lines += [
            Line(run_style(i), [p.epoch for p in run.points], [of(p) for p in run.points], faint=True)
            for i, run in enumerate(runs)
        ]
    return lines


def head(points: Sequence[Point], asked: Point | None, best: int | None) -> KeyItem:
    """The words in front of the numbers: the epoch, and the best."""
    if not points:
        return KeyItem(None, "No epoch yet", "", _HEAD_WIDEST.removeprefix("No epoch yet"))
    told = f"Epoch {(asked or points[-1]).epoch}" + (f" · best {best}" if best is not None else "")
    return KeyItem(None, "", told, _HEAD_WIDEST)


def key_of_run(view: str, points: Sequence[Point], asked: Point | None, best: int | None) -> list[KeyItem]:
    """The legend of one run with its numbers at the epoch asked for, else at the last."""
    at = asked or (points[-1] if points else None)
    front = head(points, asked, best)
    if view == "terms":
        return [front, *_terms_key(points, at)]
    rate = view == "rate"

    def both(loss: Value, accuracy: Value) -> str:
        return "" if at is None else number(loss(at)) + ("" if rate else f" · {percent(accuracy(at))}")

    items = [
        front,
        KeyItem(
            TRAINING, "Training", both(_TRAINING_OF_RUNS[LOSS], lambda p: p.train_accuracy), _LOSS if rate else _BOTH
        ),
        KeyItem(
            VALIDATION, "Validation", both(_OF_RUNS[LOSS], lambda p: p.validation_accuracy), _LOSS if rate else _BOTH
        ),
    ]
    if rate:
        told = "" if at is None else "not told" if math.isnan(at.learning_rate) else rate_in_words(at.learning_rate)
        items.append(KeyItem(RATE, "Learning rate", told, _RATE))
    return items


def key_of_runs(view: str, runs: Sequence[RunCurves], asked: int | None) -> list[KeyItem]:
    """The legend of several runs; without an epoch asked for, their best or last."""
    front = f"Epoch {asked}" if asked is not None else "Each run's best epoch" if runs else "No run chosen"
    items = [KeyItem(None, "", front, "Each run's best epoch")]
    for index, run in enumerate(runs):
        wanted = asked if asked is not None else run.best if run.best is not None else _last(run.points)
        at = next((point for point in run.points if point.epoch == wanted), None)
        items.append(KeyItem(run_style(index), run.name, _value_of_run(view, at), _BOTH))
    return items


def in_words(points: Sequence[Point], asked: int | None, best: int | None) -> str:
    """What the curves show, for the epoch asked for or the last."""
    if not points:
        return "No epoch yet: the curves appear while the network trains"
    point = next((point for point in points if point.epoch == asked), points[-1])
    rate = "" if math.isnan(point.learning_rate) else f" · learning rate {rate_in_words(point.learning_rate)}"
    marked = f" · best {best}" if best is not None else ""
    return (
        f"Epoch {point.epoch}: loss {number(point.train_loss)} / {number(point.validation_loss)}, accuracy "
        f"{percent(point.train_accuracy)} / {percent(point.validation_accuracy)} (training / validation){rate}{marked}"
    )


def runs_in_words(runs: Sequence[RunCurves], asked: int | None) -> str:
    """The same for several runs."""
    told = [f"{item.name} {item.value or '–'}" for item in key_of_runs("curves", runs, asked)[1:]]
    front = f"Validation at epoch {asked}" if asked is not None else "Validation at each run's best epoch"
    return f"{front}: {'; '.join(told)}" if told else "No run chosen"


def losses(points: Iterable[Point]) -> list[float]:
    """All losses that can be drawn."""
    return finite(value for point in points for value in (point.train_loss, point.validation_loss))


def rate_in_words(rate: float) -> str:
    """A learning rate with two or three significant digits."""
    return f"{rate:.3g}" if 1e-4 <= rate < 1e4 else brief(rate)


def _term(name: str) -> Value:
    return lambda point: point.terms.get(name, math.nan)


def _knows(panel: str) -> Callable[[Point], bool]:
    if panel == SPEED:
        return lambda point: not math.isnan(point.learning_rate)
    return (lambda point: bool(point.terms)) if panel in (TRAINED, PENALTIES) else (lambda point: True)


def _run_line(style: CurveStyle, run: RunCurves, points: Sequence[Point], value: Value) -> Line:
    return Line(style, [p.epoch for p in points], [value(p) for p in points], best=run.best)


def _terms_key(points: Sequence[Point], at: Point | None) -> list[KeyItem]:
    terms = at.terms if at is not None else {}
    whole = total(terms)
    known = number(whole) if terms else "not told" if at is not None else ""
    items = [KeyItem(TOTAL, "Trained on", known, _LOSS)]
    styles = {"cross_entropy": CROSS_ENTROPY}
    styles |= {name: penalty_style(i) for i, name in enumerate(penalty_names(points))}
    for name, style in styles.items():
        value = terms.get(name)
        share = f" ({value / whole:.0%})" if value is not None and whole and math.isfinite(whole) else ""
        items.append(KeyItem(style, title_of(name), "" if value is None else number(value) + share, _TERM))
    return items


def _value_of_run(view: str, at: Point | None) -> str:
    if at is None:
        return ""
    if view == "curves":
        return f"{number(at.validation_loss)} · {percent(at.validation_accuracy)}"
    if view == "rate":
        return "not told" if math.isnan(at.learning_rate) else rate_in_words(at.learning_rate)
    return number(total(at.terms)) if at.terms else "not told"


def _last(points: Sequence[Point]) -> int | None:
    return points[-1].epoch if points else None
