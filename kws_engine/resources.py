"""Where the files that ship with the program are."""

from __future__ import annotations

from pathlib import Path

from kws_engine.errors import KwsError


def path(*parts: str) -> Path:
    """A file or folder under `resources/`.

    Raises:
        KwsError: It is missing: the installation is damaged.
    """
    found = Path(__file__).resolve().parent.parent.joinpath("resources", *parts)
    if not found.exists():
        raise KwsError(f"{'/'.join(('resources', *parts))} is missing: install KWS Studio again")
    return found
