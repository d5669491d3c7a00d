"""For any option a value that fits and differs from a given one."""

from __future__ import annotations

from typing import Any

from kws_engine import spec


def other_value(option: spec.Option, value: Any) -> Any:
    """A value that fits and is another one."""
    if option.kind == "bool":
        return not value
    if option.kind == "choice":
        return next(choice for choice in option.choices if choice != value)
    if option.kind == "text":
        return f"{value} and more"
    if option.kind == "texts":
        return (*value, "and more", "{word}")
    if option.kind == "layers":
        return value[:-1]
    if option.kind in ("range", "ints"):
        return tuple(other_value(_of_one(option), number) for number in value)
    low, high = option.low if option.low is not None else 0, option.high if option.high is not None else 9
    candidates = [(low + 3 * value) / 4, (high + 3 * value) / 4] if option.kind == "float" else [value + 1, value - 1]
    return next(number for number in candidates if low <= number <= high and number != value)


def _of_one(option: spec.Option) -> spec.Option:
    kind: Any = "float" if option.kind == "range" else "int"
    return spec.Option(option.name, kind, option.title, option.help, None, option.low, option.high)
