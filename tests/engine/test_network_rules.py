"""The shapes that the check of networks works out are those that onnxruntime makes; what it refuses, it names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from kws_engine.spotting import onnx_bytes
from kws_engine.spotting.network_check import CheckedNetwork, network_cost
from kws_engine.spotting.onnx_bytes import NetworkRefused

NODE = helper.make_node
WINDOW = (6, 5)
SMALL = st.sampled_from([-(2**63), -9, -3, -2, -1, 0, 1, 2, 3, 4, 5, 7, 2**31 - 1, 2**63 - 1])
SIDE = st.integers(1, 5)


def model(nodes: list[onnx.NodeProto], weights: dict[str, Any], *, output: str = "y", opset: int = 20) -> bytes:
    made = helper.make_graph(
        nodes,
        "odd",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, *WINDOW])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8).SerializeToString()


def checked(content: bytes) -> CheckedNetwork:
    return CheckedNetwork(content, input_name="features", window_shape=WINDOW)


def agrees(nodes: list[onnx.NodeProto], weights: dict[str, Any], *, opset: int = 20, windows: int = 1) -> bool:
    """Whether the check lets a network through that onnxruntime runs; then both have the same shape, as asserted."""
    content = model(nodes, weights, opset=opset)
    features = np.random.default_rng(0).standard_normal((windows, *WINDOW)).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        network = checked(content)
        expected = network.cost(windows, most_bytes=1 << 24).output_shape
    except NetworkRefused:
        return False
    try:
        (answer,) = onnxruntime.InferenceSession(network.content, options).run(None, {"features": features})
    except Exception:  # noqa: BLE001 - onnxruntime's exceptions have no common base
        return False
    assert answer.shape == expected
    (plain,) = onnxruntime.InferenceSession(content, options).run(None, {"features": features})
    np.testing.assert_allclose(answer, plain, rtol=1e-4, atol=1e-5)
    return True


few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@few
@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 2, -1, -2, -3]), SMALL, SMALL, st.sampled_from([-3, -1, 1, 2])), max_size=2
    )
)
def test_slices(cuts: list[tuple[int, int, int, int]]) -> None:
    axes, starts, ends, steps = (
        (np.array(column, np.int64) for column in zip(*cuts, strict=True)) if cuts else [np.zeros(0, np.int64)] * 4
    )
    agrees([NODE("Slice", ["features", "a", "b", "c", "d"], ["y"])], {"a": starts, "b": ends, "c": axes, "d": steps})


@few
@given(st.lists(st.integers(-1, 6), max_size=4), st.integers(0, 2), st.integers(1, 2))
def test_reshapes(sizes: list[int], allow_zero: int, windows: int) -> None:
    reshape = NODE("Reshape", ["features", "s"], ["y"], allowzero=allow_zero)
    agrees([reshape], {"s": np.array(sizes, np.int64)}, windows=windows)


@few
@given(
    st.lists(st.integers(-3, 3), max_size=3), st.booleans(), st.integers(0, 2), st.integers(0, 2), st.integers(13, 21),
    st.sampled_from(["ReduceSum", "ReduceMean", "ReduceMax"]),
)  # fmt: skip
def test_reductions(axes: list[int], given_axes: bool, keeps: int, noop: int, opset: int, op: str) -> None:
    inputs = ["features", "axes"] if given_axes else ["features"]
    node = NODE(op, inputs, ["y"], keepdims=keeps, noop_with_empty_axes=noop)
    agrees([node], {"axes": np.array(axes, np.int64)}, opset=opset)


@few
@given(
    st.integers(1, 3), st.lists(st.integers(0, 3), min_size=4, max_size=4), st.tuples(SIDE, SIDE),
    st.tuples(st.integers(1, 3), st.integers(1, 3)), st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.sampled_from(["Conv", "MaxPool", "AveragePool"]), st.integers(0, 1),
    st.sampled_from(["NOTSET", "VALID", "SAME_UPPER"]),
)  # fmt: skip
def test_kernels(
    filters: int, pads: list[int], kernel: tuple[int, int], strides: tuple[int, int], dilations: tuple[int, int],
    op: str, ceil: int, automatic: str,
) -> None:  # fmt: skip
    options: dict[str, Any] = {"kernel_shape": kernel, "pads": pads, "strides": strides, "auto_pad": automatic}
    inputs = ["x"]
    if op == "Conv":
        inputs.append("w")
        options["dilations"] = dilations
    else:
        options["ceil_mode"] = ceil
    weights = {"one": np.array([1]), "w": np.ones((filters, 1, *kernel), np.float32)}
    agrees([NODE("Unsqueeze", ["features", "one"], ["x"]), NODE(op, inputs, ["y"], **options)], weights)


@few
@given(st.lists(st.tuples(st.sampled_from(["Add", "Sub", "Mul", "Div"]), SMALL), min_size=1, max_size=4), st.booleans())
def test_sizes_that_are_computed(steps: list[tuple[str, int]], through_int32: bool) -> None:
    """Of a size that overflows, each kind of number makes something else."""
    nodes = [NODE("Shape", ["features"], ["s0"], start=1, end=2)]
    if through_int32:
        nodes.append(NODE("Cast", ["s0"], ["t0"], to=TensorProto.INT32))
    before = "t0" if through_int32 else "s0"
    weights: dict[str, Any] = {}
    for at, (op, number) in enumerate(steps):
        weights[f"n{at}"] = np.array(
            [number % 2**31 if through_int32 else number], np.int32 if through_int32 else np.int64
        )
        nodes.append(NODE(op, [before, f"n{at}"], [f"u{at}"]))
        before = f"u{at}"
    nodes += [
        NODE("Cast", [before], ["size"], to=TensorProto.INT64),
        NODE("ConstantOfShape", ["size"], ["c"]),
        NODE("ReduceMean", ["features"], ["m"]),
        NODE("Add", ["c", "m"], ["y"]),
    ]
    agrees(nodes, weights)


@few
@given(
    st.lists(st.integers(0, 2), min_size=6, max_size=8), st.lists(st.integers(-3, 3), max_size=3), st.booleans(),
    st.sampled_from(["constant", "edge"]),
)  # fmt: skip
def test_paddings(pads: list[int], axes: list[int], with_axes: bool, mode: str) -> None:
    inputs = ["features", "pads", "", "axes"] if with_axes else ["features", "pads"]
    weights = {"pads": np.array(pads[: 2 * len(axes)] if with_axes else pads), "axes": np.array(axes, np.int64)}
    agrees([NODE("Pad", inputs, ["y"], mode=mode)], weights)


@few
@given(st.lists(st.integers(0, 4), min_size=1, max_size=3), st.integers(-3, 2), st.booleans(), st.integers(1, 4))
def test_splits(sizes: list[int], axis: int, is_given: bool, parts: int) -> None:
    outputs = [f"o{at}" for at in range(len(sizes))]
    options = {} if is_given else {"num_outputs": parts}
    split = NODE("Split", ["features", "sizes"] if is_given else ["features"], outputs, axis=axis, **options)
    agrees([split, NODE("Relu", [outputs[-1]], ["y"])], {"sizes": np.array(sizes)})


@few
@given(st.sampled_from(["Unsqueeze", "Squeeze"]), st.lists(st.integers(-5, 4), max_size=3), st.integers(-4, 4))
def test_axes(op: str, axes: list[int], flat: int) -> None:
    weights = {"axes": np.array(axes, np.int64)}
    agrees([NODE(op, ["features", "axes"], ["y"])], weights)
    agrees([NODE("Flatten", ["features"], ["y"], axis=flat)], weights)
    agrees([NODE("Gather", ["features", "axes"], ["y"], axis=max(-3, min(flat, 2)))], weights)


def test_most_of_what_is_ours_is_let_through() -> None:
    weights = {"w": np.ones((5, 4), np.float32), "ones": np.array([1, -1])}
    assert agrees([NODE("MatMul", ["features", "w"], ["y"])], weights, windows=3)
    assert agrees([NODE("Reshape", ["features", "ones"], ["y"])], weights)
    recurrent = {"W": np.ones((2, 9, 5), np.float32), "R": np.ones((2, 9, 3), np.float32)}
    options = {"hidden_size": 3, "direction": "bidirectional"}
    assert agrees([NODE("GRU", ["features", "W", "R"], ["", "y"], **options)], recurrent)


REFUSED = {
    "two values in one constant": ([NODE("Constant", [], ["k"], value_int=2, value_float=1.0)], {}),
    "an empty list of axes": ([NODE("ReduceMean", ["features", "none"], ["y"])], {"none": np.zeros(0, np.int64)}),
    "an attribute that is not ours": ([NODE("Relu", ["features"], ["y"], consumed_inputs=[1])], {}),
    "more outputs than are counted": ([NODE("Dropout", ["features"], ["y", "mask"])], {}),
    "lengths of sequences": (
        [NODE("GRU", ["features", "W", "R", "", "n"], ["", "y"], hidden_size=3)],
        {"W": np.ones((1, 9, 5), np.float32), "R": np.ones((1, 9, 3), np.float32), "n": np.ones(6, np.int32)},
    ),
    "doubles": ([NODE("Cast", ["features"], ["d"], to=11), NODE("Cast", ["d"], ["y"], to=1)], {}),
    "an empty tensor": ([NODE("Add", ["features", "e"], ["y"])], {"e": np.zeros((6, 0), np.float32)}),
    "an axis twice": ([NODE("Unsqueeze", ["features", "a"], ["y"])], {"a": np.array([0, 0])}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_understood_differently_is_refused(name: str) -> None:
    nodes, weights = REFUSED[name]
    with pytest.raises(NetworkRefused):
        checked(model(nodes, weights)).cost(1, most_bytes=1 << 24)


def test_a_size_that_grows_with_the_batch_is_seen() -> None:
    nodes = [NODE("Shape", ["features"], ["s0"], start=0, end=1)]
    nodes += [NODE("Mul", [f"s{at}", f"s{at}"], [f"s{at + 1}"]) for at in range(4)]
    nodes += [
        NODE("ConstantOfShape", ["s4"], ["c"]),
        NODE("ReduceSum", ["c"], ["m"]),
        NODE("Mul", ["features", "m"], ["y"]),
    ]
    network = checked(model(nodes, {}))
    small = network.cost(1, most_bytes=1 << 20).tensor_bytes
    assert network.cost(2, most_bytes=1 << 30).tensor_bytes > small + 4 * 2**16
    with pytest.raises(NetworkRefused, match="more than"):
        network.cost(3, most_bytes=1 << 24)


def test_more_answers_than_one_are_refused() -> None:
    made = onnx.load_from_string(model([NODE("Relu", ["features"], ["y"])], {"w": np.ones(3, np.float32)}))
    made.graph.output.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [3]))
    with pytest.raises(NetworkRefused, match="more than one answer"):
        checked(made.SerializeToString())


@pytest.mark.parametrize("opset", [1, 11, 12, 23, 2**40])
def test_other_versions_of_the_operators_are_refused(opset: int) -> None:
    with pytest.raises(NetworkRefused):
        checked(model([NODE("Relu", ["features"], ["y"])], {}, opset=opset))


def message(number: int, content: bytes) -> bytes:
    """A protobuf field of bytes."""
    length, found = len(content), bytearray()
    while length > 127:
        found.append(length & 127 | 128)
        length >>= 7
    return bytes([number << 3 | 2]) + bytes(found) + bytes([length]) + content


BOMBS = {
    "unknown fields": b"\xf8\x01\x01" * 300_000,
    "empty parts": message(7, b"\x6a\x00" * 300_000),
    "numbers one by one": message(7, message(5, b"\x08\xc0\x84\x3d\x10\x07" + message(7, b"\x05" * 1_000_000))),
    "opsets": b"\x42\x00" * 300_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_small_parts_without_number_are_refused_at_once(name: str) -> None:
    content = model([NODE("Relu", ["features"], ["y"])], {}) + BOMBS[name]
    with pytest.raises(NetworkRefused, match="more parts than any model file"):
        checked(content)


def test_what_is_not_understood_is_left_out() -> None:
    plain = model([NODE("Relu", ["features"], ["y"])], {})
    remarks = message(7, message(10, b"a remark")) + message(14, message(1, b"a") + message(2, b"b")) + b"\xf8\x01\x01"
    assert checked(plain + remarks).content == checked(plain).content
    assert b"remark" not in checked(plain + remarks).content


def test_names_are_our_own() -> None:
    nodes = [NODE("Relu", ["features"], ["a\0b"]), NODE("Neg", ["a\0b"], ["\x1b[2J"]), NODE("Abs", ["\x1b[2J"], ["y"])]
    content = checked(model(nodes, {})).content
    assert b"\0b" not in content and b"\x1b" not in content


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_network_with_any_bytes_changed_is_refused_or_runs_as_foretold(data: st.DataObject) -> None:
    weights = {"w": np.ones((5, 4), np.float32), "s": np.array([0, 1, -1, 4]), "b": np.ones(4, np.float32)}
    nodes = [
        NODE("MatMul", ["features", "w"], ["a"]), NODE("Reshape", ["a", "s"], ["c"]),
        NODE("Add", ["c", "b"], ["d"]), NODE("ReduceMean", ["d"], ["y"], keepdims=0),
    ]  # fmt: skip
    content = bytearray(model(nodes, weights))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        network = checked(bytes(content))
        expected = network.cost(1, most_bytes=1 << 22)
    except NetworkRefused:
        return
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    features = np.ones((1, *WINDOW), np.float32)
    try:
        (answer,) = onnxruntime.InferenceSession(network.content, options).run(None, {"features": features})
    except Exception:  # noqa: BLE001 - onnxruntime's exceptions have no common base
        return
    assert answer.shape == expected.output_shape


def test_costs_are_those_of_the_operators() -> None:
    weights = {"w": np.ones((5, 1000), np.float32)}
    cost = network_cost(
        model([NODE("MatMul", ["features", "w"], ["y"])], weights), input_name="features", input_shape=(1, *WINDOW),
        most_bytes=1 << 24,
    )  # fmt: skip
    assert cost.tensor_bytes >= 4 * math.prod((6, 1000)) and cost.output_shape == (1, 6, 1000)
    assert cost.bytes_at_load >= cost.tensor_bytes + 3 * weights["w"].nbytes
    assert cost.operations >= 6 * 5 * 1000 // 10


def test_weights_are_read_wherever_they_stand() -> None:
    made = onnx.load_from_string(model([NODE("Mul", ["features", "w"], ["y"])], {"w": np.ones(5, np.float32)}))
    made.graph.initializer[0].ClearField("raw_data")
    made.graph.initializer[0].float_data.extend([1, 2, 3, 4, 5])
    network = checked(made.SerializeToString())
    session = onnxruntime.InferenceSession(network.content)
    (answer,) = session.run(None, {"features": np.ones((1, *WINDOW), np.float32)})
    np.testing.assert_array_equal(answer[0, 0], [1, 2, 3, 4, 5])
    assert onnx_bytes.read(made.SerializeToString()).weights[0].shape == (5,)
