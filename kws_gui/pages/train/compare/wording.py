"""The wording of a comparison of runs and of its tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kws_engine import spec
from kws_engine.augment import AUGMENTATIONS
from kws_engine.evaluation.mcnemar import McNemar
from kws_engine.features import FEATURES
from kws_engine.models import MODELS
from kws_engine.registry import Registry
from kws_engine.regularizers import REGULARIZERS
from kws_engine.settings import Settings
from kws_gui.runs.rows import when
from kws_gui.widgets.progress_row import duration
from kws_gui.widgets.size_scatter import count_text

if TYPE_CHECKING:
    from kws_engine.runs.comparing import Compared, Comparison

RESULT_COLUMNS = ("", "Run", "Right", "Best epoch", "Parameters", "MACs", "Time", "Missed", "False alarms")
_GROUPS: dict[str, Registry] = {"regularizers": REGULARIZERS, "augment": AUGMENTATIONS}
_CHOICES: dict[str, Registry] = {"model": MODELS, "feature": FEATURES}
_SECTIONS = {"model": "Network", "feature": "Features", "training": "Training", "detector": "Detector"}
_CHANCE = 0.05


def name_of(one: Compared) -> str:
    """What a person calls the run, else when it began and its network."""
    run = one.run
    return run.label.name or f"{when(run.folder)} · {run.network}"


def result_row(one: Compared) -> tuple[str, ...]:
    """The cells of `RESULT_COLUMNS`, a dash where something is not known."""
    run, best = one.run, one.run.best
    figures = run.figures
    return (
        "",
        name_of(one),
        one.accuracy.text() if one.accuracy is not None else "–",
        f"{best.epoch} of {len(run.epochs)}" if best is not None else "–",
        count_text(run.parameters) if run.parameters else "–",
        count_text(run.macs) if run.macs else "–",
        duration(one.seconds) if one.seconds else "–",
        (figures.missed_in_short() if figures is not None else "") or "–",
        f"{rate} per hour" if figures is not None and (rate := figures.alarms_in_short()) else "–",
    )


def verdict(comparison: Comparison) -> str:
    """Whether two runs differ by more than chance; with more, what their intervals say."""
    if comparison.mcnemar is not None:
        first, second = (name_of(one) for one in comparison.runs)
        return _of_two(comparison.mcnemar, first, second)
    if len(comparison.runs) > 2 and sum(one.accuracy is not None for one in comparison.runs) > 1:
        return "Choose two runs to test whether they differ by more than chance."
    return ""


def _of_two(found: McNemar, first: str, second: str) -> str:
    p = "p < 0.001" if found.p < 0.001 else f"p = {found.p:.2g}"
    if not found.b + found.c:
        return f"Both have the same of the {found.clips} clips right."
    counts = f"{found.b} of {found.clips} clips only “{first}” has right, {found.c} only “{second}”."
    if found.p >= _CHANCE:
        return f"The difference is within chance, {p}: {counts}"
    return f"“{first if found.b > found.c else second}” is better, beyond chance, {p}: {counts}"


def option_title(path: str, networks: Sequence[str] = ()) -> str:
    """A path as the form has it: "Training · Learning rate"; the path itself where no such option is known.

    Args:
        path: As in `Settings.with_option`.
        networks: Those that are compared: their words come before those of other networks.
    """
    section, *rest = path.split(".")
    if path == "seed":
        return "Seed"
    if section in _CHOICES and rest == ["name"]:
        return _SECTIONS[section]
    if section in _GROUPS and len(rest) == 2 and rest[0] in _GROUPS[section]:
        entry = _GROUPS[section][rest[0]]
        found = _title(entry.config, rest[1])
        return f"{entry.title.partition(' (')[0]} · {found}" if found else path
    for config in _configs(section, networks) if len(rest) == 1 else ():
        if found := _title(config, rest[0]):
            return f"{_SECTIONS[section]} · {found}"
    return path


def value_text(path: str, value: Any) -> str:
    """A value as a person writes it; a dash where a run has no such option."""
    section, _, name = path.partition(".")
    if value is None:
        return "–"
    if section in _CHOICES and name == "name" and value in _CHOICES[section]:
        return _CHOICES[section][value].title.partition(" (")[0]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else str(value)
    if isinstance(value, list):
        return ", ".join(value_text("", one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {value_text('', one)}" for key, one in value.items())
    return str(value)


def _configs(section: str, networks: Sequence[str]) -> list[Any]:
    if section in _CHOICES:
        return [entry.config for entry in sorted(_CHOICES[section], key=lambda entry: entry.name not in networks)]
    config = getattr(Settings(), section, None) if section in _SECTIONS else None
    return [type(config)] if config is not None else []


def _title(config: Any, name: str) -> str:
    return next((option.title for option in spec.options(config) if option.name == name), "")
