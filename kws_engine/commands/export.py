"""`kws export`: a model file as other programs load it, compared with the model before it is written."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from kws_engine import spec
from kws_engine.commands.output import Output
from kws_engine.errors import SpecError
from kws_engine.export.formats import format_names


def add(add_command: Any) -> None:
    export = add_command("export", _export, help="write a model as other programs load it")
    export.add_argument("model", type=Path, help="a .kws file")
    export.add_argument("--to", required=True, choices=format_names(), dest="format", help="the format")
    export.add_argument("--output", required=True, type=Path, metavar="FILE", help="where to write it")
    export.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        dest="assignments",
        help="an option of the format, as in word=computer or clips=my-words",
    )


def _export(arguments: argparse.Namespace, output: Output) -> None:
    from kws_engine.disk import write_atomically
    from kws_engine.export.formats import FORMATS
    from kws_engine.spotting.model_file import SpottingModel

    entry = FORMATS[arguments.format]
    config = entry.config()
    for assignment in arguments.assignments:
        name, _, text = assignment.partition("=")
        config = spec.changed(config, {name.strip(): spec.find(config, name.strip()).parse(text)})
    target: Path = arguments.output
    if target.exists() and target.samefile(arguments.model):
        raise SpecError(f"{target} is the model itself: give another --output")
    exported = entry.build(config, model=SpottingModel(arguments.model))
    written = {target.with_name(_name(target, ending)): content for ending, content in exported.files.items()}
    for path, content in written.items():
        write_atomically(path, content)
    output.result(
        {
            "event": "exported",
            "format": arguments.format,
            "files": [{"path": str(path), "bytes": len(content)} for path, content in written.items()],
            "figures": dict(exported.figures),
            "notes": list(exported.notes),
        },
        "\n".join(
            [f"{path}: {len(content) / 1e6:.2f} MB" for path, content in written.items()]
            + [f"{name.replace('_', ' ')}: {_figure(value)}" for name, value in exported.figures.items()]
            + list(exported.notes)
        ),
    )


def _name(target: Path, ending: str) -> str:
    return target.stem + ending if ending else target.name


def _figure(value: float | int | str) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
