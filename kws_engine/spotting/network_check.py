"""What a network from a model file would cost, shown from its bytes before anything of it is loaded or run.

A stranger's network may name operators that run without end, point at files outside itself, or ask for gigabytes with
a few hundred bytes. So only the operators that our own networks are made of are let through, and the shape of every
tensor is worked out by their rules (ONNX operator specification, opsets 13 to 22) for the one input that the detector
gives. Where a shape cannot be worked out, the network is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]
_MOST_NODES: Final = 20_000
_MOST_DIMENSIONS: Final = 8
_MOST_KNOWN: Final = 256  # values of a tensor that are followed: shapes, axes and indices, never weights
_MACS_AT_ONCE: Final = 3  # measured on one core of a loaded machine: 3 to 100 for the networks of this program
_ITEM_BYTES: Final = {1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}  # TensorProto.DataType
_FLOAT, _INT32, _INT64, _BOOL = 1, 6, 7, 9


class NetworkRefused(Exception):
    """A network that is not let through; `damaged` where its bytes are no network at all."""

    def __init__(self, reason: str, *, damaged: bool = False) -> None:
        super().__init__(reason)
        self.damaged = damaged


@dataclass(frozen=True)
class NetworkCost:
    """What one answer costs.

    Attributes:
        operations: Moved and computed values, and every third multiply-accumulate: one a nanosecond on a slow core.
        tensor_bytes: Of all tensors between the input and the answer together.
        weight_bytes: Of the weights.
        output_shape: Of the answer.
    """

    operations: int
    tensor_bytes: int
    weight_bytes: int
    output_shape: Shape


def network_cost(network: bytes, *, input_name: str, input_shape: Shape, most_bytes: int) -> NetworkCost:
    """Works out the cost of a network's answer to one float32 input of `input_shape`.

    Raises:
        NetworkRefused: It is damaged, holds what our networks never hold, or needs more than `most_bytes`.
    """
    try:
        graph = _read_model(memoryview(network))
    except (ValueError, IndexError, OverflowError) as error:
        raise NetworkRefused("it is damaged", damaged=True) from error
    return _Walk(graph, most_bytes).cost(input_name, input_shape)


# -- the bytes (onnx.proto)


@dataclass
class _Tensor:
    name: str
    shape: Shape
    kind: int
    ints: NDArray[np.int64] | None = None


@dataclass
class _Node:
    op: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


@dataclass
class _Graph:
    nodes: list[_Node] = field(default_factory=list)
    weights: list[_Tensor] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


def _read_model(content: memoryview) -> _Graph:
    graph = _Graph()
    for number, value in _fields(content):
        if number == 7:  # a second graph is merged into the first by every protobuf reader
            _read_graph(_bytes(value), graph)
        elif number in (20, 25):
            raise NetworkRefused("it holds functions or training steps, which no model file has")
        elif number == 8 and any(at == 1 and bytes(_bytes(name)) for at, name in _fields(_bytes(value))):
            raise NetworkRefused("it uses operators of another program")
    if not graph.nodes or not graph.outputs:
        raise ValueError("no graph")
    return graph


def _read_graph(content: memoryview, graph: _Graph) -> None:
    for number, value in _fields(content):
        if number == 1:
            graph.nodes.append(_read_node(_bytes(value)))
            if len(graph.nodes) > _MOST_NODES:
                raise NetworkRefused(f"it has more than {_MOST_NODES} operators")
        elif number == 5:
            graph.weights.append(_read_tensor(_bytes(value)))
        elif number in (11, 12):
            name = next((_text(part) for at, part in _fields(_bytes(value)) if at == 1), "")
            (graph.inputs if number == 11 else graph.outputs).append(name)
        elif number == 15:
            raise NetworkRefused("it holds sparse weights, which no model file has")


def _read_node(content: memoryview) -> _Node:
    node = _Node("", [], [], {})
    for number, value in _fields(content):
        if number == 1:
            node.inputs.append(_text(value))
        elif number == 2:
            node.outputs.append(_text(value))
        elif number == 4:
            node.op = _text(value)
        elif number == 5:
            name, attribute = _read_attribute(_bytes(value))
            node.attributes[name] = attribute
        elif number == 7 and bytes(_bytes(value)) not in (b"", b"ai.onnx"):
            raise NetworkRefused("it uses operators of another program")
    return node


def _read_attribute(content: memoryview) -> tuple[str, Any]:
    name = ""
    found: Any = None
    many: list[Any] = []
    for number, value in _fields(content):
        if number == 1:
            name = _text(value)
        elif number == 2:
            found = float(np.frombuffer(_bytes(value), "<f4")[0])
        elif number == 3:
            found = _signed(value)
        elif number == 4:
            found = bytes(_bytes(value)[:100])
        elif number == 5:
            found = _read_tensor(_bytes(value))
        elif number in (7, 8):
            many += _numbers(value) if number == 8 else [0.0]
        elif number in (6, 11):
            raise NetworkRefused("it has a part that may run without end")
        elif number in (10, 14, 15, 21, 22, 23):
            raise NetworkRefused("it has an attribute that no model file has")
    return name, found if found is not None else many


def _read_tensor(content: memoryview) -> _Tensor:
    shape, kind, name, raw = list[int](), 0, "", None
    ints, floats = list[int](), 0
    for number, value in _fields(content):
        if number == 1:
            shape += _numbers(value)
        elif number == 2:
            kind = _signed(value)
        elif number == 4:
            floats += 1 if isinstance(value, memoryview) and len(value) == 4 else len(_bytes(value)) // 4
        elif number in (5, 7):
            ints += _numbers(value)
        elif number == 8:
            name = _text(value)
        elif number == 9:
            raw = _bytes(value)
        elif number == 13 or (number == 14 and _signed(value)):
            raise NetworkRefused("it refers to files outside itself")
        elif number in (3, 6, 10, 11):
            raise NetworkRefused("it holds numbers in a form that no model file uses")
    if kind not in _ITEM_BYTES or len(shape) > _MOST_DIMENSIONS or any(size < 0 for size in shape):
        raise ValueError("no tensor")
    count = math.prod(shape)
    given = len(raw) // _ITEM_BYTES[kind] if raw is not None else len(ints) or floats
    if given != count:
        raise ValueError("a tensor whose numbers are not there")
    return _Tensor(name, tuple(shape), kind, _known(kind, count, raw, ints, tuple(shape)))


def _known(kind: int, count: int, raw: memoryview | None, ints: list[int], shape: Shape) -> NDArray[np.int64] | None:
    if kind not in (_INT32, _INT64) or count > _MOST_KNOWN:
        return None
    values = np.frombuffer(raw, "<i8" if kind == _INT64 else "<i4") if raw is not None else np.array(ints, np.int64)
    return values.astype(np.int64).reshape(shape)


def _fields(content: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, value) of a protobuf message: a number, or the bytes of a string, message or fixed number."""
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == 0:
            value, at = _varint(content, at)
            yield number, value
            continue
        length = {1: 8, 5: 4}.get(wire_type, -1)
        if wire_type == 2:
            length, at = _varint(content, at)
        if not 0 <= length <= len(content) - at:
            raise ValueError("no protobuf message")
        yield number, content[at : at + length]
        at += length


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise ValueError("no protobuf message")


def _bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("no protobuf message")
    return value


def _text(value: int | memoryview) -> str:
    return bytes(_bytes(value)).decode("utf-8")


def _signed(value: int | memoryview) -> int:
    if not isinstance(value, int):
        raise ValueError("no protobuf message")
    return value - 2**64 if value >= 2**63 else value


def _numbers(value: int | memoryview) -> list[int]:
    """A repeated number: one at a time, or many packed into bytes."""
    if isinstance(value, int):
        return [_signed(value)]
    found, at = list[int](), 0
    while at < len(value):
        number, at = _varint(value, at)
        found.append(_signed(number))
    return found


# -- the shapes


@dataclass(frozen=True)
class _Value:
    """A tensor on its way through the network; its numbers where they are few, whole and known."""

    shape: Shape
    kind: int = _FLOAT
    ints: NDArray[np.int64] | None = None

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    def numbers(self) -> list[int]:
        """Its numbers, which decide a shape."""
        if self.ints is None:
            raise NetworkRefused("the size of one of its tensors depends on what it hears")
        return [int(number) for number in self.ints.reshape(-1)]


Given = Sequence[_Value | None]
Attributes = dict[str, Any]
_Rule = Callable[[Given, Attributes, int], "tuple[list[_Value], int]"]


class _Walk:
    """Goes through the operators in their order and adds up what they cost."""

    def __init__(self, graph: _Graph, most_bytes: int) -> None:
        self._graph = graph
        self._most_bytes = most_bytes
        self._values: dict[str, _Value] = {}
        self._operations = 0
        self._bytes = 0

    def cost(self, input_name: str, input_shape: Shape) -> NetworkCost:
        weight_bytes = 0
        for tensor in self._graph.weights:
            self._name(tensor.name, _Value(tensor.shape, tensor.kind, tensor.ints))
            weight_bytes += math.prod(tensor.shape) * _ITEM_BYTES[tensor.kind]
        if [name for name in self._graph.inputs if name not in self._values] != [input_name]:
            raise NetworkRefused(f"its input is not {input_name}")
        self._name(input_name, _Value(input_shape))
        for node in self._graph.nodes:
            self._apply(node)
        answer = self._values.get(self._graph.outputs[0])
        if answer is None:
            raise NetworkRefused("it gives no answer", damaged=True)
        return NetworkCost(self._operations, self._bytes, weight_bytes, answer.shape)

    def _apply(self, node: _Node) -> None:
        rule = _RULES.get(node.op)
        if rule is None:
            shown = node.op if node.op.isascii() and node.op.isalnum() and len(node.op) <= 40 else "?"
            raise NetworkRefused(f"it uses {shown}, which no network of this program does")
        try:
            given = [self._values[name] if name else None for name in node.inputs]
            outputs, operations = rule(given, node.attributes, len(node.outputs))
        except (LookupError, TypeError, ValueError, AttributeError, ZeroDivisionError, OverflowError) as error:
            raise NetworkRefused("it is damaged", damaged=True) from error
        for name, value in zip(node.outputs, outputs, strict=False):
            if name:
                self._name(name, value)
                self._bytes += value.count * _ITEM_BYTES[value.kind]
        self._operations += operations + sum(value.count for value in outputs)
        if self._bytes > self._most_bytes:
            raise NetworkRefused(f"it asks for more than {self._most_bytes >> 20} MB")

    def _name(self, name: str, value: _Value) -> None:
        if not name or name in self._values:
            raise NetworkRefused("it names two tensors alike", damaged=True)
        if len(value.shape) > _MOST_DIMENSIONS or any(size < 0 for size in value.shape):
            raise NetworkRefused("it is damaged", damaged=True)
        self._values[name] = value


def _need(value: _Value | None) -> _Value:
    if value is None:
        raise ValueError("an operator lacks an input")
    return value


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < max(rank, 1):
        raise ValueError("an axis that is not there")
    return axis % max(rank, 1)


def _broadcast(*shapes: Shape) -> Shape:
    return tuple(int(size) for size in np.broadcast_shapes(*shapes))


def _same(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    """Any operator that works number by number and keeps the shape."""
    value = _need(given[0])
    return [_Value(value.shape, value.kind)], 8 * value.count


def _identity(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    return [_need(given[0])], 0


def _arithmetic(act: Callable[[Any, Any], Any] | None, *, kind: int | None = None) -> _Rule:
    def rule(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
        values = [_need(value) for value in given]
        shape = _broadcast(*(value.shape for value in values))
        ints = None
        if act is not None and len(values) == 2 and values[0].ints is not None and values[1].ints is not None:
            known = np.broadcast_to(act(values[0].ints, values[1].ints), shape)
            ints = known.astype(np.int64) if known.size <= _MOST_KNOWN else None
        return [_Value(shape, kind or values[-1].kind, ints)], 4 * math.prod(shape)

    return rule


def _whole_division(above: NDArray[np.int64], below: NDArray[np.int64]) -> NDArray[np.int64]:
    if not below.all():
        raise ValueError("a division by zero")
    return np.trunc(above / below).astype(np.int64)


def _constant(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    if "value" in attributes:
        tensor: _Tensor = attributes["value"]
        return [_Value(tensor.shape, tensor.kind, tensor.ints)], 0
    if "value_int" in attributes:
        return [_Value((), _INT64, np.array(attributes["value_int"], np.int64))], 0
    if "value_ints" in attributes:
        numbers = np.array(attributes["value_ints"], np.int64)
        return [_Value(numbers.shape, _INT64, numbers[:_MOST_KNOWN] if len(numbers) <= _MOST_KNOWN else None)], 0
    if "value_float" in attributes:
        return [_Value(())], 0
    return [_Value((len(attributes["value_floats"]),))], 0


def _shape(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    value = _need(given[0])
    start, end = attributes.get("start", 0), attributes.get("end", len(value.shape))
    sizes = np.array(value.shape[slice(start, end)], np.int64)
    return [_Value(sizes.shape, _INT64, sizes)], 0


def _gather(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    data, indices = _need(given[0]), _need(given[1])
    axis = _axis(attributes.get("axis", 0), len(data.shape))
    shape = (*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :])
    ints = None
    if data.ints is not None and indices.ints is not None:
        ints = np.take(data.ints, indices.ints, axis=axis)
    return [_Value(shape, data.kind, ints)], math.prod(shape)


def _concat(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    values = [_need(value) for value in given]
    axis = _axis(attributes["axis"], len(values[0].shape))
    rest = {value.shape[:axis] + value.shape[axis + 1 :] for value in values}
    if len(rest) != 1:
        raise ValueError("tensors that do not fit together")
    shape = (*values[0].shape[:axis], sum(value.shape[axis] for value in values), *values[0].shape[axis + 1 :])
    known = [value.ints for value in values if value.ints is not None]
    ints = np.concatenate(known, axis=axis) if len(known) == len(values) and math.prod(shape) <= _MOST_KNOWN else None
    return [_Value(shape, values[0].kind, ints)], math.prod(shape)


def _axes(given: Given, attributes: Attributes, at: int) -> list[int] | None:
    """Axes come as an input since opset 13, as an attribute before."""
    if len(given) > at and given[at] is not None:
        return _need(given[at]).numbers()
    return attributes.get("axes")


def _unsqueeze(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    value, axes = _need(given[0]), _axes(given, attributes, 1) or []
    rank = len(value.shape) + len(axes)
    places = {_axis(axis, rank) for axis in axes}
    sizes = iter(value.shape)
    return [_reshaped(value, tuple(1 if at in places else next(sizes) for at in range(rank)))], 0


def _squeeze(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    value, axes = _need(given[0]), _axes(given, attributes, 1)
    rank = len(value.shape)
    places = (
        {at for at, size in enumerate(value.shape) if size == 1} if axes is None else {_axis(a, rank) for a in axes}
    )
    if any(value.shape[at] != 1 for at in places):
        raise ValueError("an axis that is not 1")
    return [_reshaped(value, tuple(size for at, size in enumerate(value.shape) if at not in places))], 0


def _reshaped(value: _Value, shape: Shape) -> _Value:
    return _Value(shape, value.kind, None if value.ints is None else value.ints.reshape(shape))


def _reshape(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    value, sizes = _need(given[0]), _need(given[1]).numbers()
    if not attributes.get("allowzero", 0):
        sizes = [value.shape[at] if size == 0 else size for at, size in enumerate(sizes)]
    if -1 in sizes:
        rest = math.prod(size for size in sizes if size != -1)
        sizes[sizes.index(-1)] = value.count // rest
    if math.prod(sizes) != value.count:
        raise ValueError("a shape that does not fit")
    return [_reshaped(value, tuple(sizes))], 0


def _flatten(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    value = _need(given[0])
    axis = attributes.get("axis", 1)
    axis += len(value.shape) if axis < 0 else 0
    return [_reshaped(value, (math.prod(value.shape[:axis]), math.prod(value.shape[axis:])))], 0


def _expand(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    value = _need(given[0])
    shape = _broadcast(value.shape, tuple(_need(given[1]).numbers()))
    ints = None
    if value.ints is not None and math.prod(shape) <= _MOST_KNOWN:
        ints = np.broadcast_to(value.ints, shape)
    return [_Value(shape, value.kind, ints)], math.prod(shape)


def _range(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    start, limit, step = (_need(value).numbers()[0] for value in given)
    count = max(0, math.ceil((limit - start) / step))
    ints = np.arange(start, limit, step, dtype=np.int64) if count <= _MOST_KNOWN else None
    return [_Value((count,), _need(given[0]).kind, ints)], count


def _cast(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    value, kind = _need(given[0]), attributes["to"]
    if kind not in _ITEM_BYTES:
        raise ValueError("a kind of number that is not known")
    return [_Value(value.shape, kind, value.ints if kind in (_INT32, _INT64) else None)], value.count


def _transpose(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    value = _need(given[0])
    order = attributes.get("perm") or list(range(len(value.shape)))[::-1]
    if sorted(order) != list(range(len(value.shape))):
        raise ValueError("no order of the axes")
    ints = None if value.ints is None else value.ints.transpose(order)
    return [_Value(tuple(value.shape[axis] for axis in order), value.kind, ints)], value.count


def _slice(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    value = _need(given[0])
    starts, ends = _need(given[1]).numbers(), _need(given[2]).numbers()
    axes = _axes(given, {}, 3) or list(range(len(starts)))
    steps = _need(given[4]).numbers() if len(given) > 4 else [1] * len(starts)
    cuts = [slice(None)] * len(value.shape)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        size = value.shape[_axis(axis, len(value.shape))]
        stop: int | None = max(-size - 1, min(end, size))
        if step < 0 and stop is not None and stop <= -size - 1:
            stop = None
        cuts[_axis(axis, len(value.shape))] = slice(max(-size, min(start, size)), stop, step)
    shape = tuple(len(range(size)[cut]) for size, cut in zip(value.shape, cuts, strict=True))
    return [_Value(shape, value.kind, None if value.ints is None else value.ints[tuple(cuts)])], math.prod(shape)


def _split(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    value = _need(given[0])
    axis = _axis(attributes.get("axis", 0), len(value.shape))
    sizes = _need(given[1]).numbers() if len(given) > 1 and given[1] is not None else attributes.get("split")
    if not sizes:
        part = math.ceil(value.shape[axis] / outputs)
        sizes = [min(part, value.shape[axis] - part * at) for at in range(outputs)]
    if sum(sizes) != value.shape[axis] or len(sizes) != outputs:
        raise ValueError("parts that do not fit")
    return [_Value((*value.shape[:axis], size, *value.shape[axis + 1 :]), value.kind) for size in sizes], value.count


def _pad(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    value, pads = _need(given[0]), _need(given[1]).numbers()
    axes = _axes(given, {}, 3) or list(range(len(value.shape)))
    shape = list(value.shape)
    for at, axis in enumerate(axes):
        shape[_axis(axis, len(shape))] += pads[at] + pads[at + len(axes)]
    return [_Value(tuple(shape), value.kind)], math.prod(shape)


def _reduce(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    value, axes = _need(given[0]), _axes(given, attributes, 1)
    places = {_axis(axis, len(value.shape)) for axis in (range(len(value.shape)) if axes is None else axes)}
    keeps = attributes.get("keepdims", 1)
    sizes = [1 if at in places else size for at, size in enumerate(value.shape) if keeps or at not in places]
    return [_Value(tuple(sizes), value.kind)], value.count


def _matmul(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    left, right = _need(given[0]), _need(given[1])
    a = (1, *left.shape) if len(left.shape) == 1 else left.shape
    b = (*right.shape, 1) if len(right.shape) == 1 else right.shape
    if a[-1] != b[-2]:
        raise ValueError("matrices that do not fit")
    shape = (*_broadcast(a[:-2], b[:-2]), a[-2], b[-1])
    operations = math.prod(shape) * a[-1] // _MACS_AT_ONCE
    if len(left.shape) == 1:
        shape = (*shape[:-2], shape[-1])
    return [_Value(shape[:-1] if len(right.shape) == 1 else shape)], operations


def _gemm(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    a, b = _need(given[0]).shape, _need(given[1]).shape
    rows, inner = a[::-1] if attributes.get("transA", 0) else a
    inner_b, columns = b[::-1] if attributes.get("transB", 0) else b
    if inner != inner_b:
        raise ValueError("matrices that do not fit")
    return [_Value((rows, columns))], rows * columns * inner // _MACS_AT_ONCE


def _window(sizes: Shape, kernel: Sequence[int], attributes: Attributes) -> Shape:
    """Where a kernel fits into (B, C, ...): the sizes behind the channels after a convolution or a pooling."""
    rank = len(sizes)
    strides = attributes.get("strides") or [1] * rank
    dilations = attributes.get("dilations") or [1] * rank
    pads = attributes.get("pads") or [0] * (2 * rank)
    automatic = attributes.get("auto_pad", b"NOTSET")
    if min((*strides, *dilations, *kernel, 1)) < 1 or len(kernel) != rank:
        raise ValueError("no kernel")
    found = []
    for at, size in enumerate(sizes):
        if automatic in (b"SAME_UPPER", b"SAME_LOWER"):
            found.append(math.ceil(size / strides[at]))
            continue
        room = (
            size + (0 if automatic == b"VALID" else pads[at] + pads[at + rank]) - dilations[at] * (kernel[at] - 1) - 1
        )
        steps = math.ceil(room / strides[at]) if attributes.get("ceil_mode", 0) else room // strides[at]
        found.append(steps + 1)
    if min((*found, 1)) < 1:
        raise ValueError("a kernel larger than what it moves over")
    return tuple(found)


def _conv(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    value, weights = _need(given[0]), _need(given[1])
    groups = attributes.get("group", 1)
    if groups < 1 or value.shape[1] != weights.shape[1] * groups:
        raise ValueError("channels that do not fit")
    shape = (value.shape[0], weights.shape[0], *_window(value.shape[2:], weights.shape[2:], attributes))
    padded = math.prod(_padded(value.shape[2:], attributes)) * value.shape[0] * value.shape[1]
    return [_Value(shape)], math.prod(shape) * math.prod(weights.shape[1:]) // _MACS_AT_ONCE + padded


def _padded(sizes: Shape, attributes: Attributes) -> Shape:
    pads = attributes.get("pads") or [0] * (2 * len(sizes))
    if min((*pads, 0)) < 0 or max((*pads, 0)) > 100_000:
        raise ValueError("no padding")
    return tuple(size + pads[at] + pads[at + len(sizes)] for at, size in enumerate(sizes))


def _pool(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    value, kernel = _need(given[0]), attributes["kernel_shape"]
    shape = (*value.shape[:2], *_window(value.shape[2:], kernel, attributes))
    results = [_Value(shape)] + ([_Value(shape, _INT64)] if outputs > 1 else [])
    return results, math.prod(shape) * math.prod(kernel) + math.prod(_padded(value.shape[2:], attributes))


def _global_pool(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    value = _need(given[0])
    return [_Value((*value.shape[:2], *[1] * (len(value.shape) - 2)))], value.count


def _normalization(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    value = _need(given[0])
    if outputs > 1:
        raise ValueError("a normalization that is being trained")
    return [_Value(value.shape)], 8 * value.count


def _recurrent(gates: int) -> _Rule:
    """GRU and LSTM: (T, B, I) to (T, directions, B, H), and the last states (directions, B, H)."""

    def rule(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
        value, weights = _need(given[0]), _need(given[1])
        steps, clips, width = value.shape
        directions, hidden = weights.shape[0], attributes["hidden_size"]
        if attributes.get("layout", 0) or weights.shape != (directions, gates * hidden, width):
            raise ValueError("weights that do not fit")
        state = _Value((directions, clips, hidden))
        operations = steps * directions * clips * gates * hidden * (width + hidden + 24) // _MACS_AT_ONCE
        return [_Value((steps, directions, clips, hidden)), *[state] * (outputs - 1)], operations

    return rule


def _constant_of_shape(given: Given, attributes: Attributes, outputs: int) -> tuple[list[_Value], int]:
    shape, fill = tuple(_need(given[0]).numbers()), attributes.get("value")
    kind, number = (fill.kind, fill.ints) if isinstance(fill, _Tensor) else (_FLOAT, None)
    if min((*shape, 0)) < 0:
        raise ValueError("no shape")
    ints = None
    if number is not None and math.prod(shape) <= _MOST_KNOWN:
        ints = np.full(shape, number.reshape(-1)[0], np.int64)
    return [_Value(shape, kind, ints)], math.prod(shape)


_RULES: Final[dict[str, _Rule]] = {
    **dict.fromkeys(
        ("Relu", "Sigmoid", "Tanh", "Gelu", "Elu", "LeakyRelu", "HardSigmoid", "HardSwish", "Softplus"), _same
    ),
    **dict.fromkeys(("Exp", "Log", "Sqrt", "Neg", "Abs", "Erf", "Reciprocal", "Clip", "Softmax", "LogSoftmax"), _same),
    **dict.fromkeys(("Identity", "Dropout"), _identity),
    **dict.fromkeys(("ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum"), _reduce),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), _global_pool),
    **dict.fromkeys(("AveragePool", "MaxPool"), _pool),
    **dict.fromkeys(("BatchNormalization", "LayerNormalization"), _normalization),
    **dict.fromkeys(("Max", "Min", "Pow"), _arithmetic(None)),
    "Add": _arithmetic(np.add),
    "Sub": _arithmetic(np.subtract),
    "Mul": _arithmetic(np.multiply),
    "Div": _arithmetic(_whole_division),
    "Equal": _arithmetic(None, kind=_BOOL),
    "Where": _arithmetic(None),
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Shape": _shape,
    "Gather": _gather,
    "Concat": _concat,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Expand": _expand,
    "Range": _range,
    "Cast": _cast,
    "Transpose": _transpose,
    "Slice": _slice,
    "Split": _split,
    "Pad": _pad,
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Conv": _conv,
    "GRU": _recurrent(3),
    "LSTM": _recurrent(4),
}
