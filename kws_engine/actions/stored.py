"""The actions of a project: kept in its project.toml, and switched on for one computer only.

Whether an action is on stands outside the project, by its content and the project's place: a project that came from
somebody else, or an action that somebody else has changed since, does nothing until it is switched on here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import platformdirs

from kws_engine.actions.rule import Rule, from_dict
from kws_engine.clips import project_file
from kws_engine.clips.layout import ProjectFolder
from kws_engine.disk import storing, write_atomically
from kws_engine.errors import ProjectError, SpecError
from kws_engine.file_lock import FileLock

MOST: Final = 200
_TABLE: Final = "actions"
_SWITCHES: Final = "actions-on.json"
_PATIENCE_S: Final = 5.0


def read(folder: Path) -> list[Rule]:
    """The actions of the project, each on or off as it is on this computer.

    Raises:
        ProjectError: There is no project, or its file is damaged.
        SpecError: An action in it is none of this version.
    """
    return _with_switches(folder, _rules(folder, project_file.read_content(folder)))


def change(folder: Path, mutate: Callable[[list[Rule]], object]) -> list[Rule]:
    """Lets `mutate` change the actions as they are stored now; those that are on in the end are on from now on.

    Raises:
        ProjectError: The project or this computer's settings cannot be read or written, or there are too many.
        SpecError: An action that is stored is none of this version.
    """
    kept: list[Rule] = []

    def edit(content: dict[str, Any]) -> None:
        kept[:] = _with_switches(folder, _rules(folder, content))
        mutate(kept)
        if len(kept) > MOST:
            raise ProjectError(f"A project has at most {MOST} actions: remove some.")
        content[_TABLE] = [rule.to_dict() for rule in kept]
        if not kept:
            del content[_TABLE]

    project_file.change(folder, edit)
    _switch(folder, [rule for rule in kept if rule.is_on])
    return kept


def _rules(folder: Path, content: dict[str, Any]) -> list[Rule]:
    tables = content.get(_TABLE, [])
    where = ProjectFolder(folder).project_file
    if not isinstance(tables, list) or len(tables) > MOST or not all(isinstance(table, dict) for table in tables):
        raise ProjectError(f"{where} is damaged: {_TABLE} is no list of at most {MOST} tables; correct it.")
    found: list[Rule] = []
    for number, table in enumerate(tables, 1):
        try:
            found.append(from_dict(table))
        except SpecError as error:
            raise SpecError(f"{where}, action {number}: {error}") from None
    return found


# -- the switches of this computer


def _with_switches(folder: Path, rules: Iterable[Rule]) -> list[Rule]:
    on = _switches().get(_place(folder), [])
    return [dataclasses.replace(rule, is_on=_digest(rule) in on) for rule in rules]


def _switch(folder: Path, on: list[Rule]) -> None:
    """Only these are on in the project from now on."""
    path = _switches_file()
    lock = FileLock(path.with_suffix(".lock"))
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        is_taken = lock.take(seconds=_PATIENCE_S)
    if not is_taken:
        raise ProjectError(f"{path} is being changed by another program: try again.")
    try:
        switches = {place: digests for place, digests in _switches().items() if place != _place(folder)}
        if on:
            switches[_place(folder)] = sorted({_digest(rule) for rule in on})
        write_atomically(path, json.dumps(switches, indent=1).encode())
    finally:
        lock.release()


def _switches() -> dict[str, list[str]]:
    """By project; a file that is damaged switches nothing on."""
    try:
        content = json.loads(_switches_file().read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {place: digests for place, digests in content.items() if isinstance(digests, list)}


def _switches_file() -> Path:
    home = os.environ.get("KWS_STUDIO_HOME")
    return (Path(home) if home else platformdirs.user_config_path("KWS Studio", appauthor=False)) / _SWITCHES


def _place(folder: Path) -> str:
    return str(folder.resolve())


def _digest(rule: Rule) -> str:
    return hashlib.sha256(json.dumps(rule.to_dict(), sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()
