"""`kws bench`: benchmarks of this program, one row per figure."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from kws_engine.commands.output import Output

if TYPE_CHECKING:
    from kws_engine.bench import Row


def add(add_command: Any) -> None:
    measure = add_command("bench", _bench, help="measure this program; without a name, list the measurements")
    measure.add_argument("name", nargs="?", metavar="NAME")


def _bench(arguments: argparse.Namespace, output: Output) -> None:
    from kws_engine import bench  # no other command needs it

    if arguments.name is None:
        for name, title in bench.names().items():
            output.result({"name": name, "title": title}, f"{name}  {title}")
        return
    for row in bench.rows(arguments.name):
        output.result(row.to_dict(), _text(row))


def _text(row: Row) -> str:
    value = f"{row.value:.4g}" if isinstance(row.value, float) else str(row.value)
    text = f"{row.what}: {value} {row.unit}".rstrip()
    if row.ratio is not None:
        text += f", {row.ratio:.3g} times {row.against}"
    bound = "at least" if row.at_least else "at most"
    return text if row.asked is None else f"{text} (asked: {bound} {row.asked:g})"
