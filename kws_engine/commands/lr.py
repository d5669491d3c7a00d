"""`kws lr`: looks for a learning rate for a project and its settings."""

from __future__ import annotations

import argparse
from typing import Any

from kws_engine.commands.interrupts import interrupts
from kws_engine.commands.output import Output
from kws_engine.commands.train import add_options, job_of
from kws_engine.training.events import Event, Failed, Progress, RateFound, RatePoint, Skipped, to_dict


def add(add_command: Any) -> None:
    lr = add_command("lr", _lr, help="look for a learning rate: a short run whose rate grows step by step")
    add_options(lr)


def _lr(arguments: argparse.Namespace, output: Output) -> int:
    from kws_engine.runs.rates import find_rate  # torch is imported only when something trains

    last: Event | None = None
    with interrupts() as interrupted:
        for event in find_rate(job_of(arguments, output), lambda: bool(interrupted)):
            if isinstance(event, Progress | Skipped | Failed):
                output.message(_text(event))
            if not isinstance(event, Progress | Skipped):
                output.result(to_dict(event), "" if isinstance(event, Failed) else _text(event))
            last = event
    return 0 if isinstance(last, RateFound) else 1


def _text(event: Event) -> str:
    match event:
        case Progress():
            return f"{event.what}: {event.done} of {event.total}"
        case Skipped():
            return f"left out {event.path}: {event.reason}"
        case RatePoint():
            return f"{event.learning_rate:10.2e}   {event.loss:8.4f}   {event.smoothed:8.4f}"
        case RateFound(learning_rate=None):
            return "No rate lowers the loss: check the features and the network"
        case RateFound():
            return f"Suggestion: --set training.learning_rate={event.learning_rate:g}"
        case Failed():
            return f"kws lr: {event.message}"
        case _:
            return ""
