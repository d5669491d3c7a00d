"""What a run is told, and its folder in the project; knows no training."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import tomli_w

from kws_engine import __version__
from kws_engine.disk import write_atomically
from kws_engine.errors import ProjectError, TrainingError
from kws_engine.settings import Settings
from kws_engine.training.events import Epoch, Event, Failed, Finished, from_dict, to_dict


@dataclass(frozen=True)
class Job:
    """All that a run is made from.

    Attributes:
        project: The project's folder.
        settings: As of `Settings.to_dict`: plain values travel between processes.
        seed: Of the weights, the order and every augmentation.
        threads: Torch's threads; None takes all cores.
    """

    project: Path
    settings: dict[str, Any] = field(default_factory=lambda: Settings().to_dict())
    seed: int = 0
    threads: int | None = None


@dataclass(frozen=True)
class PastRun:
    """A run as its folder tells it.

    Attributes:
        model: The `.kws` file, or None where the run did not get that far.
        message: Why it failed, empty if it did not; a run without an ending was cut off.
    """

    folder: Path
    network: str
    epochs: tuple[Epoch, ...]
    model: Path | None
    message: str

    @property
    def best(self) -> Epoch | None:
        """The last epoch that was a new best."""
        return next((epoch for epoch in reversed(self.epochs) if epoch.best), None)


def make_run_folder(job: Job, runs_folder: Path) -> Path:
    """A new folder `<time>-<network>` with job.toml in it.

    Raises:
        TrainingError, ProjectError: It cannot be written, or the disk is full.
    """
    settings = Settings.from_dict(job.settings)
    name = f"{datetime.now():%Y%m%d-%H%M%S}-{settings.model.name}"
    try:
        runs_folder.mkdir(exist_ok=True)
        for number in range(1, 1000):
            folder = runs_folder / (name if number == 1 else f"{name}-{number}")
            try:
                folder.mkdir()
                break
            except FileExistsError:
                continue
        content = {"schema": 1, "seed": job.seed, "version": __version__, "settings": settings.to_dict()}
    except OSError as error:
        raise TrainingError(
            f"{runs_folder} cannot be written ({error.strerror}): check space and permissions"
        ) from None
    try:
        write_atomically(folder / "job.toml", tomli_w.dumps(content).encode())
    except ProjectError:
        folder.rmdir()
        raise
    return folder


def append_event(folder: Path, event: Event) -> None:
    """One line more in events.jsonl.

    Raises:
        TrainingError: The disk is full.
    """
    try:
        with open(folder / "events.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(to_dict(event)) + "\n")
    except OSError as error:
        raise TrainingError(f"{folder} cannot be written ({error.strerror}): free some space and train again") from None


def past_runs(runs_folder: Path) -> list[PastRun]:
    """Every run of a project, newest first; folders that are no run are passed over."""
    if not runs_folder.is_dir():
        return []
    folders = sorted((path.parent for path in runs_folder.glob("*/job.toml")), reverse=True)
    return [run for run in map(_past_run, folders) if run is not None]


def _past_run(folder: Path) -> PastRun | None:
    try:
        network = tomllib.loads((folder / "job.toml").read_text(encoding="utf-8"))["settings"]["model"]["name"]
    except (OSError, KeyError, TypeError, ValueError):
        return None
    epochs, message, finished = [], "cut off before its end", False
    for event in read_events(folder):
        if isinstance(event, Epoch):
            epochs.append(event)
        elif isinstance(event, Failed):
            message = event.message
        elif isinstance(event, Finished):
            message, finished = "", True
    models = sorted(folder.glob("*.kws")) if finished else []
    return PastRun(folder, str(network), tuple(epochs), models[0] if models else None, message)


def settings_of(run_folder: Path) -> Settings:
    """The settings that a run was made with.

    Raises:
        KwsError: job.toml is missing or damaged, or an option in it is no longer known.
    """
    try:
        values = tomllib.loads((run_folder / "job.toml").read_text(encoding="utf-8"))["settings"]
    except (OSError, LookupError, TypeError, ValueError):
        raise TrainingError(f"The settings of {run_folder.name} cannot be read: choose another run") from None
    return Settings.from_dict(values)


def read_events(folder: Path) -> Iterator[Event]:
    """The events of a run; a half-written last line is passed over."""
    try:
        lines = (folder / "events.jsonl").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            yield from_dict(json.loads(line))
        except (ValueError, KeyError, TypeError):
            continue
