"""One ONNX graph of everything between the sound and the smoothed scores, which takes a stream look by look.

samples of one look, states -> front end -> features -> the model's own network -> softmax -> mean of the last looks

The front end is exported from torch, the network is that of the model file, unchanged or quantized.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from kws_engine.errors import KwsError
from kws_engine.export.onnx import exported
from kws_engine.spotting.looks import Looks
from kws_engine.spotting.model_file import SpottingModel, read_members

if TYPE_CHECKING:
    from kws_engine.export.stream_modules import StreamFrontend

Floats = NDArray[np.float32]
METADATA = "kws_studio"
"""The name under which a graph tells its labels, thresholds and samples a look, as JSON."""
_IN_NETWORK = "network/"
_OLDEST, _NEWEST = 18, 20  # operator sets that our networks have been written with


def network_of(path: Path) -> bytes:
    """The network in a model file, as it is there."""
    return read_members(path)["network.onnx"]


def stream_graph(model: SpottingModel, network: bytes) -> bytes:
    """The graph. It has the inputs "samples" (1, look_samples) and states, all zeros in the beginning, and the outputs
    "scores" (1, labels) and the new states in the same order.

    Raises:
        KwsError: The network was written by another program, so that the two cannot be joined.
    """
    from kws_engine.export.stream_modules import StreamFrontend

    looks = Looks.of(model, model.detector_config)
    answering = onnx.load_model_from_string(network)
    operators = next((one.version for one in answering.opset_import if one.domain in ("", "ai.onnx")), 0)
    if not _OLDEST <= operators <= _NEWEST:
        raise KwsError(f"The network in {model.path.name} uses operators of version {operators}: train it again")
    frontend = StreamFrontend(model.pipeline, looks).eval()
    graph = onnx.load_model_from_string(_exported(frontend, looks.look_samples, operators=operators))
    answering = onnx.compose.add_prefix(answering, _IN_NETWORK)
    answering.ir_version = graph.ir_version = min(graph.ir_version, 10)
    features, logits = f"{_IN_NETWORK}features", answering.graph.output[0].name
    joined = onnx.compose.merge_models(graph, answering, io_map=[("features", features)])
    _add_scores(joined.graph, logits, smoothed=looks.smoothed, n_labels=len(model.labels))
    for node in joined.graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    del joined.graph.value_info[:]
    joined.producer_name, joined.producer_version = "KWS Studio", ""
    del joined.metadata_props[:]
    helper.set_model_props(joined, {METADATA: json.dumps(told(model, looks), ensure_ascii=False)})
    onnx.checker.check_model(joined)
    content: bytes = joined.SerializeToString()
    return content


def told(model: SpottingModel, looks: Looks) -> dict[str, Any]:
    """What a program needs to know to use the scores: they are smoothed, and compared with each word's threshold."""
    config = model.detector_config
    return {
        "labels": list(model.labels),
        "thresholds": {word: model.thresholds.get(word, config.threshold) for word in model.words},
        "rate": model.rate,
        "look_samples": looks.look_samples,
        "refractory_ms": config.refractory_ms,
        "rearm": config.rearm,
    }


def scores_of(graph: bytes, sound: Floats) -> Floats:
    """The smoothed scores (L, labels) of a stream (N,) that begins with its first sample, by onnxruntime."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, settings, providers=["CPUExecutionProvider"])
    samples, *of_states = session.get_inputs()
    states = {one.name: np.zeros(one.shape, np.float32) for one in of_states}
    look_samples, found = samples.shape[1], []
    for at in range(0, len(sound) - look_samples + 1, look_samples):
        scores, *after = session.run(None, {"samples": sound[None, at : at + look_samples], **states})
        states = dict(zip(states, after, strict=True))
        found.append(scores[0])
    return np.stack(found)


def _exported(frontend: StreamFrontend, look_samples: int, *, operators: int) -> bytes:
    """The front end's graph: "samples" (1, look_samples) and states to "features" and the states, as "new_..."."""
    import torch

    return exported(
        frontend,
        (torch.zeros(1, look_samples), *(torch.zeros(shape) for shape in frontend.states.values())),
        inputs=["samples", *frontend.states],
        outputs=["features", *(f"new_{name}" for name in frontend.states)],
        opset=operators,
    )


def _add_scores(graph: onnx.GraphProto, logits: str, *, smoothed: int, n_labels: int) -> None:
    """Logits to "scores", the first output: posteriors, averaged over so many looks."""
    kept = [one for one in graph.output if one.name != logits]
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, n_labels])
    if smoothed == 1:
        nodes = [helper.make_node("Softmax", [logits], ["scores"], axis=1)]
    else:
        for name, value in (("one", 1), ("last", -(smoothed - 1)), ("end", np.iinfo(np.int64).max)):
            graph.initializer.append(numpy_helper.from_array(np.array([value], np.int64), f"scores/{name}"))
        shape = [1, smoothed - 1, n_labels]
        graph.input.append(helper.make_tensor_value_info("scores_before", TensorProto.FLOAT, shape))
        kept.append(helper.make_tensor_value_info("new_scores_before", TensorProto.FLOAT, shape))
        nodes = [
            helper.make_node("Softmax", [logits], ["posteriors"], axis=1),
            helper.make_node("Unsqueeze", ["posteriors", "scores/one"], ["newest"]),
            helper.make_node("Concat", ["scores_before", "newest"], ["recent"], axis=1),
            helper.make_node("ReduceMean", ["recent", "scores/one"], ["scores"], keepdims=0),
            helper.make_node("Slice", ["recent", "scores/last", "scores/end", "scores/one"], ["new_scores_before"]),
        ]
    graph.node.extend(nodes)
    del graph.output[:]
    graph.output.extend([scores, *kept])
