"""The rows of a network built layer by layer, as text and as tables.

conv2d 16 3x3 stride 2; bn; relu; maxpool 2x2; residual; conv2d 16 3x3; end; gap; dropout 0.3; dense 64; relu

Rows are separated by semicolons or line breaks. A row is its kind, its values in the order of `KINDS`, and further
values by name. Sizes are time x frequency; one number alone is both (for `conv1d`, frames).
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kws_engine.errors import SpecError, quoted

Size = tuple[int, int]
LONGEST = 512
MOST_ROWS = 200


@dataclass(frozen=True)
class LayerRow:
    """One row; a field that its kind does not have keeps its default.

    Attributes:
        kind: One of `KINDS`.
        units: Feature maps of a convolution, units of a dense layer.
        kernel: Frames x features; of a pooling layer, the size of its cell.
        stride: Steps of the kernel; in a pooling layer 0 x 0 means the size of the cell.
        dilation: Distance between the inputs of a kernel.
        padding: "same" keeps the size by zeros at the edges; "valid" uses no padding.
        share: Share that dropout drops, 0 to 0.9.
        momentum: Share of the running mean and variance that batch norm keeps at each step (as in Keras).
        l1: Factor of this layer's absolute weights in the loss, besides the regularizers.
        l2: The same for its squared weights.
    """

    kind: str
    units: int = 0
    kernel: Size = (1, 1)
    stride: Size = (1, 1)
    dilation: Size = (1, 1)
    padding: str = "same"
    share: float = 0.0
    momentum: float = 0.9
    l1: float = 0.0
    l2: float = 0.0


@dataclass(frozen=True)
class LayerKind:
    """Describes one kind of row.

    Attributes:
        title: As in the chooser.
        takes: The values written without a name, in their order.
        named: The values written after their name.
        help: One sentence.
        start: The row that "add" inserts.
    """

    title: str
    takes: tuple[str, ...]
    named: tuple[str, ...]
    help: str
    start: str


_CONV = ("stride", "padding", "dilation", "l1", "l2")
_POOL = ("stride",)
KINDS: dict[str, LayerKind] = {
    "conv2d": LayerKind(
        "Convolution 2-D", ("units", "kernel"), _CONV, "Patterns in time and frequency: maps, kernel.", "conv2d 16 3x3"
    ),
    "conv1d": LayerKind(
        "Convolution 1-D",
        ("units", "kernel"),
        _CONV,
        "Patterns along time over all frequencies at once: channels, frames of the kernel.",
        "conv1d 24 9",
    ),
    "depthwise": LayerKind(
        "Depthwise convolution", ("kernel",), _CONV, "Each map with a kernel of its own: kernel.", "depthwise 3x3"
    ),
    "maxpool": LayerKind("Max pooling", ("kernel",), _POOL, "Keeps each cell's largest value: cell.", "maxpool 2x2"),
    "avgpool": LayerKind("Average pooling", ("kernel",), _POOL, "Keeps each cell's mean: cell.", "avgpool 2x2"),
    "minpool": LayerKind("Min pooling", ("kernel",), _POOL, "Keeps each cell's smallest value: cell.", "minpool 2x2"),
    "bn": LayerKind("Batch norm", (), ("momentum",), "Normalises each map or value over the batch.", "bn"),
    "relu": LayerKind("ReLU", (), (), "Negative values become 0; without it layers add up to one.", "relu"),
    "dropout": LayerKind("Dropout", ("share",), (), "Drops single values in training: share.", "dropout 0.3"),
    "spatial_dropout": LayerKind(
        "Spatial dropout", ("share",), (), "Drops whole maps in training: share.", "spatial_dropout 0.1"
    ),
    "residual": LayerKind("Residual: start", (), (), "What arrives here is added again at the next end.", "residual"),
    "end": LayerKind(
        "Residual: end",
        (),
        (),
        "Adds what arrived at the start; a 1 x 1 convolution fits it where maps or sizes differ.",
        "end",
    ),
    "gap": LayerKind("Global average pooling", (), (), "The mean of each map.", "gap"),
    "gmp": LayerKind("Global max pooling", (), (), "The largest value of each map.", "gmp"),
    "flatten": LayerKind("Flatten", (), (), "All values of all maps in one line.", "flatten"),
    "dense": LayerKind("Dense", ("units",), ("l1", "l2"), "Fully connected: units.", "dense 64"),
}
_NAMES = {
    "units": "a whole number from 1 to 4096",
    "kernel": "a size such as 3x3 or 9",
    "stride": "a size such as 2 or 2x1",
    "dilation": "a size such as 2 or 2x1",
    "share": "a number from 0 to 0.9",
    "momentum": "a number from 0 to 0.999",
    "l1": "a number from 0 to 1",
    "l2": "a number from 0 to 1",
    "padding": "same or valid",
}
_LIMITS = {"share": 0.9, "momentum": 0.999, "l1": 1.0, "l2": 1.0}


def parse(text: str) -> tuple[LayerRow, ...]:
    """The rows of a text.

    Raises:
        SpecError: A row cannot be read, named by its number.
    """
    pieces = [piece.strip() for piece in re.split(r"[;\n]", text)]
    return rows([piece for piece in pieces if piece])


def rows(values: str | Iterable[Any]) -> tuple[LayerRow, ...]:
    """Rows from text, from texts, from tables as in a file, or from rows.

    Raises:
        SpecError: One of them does not fit, named by its number.
    """
    if isinstance(values, str):
        return parse(values)
    found = []
    for number, value in enumerate(values, 1):
        try:
            found.append(row(value))
        except SpecError as error:
            raise SpecError(f"row {number}: {error}") from None
    if len(found) > MOST_ROWS:
        raise SpecError(f"{len(found)} rows are more than the {MOST_ROWS} there may be")
    return tuple(found)


def row(value: Any) -> LayerRow:
    """One row from its text, table, or itself, checked.

    Raises:
        SpecError: "conv2d: kernel: 'big' is not a size such as 3x3 or 9".
    """
    if isinstance(value, str):
        return _from_words(value.split())
    if isinstance(value, LayerRow):
        value = to_dict(value)
    if not isinstance(value, Mapping):
        raise SpecError(f"{quoted(value)} is not a layer; write it as in 'conv2d 16 3x3'")
    kind = _known(str(value.get("kind", "")))
    return _made(kind, {name: content for name, content in value.items() if name != "kind"})


def to_dict(row: LayerRow) -> dict[str, Any]:
    """The row as a table for TOML or JSON: what its kind takes, and what else is not the default."""
    kind = KINDS[row.kind]
    values = {name: getattr(row, name) for name in (*kind.takes, *kind.named)}
    plain = _defaults(row.kind)
    stored = {name: value for name, value in values.items() if name in kind.takes or value != plain[name]}
    return {"kind": row.kind} | {name: list(v) if isinstance(v, tuple) else v for name, v in stored.items()}


def text(row: LayerRow) -> str:
    """The row as `parse` reads it back, as short as it can be written."""
    words = [row.kind]
    for name, value in to_dict(row).items():
        if name == "kind":
            continue
        written = value if name == "padding" else _written(row, name)
        words.append(written if name in KINDS[row.kind].takes or name == "padding" else f"{name} {written}")
    return " ".join(words)


def texts(rows: Iterable[LayerRow]) -> str:
    """All rows in one line."""
    return "; ".join(text(row) for row in rows)


def _written(row: LayerRow, name: str) -> str:
    value = getattr(row, name)
    if not isinstance(value, tuple):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    if row.kind == "conv1d":
        return str(value[0])
    return str(value[0]) if value[0] == value[1] and name != "kernel" else f"{value[0]}x{value[1]}"


def _from_words(words: list[str]) -> LayerRow:
    kind = _known(words[0] if words else "")
    takes = list(KINDS[kind].takes)
    values: dict[str, Any] = {}
    left = words[1:]
    while left:
        word = left.pop(0)
        if word in ("same", "valid") and "padding" in KINDS[kind].named:
            values["padding"] = word
        elif word in (*KINDS[kind].takes, *KINDS[kind].named):
            if not left:
                raise SpecError(f"{kind}: {word} needs {_NAMES[word]} after it")
            values[word] = left.pop(0)
        elif takes:
            values[takes.pop(0)] = word
        else:
            raise SpecError(f"{kind}: {quoted(word)} is one value too many{_may(kind)}")
        takes = [name for name in takes if name not in values]
    return _made(kind, values)


def _known(kind: str) -> str:
    if kind in KINDS:
        return kind
    near = difflib.get_close_matches(kind, KINDS, n=1, cutoff=0.5)
    raise SpecError(
        f"There is no layer {quoted(kind)}" + (f"; did you mean {near[0]!r}?" if near else f"{_all_kinds()}")
    )


def _all_kinds() -> str:
    return "; known: " + ", ".join(KINDS)


def _may(kind: str) -> str:
    named = (*KINDS[kind].takes, *KINDS[kind].named)
    return f"; it takes {', '.join(named)}" if named else "; it takes no value"


def _defaults(kind: str) -> dict[str, Any]:
    plain = {field.name: field.default for field in dataclasses.fields(LayerRow) if field.name != "kind"}
    return plain | ({"stride": (0, 0)} if kind.endswith("pool") else {})


def _made(kind: str, values: Mapping[str, Any]) -> LayerRow:
    described = KINDS[kind]
    defaults = _defaults(kind)
    for name in values:
        if name not in (*described.takes, *described.named):
            raise SpecError(f"{kind}: there is no value {quoted(name)}{_may(kind)}")
    for name in described.takes:
        if name not in values:
            raise SpecError(f"{kind}: {name} is missing, {_NAMES[name]}; write it as in {described.start!r}")
    read = {name: _read(kind, name, value) for name, value in values.items()}
    if "stride" in defaults and read.get("stride") == read.get("kernel") and kind.endswith("pool"):
        read.pop("stride", None)
    return LayerRow(kind, **{**defaults, **read})


def _read(kind: str, name: str, value: Any) -> Any:
    """A value in its own type and inside its limits."""
    try:
        if name == "padding":
            return _choice(value)
        if name in ("kernel", "stride", "dilation"):
            return _size(value, along_time=kind == "conv1d", zero=kind.endswith("pool") and name == "stride")
        return _whole(value, 1, 4096) if name == "units" else _number(value, _LIMITS[name])
    except (TypeError, ValueError, OverflowError):
        raise SpecError(f"{kind}: {name}: {quoted(value)} is not {_NAMES[name]}") from None


def _choice(value: Any) -> str:
    if value not in ("same", "valid"):
        raise ValueError(value)
    return str(value)


def _size(value: Any, *, along_time: bool, zero: bool) -> Size:
    parts = re.split("[x×]", value) if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
    if not 1 <= len(parts) <= 2:
        raise ValueError(value)
    low = 0 if zero else 1
    time = _whole(parts[0], low, LONGEST)
    if along_time:
        if len(parts) == 2 and _whole(parts[1], 1, 1) != 1:
            raise ValueError(value)
        return time, 1
    return time, _whole(parts[-1], low, LONGEST)


def _whole(value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or float(value) != int(float(value)) or not low <= int(float(value)) <= high:
        raise ValueError(value)
    return int(float(value))


def _number(value: Any, high: float) -> float:
    if isinstance(value, bool) or not math.isfinite(float(value)) or not 0 <= float(value) <= high:
        raise ValueError(value)
    return float(value)
