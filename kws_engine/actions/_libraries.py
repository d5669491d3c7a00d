"""The libraries of single actions, which the program does without otherwise."""

from __future__ import annotations

import importlib.util

from kws_engine.errors import KwsError


def demand(module: str, *, package: str) -> None:
    """Refuses an action whose library is not installed; loads nothing.

    Raises:
        KwsError: It names the package and the extra that brings it.
    """
    if importlib.util.find_spec(module) is None:
        raise KwsError(f'The library {package} is missing: install it with pip install "kws-studio[actions]".')
