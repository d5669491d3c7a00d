"""`kws synthesize`: clips of words by synthetic voices, and of what sounds almost like them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from kws_engine import spec
from kws_engine.clips.project import Project
from kws_engine.clips.synthetic import SynthesisConfig, synthesize
from kws_engine.commands.interrupts import INTERRUPTED, interrupts
from kws_engine.commands.output import Output

_NEIGHBOURS: Final = "10"
_SHOWN: Final = 12


def add(add_command: Any) -> None:
    command = add_command("synthesize", _synthesize, help="add clips of words by this machine's synthetic voices")
    command.add_argument("project", type=Path)
    command.add_argument("words", nargs="+", metavar="WORD", help="a word, or a phrase in quotation marks")
    for name in ("clips", "language", "seed"):
        one = spec.find(SynthesisConfig, name)
        command.add_argument(f"--{name}", metavar="VALUE", help=f"{one.help} ({one.default})")
    near = spec.find(SynthesisConfig, "neighbours")
    command.add_argument("--neighbours", nargs="?", const=_NEIGHBOURS, metavar="N", help=near.help)
    command.add_argument("--all-parts", action="store_true", default=None, help="let them validate and test, too")


def _synthesize(arguments: argparse.Namespace, output: Output) -> int:
    given = {one: getattr(arguments, one.name) for one in spec.options(SynthesisConfig)}
    values_given = {
        one.name: one.parse(value) if isinstance(value, str) else value
        for one, value in given.items()
        if value is not None
    }
    config = spec.changed(SynthesisConfig(), values_given)

    def progress(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} of {total} clips", end="" if done < total else "\n", file=sys.stderr, flush=True)

    with interrupts() as interrupted:
        made = synthesize(
            Project.open(arguments.project),
            arguments.words,
            config,
            progress=progress,
            should_stop=lambda: bool(interrupted),
        )
    values = {
        "event": "synthesized",
        "clips": len(made.clips),
        "words": made.words,
        "voices": made.voices,
        "neighbours": list(made.neighbours),
        "new_words": list(made.new_words),
        "stopped": made.stopped,
        "paths": [str(path) for path in made.clips],
    }
    counts = ", ".join(f"{word} {count}" for word, count in made.words.items())
    lines = [f"{len(made.clips)} clips by {made.voices} synthetic voices: {counts}"]
    if made.neighbours:
        shown = ", ".join(made.neighbours[:_SHOWN]) + (" …" if len(made.neighbours) > _SHOWN else "")
        lines.append(f"sounding almost like them, as other words: {shown}")
    output.result(values, "\n".join(lines))
    return INTERRUPTED if made.stopped else 0
