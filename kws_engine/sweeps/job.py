"""The job that a sweep's workers are given."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from kws_engine.errors import SpecError, quoted

By = Literal["loss", "accuracy"]
Pruning = Literal["median", "hyperband", "none"]
_NAME = re.compile(r"\w[\w .+-]{0,79}")


@dataclass(frozen=True)
class SweepJob:
    """All that a worker of a sweep needs to know.

    Attributes:
        project: The project's folder.
        assignments: Ranges and values, `OPTION=LOW:HIGH`; without any, the sweep of that name is resumed.
        settings: What is not searched, as of `Settings.to_dict`; None takes the project's.
        name: Of its folder and study; empty makes one of the options, so that the same job resumes its sweep.
        trials: How many to finish, by all workers on all machines together.
        by: What is best: the lowest validation loss, finer on few clips, or the highest validation accuracy.
        pruning: Which trials end early: those worse than the median of the others, by Hyperband, or none.
        storage: A database's address; empty is a file in the sweep's folder.
        seed: Of every run, and of what the trials try.
        threads: Torch's threads of each worker; None takes all cores.
        heartbeat_s: How often a worker reports that it is alive. One that is silent for three times as long is lost.
    """

    project: Path
    assignments: tuple[str, ...] = ()
    settings: dict[str, Any] | None = None
    name: str = ""
    trials: int = 30
    by: By = "loss"
    pruning: Pruning = "median"
    storage: str = ""
    seed: int = 0
    threads: int | None = None
    heartbeat_s: int = 20

    def __post_init__(self) -> None:
        if self.name and (not _NAME.fullmatch(self.name) or self.name.endswith((".", " "))):
            raise SpecError(f"{quoted(self.name)} cannot name a sweep: use letters, digits, spaces, '.', '-' and '_'")
        for value, kind, what in ((self.by, By, "measure"), (self.pruning, Pruning, "pruning")):
            if value not in get_args(kind):
                raise SpecError(f"There is no {what} {quoted(value)}; known: {', '.join(get_args(kind))}")
        if self.trials < 1:
            raise SpecError(f"{self.trials} trials are none: set at least 1")


def name_of(paths: list[str]) -> str:
    """A name made of the options: "width" of model.width, "l2-weight" of regularizers.l2.weight."""
    short = ["-".join(path.split(".")[1:]) or path for path in paths]
    return "+".join(short)[:60].rstrip("+-_")
