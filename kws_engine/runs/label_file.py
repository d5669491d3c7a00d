"""label.toml: what a person wrote about a run."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

import tomli_w

from kws_engine.disk import write_atomically
from kws_engine.errors import printable, shortened
from kws_engine.runs.run_file import DAMAGED, RunFile

_LARGEST = 200_000  # bytes


@dataclass(frozen=True)
class Label:
    """A name, tags and a note; empty where a person wrote none."""

    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""


class LabelFile(RunFile):
    """The label as TOML."""

    def read(self) -> Label:
        """The label; what is missing or damaged is empty."""
        try:
            with open(self.path, "rb") as file:
                content = tomllib.loads(file.read(_LARGEST).decode())
        except DAMAGED:
            return Label()
        name, tags, note = content.get("name"), content.get("tags"), content.get("note")
        return Label(
            name=shortened(name) if isinstance(name, str) else "",
            tags=tuple(shortened(tag) for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
            note=printable(note) if isinstance(note, str) else "",
        )

    def write(self, label: Label) -> None:
        """Replaces the label.

        Raises:
            ProjectError: It cannot be written, or the disk is full.
        """
        content = {"name": label.name, "tags": list(label.tags), "note": label.note}
        write_atomically(self.path, tomli_w.dumps(content).encode())
