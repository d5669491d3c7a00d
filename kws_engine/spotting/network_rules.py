"""What each operator of a network makes of the shapes it is given, and what that costs (ONNX opsets 13 to 22).

A rule that is not exactly what onnxruntime does is a hole: sizes are computed from sizes, so a 5 taken for a 4 becomes
a gigabyte. What a rule does not cover is refused: every attribute not listed, empty tensors, other kinds of numbers.
Costs were measured on one slow core, in nanoseconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kws_engine.spotting.onnx_bytes import BOOL, FLOAT, INT32, INT64, MOST_KNOWN, NetworkRefused, Shape, Tensor

_MACS_OF_VECTORS, _MACS_OF_MATRICES = 2, 10
"""Multiply-accumulates in a nanosecond: of matrices of which one side is short, and of others. Measured on one core of
a loaded machine: 2 to 10, and 30 to 90, as for the convolutions of this program."""
_SHORT: Final = 8
_CALL: Final = 300  # of a matrix product, of a group of a convolution, of a step of a recurrent layer
_BYTES_A_CALL: Final = 128
_LARGEST_FOLLOWED: Final = 1 << 31  # so that no product of two overflows in any program
_LARGEST_PAD: Final = 100_000


@dataclass(frozen=True)
class Value:
    """A tensor on its way through the network; its numbers where they are few, whole and known."""

    shape: Shape
    kind: int = FLOAT
    ints: NDArray[np.int64] | None = None

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    def numbers(self) -> list[int]:
        """Its numbers, which decide a shape."""
        if self.ints is None:
            raise NetworkRefused("the size of one of its tensors depends on what it hears")
        if len(self.ints.shape) > 1:
            raise ValueError("no list of numbers")
        return [int(number) for number in self.ints.reshape(-1)]


@dataclass(frozen=True)
class Outcome:
    """What an operator makes: its outputs, nanoseconds, and bytes that it needs beside them while it works."""

    outputs: list[Value]
    cost: int
    scratch: int = 0


Given = Sequence[Value | None]
Attributes = Mapping[str, Any]
Act = Callable[[Given, Attributes, int], Outcome]


@dataclass(frozen=True)
class Rule:
    """How one operator acts, and the attributes that this takes into account."""

    act: Act
    attributes: frozenset[str] = frozenset()


def _need(value: Value | None) -> Value:
    if value is None:
        raise ValueError("an operator lacks an input")
    return value


def _floats(value: Value | None) -> Value:
    if value is None or value.kind != FLOAT:
        raise ValueError("an operator has no floats to work on")
    return value


def _product(rows: int, columns: int, inner: int) -> int:
    """The cost of one product of matrices."""
    at_once = _MACS_OF_VECTORS if min(rows, columns, inner) < _SHORT else _MACS_OF_MATRICES
    return rows * columns * inner // at_once


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < max(rank, 1):
        raise ValueError("an axis that is not there")
    return axis % max(rank, 1)


def _axes(axes: Sequence[int], rank: int) -> list[int]:
    places = [_axis(axis, rank) for axis in axes]
    if len(set(places)) < len(places):
        raise ValueError("an axis twice")
    return places


def _flag(attributes: Attributes, name: str, *, default: bool = False) -> bool:
    value = attributes.get(name, int(default))
    if value not in (0, 1):
        raise ValueError("a flag that is neither 0 nor 1, which programs understand differently")
    return bool(value)


def _given_axes(given: Given, attributes: Attributes, at: int) -> list[int] | None:
    """Axes come as an input since opset 13 or 18, as an attribute before."""
    if len(given) > at and given[at] is not None:
        if "axes" in attributes:
            raise ValueError("axes twice")
        return _need(given[at]).numbers()
    return attributes.get("axes")


def _broadcast(*shapes: Shape) -> Shape:
    return tuple(int(size) for size in np.broadcast_shapes(*shapes))


def _elementwise(nanoseconds: int, *, floats: bool = True) -> Act:
    """An operator that works number by number and keeps the shape."""

    def act(given: Given, attributes: Attributes, outputs: int) -> Outcome:
        value = _floats(given[0]) if floats else _need(given[0])
        if "axis" in attributes:
            _axis(attributes["axis"], len(value.shape))
        return Outcome([Value(value.shape, value.kind)], nanoseconds * value.count, 4 * value.count)

    return act


def _identity(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    return Outcome([_need(given[0])], _need(given[0]).count)


def _arithmetic(
    compute: Callable[[Any, Any], Any] | None, *, kind: int | None = None, cost: int = 4, condition: int = 0
) -> Act:
    def act(given: Given, attributes: Attributes, outputs: int) -> Outcome:
        values = [_need(value) for value in given]
        if len({value.kind for value in values[condition:]}) != 1:
            raise ValueError("numbers of several kinds")
        shape = _broadcast(*(value.shape for value in values))
        ints = None
        known = [value.ints for value in values if value.ints is not None]
        if compute is not None and len(known) == len(values) == 2 and math.prod(shape) <= MOST_KNOWN:
            ints = _followed(compute, *known)
        return Outcome([Value(shape, kind or values[-1].kind, ints)], cost * math.prod(shape) * max(1, len(values) - 1))

    return act


def _followed(compute: Callable[[Any, Any], Any], *known: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The numbers of a result, unless they may overflow, which every kind of number does in its own way."""
    if any(np.any((ints >= _LARGEST_FOLLOWED) | (ints <= -_LARGEST_FOLLOWED)) for ints in known):
        return None
    found = np.asarray(compute(*known), dtype=np.int64)
    return None if np.any((found >= _LARGEST_FOLLOWED) | (found <= -_LARGEST_FOLLOWED)) else found


def _whole_division(above: NDArray[np.int64], below: NDArray[np.int64]) -> NDArray[np.int64]:
    if not below.all():
        raise ValueError("a division by zero")
    found: NDArray[np.int64] = np.sign(above) * np.sign(below) * (np.abs(above) // np.abs(below))
    return found


def _constant(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    [(name, value)] = attributes.items()  # which of several counts, each program decides for itself
    if isinstance(value, Tensor):
        return Outcome([Value(value.shape, value.kind, value.ints)], 0)
    if name.startswith("value_int"):
        whole = np.array(value, np.int64)
        return Outcome([Value(whole.shape, INT64, whole if whole.size <= MOST_KNOWN else None)], 0)
    if not np.size(value):
        raise ValueError("no numbers")
    return Outcome([Value(np.shape(value))], 0)


def _shape(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    value = _need(given[0])
    rank = len(value.shape)
    start, end = attributes.get("start", 0), attributes.get("end", rank)
    if not (-rank <= start <= rank and -rank <= end <= rank):
        raise ValueError("an axis that is not there")
    sizes = np.array(value.shape[start:end], np.int64)
    return Outcome([Value(sizes.shape, INT64, sizes)], 0)


def _gather(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    data, indices = _need(given[0]), _need(given[1])
    if indices.kind not in (INT32, INT64):
        raise ValueError("no indices")
    axis = _axis(attributes.get("axis", 0), len(data.shape))
    shape = (*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :])
    ints = None
    if data.ints is not None and indices.ints is not None and math.prod(shape) <= MOST_KNOWN:
        ints = np.take(data.ints, indices.ints, axis=axis)
    copies = math.prod(data.shape[:axis]) * indices.count
    return Outcome([Value(shape, data.kind, ints)], 2 * math.prod(shape) + 8 * copies)


def _concat(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    values = [_need(value) for value in given]
    axis = _axis(attributes["axis"], len(values[0].shape))
    rest = {(len(value.shape), value.shape[:axis], value.shape[axis + 1 :], value.kind) for value in values}
    if len(rest) != 1:
        raise ValueError("tensors that do not fit together")
    shape = (*values[0].shape[:axis], sum(value.shape[axis] for value in values), *values[0].shape[axis + 1 :])
    known = [value.ints for value in values if value.ints is not None]
    ints = np.concatenate(known, axis=axis) if len(known) == len(values) and math.prod(shape) <= MOST_KNOWN else None
    return Outcome([Value(shape, values[0].kind, ints)], 2 * math.prod(shape) + 8 * math.prod(shape[:axis]))


def _unsqueeze(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    value, axes = _need(given[0]), _given_axes(given, attributes, 1) or []
    rank = len(value.shape) + len(axes)
    places = _axes(axes, rank)
    sizes = iter(value.shape)
    return _moved(value, tuple([1 if at in places else next(sizes) for at in range(rank)]))


def _squeeze(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    value, axes = _need(given[0]), _given_axes(given, attributes, 1)
    if axes is not None and not axes:
        raise ValueError("an empty list of axes, which programs understand differently")
    ones = [at for at, size in enumerate(value.shape) if size == 1]
    places = ones if axes is None else _axes(axes, len(value.shape))
    if any(value.shape[at] != 1 for at in places):
        raise ValueError("an axis that is not 1")
    return _moved(value, tuple(size for at, size in enumerate(value.shape) if at not in places))


def _moved(value: Value, shape: Shape) -> Outcome:
    """The same numbers in another shape."""
    ints = None if value.ints is None else value.ints.reshape(shape)
    return Outcome([Value(shape, value.kind, ints)], value.count)


def _reshape(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    value, sizes = _need(given[0]), _need(given[1]).numbers()
    if min((*sizes, 0)) < -1 or sizes.count(-1) > 1:
        raise ValueError("no shape")
    if not _flag(attributes, "allowzero"):
        sizes = [value.shape[at] if size == 0 else size for at, size in enumerate(sizes)]
    if -1 in sizes:
        rest = math.prod(size for size in sizes if size != -1)
        sizes[sizes.index(-1)] = value.count // rest
    if math.prod(sizes) != value.count:
        raise ValueError("a shape that does not fit")
    return _moved(value, tuple(sizes))


def _flatten(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    value = _need(given[0])
    rank, axis = len(value.shape), attributes.get("axis", 1)
    if not -rank <= axis <= rank:
        raise ValueError("an axis that is not there")
    axis += rank if axis < 0 else 0
    return _moved(value, (math.prod(value.shape[:axis]), math.prod(value.shape[axis:])))


def _expand(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    value, sizes = _need(given[0]), _need(given[1]).numbers()
    if min((*sizes, 1)) < 1:
        raise ValueError("no shape")
    shape = _broadcast(value.shape, tuple(sizes))
    ints = None
    if value.ints is not None and math.prod(shape) <= MOST_KNOWN:
        ints = np.broadcast_to(value.ints, shape)
    return Outcome([Value(shape, value.kind, ints)], 4 * math.prod(shape))


def _range(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    start, limit, step = (_need(value).numbers()[0] for value in given)
    if max(abs(start), abs(limit), abs(step)) >= _LARGEST_FOLLOWED or any(_need(one).shape for one in given):
        raise ValueError("no range")
    count = max(0, -((start - limit) // step))
    ints = np.arange(count, dtype=np.int64) * step + start if count <= MOST_KNOWN else None
    return Outcome([Value((count,), _need(given[0]).kind, ints)], 4 * count)


def _cast(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    value, kind = _need(given[0]), attributes["to"]
    if kind not in (FLOAT, INT32, INT64, BOOL):
        raise ValueError("a kind of number that is not known")
    ints = _followed(np.positive, value.ints) if value.ints is not None and kind in (INT32, INT64) else None
    return Outcome([Value(value.shape, kind, ints)], 4 * value.count)


def _transpose(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    value = _need(given[0])
    order = attributes.get("perm", list(range(len(value.shape)))[::-1])
    if sorted(order) != list(range(len(value.shape))):
        raise ValueError("no order of the axes")
    ints = None if value.ints is None else value.ints.transpose(order)
    return Outcome([Value(tuple(value.shape[axis] for axis in order), value.kind, ints)], 8 * value.count)


def _slice(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    value = _need(given[0])
    starts, ends = _need(given[1]).numbers(), _need(given[2]).numbers()
    axes = _given_axes(given, {}, 3)
    axes = _axes(list(range(len(starts))) if axes is None else axes, len(value.shape))
    steps = _need(given[4]).numbers() if len(given) > 4 and given[4] is not None else [1] * len(starts)
    cuts = [range(size) for size in value.shape]
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        cuts[axis] = _cut(value.shape[axis], start, end, step)
    shape = tuple(map(len, cuts))
    ints = None if value.ints is None else value.ints[np.ix_(*cuts)] if cuts else value.ints
    return Outcome([Value(shape, value.kind, ints)], 8 * math.prod(shape))


def _cut(size: int, start: int, end: int, step: int) -> range:
    """The places that a slice takes out of an axis."""
    if step == 0:
        raise ValueError("a step of 0")
    start += size if start < 0 else 0
    end += size if end < 0 else 0
    if step > 0:
        return range(min(max(start, 0), size), min(max(end, 0), size), step)
    return range(min(max(start, 0), size - 1), min(max(end, -1), size - 1), step)


def _split(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    value = _need(given[0])
    axis = _axis(attributes.get("axis", 0), len(value.shape))
    size = value.shape[axis]
    sizes = _need(given[1]).numbers() if len(given) > 1 and given[1] is not None else attributes.get("split")
    if sizes is None:
        part = math.ceil(size / attributes.get("num_outputs", outputs))
        sizes = [min(part, size - part * at) for at in range(outputs)]
    if sum(sizes) != size or len(sizes) != outputs or min(sizes) < 1:
        raise ValueError("parts that do not fit")
    parts = [Value((*value.shape[:axis], part, *value.shape[axis + 1 :]), value.kind) for part in sizes]
    return Outcome(parts, 2 * value.count + 8 * math.prod(value.shape[:axis]) * outputs)


def _pad(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    value, pads = _need(given[0]), _need(given[1]).numbers()
    given_axes = _given_axes(given, {}, 3)
    axes = _axes(list(range(len(value.shape))) if given_axes is None else given_axes, len(value.shape))
    if attributes.get("mode", b"constant") != b"constant" or len(pads) != 2 * len(axes) or min((*pads, 0)) < 0:
        raise ValueError("no padding")
    shape = list(value.shape)
    for at, axis in enumerate(axes):
        shape[axis] += pads[at] + pads[at + len(axes)]
    return Outcome([Value(tuple(shape), value.kind)], 8 * math.prod(shape))


def _reduce(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    value, axes = _need(given[0]), _given_axes(given, attributes, 1)
    rank = len(value.shape)
    if axes is not None and not axes:
        raise ValueError("an empty list of axes, which programs understand differently")
    if axes is None and _flag(attributes, "noop_with_empty_axes"):
        return Outcome([Value(value.shape, value.kind)], 2 * value.count)
    places = _axes(list(range(rank)) if axes is None else axes, rank)
    keeps = _flag(attributes, "keepdims", default=True)
    sizes = [1 if at in places else size for at, size in enumerate(value.shape) if keeps or at not in places]
    return Outcome([Value(tuple(sizes), value.kind)], 8 * value.count, 4 * value.count)


def _matmul(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    left, right = _floats(given[0]), _floats(given[1])
    a = (1, *left.shape) if len(left.shape) == 1 else left.shape
    b = (*right.shape, 1) if len(right.shape) == 1 else right.shape
    if a[-1] != b[-2]:
        raise ValueError("matrices that do not fit")
    shape = (*_broadcast(a[:-2], b[:-2]), a[-2], b[-1])
    products = math.prod(shape[:-2])
    cost = products * (_product(a[-2], b[-1], a[-1]) + _CALL) + right.count
    if len(left.shape) == 1:
        shape = (*shape[:-2], shape[-1])
    return Outcome([Value(shape[:-1] if len(right.shape) == 1 else shape)], cost, _BYTES_A_CALL * products)


def _gemm(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    a, b = _floats(given[0]).shape, _floats(given[1]).shape
    rows, inner = a[::-1] if _flag(attributes, "transA") else a
    inner_b, columns = b[::-1] if _flag(attributes, "transB") else b
    if inner != inner_b:
        raise ValueError("matrices that do not fit")
    return Outcome([Value((rows, columns))], _product(rows, columns, inner) + inner * columns)


def _window(sizes: Shape, kernel: Sequence[int], attributes: Attributes) -> tuple[Shape, Shape]:
    """Where a kernel fits into (B, C, ...): the sizes behind the channels after it, and before it with their pads."""
    rank = len(sizes)
    strides, dilations = attributes.get("strides", [1] * rank), attributes.get("dilations", [1] * rank)
    pads, automatic = attributes.get("pads", [0] * (2 * rank)), attributes.get("auto_pad", b"NOTSET")
    if not rank or {len(kernel), len(strides), len(dilations)} != {rank} or len(pads) != 2 * rank:
        raise ValueError("no kernel")
    if min((*strides, *dilations, *kernel)) < 1 or min(pads) < 0 or max(pads) > _LARGEST_PAD:
        raise ValueError("no kernel")
    if _flag(attributes, "ceil_mode") or automatic not in (b"NOTSET", b"VALID") or _flag(attributes, "storage_order"):
        raise NetworkRefused("it has a kernel of a kind that no network of this program has")
    if automatic == b"VALID" and any(pads):
        raise ValueError("a kernel with and without padding")
    padded = tuple(size + pads[at] + pads[at + rank] for at, size in enumerate(sizes))
    found = tuple((padded[at] - dilations[at] * (kernel[at] - 1) - 1) // strides[at] + 1 for at in range(rank))
    if min(found) < 1:
        raise ValueError("a kernel larger than what it moves over")
    return found, padded


def _conv(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    value, weights = _floats(given[0]), _floats(given[1])
    groups, kernel = attributes.get("group", 1), list(weights.shape[2:])
    if groups < 1 or value.shape[1] != weights.shape[1] * groups or weights.shape[0] % groups:
        raise ValueError("channels that do not fit")
    if attributes.get("kernel_shape", kernel) != kernel:
        raise ValueError("kernels that do not fit")
    sizes, padded = _window(value.shape[2:], kernel, attributes)
    shape = (value.shape[0], weights.shape[0], *sizes)
    each = math.prod(weights.shape[1:])
    room = math.prod(padded) * value.shape[0] * value.shape[1]
    unrolled = math.prod(sizes) * each  # every position's inputs side by side
    group = _product(weights.shape[0] // groups, math.prod(sizes), each) + unrolled + _CALL
    cost = value.shape[0] * groups * group + 2 * room
    return Outcome([Value(shape)], cost, 4 * (unrolled + room))


def _pool(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    value, kernel = _floats(given[0]), attributes["kernel_shape"]
    sizes, _ = _window(value.shape[2:], kernel, attributes)
    shape = (*value.shape[:2], *sizes)
    return Outcome([Value(shape)], (math.prod(kernel) + 8) * math.prod(shape) + 2 * value.count)


def _global_pool(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    value = _floats(given[0])
    if len(value.shape) < 3:
        raise ValueError("nothing to pool over")
    return Outcome([Value((*value.shape[:2], *[1] * (len(value.shape) - 2)))], 4 * value.count)


def _normalization(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    if _flag(attributes, "training_mode"):
        raise ValueError("statistics of what it is given")
    value = _floats(given[0])
    return Outcome([Value(value.shape)], 8 * value.count, 4 * value.count)


def _recurrent(gates: int) -> Act:
    """GRU and LSTM: (T, B, I) to (T, directions, B, H), and the last states (directions, B, H)."""

    def act(given: Given, attributes: Attributes, outputs: int) -> Outcome:
        value, weights = _floats(given[0]), _floats(given[1])
        steps, clips, width = value.shape
        hidden = attributes["hidden_size"]
        directions = 2 if attributes.get("direction", b"forward") == b"bidirectional" else 1
        if _flag(attributes, "layout") or (len(given) > 4 and given[4] is not None):
            raise ValueError("a layout or lengths that no network of this program has")
        if weights.shape != (directions, gates * hidden, width):
            raise ValueError("weights that do not fit")
        state = Value((directions, clips, hidden))
        each = clips * gates * hidden
        cost = steps * directions * (each * (width + hidden + 60) // _MACS_OF_VECTORS + 10 * _CALL)
        sequence = Value((steps, directions, clips, hidden))
        return Outcome([sequence, *[state] * (gates - 2)], cost, 4 * directions * steps * (2 * each + clips * width))

    return act


def _constant_of_shape(given: Given, attributes: Attributes, outputs: int) -> Outcome:
    shape, fill = tuple(_need(given[0]).numbers()), attributes.get("value")
    if min((*shape, 0)) < 0 or (fill is not None and math.prod(fill.shape) != 1):
        raise ValueError("no shape")
    ints = None
    if fill is not None and fill.ints is not None and math.prod(shape) <= MOST_KNOWN:
        ints = np.full(shape, fill.ints.reshape(-1)[0], np.int64)
    return Outcome([Value(shape, FLOAT if fill is None else fill.kind, ints)], 2 * math.prod(shape))


def _rule(act: Act, *attributes: str) -> Rule:
    return Rule(act, frozenset(attributes))


_KERNEL = ("kernel_shape", "strides", "dilations", "pads", "auto_pad")
RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys(("Relu", "Neg", "Abs", "Identity"), _rule(_elementwise(2, floats=False))),
    **dict.fromkeys(("Sigmoid", "Tanh", "HardSwish", "Reciprocal", "Sqrt"), _rule(_elementwise(8))),
    **dict.fromkeys(("Exp", "Log", "Erf", "Softplus"), _rule(_elementwise(25))),
    **dict.fromkeys(("Elu", "LeakyRelu"), _rule(_elementwise(25), "alpha")),
    "HardSigmoid": _rule(_elementwise(8), "alpha", "beta"),
    "Gelu": _rule(_elementwise(25), "approximate"),
    "Clip": _rule(_elementwise(8, floats=False)),
    **dict.fromkeys(("Softmax", "LogSoftmax"), _rule(_elementwise(25), "axis")),
    "Identity": _rule(_identity),
    "Dropout": _rule(_identity, "seed"),
    **dict.fromkeys(
        ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum"),
        _rule(_reduce, "axes", "keepdims", "noop_with_empty_axes"),
    ),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), _rule(_global_pool)),
    "AveragePool": _rule(_pool, *_KERNEL, "count_include_pad", "ceil_mode"),
    "MaxPool": _rule(_pool, *_KERNEL, "ceil_mode", "storage_order"),
    "BatchNormalization": _rule(_normalization, "epsilon", "momentum", "training_mode"),
    "LayerNormalization": _rule(_normalization, "axis", "epsilon", "stash_type"),
    **dict.fromkeys(("Max", "Min"), _rule(_arithmetic(None))),
    "Pow": _rule(_arithmetic(None, cost=60)),
    "Add": _rule(_arithmetic(np.add)),
    "Sub": _rule(_arithmetic(np.subtract)),
    "Mul": _rule(_arithmetic(np.multiply)),
    "Div": _rule(_arithmetic(_whole_division)),
    "Equal": _rule(_arithmetic(None, kind=BOOL)),
    "Where": _rule(_arithmetic(None, condition=1)),
    "Constant": _rule(_constant, "value", "value_int", "value_ints", "value_float", "value_floats"),
    "ConstantOfShape": _rule(_constant_of_shape, "value"),
    "Shape": _rule(_shape, "start", "end"),
    "Gather": _rule(_gather, "axis"),
    "Concat": _rule(_concat, "axis"),
    "Unsqueeze": _rule(_unsqueeze),
    "Squeeze": _rule(_squeeze),
    "Reshape": _rule(_reshape, "allowzero"),
    "Flatten": _rule(_flatten, "axis"),
    "Expand": _rule(_expand),
    "Range": _rule(_range),
    "Cast": _rule(_cast, "to"),
    "Transpose": _rule(_transpose, "perm"),
    "Slice": _rule(_slice),
    "Split": _rule(_split, "axis", "num_outputs"),
    "Pad": _rule(_pad, "mode"),
    "MatMul": _rule(_matmul),
    "Gemm": _rule(_gemm, "alpha", "beta", "transA", "transB"),
    "Conv": _rule(_conv, *_KERNEL, "group"),
    "GRU": _rule(_recurrent(3), "hidden_size", "direction", "layout", "linear_before_reset"),
    "LSTM": _rule(_recurrent(4), "hidden_size", "direction", "layout"),
}
