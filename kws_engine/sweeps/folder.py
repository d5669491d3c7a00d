"""A sweep's folder: names every file in it, and reads and writes sweep.toml.

sweeps/model-width/
sweep.toml     what is searched, for people and for lists of sweeps
study.db       every trial and its result, where the sweep has no database elsewhere
runs/          a run's folder for each trial
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from kws_engine.clips.layout import RUNS_FOLDER, ProjectFolder
from kws_engine.disk import storing, write_atomically
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.run_file import DAMAGED


@dataclass(frozen=True)
class PastSweep:
    """A sweep as its folder records it, without opening its storage.

    Attributes:
        storage: The database's address without a password; empty is the file in its folder.
        trials: How many were requested last.
        options: Path and range of each option that is searched.
    """

    folder: Path
    name: str
    storage: str
    trials: int
    options: dict[str, str]
    by: str


@dataclass(frozen=True)
class SweepFolder:
    """One sweep's folder, or one that might be."""

    path: Path

    @classmethod
    def of(cls, project: Path, name: str) -> SweepFolder:
        """The folder of a project's sweep of that name."""
        return cls(ProjectFolder(project).sweeps / name)

    @property
    def name(self) -> str:
        """The sweep's."""
        return self.path.name

    @property
    def study(self) -> Path:
        """The database in the folder."""
        return self.path / "study.db"

    @property
    def runs(self) -> Path:
        """The folders of the trials' runs."""
        return self.path / RUNS_FOLDER

    def run(self, name: str) -> RunFolder:
        """The run of a trial, by its folder's name."""
        return RunFolder(self.runs / name)

    def make(self) -> None:
        """Makes the folder where it is missing.

        Raises:
            ProjectError: It cannot be written.
        """
        with storing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)

    def read(self) -> PastSweep | None:
        """What sweep.toml says; None where there is no sweep or the file is damaged."""
        try:
            values = tomllib.loads(self.file.read_text(encoding="utf-8"))
            return PastSweep(
                folder=self.path,
                name=self.name,
                storage=str(values["storage"]),
                trials=int(values["trials"]),
                options={str(path): str(text) for path, text in values["options"].items()},
                by=str(values["by"]),
            )
        except DAMAGED:
            return None

    def write(self, *, definition: Mapping[str, Any], storage: str, trials: int) -> None:
        """Writes sweep.toml.

        Raises:
            ProjectError: It cannot be written, or the disk is full.
        """
        with storing(self.path):
            self.runs.mkdir(parents=True, exist_ok=True)
        content = {"schema": 1, "trials": trials, "storage": storage, **definition}
        write_atomically(self.file, tomli_w.dumps(content).encode())

    def changed(self) -> float:
        """When sweep.toml was last written, in s; 0 where it never was."""
        try:
            return self.file.stat().st_mtime
        except OSError:
            return 0.0

    @property
    def file(self) -> Path:
        """What is searched."""
        return self.path / "sweep.toml"


def past_sweeps(project: Path) -> list[PastSweep]:
    """Every sweep of a project, the last started or resumed first; what is no sweep is skipped."""
    try:
        folders = [SweepFolder(path) for path in ProjectFolder(project).sweeps.iterdir() if path.is_dir()]
    except OSError:
        return []
    found = [(folder.changed(), sweep) for folder in folders if (sweep := folder.read()) is not None]
    return [sweep for _, sweep in sorted(found, key=lambda one: (one[0], one[1].name), reverse=True)]
