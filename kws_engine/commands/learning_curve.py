"""`kws learning-curve`: how many clips are told right by how many takes there are, and what more would give."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from kws_engine.caring.learning_curve import LearningCurve, learning_curve
from kws_engine.clips.project import Project
from kws_engine.commands.choosing import checked, progress_of
from kws_engine.commands.interrupts import interrupts
from kws_engine.commands.output import Output, table


def add(add_command: Any) -> None:
    command = add_command("learning-curve", _learning_curve, help="foretell what more takes a word would give")
    command.add_argument("project", type=Path)


def _learning_curve(arguments: argparse.Namespace, output: Output) -> None:
    found = checked(Project.open(arguments.project), output)
    with interrupts() as interrupted:
        curve = learning_curve(found, progress=progress_of("draws"), should_stop=lambda: bool(interrupted))
    if curve is None:
        raise KeyboardInterrupt
    then = curve.forecast
    values = {
        "event": "learning_curve",
        "words": curve.words,
        "left_aside": curve.left_aside,
        "by_voice": curve.by_voice,
        "rows": [_rounded(point) for point in curve.points],
        "forecast": {
            "predicted": round(then.accuracy, 4),
            "takes": then.takes,
            "predicted_low": round(then.accuracy_low, 4),
            "predicted_high": round(then.accuracy_high, 4),
        },
    }
    output.result(values, _text(curve))


def _rounded(point: Any) -> dict[str, Any]:
    values = dataclasses.asdict(point)
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def _text(curve: LearningCurve) -> str:
    rows = [
        [
            str(one.takes),
            f"{one.accuracy:.1%}",
            f"{one.accuracy_low:.1%} to {one.accuracy_high:.1%}",
            f"{one.missed:.1%}",
        ]
        for one in curve.points
    ]
    lines = [table(rows, header=["takes", "accuracy", "90% interval", "missed"]), f"{curve}."]
    if curve.left_aside:
        lines.append(f"Left aside, with too few clips: {', '.join(curve.left_aside)}.")
    if not curve.by_voice:
        lines.append("Of some words the same people were learned from and tested: other people will be told less well.")
    return "\n".join(lines)
