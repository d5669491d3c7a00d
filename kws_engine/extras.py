"""Libraries that only some commands and actions need, and that are installed only where they are wanted."""

from __future__ import annotations

import importlib.util

from kws_engine.errors import KwsError


def require(module: str, *, extra: str, package: str = "") -> None:
    """Does nothing where a library is installed; loads nothing.

    Args:
        module: What is imported.
        extra: Of this program, that brings it.
        package: What is installed, where its name is another.

    Raises:
        KwsError: It is not; the sentence says how to install it.
    """
    if importlib.util.find_spec(module) is None:
        raise KwsError(f'This needs the package {package or module}: install it with pip install "kws-studio[{extra}]"')
