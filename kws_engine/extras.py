"""Libraries that only some commands need, and that are installed only where they are wanted."""

from __future__ import annotations

import importlib.util

from kws_engine.errors import KwsError


def require(library: str, *, extra: str) -> None:
    """Does nothing where a library is installed.

    Raises:
        KwsError: It is not; the sentence says how to install it.
    """
    if importlib.util.find_spec(library) is None:
        raise KwsError(f"This needs the package {library}: install it with pip install 'kws-studio[{extra}]'")
