"""Questions that hang, end their process or are slow, for the tests of the warm process; its child imports this."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from kws_engine.runs.warm import Question


@dataclass(frozen=True)
class Echo(Question[object]):
    """Gives back `value`."""

    value: object

    def answer(self) -> object:
        return self.value


@dataclass(frozen=True)
class Hang(Question[object]):
    """Marks that it began, and then hangs while `hangs` is there."""

    begun: Path
    hangs: Path

    def answer(self) -> object:
        self.begun.open("a").write("begun\n")
        while self.hangs.exists():
            time.sleep(0.01)
        return "hung no more"


@dataclass(frozen=True)
class Die(Question[object]):
    """Ends the process that answers it."""

    lost: ClassVar[str] = "Nothing can be shown"

    def answer(self) -> object:
        os._exit(9)


@dataclass(frozen=True)
class Fail(Question[object]):
    """Fails with an error that nobody expected."""

    unexpected: ClassVar[str] = "This cannot be shown"

    def answer(self) -> object:
        raise ValueError("no such size")
