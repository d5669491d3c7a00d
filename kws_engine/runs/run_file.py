"""One file in a run's folder; what its format is, each subclass knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunFile:
    """A file that may not be there yet; which name it has, only `RunFolder` knows."""

    path: Path

    def exists(self) -> bool:
        """Whether it is there, readable or not."""
        return self.path.is_file()

    @property
    def run_name(self) -> str:
        """The folder of its run, for messages."""
        return self.path.parent.name
