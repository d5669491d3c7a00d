"""Describes a config dataclass once, for form, command line, saved file and check.

@dataclass(frozen=True)
class TcResNetConfig:
    width: float = option(1.0, "Width multiplier", "Scales every channel count.", low=0.25, high=4.0)
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import re
import shlex
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar

from kws_engine import layer_rows
from kws_engine.errors import SpecError, quoted
from kws_engine.layer_rows import LayerRow

Kind = Literal["bool", "int", "float", "choice", "text", "texts", "range", "ints", "layers"]
Config = TypeVar("Config")
_KEY = "kws_option"
_NEEDS_QUOTES = re.compile(r"[\s'\"\\]")


@dataclasses.dataclass(frozen=True)
class Option:
    """One option of a config: everything a form, a flag, a file or a check needs to know.

    Attributes:
        name: The field's name, as in `--set model.width=1.5`.
        kind: Which editor and which parser serve it; `range` is (low, high) in floats, `ints` a list of whole numbers,
            `texts` a list of texts, `layers` the rows of a network as in `layer_rows`.
        title: The label in the form, one or two words.
        help: One sentence: what it does and when to change it.
        default: The value of a fresh config.
        low: Smallest value allowed (of every element for `range` and `ints`), or None.
        high: Largest value allowed, or None.
        unit: What the number counts: "ms", "dB"; empty for plain numbers.
        choices: The values of a `choice`, in the order shown.
        log: Whether steps of the editor are factors, not differences (learning rates, penalties).
        advanced: Whether the form folds it away.
        shown_when: (other option, value): show this one only while the other has that value.
    """

    name: str
    kind: Kind
    title: str
    help: str
    default: Any
    low: float | None = None
    high: float | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()
    log: bool = False
    advanced: bool = False
    shown_when: tuple[str, Any] | None = None

    def check(self, value: Any) -> Any:
        """Returns the value in the option's own type.

        Raises:
            SpecError: "Width: 9 is outside 0.25 to 4".
        """
        try:
            converted = _CONVERT[self.kind](value)
        except SpecError as error:  # rows name what is wrong themselves
            raise SpecError(f"{self.title}: {error}") from None
        except (TypeError, ValueError, OverflowError):  # OverflowError: an infinite number of epochs
            raise SpecError(f"{self.title}: {quoted(value)} is not {_NAMES[self.kind]}") from None
        if self.kind == "choice" and converted not in self.choices:
            near = nearest(str(value), self.choices)
            raise SpecError(f"{self.title}: {quoted(value)} is not one of {', '.join(self.choices)}{near}")
        self._check_limits(converted)
        return converted

    def parse(self, text: str) -> Any:
        """The value written as text, as after `--set` or in a line edit.

        Raises:
            SpecError: The text is not a value of this option.
        """
        if self.kind == "range":
            parts: Any = [part for part in text.replace("..", ",").replace(":", ",").split(",") if part.strip()]
            return self.check(parts)
        if self.kind == "ints":
            return self.check([part for part in text.replace(" ", ",").split(",") if part])
        if self.kind == "texts":
            return self.check(self._split(text))
        return self.check(text)

    def text(self, value: Any) -> str:
        """The value as text that `parse` reads back."""
        if self.kind == "range":
            return "..".join(_number(number) for number in value)
        if self.kind == "ints":
            return ",".join(str(number) for number in value)
        if self.kind == "texts":
            return joined(value)
        if self.kind == "layers":
            return layer_rows.texts(value)
        if self.kind == "bool":
            return "yes" if value else "no"
        return _number(value) if self.kind == "float" else str(value)

    def _split(self, text: str) -> list[str]:
        try:
            return shlex.split(text)
        except ValueError:
            raise SpecError(f"{self.title}: a quotation mark in {quoted(text)} is not closed") from None

    def _check_limits(self, value: Any) -> None:
        if self.kind == "range" and value[0] > value[1]:
            raise SpecError(f"{self.title}: {value[0]:g} to {value[1]:g} runs backwards; put the smaller value first")
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, bool | str | LayerRow):
                continue
            if not math.isfinite(number):
                raise SpecError(f"{self.title}: {quoted(number)} is not a finite number")
            if (self.low is not None and number < self.low) or (self.high is not None and number > self.high):
                raise SpecError(f"{self.title}: {number:g} is outside {self._limits()}")

    def _limits(self) -> str:
        low = "anything" if self.low is None else f"{self.low:g}"
        high = "anything" if self.high is None else f"{self.high:g}"
        return f"{low} to {high}" + (f" {self.unit}" if self.unit else "")


def joined(texts: Iterable[str]) -> str:
    """Texts in one line that `Option.parse` splits again; only those that need quotation marks have them."""
    return " ".join(shlex.quote(text) if not text or _NEEDS_QUOTES.search(text) else text for text in texts)


def option(default: Any, title: str, help: str, **limits: Any) -> Any:
    """A dataclass field with its description; `limits` are `Option`'s other attributes (low, high, unit, ...)."""
    return dataclasses.field(default=default, metadata={_KEY: {"title": title, "help": help, **limits}})


def options(config: type[Any] | Any) -> tuple[Option, ...]:
    """The options of a config class (or of an instance's class), in their order."""
    return _options(config if isinstance(config, type) else type(config))


@functools.cache  # forms and searches ask hundreds of times
def _options(config_class: type[Any]) -> tuple[Option, ...]:
    hints = typing.get_type_hints(config_class)
    return tuple(_describe(field, hints[field.name]) for field in dataclasses.fields(config_class))


def find(config: type[Any] | Any, name: str, *, prefix: str = "") -> Option:
    """The option of that name.

    Raises:
        SpecError: Unknown, with the nearest known name.
    """
    known = {described.name: described for described in options(config)}
    if name not in known:
        raise unknown(prefix + name, [prefix + key for key in known], what="option")
    return known[name]


def checked(config: Config) -> Config:
    """The config with every value checked and in its own type.

    Raises:
        SpecError: The first value that does not fit.
    """
    values = {described.name: described.check(getattr(config, described.name)) for described in options(config)}
    return dataclasses.replace(config, **values)  # type: ignore[type-var]


def changed(config: Config, values: Mapping[str, Any]) -> Config:
    """A copy with these values, checked; an unknown name is refused with the nearest known one."""
    for name in values:
        find(config, name)
    return checked(dataclasses.replace(config, **values))  # type: ignore[type-var]


def to_dict(config: Any) -> dict[str, Any]:
    """The config as plain JSON/TOML values."""
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [layer_rows.to_dict(one) if isinstance(one, LayerRow) else one for one in value]
    return value


def from_dict(config_class: type[Config], values: Mapping[str, Any]) -> Config:
    """The inverse of `to_dict`; options that are missing take their defaults.

    Raises:
        SpecError: An unknown option or a value that does not fit.
    """
    return changed(config_class(), values)


def from_file(config_class: type[Config], values: Mapping[str, Any]) -> Config:
    """As `from_dict`, of what `to_dict` once wrote: what is missing has the value that the class's `formerly` names.

    Raises:
        SpecError: As of `from_dict`.
    """
    return from_dict(config_class, {**getattr(config_class, "formerly", {}), **values})


def differences(config: Any) -> dict[str, Any]:
    """The options whose value is not the default."""
    return {o.name: getattr(config, o.name) for o in options(config) if getattr(config, o.name) != o.default}


def unknown(name: str, known: Iterable[str], *, what: str) -> SpecError:
    """The error for an unknown name, with the nearest known one."""
    names = list(known)
    near = nearest(name, names)
    return SpecError(f"There is no {what} {quoted(name)}{near or '; known: ' + ', '.join(names)}")


def nearest(name: str, known: Iterable[str]) -> str:
    """The question `; did you mean 'width'?`, or nothing where no known name is near."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _describe(field: dataclasses.Field[Any], hint: Any) -> Option:
    metadata = dict(field.metadata[_KEY])
    if typing.get_origin(hint) is Literal:
        metadata["choices"] = tuple(typing.get_args(hint))
    return Option(name=field.name, kind=_kind(hint), default=field.default, **metadata)


def _kind(hint: Any) -> Kind:
    if typing.get_origin(hint) is Literal:
        return "choice"
    if typing.get_origin(hint) is tuple:
        inner: dict[Any, Kind] = {int: "ints", str: "texts", float: "range", LayerRow: "layers"}
        return inner[typing.get_args(hint)[0]]
    kinds: dict[Any, Kind] = {bool: "bool", int: "int", float: "float", str: "text"}
    if isinstance(hint, types.UnionType) or hint not in kinds:
        raise TypeError(f"an option cannot be of type {hint}")
    return kinds[hint]


def _number(value: float) -> str:
    """As short as reads back to the very same number."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _to_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}
    if str(value).strip().lower() not in words:
        raise ValueError(value)
    return words[str(value).strip().lower()]


def _to_int(value: Any) -> int:
    if isinstance(value, bool) or float(value) != int(float(value)):
        raise ValueError(value)
    return int(float(value))


def _to_float(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError(value)
    return float(value)


def _to_range(value: Any) -> tuple[float, float]:
    if isinstance(value, str):
        raise ValueError(value)
    low, high = (_to_float(number) for number in value)
    return low, high


def _to_ints(value: Any) -> tuple[int, ...]:
    if isinstance(value, str):
        raise ValueError(value)
    return tuple(_to_int(number) for number in value)


def _to_texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(text, str) for text in value):
        raise ValueError(value)
    return tuple(value)


_CONVERT: dict[Kind, Any] = {
    "bool": _to_bool,
    "int": _to_int,
    "float": _to_float,
    "choice": str,
    "text": str,
    "texts": _to_texts,
    "range": _to_range,
    "ints": _to_ints,
    "layers": layer_rows.rows,
}
_NAMES: dict[Kind, str] = {
    "bool": "yes or no",
    "int": "a whole number",
    "float": "a number",
    "choice": "a choice",
    "text": "a text",
    "texts": "a list of texts",
    "range": "two numbers, low..high",
    "ints": "a list of whole numbers",
    "layers": "a list of layers",
}
