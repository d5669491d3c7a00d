"""session.json: what a recording session is to be, as plain values; knows no project."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, Final

from kws_engine.clips.layout import ProjectFolder
from kws_engine.disk import write_atomically
from kws_engine.errors import ProjectError

SCHEMA: Final = 1
_LARGEST: Final = 10_000_000  # bytes, some 100,000 words and speakers


def read(folder: Path) -> dict[str, Any]:
    """The values in a project's file.

    Raises:
        FileNotFoundError: There is none.
        OSError: It cannot be read.
        ProjectError: It is of a newer program.
        ValueError, KeyError, TypeError, AttributeError, RecursionError: It is damaged.
    """
    path = ProjectFolder(folder).session
    with path.open("rb") as file:
        content = json.loads(file.read(_LARGEST))
    if int(content["schema"]) > SCHEMA:
        raise ProjectError(f"The session in {path} was made by a newer KWS Studio: update this one to go on with it.")
    return dict(content)


def write(folder: Path, values: dict[str, Any]) -> None:
    """Stores the values in place of those that were there.

    Raises:
        ProjectError: They cannot be written.
    """
    content = json.dumps({"schema": SCHEMA, **values}, indent=1, ensure_ascii=False)
    write_atomically(ProjectFolder(folder).session, content.encode())


def rename_word(folder: Path, old: str, new: str) -> None:
    """Lets the session follow a word that has another name; one that cannot be read or written stays as it is."""
    with contextlib.suppress(OSError, ProjectError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        values = read(folder)
        if old in values["words"]:
            firsts = {
                speaker: {new if word == old else word: first for word, first in of.items() if word != new}
                for speaker, of in values["first_takes"].items()
            }
            words = [new if word == old else word for word in values["words"] if word != new]
            write(folder, {**values, "words": words, "first_takes": firsts})
