"""What a network from a model file would cost, shown from its bytes before anything of it is loaded or run.

A stranger's network may name operators that run without end, point at files outside itself, or ask for gigabytes with
a few hundred bytes. So only the operators that our own networks are made of are let through, and the shape of every
tensor is worked out for the very batches that are run. Where a shape cannot be worked out, the network is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from kws_engine.spotting import onnx_bytes
from kws_engine.spotting.network_rules import RULES, Outcome, Value
from kws_engine.spotting.onnx_bytes import (
    FLOAT,
    INT64,
    ITEM_BYTES,
    MOST_DIMENSIONS,
    Graph,
    NetworkRefused,
    Node,
    Shape,
    Tensor,
)

_EACH_OPERATOR = 10_000  # nanoseconds, whatever it does
_COPIES, _COPIES_OF_CONSTANTS = 3, 4  # that onnxruntime makes of weights at most, by measurement


@dataclass(frozen=True)
class NetworkCost:
    """What one answer costs.

    Attributes:
        operations: Nanoseconds on one slow core.
        tensor_bytes: Of all tensors between the input and the answer together, and the most that an operator needs
            beside them.
        output_shape: Of the answer.
        bytes_at_load: What onnxruntime takes to load the network and to answer once, at most.
    """

    operations: int
    tensor_bytes: int
    output_shape: Shape
    bytes_at_load: int


class CheckedNetwork:
    """A network whose operators are all known; nothing of it has been loaded or run.

    Attributes:
        content: The network written anew, for onnxruntime.
    """

    def __init__(self, network: bytes, *, input_name: str, window_shape: Shape) -> None:
        """Reads it.

        Args:
            network: The bytes of an ONNX model.
            input_name: Of its only input, float32.
            window_shape: Of one window in that input, which has the batch before it.

        Raises:
            NetworkRefused: It is damaged, or holds what our networks never hold.
        """
        graph = onnx_bytes.read(network)
        weights = {tensor.name for tensor in graph.weights}
        if [name for name in graph.inputs if name not in weights] != [input_name]:
            raise NetworkRefused(f"its input is not {input_name}")
        if len(graph.outputs) != 1:
            raise NetworkRefused("it has more than one answer")
        for node in graph.nodes:
            _check_operator(node)
        self.content = onnx_bytes.write(graph, input_shape=window_shape)
        self._weight_bytes = _COPIES * sum(len(tensor.raw) for tensor in graph.weights)
        self._weight_bytes += _COPIES_OF_CONSTANTS * sum(map(_constant_bytes, graph.nodes))
        self._graph = _without_weights(graph)
        self._input_name = input_name
        self._window_shape = window_shape

    def forget_content(self) -> None:
        """Frees its memory, once onnxruntime has a copy."""
        self.content = b""

    def cost(self, windows: int, *, most_bytes: int) -> NetworkCost:
        """The cost of one answer to so many windows at once.

        Raises:
            NetworkRefused: It needs more than `most_bytes`, or its shapes do not fit.
        """
        walk = _Walk(self._graph, most_bytes)
        shape = walk.output_shape(self._input_name, (windows, *self._window_shape))
        return NetworkCost(walk.cost, walk.tensor_bytes, shape, self._weight_bytes + walk.tensor_bytes)


def network_cost(network: bytes, *, input_name: str, input_shape: Shape, most_bytes: int) -> NetworkCost:
    """Works out the cost of a network's answer to one float32 input of `input_shape`.

    Raises:
        NetworkRefused: It is damaged, holds what our networks never hold, or needs more than `most_bytes`.
    """
    checked = CheckedNetwork(network, input_name=input_name, window_shape=input_shape[1:])
    return checked.cost(input_shape[0], most_bytes=most_bytes)


def _check_operator(node: Node) -> None:
    rule = RULES.get(node.op)
    if rule is None:
        shown = node.op if node.op.isascii() and node.op.isalnum() and len(node.op) <= 40 else "?"
        raise NetworkRefused(f"it uses {shown}, which no network of this program does")
    if not node.attributes.keys() <= rule.attributes:
        raise NetworkRefused(f"it uses {node.op} in a way that no network of this program does")


def _constant_bytes(node: Node) -> int:
    return sum(len(value.raw) for value in node.attributes.values() if isinstance(value, Tensor))


def _without_weights(graph: Graph) -> Graph:
    return replace(graph, weights=[replace(tensor, raw=b"") for tensor in graph.weights])


class _Walk:
    """Goes through the operators in their order and adds up what they cost."""

    def __init__(self, graph: Graph, most_bytes: int) -> None:
        self._graph = graph
        self._most_bytes = most_bytes
        self._values: dict[str, Value] = {}
        self.cost = 0
        self._bytes = 0
        self._scratch = 0

    @property
    def tensor_bytes(self) -> int:
        return self._bytes + self._scratch

    def output_shape(self, input_name: str, input_shape: Shape) -> Shape:
        """Goes through all operators."""
        for tensor in self._graph.weights:
            self._name(tensor.name, Value(tensor.shape, tensor.kind, tensor.ints))
        self._name(input_name, Value(input_shape))
        for node in self._graph.nodes:
            self._apply(node)
        answer = self._values.get(self._graph.outputs[0])
        if answer is None or answer.kind != FLOAT:
            raise NetworkRefused("it gives no answer", damaged=True)
        return answer.shape

    def _apply(self, node: Node) -> None:
        outcome = self._outcome(node)
        wanted = [name for name in node.outputs if name]
        if len(node.outputs) > len(outcome.outputs) or not wanted:
            raise NetworkRefused(f"it uses {node.op} in a way that no network of this program does")
        for name, value in zip(node.outputs, outcome.outputs, strict=False):
            if name:
                self._name(name, value)
            self._bytes += value.count * ITEM_BYTES[value.kind]
        self._scratch = max(self._scratch, outcome.scratch)
        self.cost += outcome.cost + _EACH_OPERATOR
        if self.tensor_bytes > self._most_bytes:
            raise NetworkRefused(f"it asks for more than {self._most_bytes // 1_000_000} MB")

    def _outcome(self, node: Node) -> Outcome:
        try:
            given = [self._values[name] if name else None for name in node.inputs]
            return RULES[node.op].act(given, node.attributes, len(node.outputs))
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, StopIteration) as error:
            raise NetworkRefused("it is damaged", damaged=True) from error

    def _name(self, name: str, value: Value) -> None:
        if not name or name in self._values:
            raise NetworkRefused("it names two tensors alike", damaged=True)
        is_empty = math.prod(value.shape) == 0 and (len(value.shape) != 1 or value.kind != INT64)
        if len(value.shape) > MOST_DIMENSIONS or min((*value.shape, 0)) < 0 or is_empty:
            raise NetworkRefused("it is damaged", damaged=True)
        self._values[name] = value
