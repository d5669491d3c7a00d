"""Heads on the speech embedding as openWakeWord runs them: vectors in, one word's smoothed score out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from kws_engine.errors import KwsError
from kws_engine.export import comparing
from kws_engine.features.encoded import VALUES, EncodedPipeline
from kws_engine.spec import unknown
from kws_engine.spotting.looks import Looks
from kws_engine.spotting.model_file import SECOND, SpottingModel, read_members

Floats = NDArray[np.float32]
_USUAL: Final = 16  # vectors that livekit-wakeword gives, and that openWakeWord's own heads take
_NETWORK: Final = "network/"


@dataclass(frozen=True)
class Head:
    """A network on the speech embedding, and how its answers are smoothed.

    Attributes:
        network: Windows (B, seen, 96) to logits.
        pipeline: Its features.
        seen: Vectors in a window.
        smoothed: Over how many windows in a row posteriors are averaged.
        held: Among how many averages the highest counts.
        is_second: Whether it is the second look of another network.
    """

    network: bytes
    pipeline: EncodedPipeline
    seen: int
    smoothed: int
    held: int = 1
    is_second: bool = False

    @property
    def windows(self) -> int:
        """Windows that one score needs."""
        return self.smoothed + self.held - 1

    @property
    def vectors(self) -> int:
        """Vectors that the file takes: those of all windows, or more before them, which are not looked at."""
        return max(_USUAL, self.seen + self.windows - 1)


def head_of(model: SpottingModel) -> Head:
    """The network of a model that stands on the speech embedding.

    Raises:
        KwsError: None of them does.
    """
    members = read_members(model.path)
    if isinstance(model.pipeline, EncodedPipeline):
        looks = Looks.of(model, model.detector_config)
        if looks.frames_per_look > 1:
            raise KwsError("openWakeWord looks every 80 ms: train the model with detector.hop_ms=80 or less")
        return Head(members["network.onnx"], model.pipeline, looks.window_frames, looks.smoothed)
    if model.second is not None:
        second, pipeline = model.second, model.second.pipeline
        assert isinstance(pipeline, EncodedPipeline)
        seen = pipeline.n_frames(second.window_samples)
        return Head(members[SECOND], pipeline, seen, second.smoothed, second.held, is_second=True)
    raise KwsError(
        f"openWakeWord runs networks on the speech embedding alone, and {model.path.name} hears by "
        f"{model.manifest.feature['name']}: train it with --recipe teach or detector.second_look=yes, or use --to onnx"
    )


def graph_of(head: Head, model: SpottingModel, word: str) -> bytes:
    """The file for one word.

    Raises:
        KwsError: The model does not know it.
    """
    if word not in model.words:
        raise unknown(word, model.words, what="word of this model")
    network = onnx.compose.add_prefix(onnx.load_model_from_string(head.network), _NETWORK)
    pipeline, seen = head.pipeline, head.seen
    stored: dict[str, np.ndarray] = {"scale": np.array(pipeline.scale, np.float32), "axis": np.array([1], np.int64)}
    nodes = [helper.make_node("Mul", ["vectors", "scale"], ["scaled"])]
    for number in range(head.windows):
        start = head.vectors - seen - head.windows + 1 + number
        stored |= {f"start{number}": np.array([start], np.int64), f"end{number}": np.array([start + seen], np.int64)}
        nodes.append(
            helper.make_node("Slice", ["scaled", f"start{number}", f"end{number}", "axis"], [f"window{number}"])
        )
    every, features = [f"window{number}" for number in range(head.windows)], network.graph.input[0].name
    nodes.append(helper.make_node("Concat", every, [features], axis=0))
    nodes.extend(network.graph.node)
    stored |= {
        "column": np.array(model.labels.index(word), np.int64),
        "row": np.array([1, 1, head.windows], np.int64),
        "one": np.array([1, 1], np.int64),
    }
    nodes += [
        helper.make_node("Softmax", [network.graph.output[0].name], ["posteriors"], axis=1),
        helper.make_node("Gather", ["posteriors", "column"], ["of_word"], axis=1),
        helper.make_node("Reshape", ["of_word", "row"], ["in_a_row"]),
        helper.make_node("AveragePool", ["in_a_row"], ["averages"], kernel_shape=[head.smoothed]),
        helper.make_node("GlobalMaxPool", ["averages"], ["highest"]),
        helper.make_node("Reshape", ["highest", "one"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes,
        "head",
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, [1, head.vectors, VALUES])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [1, 1])],
        [*network.graph.initializer, *(numpy_helper.from_array(values, name) for name, values in stored.items())],
    )
    for node in graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    whole = helper.make_model(graph, opset_imports=network.opset_import, functions=network.functions)
    whole.ir_version, whole.producer_name = min(network.ir_version, 10), "KWS Studio"
    onnx.checker.check_model(whole)
    content: bytes = whole.SerializeToString()
    return content


def tflite_of(head: Head, model: SpottingModel, word: str) -> bytes:
    """The same for one word as a TensorFlow Lite file.

    Raises:
        KwsError: The model does not know the word, or the network has an operator that is not a head's.
    """
    from kws_engine.export.formats import _tflite

    if word not in model.words:
        raise unknown(word, model.words, what="word of this model")
    graph = _tflite.Graph()
    vectors = graph.tensor([1, head.vectors, VALUES])
    scale = graph.constant(np.array([head.pipeline.scale], np.float32))
    scaled = graph.add("MUL", [vectors, scale], [1, head.vectors, VALUES])
    first = head.vectors - head.seen - head.windows + 1
    every = [graph.slice(scaled, [0, first + at, 0], [1, head.seen, VALUES]) for at in range(head.windows)]
    windows = every[0]
    if len(every) > 1:
        windows = graph.add("CONCATENATION", every, [head.windows, head.seen, VALUES], axis=0)
    logits = _tflite.add_network(graph, head.network, windows)
    posteriors = graph.add("SOFTMAX", [logits], [head.windows, len(model.labels)], beta=1.0)
    of_word = graph.slice(posteriors, [0, model.labels.index(word)], [head.windows, 1])
    averaging = np.zeros((head.held, head.windows), np.float32)
    for row in range(head.held):
        averaging[row, row : row + head.smoothed] = 1 / head.smoothed
    means = [graph.constant(averaging), graph.constant(np.zeros(head.held, np.float32))]
    averages = graph.add("FULLY_CONNECTED", [graph.reshape(of_word, [1, head.windows]), *means], [1, head.held])
    axis = graph.constant(np.array([1], np.int32))
    return graph.finished([vectors], [graph.add("REDUCE_MAX", [averages, axis], [1, 1], keepDims=True)])


def onnx_answers_of(content: bytes) -> Callable[[Floats], Floats]:
    """What a file answers to vectors (1, vectors, 96), by onnxruntime: a score (1, 1)."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return lambda vectors: np.asarray(session.run(None, {"vectors": vectors})[0], np.float32)


def difference(found_by: Callable[[Floats], Floats], head: Head, model: SpottingModel, word: str) -> float:
    """The largest between a file's scores of talk and the model's own.

    Raises:
        KwsError: It is above the tolerance.
    """
    pipeline, answer = head.pipeline, model.posteriors
    if head.is_second:
        assert model.second is not None
        answer = model.second.posteriors
    vectors = pipeline.batch(comparing.some_talk(pipeline.rate))
    every = np.lib.stride_tricks.sliding_window_view(vectors, head.seen, axis=0).transpose(0, 2, 1)
    posteriors = np.concatenate([answer(every[at : at + 1]) for at in range(len(every))])[:, model.labels.index(word)]
    averages = np.lib.stride_tricks.sliding_window_view(posteriors, head.smoothed).mean(axis=1, dtype=np.float32)
    expected = np.lib.stride_tricks.sliding_window_view(averages, head.held).max(axis=1)
    needed = head.seen + head.windows - 1
    padded = np.concatenate(
        (np.zeros((head.vectors - needed, VALUES), np.float32), vectors / np.float32(pipeline.scale))
    )
    found = [found_by(padded[None, at : at + head.vectors]) for at in range(len(expected))]
    return comparing.largest_difference(expected, np.concatenate(found)[:, 0])


def notes_on(head: Head, *, is_tflite: bool, first_share: float) -> tuple[str, ...]:
    """What else there is to know of the files."""
    notes = [
        "A score is smoothed already, so the threshold is the model's own, and openWakeWord's patience is not needed."
    ]
    if not is_tflite:
        notes.append(
            "Programs that take TensorFlow Lite files alone, as Home Assistant's add-on openWakeWord does, cannot load "
            "it: add --set runtime=tflite."
        )
    if head.pipeline.encoder != "google":
        notes.append(
            "openWakeWord has Google's encoder, from which the robust one of this model was trained: the word is heard "
            "there, in noise less often than here, and the threshold is this program's. A model that is trained with "
            "--set feature.encoder=google has the same scores in both."
        )
    if head.vectors > _USUAL:
        notes.append(f"The word is long: the file takes {head.vectors} vectors, which livekit-wakeword does not give.")
    if head.is_second:
        notes.append(
            "It is the second look alone, asked all the time: as if the first network's gate were always open."
        )
    if head.is_second and first_share:
        notes.append("The first network has a share in the model's own scores and none here: find another threshold.")
    return tuple(notes)
