"""ONNX with everything between the sound and the scores inside."""

from __future__ import annotations

from dataclasses import dataclass

from kws_engine.export.formats import FORMATS, Exported
from kws_engine.spotting.model_file import SpottingModel


@dataclass(frozen=True)
class OnnxConfig:
    """No options."""


@FORMATS.register("onnx", "ONNX", OnnxConfig)
def build(config: OnnxConfig, *, model: SpottingModel) -> Exported:
    """Sound in, smoothed scores out, for every program with an ONNX runtime; states are inputs and outputs.

    Raises:
        KwsError: The graph does not answer as the model does.
    """
    from kws_engine.export import comparing, stream_graph
    from kws_engine.export.formats._notes import notes_on

    graph = stream_graph.stream_graph(model, stream_graph.network_of(model.path))
    sound = comparing.some_talk(model.rate)
    expected = comparing.smoothed_scores(model, comparing.windows(model, sound), model.posteriors)
    found = stream_graph.scores_of(graph, sound)
    difference = comparing.largest_difference(expected, found)
    return Exported({"": graph}, {"difference": difference, "looks": len(found)}, notes_on(model))
