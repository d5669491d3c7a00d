"""Shapes, parameters and costs of a list of layer rows, by arithmetic alone, without torch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kws_engine.errors import SpecError
from kws_engine.layer_rows import LayerRow, Size

LABELS_KIND = "labels"


@dataclass(frozen=True)
class Shape:
    """The output of a layer: maps of frames x features, or a vector of values.

    Attributes:
        maps: How many maps, or values in the vector.
        size: (frames, features) of each map; None for a vector.
    """

    maps: int
    size: Size | None = None

    @property
    def values(self) -> int:
        """The number of values."""
        return self.maps * (self.size[0] * self.size[1] if self.size else 1)

    def text(self) -> str:
        """As text: "16 maps of 49 x 20", "64 values"."""
        if self.size is None:
            return f"{self.maps} values"
        return f"{self.maps} {'map' if self.maps == 1 else 'maps'} of {self.size[0]} x {self.size[1]}"


@dataclass(frozen=True)
class RowInfo:
    """What one row does, or why it does not fit.

    Attributes:
        kind: The row's, or `LABELS_KIND` for the layer that is added after the last row.
        shape: Its output; of a row with an error and all rows after it, the last output before the error.
        parameters: Weights, biases, scales and shifts to learn.
        macs: Multiply-accumulates for one clip, counted as in `counting.Cost`.
        field: Receptive field: (frames, features) of the input that one of its values depends on, away from the edges.
        error: Why this row does not fit; empty for a good one, and for rows after a bad one.
        reached: Whether all rows before it fit.
    """

    kind: str
    shape: Shape
    parameters: int = 0
    macs: int = 0
    field: Size = (1, 1)
    error: str = ""
    reached: bool = True


@dataclass(frozen=True)
class _State:
    """The state between two rows: shape, receptive field, distance of neighbouring values in the input."""

    shape: Shape
    field: Size = (1, 1)
    jump: Size = (1, 1)
    open: tuple[_State, ...] = ()
    parameters: int = 0
    macs: int = 0
    whole: Size = (1, 1)  # the input's size: the field of all that pools globally


def trace(layers: Sequence[LayerRow], n_features: int, n_frames: int, n_labels: int) -> list[RowInfo]:
    """One `RowInfo` for each row and one more for the dense layer to the labels; never raises."""
    whole = (n_frames, n_features)
    at, found, is_good = _State(Shape(1, whole), whole=whole), list[RowInfo](), True
    for one, bias in steps([*layers, LayerRow(LABELS_KIND, units=n_labels)]):
        if not is_good:
            found.append(RowInfo(one.kind, at.shape, reached=False))
            continue
        try:
            at = _step(at, one, bias=bias)
            found.append(RowInfo(one.kind, at.shape, at.parameters, at.macs, _within(at.field, whole)))
        except SpecError as error:
            is_good = False
            found.append(RowInfo(one.kind, at.shape, error=str(error)))
    return found


def first_error(infos: Sequence[RowInfo]) -> str:
    """Why the rows do not form a network, naming the row; empty where they do."""
    for number, info in enumerate(infos, 1):
        if info.error:
            name = "the labels" if info.kind == LABELS_KIND else f"row {number} ({info.kind})"
            return f"Layers: {name}: {info.error}"
    return ""


def steps(layers: Sequence[LayerRow]) -> Iterator[tuple[LayerRow, bool]]:
    """Each row, and whether its layer has a bias: not where batch norm follows, which would subtract it again."""
    for index, one in enumerate(layers):
        yield one, not (index + 1 < len(layers) and layers[index + 1].kind == "bn")


def padded(n: int, kernel: int, dilation: int, padding: str) -> int:
    """The length of a side with its zero padding."""
    return n + (kernel - 1) * dilation if padding == "same" else n


def shortcut_stride(before: Size, after: Size) -> Size | None:
    """The strides with which a 1 x 1 convolution takes one size to the other, or None where none do."""
    strides = tuple(math.ceil(one / two) for one, two in zip(before, after, strict=True))
    fits = all(math.ceil(one / step) == two for one, two, step in zip(before, after, strides, strict=True))
    return (strides[0], strides[1]) if fits else None


def _step(at: _State, one: LayerRow, *, bias: bool) -> _State:
    at = replace(at, parameters=0, macs=0)
    if one.kind in ("conv2d", "conv1d", "depthwise"):
        return _convolved(at, one, bias=bias)
    if one.kind.endswith("pool"):
        return _pooled(at, one)
    if one.kind == "residual":
        return replace(at, open=(*at.open, at))
    if one.kind == "end":
        return _residual_ended(at)
    if one.kind in ("gap", "gmp", "flatten"):
        values = _size(at) and (at.shape.values if one.kind == "flatten" else at.shape.maps)
        return _flat(at, int(values))
    if one.kind in ("dense", LABELS_KIND):
        return _dense(at, one, bias=bias)
    if one.kind == "bn":
        return replace(at, parameters=2 * at.shape.maps)
    if one.kind == "spatial_dropout":
        _size(at)
    return at


def _size(at: _State) -> Size:
    if at.shape.size is None:
        raise SpecError(
            "it works on maps, but its input is a vector of values; put it before the pooling or flatten row"
        )
    return at.shape.size


def _convolved(at: _State, one: LayerRow, *, bias: bool) -> _State:
    size, maps = _size(at), at.shape.maps
    if one.kind == "conv1d":
        size, maps = (size[0], 1), maps * size[1]
    reach = tuple((k - 1) * d + 1 for k, d in zip(one.kernel, one.dilation, strict=True))
    sides = tuple(padded(n, k, d, one.padding) for n, k, d in zip(size, one.kernel, one.dilation, strict=True))
    check_fits("its kernel", (reach[0], reach[1]), (sides[0], sides[1]))
    after = _output_size((sides[0], sides[1]), (reach[0], reach[1]), one.stride)
    units, seen = (maps, 1) if one.kind == "depthwise" else (one.units, maps)
    weights = units * seen * one.kernel[0] * one.kernel[1]
    moved = _widened(at, (reach[0], reach[1]), one.stride, every_feature=one.kind == "conv1d")
    return replace(
        moved,
        shape=Shape(units, after),
        parameters=weights + (units if bias else 0),
        macs=weights * after[0] * after[1],
    )


def _pooled(at: _State, one: LayerRow) -> _State:
    size = _size(at)
    stride = (one.stride[0] or one.kernel[0], one.stride[1] or one.kernel[1])
    check_fits("its cell", one.kernel, size)
    return replace(_widened(at, one.kernel, stride), shape=Shape(at.shape.maps, _output_size(size, one.kernel, stride)))


def _residual_ended(at: _State) -> _State:
    if not at.open:
        raise SpecError("there is no residual start before it; add one, or remove this row")
    start, rest = at.open[-1], at.open[:-1]
    at = replace(at, open=rest)
    if start.shape == at.shape:
        return at
    if start.shape.size is None and at.shape.size is None:
        weights = start.shape.maps * at.shape.maps
        return replace(at, parameters=weights + at.shape.maps, macs=weights)
    if start.shape.size is None or at.shape.size is None:
        raise SpecError(
            f"{start.shape.text()} cannot be added to {at.shape.text()}; pool or flatten outside the residual rows"
        )
    maps, size = folded(start.shape, at.shape.size)
    if shortcut_stride(size, at.shape.size) is None:
        raise SpecError(
            f"no step takes the {size[0]} x {size[1]} values of the start to {at.shape.size[0]} x {at.shape.size[1]}; "
            "use same padding between start and end"
        )
    weights = maps * at.shape.maps
    return replace(at, parameters=weights + at.shape.maps, macs=weights * at.shape.size[0] * at.shape.size[1])


def folded(before: Shape, after: Size) -> tuple[int, Size]:
    """Maps and size at a residual's start as its shortcut sees them; features count as maps where the body has none."""
    assert before.size is not None
    if after[1] == 1 and before.size[1] > 1:
        return before.maps * before.size[1], (before.size[0], 1)
    return before.maps, before.size


def _dense(at: _State, one: LayerRow, *, bias: bool) -> _State:
    if at.open and one.kind == LABELS_KIND:
        raise SpecError("a residual start before it has no end; add an end row")
    if at.shape.size is not None:
        raise SpecError(
            f"its input is {at.shape.text()}, but it takes a vector of values; put gap, gmp or flatten before it"
        )
    weights = at.shape.maps * one.units
    return replace(_flat(at, one.units), parameters=weights + (one.units if bias else 0), macs=weights)


def _flat(at: _State, values: int) -> _State:
    return replace(at, shape=Shape(values), field=at.whole)


def _widened(at: _State, reach: Size, stride: Size, *, every_feature: bool = False) -> _State:
    field = at.field[0] + (reach[0] - 1) * at.jump[0], at.field[1] + (reach[1] - 1) * at.jump[1]
    jump = at.jump[0] * stride[0], at.jump[1] * stride[1]
    if every_feature:
        field, jump = (field[0], at.whole[1]), (jump[0], 1)
    return replace(at, field=field, jump=jump)


def _within(field: Size, whole: Size) -> Size:
    return min(field[0], whole[0]), min(field[1], whole[1])


def _output_size(sides: Size, reach: Size, stride: Size) -> Size:
    return (sides[0] - reach[0]) // stride[0] + 1, (sides[1] - reach[1]) // stride[1] + 1


def check_fits(what: str, cell: Size, size: Size, *, options: tuple[str, str] = ("", "")) -> None:
    """Checks that a kernel or cell is no larger than its input; `what` names it, as "Layer 2: its kernel".

    `options` are the names of the options that set its extent in time and in frequency.

    Raises:
        SpecError: It is larger; with both sizes and the remedy.
    """
    if cell[0] > size[0] or cell[1] > size[1]:
        raise SpecError(
            f"{what} of {cell[0]} x {cell[1]} is larger than the {size[0]} x {size[1]} values "
            "(time x frequency) that are left there; make it smaller, or pool and stride less before it",
            option=options[0] if cell[0] > size[0] else options[1],
        )
