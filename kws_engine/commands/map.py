"""`kws map`: where each clip lies among all, and what sounds more like another word."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from kws_engine.caring.clip_map import ClipMap, map_of
from kws_engine.clips.project import Project
from kws_engine.commands.choosing import checked, progress_of
from kws_engine.commands.interrupts import interrupts
from kws_engine.commands.output import Output

_SHOWN = 50


def add(add_command: Any) -> None:
    command = add_command("map", _map, help="lay all clips in a plane by their sound, to find wrong labels")
    command.add_argument("project", type=Path)


def _map(arguments: argparse.Namespace, output: Output) -> None:
    project = Project.open(arguments.project)
    found = checked(project, output)
    with interrupts() as interrupted:
        laid = map_of(found, progress=progress_of("steps"), should_stop=lambda: bool(interrupted))
    if laid.stopped:
        raise KeyboardInterrupt
    output.result({"event": "map", "clips": [_values(laid, row) for row in range(len(laid.table))]}, _text(laid))


def _values(laid: ClipMap, row: int) -> dict[str, Any]:
    """A clip as JSON; x and y are null where nothing is said in it, `nearest` where no other word is known."""
    table, nearest, suspicion = laid.table, int(laid.nearest[row]), float(laid.suspicion[row])
    x, y = (None if math.isnan(value) else round(value, 4) for value in laid.places[row].tolist())
    return {
        "path": str(table.path(row)),
        "word": table.words[table.labels[row]],
        "x": x,
        "y": y,
        "outlier": bool(laid.outliers[row]),
        "nearest": table.words[nearest] if nearest >= 0 else None,
        "suspicion": None if math.isnan(suspicion) else round(suspicion, 4),
    }


def _text(laid: ClipMap) -> str:
    rows = [row for row in laid.suspicion.argsort()[::-1].tolist() if laid.outliers[row]]
    lines = [f"{laid.table.key(row)}: sounds like “{laid.table.words[laid.nearest[row]]}”" for row in rows[:_SHOWN]]
    if len(rows) > _SHOWN:
        lines.append(f"… and {len(rows) - _SHOWN} more: --json lists all")
    sound = "1 clip sounds" if len(rows) == 1 else f"{len(rows)} clips sound"
    lines.append(
        f"{sound} more like another word than like their own, of {len(laid.table)}; --json says where each lies"
    )
    return "\n".join(lines)
