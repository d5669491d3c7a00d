"""`kws models`: the networks and their presets, with what they cost."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from kws_engine.commands.output import Output, table
from kws_engine.errors import SpecError
from kws_engine.models import MODELS
from kws_engine.registry import Entry

if TYPE_CHECKING:
    from kws_engine.models.counting import Cost


def add(add_command: Any) -> None:
    models = add_command("models", _models, help="list the networks with parameters and MACs")
    for name, default, help in (
        ("features", 40, "features per frame"),
        ("frames", 101, "feature frames per clip"),
        ("labels", 12, "words and the like to tell apart"),
    ):
        models.add_argument(f"--{name}", type=_positive, default=default, metavar="N", help=f"{help} ({default})")


def _positive(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 100000")
    return int(text)


def _models(arguments: argparse.Namespace, output: Output) -> None:
    rows = []
    for entry in MODELS:
        for preset in entry.presets or {"": {}}:
            try:
                cost = _cost(entry, preset, arguments)
            except SpecError as error:  # too small for this one; the others are listed
                output.message(f"{entry.name} {preset}: {error}")
                continue
            values = {"name": entry.name, "preset": preset, "parameters": cost.parameters, "macs": cost.macs}
            if output.as_json:
                output.result(values)
            rows.append([entry.name, preset, f"{cost.parameters:,}", f"{cost.macs / 1e6:.2f} M", entry.title])
    if not output.as_json:
        output.result({}, table(rows, header=["model", "preset", "parameters", "MACs", ""]))


def _cost(entry: Entry, preset: str, arguments: argparse.Namespace) -> Cost:
    """Counted without memory for the weights, which could be more than there is."""
    import torch

    from kws_engine.models.counting import count

    config = entry.preset(preset) if preset else entry.config()
    frames, features = arguments.frames, arguments.features
    with torch.device("meta"):
        network = entry.build(config, n_features=features, n_frames=frames, n_labels=arguments.labels)
        return count(network, n_frames=frames, n_features=features)
