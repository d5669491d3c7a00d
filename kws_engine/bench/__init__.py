"""Benchmarks of this program by name, one module each, which yield one row per figure.

Other packages register theirs as entry points of the group `kws_studio.benchmarks`: modules with a `TITLE` and a
generator `rows()`. A module whose name would be a keyword has an underscore behind it; the benchmark's name has none.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from kws_engine.errors import KwsError

GROUP = "kws_studio.benchmarks"


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        what: What was measured.
        value: The figure, or a word where it says how it was measured.
        unit: Its unit, "" where it has none.
        ratio, against: For a comparison, the ratio to what `against` names.
        asked: The target, for the ratio where there is one, else for the value.
        at_least: Whether the target is a minimum; None where there is no target.
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
        """Plain values, without those that are None."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def names() -> dict[str, str]:
    """Every benchmark with its title, in alphabetical order."""
    found = _found()
    return {name: str(found[name]().TITLE) for name in sorted(found)}


def rows(name: str) -> Iterator[Row]:
    """Measures, and yields each row as soon as it is known.

    Raises:
        KwsError: There is no such benchmark, or it could not be run.
    """
    found = _found()
    if name not in found:
        raise KwsError(f'There is no measurement "{name}": choose one of {", ".join(sorted(found))}.')
    yield from found[name]().rows()


def _found() -> dict[str, Callable[[], Any]]:
    """Name -> a function that loads the benchmark's module: those of this package and those registered by others."""
    own = [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]
    registered = importlib.metadata.entry_points(group=GROUP)
    return {entry.name: entry.load for entry in registered} | {name.rstrip("_"): _loader(name) for name in own}


def _loader(name: str) -> Callable[[], Any]:
    return lambda: importlib.import_module(f"{__name__}.{name}")
