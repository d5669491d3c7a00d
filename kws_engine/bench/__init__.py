"""Measurements of this program by name, one module each, giving a row a figure; knows no terminal."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from kws_engine.errors import KwsError


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        what: What was measured.
        value: The figure, or a word where it says how it was measured.
        unit: Its unit, "" where it has none.
        ratio, against: How many times what `against` names, where it is a comparison.
        asked: What an issue asks for, of the ratio where there is one, else of the value.
        at_least: Whether more than what is asked is better; None where nothing is asked.
        domain: For an augmentation, what it changes: "sound" or "spectrogram".
        ms_per_clip: The value again where it is the time for one clip of a second, in ms.
    """

    what: str
    value: float | str
    unit: str
    ratio: float | None = None
    against: str | None = None
    asked: float | None = None
    at_least: bool | None = None
    domain: str | None = None
    ms_per_clip: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values; what is None is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def names() -> dict[str, str]:
    """Every measurement with its title."""
    return {name: str(_module(name).TITLE) for name in _found()}


def rows(name: str) -> Iterator[Row]:
    """Measures, giving each row as soon as it is known.

    Raises:
        KwsError: there is no such measurement, or it could not be done.
    """
    if name not in _found():
        raise KwsError(f'There is no measurement "{name}": choose one of {", ".join(_found())}.')
    yield from _module(name).rows()


def _found() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]


def _module(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{name}")
