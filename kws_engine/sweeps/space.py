"""Which options a sweep searches and where, checked against their own limits.

`model.width=0.5:2`, `regularizers.l2.weight=1e-6:1e-2:log`, `model.blocks=8|14`; `training.epochs=20` sets it for all.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from kws_engine import spec
from kws_engine.errors import SpecError
from kws_engine.features import FEATURES
from kws_engine.models import MODELS
from kws_engine.settings import Chosen, Settings
from kws_engine.spec import Option

NAMES = {"model.name": ("Network", MODELS), "feature.name": ("Feature", FEATURES)}
_WRITE = "write a range as LOW:HIGH, LOW:HIGH:log or LOW:HIGH:STEP"
_NUMBERS = ("int", "float")
Value = int | float | str


@dataclass(frozen=True)
class Axis:
    """One option that is searched.

    Attributes:
        path: As in `--set`: "model.width".
        title: Its label in a form.
        step: Distance of the values from `low` on; None is any float, or every whole number.
        log: Whether factors count, not differences.
        choices: The values of a `choice` as texts, as in `--set`.
    """

    path: str
    title: str
    kind: Literal["int", "float", "choice"]
    low: float = 0.0
    high: float = 0.0
    step: float | None = None
    log: bool = False
    choices: tuple[str, ...] = ()

    def text(self) -> str:
        """As `axis` reads it back."""
        if self.kind == "choice":
            return "|".join(self.choices)
        ends = f"{_number(self.low)}:{_number(self.high)}"
        return f"{ends}:log" if self.log else ends if self.step is None else f"{ends}:{_number(self.step)}"


@dataclass(frozen=True)
class Space:
    """The searched options, and what all trials have in common.

    Attributes:
        base: Settings before anything is set.
        fixed: `OPTION=VALUE`, the same in every trial.
    """

    axes: tuple[Axis, ...]
    base: Settings
    fixed: tuple[str, ...] = ()

    @property
    def settings(self) -> Settings:
        """The base with what is fixed."""
        return settings_with(self, {})


def parse(base: Settings, assignments: Iterable[str]) -> Space:
    """Sorts `OPTION=LOW:HIGH...`, `OPTION=A|B` and plain `OPTION=VALUE` apart, and checks all of them.

    Raises:
        SpecError: An unknown option, a value outside its limits, or nothing to search; `option` is the path to blame.
    """
    rows = [_split(assignment) for assignment in assignments]
    rows.sort(key=lambda row: row[0] not in NAMES)  # the network first: it decides which options there are
    settings = base
    axes: list[Axis] = []
    fixed: list[str] = []
    for path, text in rows:
        if any(path == one.path for one in axes):
            raise SpecError(f"{path} is given twice: give each option once", option=path)
        if is_axis(settings, path, text):
            axes.append(axis(settings, path, text))
            if path in NAMES:
                settings = _named(settings, path, axes[-1].choices[0])
        else:
            with _blamed(path):
                settings = _set(settings, path, text)
            fixed.append(f"{path}={text}")
    if not axes:
        raise SpecError("There is nothing to search: give at least one range, as in --set model.width=0.5:2")
    space = Space(tuple(axes), base, tuple(fixed))
    _check_every_network(space)
    return space


def is_axis(settings: Settings, path: str, text: str) -> bool:
    """Whether the text is a range or several choices, not one value."""
    kind = option_at(settings, path).kind
    return "|" in text or (":" in text and kind in ("int", "float", "bool", "choice") and path not in NAMES)


def axis(settings: Settings, path: str, text: str) -> Axis:
    """One option with its range or choices, checked.

    Raises:
        SpecError: With the option's limits; `option` is the path.
    """
    option = option_at(settings, path)
    with _blamed(path):
        if not _matters(path):
            raise SpecError("it changes nothing that a training measures; search another option")
        return _choices(option, path, text) if "|" in text else _range(option, path, text)


def option_at(settings: Settings, path: str) -> Option:
    """The option of that path; the network's and the feature's own names are choices.

    Raises:
        SpecError: Unknown, with the nearest known.
    """
    if path in NAMES:
        title, registry = NAMES[path]
        names = tuple(entry.name for entry in registry)
        return Option("name", "choice", title, "Which one is used.", names[0], choices=names)
    if path not in settings.paths():
        error = spec.unknown(path, settings.paths(), what="option")
        error.option = path
        raise error
    section, _, name = path.rpartition(".")
    return spec.find(_config(settings, section), name)


def searchable(settings: Settings) -> list[tuple[str, Option]]:
    """What a form may offer: path and option of every number, choice and switch that training depends on."""
    found = [(path, option_at(settings, path)) for path in settings.paths()]
    kinds = ("int", "float", "choice", "bool")
    return [(path, option) for path, option in found if option.kind in kinds and _matters(path)]


def _matters(path: str) -> bool:
    """Whether an option changes anything that a training measures."""
    return path != "training.device" and path.partition(".")[0] != "detector"


def settings_with(space: Space, values: Mapping[str, Any]) -> Settings:
    """The settings of a trial: the base, the names, what is fixed, then the trial's own values.

    Raises:
        SpecError: A value that does not fit.
    """
    settings = space.base
    for path in (path for path in NAMES if path in values):
        settings = _named(settings, path, str(values[path]))
    for assignment in space.fixed:
        settings = _set(settings, *_split(assignment))
    for path, value in values.items():
        if path not in NAMES:
            settings = settings.with_option(path, _number(value) if isinstance(value, float) else str(value))
    return settings


def _check_every_network(space: Space) -> None:
    """Every option must be there with every network and feature that is searched."""
    named = [one for one in space.axes if one.path in NAMES]
    for names in itertools.product(*(one.choices for one in named)):
        chosen = dict(zip((one.path for one in named), names, strict=True))
        try:
            settings = settings_with(space, chosen)
            for one in space.axes:
                axis(settings, one.path, one.text())
        except SpecError as error:
            if not named:
                raise
            raise SpecError(f"With {', '.join(names)}: {error}", option=error.option) from None


def _choices(option: Option, path: str, text: str) -> Axis:
    parts = [part.strip() for part in text.split("|")]
    if path in NAMES:
        for part in parts:
            NAMES[path][1][part]
        values = parts
    else:
        values = [option.text(option.parse(part)) for part in parts]
    if len(set(values)) < len(values) or len(values) < 2:
        raise SpecError(f"{text!r} are not two different choices or more")
    return Axis(path, option.title, "choice", choices=tuple(values))


def _range(option: Option, path: str, text: str) -> Axis:
    parts = [part.strip() for part in text.split(":")]
    if option.kind not in _NUMBERS:
        raise SpecError(f"{option.title}: {text!r} is no choice of values: write them as A|B|C")
    if len(parts) not in (2, 3) or not all(parts):
        raise SpecError(f"{option.title}: {text!r} is no range: {_WRITE}")
    low, high = option.parse(parts[0]), option.parse(parts[1])
    if low >= high:
        raise SpecError(f"{option.title}: {text} holds no two values; put the smaller one first")
    log = len(parts) == 3 and parts[2] == "log"
    if log and low <= 0:
        raise SpecError(f"{option.title}: a range by factors must begin above 0, not at {low:g}")
    step = _step(option, parts[2], high - low) if len(parts) == 3 and not log else None
    if step is not None:
        high = _last(low, high, step)
    kind: Literal["int", "float"] = "int" if option.kind == "int" else "float"
    return Axis(path, option.title, kind, low, high, step, log)


def _step(option: Option, text: str, width: float) -> float:
    try:
        step = int(text) if option.kind == "int" else float(text)
    except ValueError:
        raise SpecError(f"{option.title}: {text!r} is neither log nor a step: {_WRITE}") from None
    if not 0 < step <= width:
        raise SpecError(f"{option.title}: a step of {text} does not fit into a range of {width:g}")
    return step


def _last(low: float, high: float, step: float) -> float:
    """The last value that whole steps reach, in decimals as a person counts them."""
    first, last, width = (Decimal(repr(number)) for number in (low, high, step))
    reached = first + (last - first) // width * width
    return int(reached) if isinstance(high, int) else float(reached)


def _split(assignment: str) -> tuple[str, str]:
    path, equals, text = assignment.partition("=")
    if not equals:
        raise SpecError(f"{assignment!r} sets nothing: write it as OPTION=LOW:HIGH, as in model.width=0.5:2")
    return path.strip(), text.strip()


def _set(settings: Settings, path: str, text: str) -> Settings:
    return _named(settings, path, text) if path in NAMES else settings.with_option(path, text)


def _named(settings: Settings, path: str, name: str) -> Settings:
    """Another network or feature; the one that is there keeps its options, and a feature the network."""
    chosen: Chosen = getattr(settings, path.partition(".")[0])
    return settings if chosen.name == name else settings.with_option(path, name, keeps_network=True)


def _config(settings: Settings, section: str) -> Any:
    name, _, entry = section.partition(".")
    part = getattr(settings, name)
    return part[entry] if entry else part.config if isinstance(part, Chosen) else part


def _number(value: float) -> str:
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


@contextlib.contextmanager
def _blamed(path: str) -> Iterator[None]:
    """Names the path in front of a `SpecError`'s sentence, and in its `option`."""
    try:
        yield
    except SpecError as error:
        raise SpecError(f"{path}: {error}", option=path) from None
