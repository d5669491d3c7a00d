"""job.toml: the settings, seed, threads and versions that a run was made with."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

import tomli_w

from kws_engine.disk import write_atomically
from kws_engine.errors import TrainingError
from kws_engine.runs.run_file import DAMAGED, RunFile

SCHEMA = 1
_LARGEST = 1_000_000  # bytes; the largest settings that a form makes are some 10,000


class JobFile(RunFile):
    """The job of one run as TOML."""

    def read(self) -> dict[str, Any]:
        """The content, with "settings" as a table.

        Raises:
            TrainingError: It is missing, damaged or of a newer program.
        """
        try:
            with open(self.path, "rb") as file:
                text = file.read(_LARGEST + 1)
            if len(text) > _LARGEST:
                raise self.unreadable()
            content = tomllib.loads(text.decode())
            schema = content.get("schema", 1)
            if not isinstance(schema, int) or not isinstance(content["settings"], dict):
                raise self.unreadable()
        except DAMAGED:
            raise self.unreadable() from None
        if schema > SCHEMA:
            made_by = str(content.get("version", "newer"))[:20]
            raise TrainingError(
                f"{self.run_name} was made by a newer KWS Studio ({made_by}): update this one to use the run"
            )
        return content

    def write(self, content: Mapping[str, Any]) -> None:
        """Writes the content under this program's schema.

        Raises:
            ProjectError: It cannot be written, or the disk is full.
        """
        write_atomically(self.path, tomli_w.dumps({"schema": SCHEMA, **content}).encode())

    def unreadable(self) -> TrainingError:
        """The error for content that cannot be used."""
        return TrainingError(f"The settings of {self.run_name} cannot be read: choose another run")
