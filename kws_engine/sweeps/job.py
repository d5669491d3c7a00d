"""What a sweep is told, its folder in the project and the text file in it; knows no study and no training."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import tomli_w

from kws_engine.disk import storing, write_atomically
from kws_engine.errors import SpecError

By = Literal["loss", "accuracy"]
Pruning = Literal["median", "hyperband", "none"]
SWEEP_FILE, STUDY_FILE = "sweep.toml", "study.db"
_NAME = re.compile(r"\w[\w .+-]{0,79}")


@dataclass(frozen=True)
class SweepJob:
    """All that a worker of a sweep needs to know.

    Attributes:
        project: The project's folder.
        assignments: Ranges and values, `OPTION=LOW:HIGH`; none at all goes on with the sweep of that name.
        settings: What is not searched, as of `Settings.to_dict`; None takes the project's.
        name: Of its folder and study; empty makes one of the options, so that the same job goes on with its sweep.
        trials: How many shall be finished, by all workers on all machines together.
        by: What is best: the lowest validation loss, finer on few clips, or the highest validation accuracy.
        pruning: Which trials end early: those worse than the median of the others, by Hyperband, or none.
        storage: A database's address; empty is a file in the sweep's folder.
        seed: Of every run, and of what the trials try.
        threads: Torch's threads of each worker; None takes all cores.
        heartbeat_s: How often a worker says that it lives. One that is silent three times as long counts as lost.
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
            raise SpecError(f"{self.name!r} cannot name a sweep: use letters, digits, spaces, '.', '-' and '_'")
        for value, kind, what in ((self.by, By, "measure"), (self.pruning, Pruning, "pruning")):
            if value not in get_args(kind):
                raise SpecError(f"There is no {what} {value!r}; known: {', '.join(get_args(kind))}")
        if self.trials < 1:
            raise SpecError(f"{self.trials} trials are none: ask for at least 1")


@dataclass(frozen=True)
class PastSweep:
    """A sweep as its folder tells it, without opening its storage.

    Attributes:
        storage: The database's address without a password; empty is the file in its folder.
        trials: How many were asked for last.
        options: Path and range of each option that is searched.
    """

    folder: Path
    name: str
    storage: str
    trials: int
    options: dict[str, str]
    by: str


def sweeps_folder(project: Path) -> Path:
    """Where a project keeps its sweeps."""
    return project / "sweeps"


def past_sweeps(project: Path) -> list[PastSweep]:
    """Every sweep of a project, the one that was started or gone on with last first; what is no sweep is left out."""
    files = list(sweeps_folder(project).glob(f"*/{SWEEP_FILE}"))
    found = [(_changed(path), past_sweep(path.parent)) for path in files]
    known = [(time, sweep) for time, sweep in found if sweep is not None]
    return [sweep for _, sweep in sorted(known, key=lambda one: (one[0], one[1].name), reverse=True)]


def past_sweep(folder: Path) -> PastSweep | None:
    """One sweep of a project; None where the folder holds none."""
    try:
        values = tomllib.loads((folder / SWEEP_FILE).read_text(encoding="utf-8"))
        options = {str(path): str(text) for path, text in values["options"].items()}
        return PastSweep(folder, folder.name, str(values["storage"]), int(values["trials"]), options, str(values["by"]))
    except (OSError, LookupError, TypeError, ValueError, AttributeError):
        return None


def write_sweep(folder: Path, *, definition: dict[str, Any], storage: str, trials: int) -> None:
    """Writes sweep.toml, for people and for what shows a project's sweeps.

    Raises:
        ProjectError: It cannot be written, or the disk is full.
    """
    with storing(folder):
        (folder / "runs").mkdir(parents=True, exist_ok=True)
    content = {"schema": 1, "trials": trials, "storage": storage, **definition}
    write_atomically(folder / SWEEP_FILE, tomli_w.dumps(content).encode())


def name_of(paths: list[str]) -> str:
    """A name made of the options: "width" of model.width, "l2-weight" of regularizers.l2.weight."""
    short = ["-".join(path.split(".")[1:]) or path for path in paths]
    return "+".join(short)[:60].rstrip("+-_")


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
