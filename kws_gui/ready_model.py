"""Finds the model file that ships with the program."""

from __future__ import annotations

from pathlib import Path

from kws_engine import resources
from kws_engine.errors import KwsError

READY_MODEL = ("models", "directions.kws")


def ready_model() -> Path | None:
    """The model file that ships with the program, or None where it is missing."""
    try:
        return resources.path(*READY_MODEL)
    except KwsError:
        return None
