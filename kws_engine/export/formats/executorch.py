"""ExecuTorch, PyTorch's runtime for telephones and small machines."""

from __future__ import annotations

import json
from dataclasses import dataclass

from kws_engine import extras
from kws_engine.export.formats import FORMATS, Exported
from kws_engine.spotting.model_file import SpottingModel


@dataclass(frozen=True)
class ExecuTorchConfig:
    """No options."""


@FORMATS.register("executorch", "ExecuTorch", ExecuTorchConfig)
def build(config: ExecuTorchConfig, *, model: SpottingModel) -> Exported:
    """A .pte program for the XNNPACK backend: sound in, smoothed scores out; a .json beside it has labels, thresholds.

    Raises:
        KwsError: The package executorch is missing, it cannot hold this network, or it does not answer as the model
            does.
    """
    extras.require("executorch", extra="executorch")
    from kws_engine.export import comparing, stream_graph
    from kws_engine.export.formats import _executorch_program as program
    from kws_engine.export.formats._notes import notes_on
    from kws_engine.spotting.looks import Looks

    spotter = program.spotter_of(model)
    content = program.program_of(spotter, model)
    sound = comparing.some_talk(model.rate)
    expected = comparing.smoothed_scores(model, comparing.windows(model, sound), model.posteriors)
    found = program.scores_of(content, spotter.states, sound, model=model)
    difference = comparing.largest_difference(expected, found)
    told = stream_graph.told(model, Looks.of(model, model.detector_config))
    told["states"] = {name: list(shape) for name, shape in spotter.states.items()}
    beside = json.dumps(told, indent=2, ensure_ascii=False).encode()
    return Exported({"": content, ".json": beside}, {"difference": difference, "looks": len(found)}, notes_on(model))
