"""Small networks as TensorFlow Lite files, written operator by operator without TensorFlow; runs them, too.

Tensors keep ONNX's order of axes; a convolution over time is turned to TensorFlow's and back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import ai_edge_litert.schema_py_generated as schema
import flatbuffers
import numpy as np
import onnx
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from onnx import numpy_helper

from kws_engine.errors import KwsError

Array = NDArray[Any]
_KINDS: Final = {"float32": schema.TensorType.FLOAT32, "int32": schema.TensorType.INT32}
_IDENTIFIER: Final = b"TFL3"


@dataclass
class Graph:
    """A TensorFlow Lite graph in the making; tensors are numbers."""

    tensors: list[Any] = field(default_factory=list)
    buffers: list[Any] = field(default_factory=lambda: [schema.BufferT()])  # the first is empty, by convention
    operators: list[Any] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)

    def tensor(self, shape: Sequence[int], kind: str = "float32") -> int:
        """A new tensor that is computed or given."""
        made = schema.TensorT()
        made.shape, made.type, made.name = list(shape), _KINDS[kind], f"t{len(self.tensors)}".encode()
        self.tensors.append(made)
        return len(self.tensors) - 1

    def constant(self, values: Array) -> int:
        """A tensor of float32 or int32 values."""
        number = self.tensor(values.shape, str(values.dtype))
        self.tensors[number].buffer = len(self.buffers)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self.buffers.append(buffer)
        return number

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Its dimensions."""
        return tuple(self.tensors[tensor].shape)

    def add(self, name: str, inputs: Sequence[int], shape: Sequence[int], **options: Any) -> int:
        """An operator with one output of this shape, which is returned; options as in TensorFlow Lite's schema."""
        code = getattr(schema.BuiltinOperator, name)
        if code not in self.codes:
            self.codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs = self.codes.index(code), list(inputs)
        output = self.tensor(shape)
        operator.outputs = [output]
        kind = _OPTIONS.get(name)
        if kind is not None:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = getattr(schema, f"{kind}T")()
            for option, value in options.items():
                setattr(operator.builtinOptions, option, value)
        self.operators.append(operator)
        return output

    def reshape(self, tensor: int, shape: Sequence[int]) -> int:
        """The same numbers in another shape."""
        return self.add("RESHAPE", [tensor, self.constant(np.array(shape, np.int32))], shape, newShape=list(shape))

    def transpose(self, tensor: int, order: Sequence[int]) -> int:
        """The same numbers with the axes in another order."""
        shape = [self.shape(tensor)[axis] for axis in order]
        return self.add("TRANSPOSE", [tensor, self.constant(np.array(order, np.int32))], shape)

    def slice(self, tensor: int, begin: Sequence[int], size: Sequence[int]) -> int:
        """A part of a tensor."""
        ends = [self.constant(np.array(values, np.int32)) for values in (begin, size)]
        return self.add("SLICE", [tensor, *ends], size)

    def finished(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """The file."""
        model, graph = schema.ModelT(), schema.SubGraphT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = list(inputs), list(outputs)
        model.version, model.description, model.buffers, model.subgraphs = 3, b"KWS Studio", self.buffers, [graph]
        model.operatorCodes = []
        for code in self.codes:
            made = schema.OperatorCodeT()
            made.deprecatedBuiltinCode, made.builtinCode, made.version = min(code, 127), code, 1
            model.operatorCodes.append(made)
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
        return bytes(builder.Output())


_OPTIONS: Final = {
    "ADD": "AddOptions",
    "MUL": "MulOptions",
    "CONV_2D": "Conv2DOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "RESHAPE": "ReshapeOptions",
    "TRANSPOSE": "TransposeOptions",
    "CONCATENATION": "ConcatenationOptions",
    "SOFTMAX": "SoftmaxOptions",
    "REDUCE_MAX": "ReducerOptions",
    "SLICE": "SliceOptions",
}


def add_network(graph: Graph, network: bytes, features: int) -> int:
    """Adds an ONNX network with the input `features` (B, T, F) to a graph; returns its logits (B, labels).

    Raises:
        KwsError: It has an operator that is not one of a head's.
    """
    model = onnx.load_model_from_string(network)
    given = model.graph.input[0]
    for axis, size in zip(given.type.tensor_type.shape.dim, graph.shape(features), strict=True):
        axis.dim_value = size
    inferred = onnx.shape_inference.infer_shapes(model).graph
    shapes = {
        one.name: [axis.dim_value for axis in one.type.tensor_type.shape.dim]
        for one in [*inferred.value_info, *inferred.output]
    }
    stored = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    known = {given.name: features}
    for node in model.graph.node:
        write = _NODES.get(node.op_type)
        if node.op_type == "Constant":
            stored[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
            continue
        if node.op_type == "Identity" and node.input[0] in stored:
            stored[node.output[0]] = stored[node.input[0]]
            continue
        if write is None:
            raise KwsError(f"This network holds {node.op_type}, which is not written as TensorFlow Lite: use onnx")
        values = [known[name] if name in known else stored[name] for name in node.input if name]
        attributes = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        known[node.output[0]] = write(graph, values, attributes, shapes.get(node.output[0], []))
    return known[model.graph.output[0].name]


def _transpose(graph: Graph, values: list[Any], attributes: dict[str, Any], shape: list[int]) -> int:
    return graph.transpose(values[0], attributes["perm"])


def _reshape(graph: Graph, values: list[Any], attributes: dict[str, Any], shape: list[int]) -> int:
    size = int(np.prod(graph.shape(values[0])))
    batch = graph.shape(values[0])[0]
    return graph.reshape(values[0], shape if shape and np.prod(shape) == size else [batch, size // batch])


def _normalization(graph: Graph, values: list[Any], attributes: dict[str, Any], shape: list[int]) -> int:
    value, scale, bias, mean, variance = values
    factor = scale / np.sqrt(variance + attributes.get("epsilon", 1e-5))
    shift = bias - mean * factor
    known = graph.shape(value)
    along = [1, -1, *[1] * (len(known) - 2)]
    scaled = graph.add("MUL", [value, graph.constant(factor.astype(np.float32).reshape(along))], known)
    return graph.add("ADD", [scaled, graph.constant(shift.astype(np.float32).reshape(along))], known)


def _convolution(graph: Graph, values: list[Any], attributes: dict[str, Any], shape: list[int]) -> int:
    value, weights, *bias = values
    plain = {"pads": [0, 0], "strides": [1], "dilations": [1]}
    if weights.ndim != 3 or any(attributes.get(name, one) != one for name, one in plain.items()):
        raise KwsError("This network holds a convolution that is not written as TensorFlow Lite: use onnx")
    groups = attributes.get("group", 1)
    count, channels, length = graph.shape(value)
    outputs, each, kernel = weights.shape
    left = length - kernel + 1
    offsets = np.asarray(bias[0] if bias else np.zeros(outputs), np.float32)
    image = graph.reshape(graph.transpose(value, [0, 2, 1]), [count, 1, length, channels])
    options = {"padding": schema.Padding.VALID, "strideW": 1, "strideH": 1, "dilationWFactor": 1, "dilationHFactor": 1}
    made = []
    for number, some in enumerate(np.split(np.arange(outputs), groups)):  # older runtimes have no groups
        part = image if groups == 1 else graph.slice(image, [0, 0, 0, number * each], [count, 1, length, each])
        filters = np.ascontiguousarray(weights[some].transpose(0, 2, 1)[:, None], np.float32)
        inputs = [part, graph.constant(filters), graph.constant(offsets[some])]
        made.append(graph.add("CONV_2D", inputs, [count, 1, left, len(some)], **options))
    joined = made[0] if groups == 1 else graph.add("CONCATENATION", made, [count, 1, left, outputs], axis=3)
    return graph.transpose(graph.reshape(joined, [count, left, outputs]), [0, 2, 1])


def _dense(graph: Graph, values: list[Any], attributes: dict[str, Any], shape: list[int]) -> int:
    value, weights, bias = values
    weights = weights if attributes.get("transB", 0) else weights.T
    if attributes.get("alpha", 1.0) != 1.0 or attributes.get("beta", 1.0) != 1.0 or attributes.get("transA", 0):
        raise KwsError("This network holds a dense layer that is not written as TensorFlow Lite: use onnx")
    constants = [graph.constant(np.ascontiguousarray(one, np.float32)) for one in (weights, bias)]
    return graph.add("FULLY_CONNECTED", [value, *constants], [graph.shape(value)[0], len(weights)])


def _product(graph: Graph, values: list[Any], attributes: dict[str, Any], shape: list[int]) -> int:
    value, weights = values
    if isinstance(weights, int) or not isinstance(value, int) or weights.ndim != 2 or len(graph.shape(value)) != 2:
        raise KwsError("This network holds a product that is not written as TensorFlow Lite: use onnx")
    return _dense(graph, [value, weights, np.zeros(weights.shape[1], np.float32)], {}, shape)


def _rectified(graph: Graph, values: list[Any], attributes: dict[str, Any], shape: list[int]) -> int:
    return graph.add("RELU", [values[0]], graph.shape(values[0]))


def _arithmetic(name: str) -> Callable[..., int]:
    def write(graph: Graph, values: list[Any], attributes: dict[str, Any], shape: list[int]) -> int:
        both = [one if isinstance(one, int) else graph.constant(np.asarray(one, np.float32)) for one in values]
        return graph.add(name, both, np.broadcast_shapes(*map(graph.shape, both)))

    return write


def _same(graph: Graph, values: list[Any], attributes: dict[str, Any], shape: list[int]) -> int:
    return int(values[0])


_NODES: Final[dict[str, Callable[..., int]]] = {
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Flatten": _reshape,
    "BatchNormalization": _normalization,
    "Conv": _convolution,
    "Gemm": _dense,
    "MatMul": _product,
    "Relu": _rectified,
    "Add": _arithmetic("ADD"),
    "Mul": _arithmetic("MUL"),
    "Identity": _same,
    "Dropout": _same,
}


def answers_of(content: bytes) -> Callable[[Array], Array]:
    """What a file with one input and one output answers, by TensorFlow Lite's own runtime."""
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    (given,), (told,) = interpreter.get_input_details(), interpreter.get_output_details()

    def answer(values: Array) -> Array:
        interpreter.set_tensor(given["index"], values)
        interpreter.invoke()
        return np.array(interpreter.get_tensor(told["index"]))

    return answer
