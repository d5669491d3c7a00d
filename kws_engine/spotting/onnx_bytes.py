"""Reads the bytes of an ONNX network, and writes anew only what was understood of them.

A stranger's bytes may mean one thing to whoever checks them and another to whoever runs them: fields that come twice,
fields nobody knows, numbers spread over several places. So what onnxruntime gets is never those bytes but a network
written from what was checked, with names of our own. Field numbers are those of onnx.proto.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]
FLOAT, INT32, INT64, BOOL = 1, 6, 7, 9
ITEM_BYTES: Final = {FLOAT: 4, INT32: 4, INT64: 8, BOOL: 1}
"""The kinds of numbers that our networks use, and the bytes of one."""
MOST_DIMENSIONS: Final = 8
MOST_KNOWN: Final = 256
"""How many values of a tensor are followed: shapes, axes and indices, never weights."""
_MOST_NODES: Final = 5_000  # the largest of our own has 700
_MOST_FIELDS: Final = 200_000  # of our own: 10,000
_MOST_UNPACKED: Final = 4_096  # numbers of a tensor that are not one block of bytes
_LARGEST_SIZE: Final = 1 << 31
_OPSETS: Final = range(13, 23)
_IR_VERSION: Final = 10
_FLOATS_KIND, _INTS_KIND = 6, 7
_VALUE_FIELDS: Final = {1: 2, 2: 3, 3: 4, 4: 5, _FLOATS_KIND: 7, _INTS_KIND: 8}  # AttributeProto: type -> field


class NetworkRefused(Exception):
    """A network that is not let through; `damaged` where its bytes are no network at all."""

    def __init__(self, reason: str, *, damaged: bool = False) -> None:
        super().__init__(reason)
        self.damaged = damaged


@dataclass
class Tensor:
    """Weights or other constants; `ints` where they are few and whole."""

    name: str
    shape: Shape
    kind: int
    raw: bytes | memoryview
    ints: NDArray[np.int64] | None = None


@dataclass
class Node:
    """One operator; an attribute is a number, a text, a tensor, a list of whole numbers or an array of others."""

    op: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


@dataclass
class Graph:
    """A network."""

    opset: int = 0
    nodes: list[Node] = field(default_factory=list)
    weights: list[Tensor] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


def read(network: bytes) -> Graph:
    """The network in these bytes.

    Raises:
        NetworkRefused: It is damaged, or holds what our networks never hold.
    """
    try:
        return _Reader().model(memoryview(network))
    except (ValueError, IndexError, OverflowError, struct.error) as error:
        raise NetworkRefused("it is damaged", damaged=True) from error


class _Reader:
    """Counts the fields as it goes: each costs time and memory in every program that reads it."""

    def __init__(self) -> None:
        self._left = _MOST_FIELDS

    def model(self, content: memoryview) -> Graph:
        graph = Graph()
        for number, value in self._fields(content):
            if number == 7:  # a second graph is merged into the first by every protobuf reader
                self._graph(_bytes(value), graph)
            elif number == 8:
                self._opset(_bytes(value), graph)
            elif number in (20, 25):
                raise NetworkRefused("it holds functions or training steps, which no model file has")
        if not graph.nodes or not graph.outputs or graph.opset not in _OPSETS:
            raise ValueError("no graph")
        return graph

    def _opset(self, content: memoryview, graph: Graph) -> None:
        domain, version = b"", 0
        for number, value in self._fields(content):
            if number == 1:
                domain = bytes(_bytes(value))
            elif number == 2:
                version = _signed(value)
        if domain in (b"", b"ai.onnx"):
            graph.opset = version

    def _graph(self, content: memoryview, graph: Graph) -> None:
        for number, value in self._fields(content):
            if number == 1:
                graph.nodes.append(self._node(_bytes(value)))
                if len(graph.nodes) > _MOST_NODES:
                    raise NetworkRefused(f"it has more than {_MOST_NODES} operators")
            elif number == 5:
                graph.weights.append(self._tensor(_bytes(value)))
            elif number in (11, 12):
                name = next((_text(part) for at, part in self._fields(_bytes(value)) if at == 1), "")
                (graph.inputs if number == 11 else graph.outputs).append(name)
            elif number == 15:
                raise NetworkRefused("it holds sparse weights, which no model file has")

    def _node(self, content: memoryview) -> Node:
        node = Node("", [], [], {})
        for number, value in self._fields(content):
            if number == 1:
                node.inputs.append(_text(value))
            elif number == 2:
                node.outputs.append(_text(value))
            elif number == 4:
                node.op = _text(value)
            elif number == 5:
                name, attribute = self._attribute(_bytes(value))
                if name in node.attributes:
                    raise ValueError("an attribute twice")
                node.attributes[name] = attribute
            elif number == 7 and bytes(_bytes(value)) not in (b"", b"ai.onnx"):
                raise NetworkRefused("it uses operators of another program")
        return node

    def _attribute(self, content: memoryview) -> tuple[str, Any]:
        name, kind = "", 0
        found: dict[int, list[int | memoryview]] = {}
        for number, value in self._fields(content):
            if number == 1:
                name = _text(value)
            elif number == 20:
                kind = _signed(value)
            elif number in (6, 11):
                raise NetworkRefused("it has a part that may run without end")
            elif number in (2, 3, 4, 5, 7, 8):
                found.setdefault(number, []).append(value)
            elif number != 13:  # a remark
                raise NetworkRefused("it has an attribute that no model file has")
        if kind not in _VALUE_FIELDS or found.keys() - {_VALUE_FIELDS[kind]}:
            raise ValueError("an attribute of no kind, or of several")
        return name, self._attribute_value(kind, found.get(_VALUE_FIELDS[kind], []))

    def _attribute_value(self, kind: int, values: list[int | memoryview]) -> Any:
        if kind == _INTS_KIND:
            return [number for value in values for number in self._numbers(value)]
        if kind == _FLOATS_KIND:
            return np.frombuffer(b"".join(bytes(_bytes(value)) for value in values), "<f4")
        if len(values) > 1 or (not values and kind == 4):
            raise ValueError("an attribute without a value, or with several")
        if kind == 1:
            return struct.unpack("<f", _bytes(values[0]))[0] if values else 0.0
        if kind == 2:
            return _signed(values[0]) if values else 0
        if kind == 3:
            return bytes(_bytes(values[0])[:100]) if values else b""
        return self._tensor(_bytes(values[0]))

    def _tensor(self, content: memoryview) -> Tensor:
        shape, kind, name = list[int](), 0, ""
        blocks: dict[int, list[int | memoryview]] = {}
        for number, value in self._fields(content):
            if number == 1:
                shape += self._numbers(value)
            elif number == 2:
                kind = _signed(value)
            elif number == 8:
                name = _text(value)
            elif number in (4, 5, 7, 9):
                blocks.setdefault(number, []).append(value)
            elif number == 13 or (number == 14 and _signed(value)):
                raise NetworkRefused("it refers to files outside itself")
            elif number in (3, 6, 10, 11):
                raise NetworkRefused("it holds numbers in a form that no model file uses")
        if kind not in ITEM_BYTES:
            raise NetworkRefused("it holds numbers in a form that no model file uses")
        if len(shape) > MOST_DIMENSIONS or not all(0 <= size < _LARGEST_SIZE for size in shape):
            raise ValueError("no tensor")
        raw = self._raw(kind, blocks)
        count = math.prod(shape)
        if len(raw) != count * ITEM_BYTES[kind] or (count == 0 and (len(shape) != 1 or kind != INT64)):
            raise ValueError("a tensor whose numbers are not there")
        return Tensor(name, tuple(shape), kind, raw, _known(kind, count, raw, tuple(shape)))

    def _raw(self, kind: int, blocks: dict[int, list[int | memoryview]]) -> bytes | memoryview:
        """The numbers of a tensor as one block of bytes, wherever they were."""
        blocks = {number: values for number, values in blocks.items() if any(map(_has_numbers, values))}
        if not blocks:
            return b""
        [(number, values)] = blocks.items()
        if number == 9:
            return _bytes(values[-1])
        if number == 4 and kind == FLOAT:
            return _bytes(values[0]) if len(values) == 1 else b"".join(bytes(_bytes(value)) for value in values)
        if (number == 7) != (kind == INT64) or kind == FLOAT:
            raise ValueError("numbers of another kind")
        numbers = [one for value in values for one in self._numbers(value)]
        if len(numbers) > _MOST_UNPACKED:
            raise NetworkRefused("it holds numbers in a form that no model file uses")
        return np.array(numbers, np.int64).astype({INT64: "<i8", INT32: "<i4", BOOL: "?"}[kind]).tobytes()

    def _numbers(self, value: int | memoryview) -> list[int]:
        """A repeated number: one at a time, or many packed into bytes."""
        if isinstance(value, int):
            return [_signed(value)]
        found, at = list[int](), 0
        while at < len(value):
            self._count()
            number, at = _varint(value, at)
            found.append(_signed(number))
        return found

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise NetworkRefused("it has more parts than any model file")

    def _fields(self, content: memoryview) -> Iterator[tuple[int, int | memoryview]]:
        """(field number, value) of a message: a number, or the bytes of a string, message or fixed number."""
        at = 0
        while at < len(content):
            self._count()
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


def _known(kind: int, count: int, raw: bytes | memoryview, shape: Shape) -> NDArray[np.int64] | None:
    if kind not in (INT32, INT64) or count > MOST_KNOWN:
        return None
    return np.frombuffer(raw, "<i8" if kind == INT64 else "<i4").astype(np.int64).reshape(shape)


def _has_numbers(value: int | memoryview) -> bool:
    return isinstance(value, int) or len(value) > 0


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


# -- writing


def write(graph: Graph, *, input_shape: Shape) -> bytes:
    """The network as bytes for onnxruntime: its first input and first output keep their names, all else is numbered.

    Args:
        graph: Whose inputs that are no weights are one.
        input_shape: Of one window, without the batch.
    """
    weights = {tensor.name for tensor in graph.weights}
    [heard] = [name for name in graph.inputs if name not in weights]
    names = {"": "", heard: heard}
    if graph.outputs[0] != heard:
        names[graph.outputs[0]] = "answer" if heard != "answer" else "answered"

    def short(name: str) -> str:
        return names.setdefault(name, f"_{len(names)}")

    parts: Parts = [_message(1, *_node(node, short)) for node in graph.nodes]
    parts.append(_message(2, b"network"))
    parts += [_message(5, *_tensor(tensor, short(tensor.name))) for tensor in graph.weights]
    sizes = [_message(1, _message(2, b"clips")), *(_message(1, _number(1, size)) for size in input_shape)]
    heard_type = _message(2, _message(1, _number(1, FLOAT), _message(2, *sizes)))
    parts.append(_message(11, _message(1, heard.encode()), heard_type))
    answer_type = _message(2, _message(1, _number(1, FLOAT)))
    parts.append(_message(12, _message(1, short(graph.outputs[0]).encode()), answer_type))
    model = [_number(1, _IR_VERSION), *_message(8, _number(2, graph.opset)), *_message(7, *parts)]
    return b"".join(model)


Parts = list[Any]  # bytes, and lists of bytes: weights are copied once, by the last join


def _node(node: Node, short: Callable[[str], str]) -> Parts:
    return [
        *(_message(1, short(name).encode()) for name in node.inputs),
        *(_message(2, short(name).encode()) for name in node.outputs),
        _message(4, node.op.encode()),
        *(_message(5, *_attribute(name, value)) for name, value in node.attributes.items()),
    ]


def _attribute(name: str, value: Any) -> Parts:
    kind, content = _attribute_content(value)
    return [_message(1, name.encode()), *content, _number(20, kind)]


def _attribute_content(value: Any) -> tuple[int, Parts]:
    if isinstance(value, float):
        return 1, [_key(2, 5), struct.pack("<f", value)]
    if isinstance(value, int):
        return 2, [_number(3, value)]
    if isinstance(value, bytes):
        return 3, [_message(4, value)]
    if isinstance(value, Tensor):
        return 4, [_message(5, *_tensor(value, ""))]
    if isinstance(value, list):
        return _INTS_KIND, [_number(8, number) for number in value]
    return _FLOATS_KIND, [_message(7, value.astype("<f4").tobytes())]


def _tensor(tensor: Tensor, name: str) -> Parts:
    sizes = [_number(1, size) for size in tensor.shape]
    return [*sizes, _number(2, tensor.kind), _message(8, name.encode()), _message(9, tensor.raw)]


def _message(number: int, *parts: Any) -> Parts:
    flat: Parts = []
    for part in parts:
        flat += part if isinstance(part, list) else [part]
    return [_key(number, 2), _varint_bytes(sum(map(len, flat))), *flat]


def _number(number: int, value: int) -> bytes:
    return _key(number, 0) + _varint_bytes(value % 2**64)


def _key(number: int, wire_type: int) -> bytes:
    return _varint_bytes(number << 3 | wire_type)


def _varint_bytes(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
