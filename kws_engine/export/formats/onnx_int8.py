"""ONNX with the network in 8-bit integers: smaller, and faster where the runtime and the processor have them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kws_engine.export.formats import FORMATS, Exported
from kws_engine.spec import option
from kws_engine.spotting.model_file import SpottingModel


@dataclass(frozen=True)
class OnnxInt8Config:
    """Options of the quantization."""

    clips: str = option(
        "",
        "Clips",
        "A project, or a folder per word: its training clips set the ranges of numbers, and the accuracy before and "
        "after is that on its other clips. Without it both are done on the program's own talk, which has no words.",
    )


@FORMATS.register("onnx-int8", "ONNX, 8 bits", OnnxInt8Config)
def build(config: OnnxInt8Config, *, model: SpottingModel) -> Exported:
    """As ONNX, with weights and values of the network in 8 bits; what that costs in accuracy is measured.

    Raises:
        KwsError: The folder of clips holds none, or the network has nothing that can be quantized.
    """
    import numpy as np

    from kws_engine.evaluation.metrics import evaluate
    from kws_engine.export import comparing, stream_graph
    from kws_engine.export.formats import _quantizing as quantizing
    from kws_engine.export.formats._notes import notes_on

    talk = comparing.some_talk(model.rate, seconds=60)
    features = comparing.windows(model, talk)
    training, testing = quantizing.clips(Path(config.clips)) if config.clips else ((), ())
    examples = [features[:: max(1, len(features) // quantizing.CALIBRATED_ON)], *quantizing.windows_of(model, training)]
    network = stream_graph.network_of(model.path)
    quantized = quantizing.quantized(network, np.concatenate(examples))
    graph = stream_graph.stream_graph(model, quantized)
    expected = comparing.smoothed_scores(model, features, model.posteriors)
    found = stream_graph.scores_of(graph, talk)
    difference = comparing.largest_difference(expected, found, tolerance=None)
    figures: dict[str, float | int | str] = {
        "difference": difference,
        "looks": len(found),
        "same_label": float((expected.argmax(axis=1) == found.argmax(axis=1)).mean()),
        "network_bytes_before": len(network),
        "network_bytes": len(quantized),
    }
    if testing:
        before, after = (
            evaluate(model, testing),
            evaluate(quantizing.answering(model, quantizing.answers_of(quantized)), testing),
        )
        figures |= {"accuracy_before": before.accuracy, "accuracy": after.accuracy, "clips": len(after.evaluated)}
    return Exported({"": graph}, figures, notes_on(model))
