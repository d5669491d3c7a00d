"""`kws calibrate`: sets a model's thresholds to a number of false alarms an hour."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from kws_engine import spec
from kws_engine.commands.output import Output, table
from kws_engine.errors import SpecError
from kws_engine.operating.report import Report
from kws_engine.operating.telling import cannot_know, false_alarms_told, misses_told
from kws_engine.training.config import TrainingConfig

_RATE = spec.find(TrainingConfig, "false_alarms_per_hour")


def add(add_command: Any) -> None:
    command = add_command(
        "calibrate", _calibrate, help="set a model's thresholds to a number of false alarms an hour of talk"
    )
    command.add_argument("model", type=Path, help="a .kws file; its thresholds are replaced")
    command.add_argument(
        "--false-alarms-per-hour",
        type=_rate,
        default=_RATE.default,
        metavar="N",
        help=f"of all its words together; {_RATE.default:g} unless given",
    )
    command.add_argument(
        "--on",
        type=Path,
        nargs="+",
        default=[],
        metavar="AUDIO",
        help="also on these recordings of talk without its words, or folders of them",
    )
    command.add_argument(
        "--project", type=Path, help="whose takes show what is missed; else the project in which the model lies"
    )


def _rate(text: str) -> float:
    try:
        return float(_RATE.parse(text))
    except SpecError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _calibrate(arguments: argparse.Namespace, output: Output) -> None:
    from kws_engine.clips.layout import project_above
    from kws_engine.clips.project import Project
    from kws_engine.commands.evaluate_stream import recordings_in
    from kws_engine.runs.folder import RunFolder
    from kws_engine.runs.promising import Wanted, keep_promise
    from kws_engine.training.events import Skipped

    folder = arguments.project or project_above(arguments.model)
    own = recordings_in(arguments.on) if arguments.on else []
    wanted = Wanted(arguments.false_alarms_per_hour, at_any_price=True, own=own)
    promising = keep_promise(arguments.model, Project.open(folder) if folder else None, wanted)
    while True:
        try:
            event = next(promising)
        except StopIteration as end:
            report: Report = end.value
            break
        if isinstance(event, Skipped):
            output.message(f"left out {event.path}: {event.reason}")
        else:
            output.message(f"{event.what}: {event.done} of {event.total}")
    run = RunFolder(arguments.model.absolute().parent)
    if run.job.exists():
        run.promise.write(report)
    output.result(as_values(report), as_text(report))


def as_values(report: Report) -> dict[str, Any]:
    """As printed with `--json`."""
    missed = report.missed
    return {
        "false_alarms_per_hour": report.promised,
        "expected_per_hour": report.expected,
        "interval_95": [report.low, report.high],
        "hours": report.calibration_hours,
        "thresholds": {word: one.threshold for word, one in report.words.items()},
        "missed": missed.missed,
        "takes": missed.takes,
        "miss_rate_95": [missed.interval.low, missed.interval.high],
        "takes_from": report.takes_from,
        "synthetic_takes": missed.synthetic,
        "false_alarms": report.false_alarm_count,
        "false_alarm_hours": report.hours,
        "fa_per_hour_upper_95": report.upper_95 if math.isfinite(report.upper_95) else None,
        "would_miss": report.would_miss,
    }


def as_text(report: Report) -> str:
    """Both numbers, what they cannot show, and a row per word."""
    rows = [
        [word, f"{one.threshold:.4f}", f"{one.missed} of {one.takes}", str(one.false_alarms)]
        for word, one in report.words.items()
    ]
    quality = table(rows, header=["word", "threshold", "missed", "false alarms"])
    return "\n".join((misses_told(report), false_alarms_told(report), cannot_know(report), "", quality))
