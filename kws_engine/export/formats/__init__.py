"""Formats of other programs, one file each; `build(config, *, model)` makes what is written from an open model file."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field

from kws_engine.registry import Registry

FORMATS = Registry("format", __name__)


@dataclass(frozen=True)
class Exported:
    """What is written, and what was found when it was compared with the model.

    Attributes:
        files: By ending: "" is the file that was named, others stand beside it and end in that.
        figures: What was measured: "difference", the largest of a score, and others.
        notes: Sentences on what the format leaves out.
    """

    files: Mapping[str, bytes]
    figures: Mapping[str, float | int | str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def format_names() -> list[str]:
    """The names of all formats, known from their files' names without loading one."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    return sorted(name.replace("_", "-") for name in names if not name.startswith("_"))
