"""How the weights of a trained network are spread, and how many of them a penalty drove to near zero."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from kws_engine.errors import ProjectError
from kws_engine.regularizers.layer_weights import PenalizedWeights, penalized_weights
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.weights_file import BINS
from kws_engine.settings import Settings
from kws_engine.training.events import Skipped

if TYPE_CHECKING:
    from torch import nn

NEAR_ZERO_BELOW = 0.01  # of 1 / sqrt(inputs), the largest initial weight of a layer: at the start, 1 weight in 100


def acting(settings: Settings, network: nn.Module) -> list[str]:
    """The regularizers that have a factor above 0 for any layer."""
    return [
        name
        for name, config in settings.regularizers.items()
        if any(one.factor for one in penalized_weights(config, network, own=f"own_{name}"))
    ]


def describe(network: nn.Module, settings: Settings) -> dict[str, Any]:
    """The content of weights.json."""
    factors: dict[str, dict[str, float]] = {}
    layers: dict[str, PenalizedWeights] = {}
    for name, config in settings.regularizers.items():
        for one in penalized_weights(config, network, own=f"own_{name}"):
            layers[one.name] = one
            if one.factor:
                factors.setdefault(one.name, {})[name] = one.factor
    rows = [_row(one, factors.get(name, {}), number) for number, (name, one) in enumerate(layers.items(), 1)]
    totals = {name: _total([row for row in rows if name in row["penalties"]]) for name in acting(settings, network)}
    return {"near_zero_below": NEAR_ZERO_BELOW, "penalties": totals, "layers": rows}


def write_weights(folder: RunFolder, network: nn.Module, settings: Settings) -> Iterator[Skipped]:
    """Skips the file where it cannot be written: the model is."""
    try:
        folder.weights.write(describe(network, settings))
    except ProjectError as error:
        yield Skipped(str(folder.weights.path), str(error))


def _row(one: PenalizedWeights, penalties: dict[str, float], number: int) -> dict[str, Any]:
    values = one.weights.detach().cpu().double().numpy().ravel()
    small = NEAR_ZERO_BELOW / math.sqrt(math.prod(one.weights.shape[1:]))
    reach = float(np.abs(values).max(initial=0.0)) or 1.0
    counts, _ = np.histogram(values, bins=BINS, range=(-reach, reach))
    return {
        "name": one.name,
        "title": f"{number}. {_title(one)}",
        "weights": int(values.size),
        "near_zero": int((np.abs(values) < small).sum()),
        "penalties": penalties,
        "reach": reach,
        "counts": counts.tolist(),
    }


def _title(one: PenalizedWeights) -> str:
    """What a person calls the layer: "convolution, 16 maps, 3 x 3"."""
    shape = list(one.weights.shape)
    kind = type(one.layer).__name__
    if kind.startswith("Conv"):
        word = "depthwise" if shape[1] == 1 and getattr(one.layer, "groups", 1) > 1 else "convolution"
        return f"{word}, {shape[0]} maps, {' x '.join(str(side) for side in shape[2:])}"
    return f"dense, {shape[0]} units" if kind == "Linear" else f"{kind.lower()}, {' x '.join(map(str, shape))}"


def _total(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {key: sum(row[key] for row in rows) for key in ("weights", "near_zero")}
