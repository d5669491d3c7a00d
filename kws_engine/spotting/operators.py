"""Lists the operators in the bytes of an ONNX network, without loading or running it."""

from __future__ import annotations

from collections.abc import Iterator

# Those that run a part of the network any number of times, even forever.
CONTROL_FLOW = frozenset({b"If", b"Loop", b"Scan", b"SequenceMap"})
# onnx.proto: ModelProto.graph, .functions; GraphProto.node; FunctionProto.node; NodeProto.op_type
_GRAPH, _FUNCTIONS, _GRAPH_NODE, _FUNCTION_NODE, _OP_TYPE = 7, 25, 1, 7, 4
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5  # wire types of protobuf


def operators(network: bytes) -> set[bytes]:
    """The names of all operators outside of subgraphs, which only operators of `CONTROL_FLOW` have.

    Raises:
        ValueError: The bytes are no ONNX network.
    """
    found: set[bytes] = set()
    for field, part in _parts(memoryview(network)):
        if field in (_GRAPH, _FUNCTIONS):
            node = _GRAPH_NODE if field == _GRAPH else _FUNCTION_NODE
            for inner, content in _parts(part):
                if inner == node:
                    found |= {bytes(name) for number, name in _parts(content) if number == _OP_TYPE}
    return found


def _parts(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """(field number, content) of a protobuf message's strings and inner messages."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        field, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            _, at = _varint(message, at)
            continue
        length = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(wire_type, -1)
        if wire_type == _BYTES:
            length, at = _varint(message, at)
        if not 0 <= length <= len(message) - at:
            raise ValueError("no protobuf message")
        if wire_type == _BYTES:
            yield field, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """The number at `at`, seven bits a byte, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at + shift // 7 >= len(message):
            break
        byte = message[at + shift // 7]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + shift // 7 + 1
    raise ValueError("no protobuf message")
