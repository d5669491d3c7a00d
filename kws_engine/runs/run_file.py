"""One file in a run's folder; what its format is, each subclass knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

DAMAGED: Final = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What reading a damaged file raises, whatever is the matter with it."""


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
