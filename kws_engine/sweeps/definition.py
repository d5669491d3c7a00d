"""What identifies a sweep, as stored in its study and its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kws_engine.clips.project import Project
from kws_engine.errors import SpecError, TrainingError, shortened
from kws_engine.runs.job import project_settings
from kws_engine.settings import Settings
from kws_engine.sweeps import space as spaces
from kws_engine.sweeps.job import By, Pruning, SweepJob
from kws_engine.sweeps.space import Space


@dataclass(frozen=True)
class Definition:
    """All that a worker on any machine needs besides the project's clips.

    Attributes:
        words: Of the project that it is a sweep of.
    """

    space: Space
    by: By
    pruning: Pruning
    seed: int
    words: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON/TOML values."""
        return {
            "by": self.by,
            "pruning": self.pruning,
            "seed": self.seed,
            "words": list(self.words),
            "options": {one.path: one.text() for one in self.space.axes},
            "fixed": list(self.space.fixed),
            "settings": self.space.base.to_dict(),
        }

    def to_text(self) -> str:
        """As stored in the study."""
        return json.dumps(self.to_dict())

    def is_same(self, other: Definition) -> bool:
        """Whether both are one sweep; the order of the options does not count."""
        mine, theirs = json.loads(self.to_text()), json.loads(other.to_text())
        return bool({**mine, "fixed": sorted(mine["fixed"])} == {**theirs, "fixed": sorted(theirs["fixed"])})

    @classmethod
    def from_text(cls, text: str) -> Definition:
        """The inverse of `to_text`.

        Raises:
            TrainingError: It is damaged or of a newer program.
        """
        try:
            values = json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise TrainingError(
                f"The sweep's definition cannot be used ({shortened(error)}): start a new sweep"
            ) from None
        return cls.from_dict(values)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Definition:
        """The inverse of `to_dict`.

        Raises:
            TrainingError: It is damaged or of a newer program.
        """
        try:
            ranges = [f"{path}={text}" for path, text in values["options"].items()]
            space = spaces.parse(Settings.from_dict(values["settings"]), [*values["fixed"], *ranges])
            return cls(space, values["by"], values["pruning"], int(values["seed"]), tuple(values["words"]))
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, SpecError) as error:
            raise TrainingError(
                f"The sweep's definition cannot be used ({shortened(error)}): start a new sweep"
            ) from None


def defined(job: SweepJob, project: Project) -> Definition:
    """The definition that a job with ranges asks for.

    Raises:
        SpecError: A range or value that does not fit.
        ProjectError: The settings in project.toml cannot be used.
    """
    base = Settings.from_dict(job.settings) if job.settings is not None else project_settings(project)
    space = spaces.parse(base, job.assignments)
    return Definition(space, job.by, job.pruning, job.seed, tuple(project.words))


def epochs_of(definition: Definition) -> int:
    """Epochs of a trial at most."""
    axis = next((one for one in definition.space.axes if one.path == "training.epochs"), None)
    return int(axis.high) if axis else definition.space.settings.training.epochs
