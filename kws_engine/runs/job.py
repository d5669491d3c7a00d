"""What a run is told, and its folder in the project; knows no training."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import re
from dataclasses import dataclass, field
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import tomli_w

from kws_engine import __version__
from kws_engine.disk import kind_of, write_atomically
from kws_engine.errors import ProjectError, TrainingError
from kws_engine.processors import cores
from kws_engine.runs import labels
from kws_engine.runs.clip_list import noise_hashes
from kws_engine.runs.records import (
    EVENTS_FILE,
    JOB_FILE,
    SCHEMA,
    PastRun,
    job_content,
    past_runs,
    project_of,
    read_events,
    unreadable,
)
from kws_engine.settings import Settings
from kws_engine.training.events import Event, to_dict

__all__ = [
    "JOB_FILE", "SCHEMA", "Job", "PastRun", "append_event", "line_of", "make_run_folder", "past_runs", "read_events",
    "read_job", "settings_of", "versions",
]  # fmt: skip


@dataclass(frozen=True)
class Job:
    """All that a run is made from.

    Attributes:
        project: The project's folder.
        settings: As of `Settings.to_dict`: plain values travel between processes.
        seed: Of the weights, the order and every augmentation.
        threads: Torch's threads; None takes all cores.
        name: What a person calls the run; kept in label.toml, as the tags are.
        runs_folder: Where the run's folder is made; None takes the project's `runs`.
        resume: The folder of a run to go on with, in place of a new one.
        finish: Whether a run that is gone on with ends at once, with the best weights it has.
        clips: A clips.csv of another run: only the clips in it are used.
    """

    project: Path
    settings: dict[str, Any] = field(default_factory=lambda: Settings().to_dict())
    seed: int = 0
    threads: int | None = None
    name: str = ""
    tags: tuple[str, ...] = ()
    runs_folder: Path | None = None
    resume: Path | None = None
    finish: bool = False
    clips: Path | None = None


def make_run_folder(job: Job, runs_folder: Path) -> Path:
    """A new folder `<time>-<name>` with job.toml in it, and label.toml where the run has a name or tags.

    Raises:
        TrainingError, ProjectError: It cannot be written, or the disk is full.
    """
    settings = Settings.from_dict(job.settings)
    content = {
        "schema": SCHEMA,
        "seed": job.seed,
        "threads": job.threads or cores(),
        "version": __version__,
        "versions": versions(),
        "noises": noise_hashes(job.project),
        "settings": settings.to_dict(),
    }
    folder = _new_folder(runs_folder, _folder_name(job.name) or settings.model.name)
    try:
        if job.name or job.tags:
            labels.write_label(folder, labels.Label(job.name, job.tags))
        write_atomically(folder / JOB_FILE, tomli_w.dumps(content).encode())
    except ProjectError:
        (folder / labels.FILE).unlink(missing_ok=True)
        folder.rmdir()
        raise
    return folder


def _new_folder(runs_folder: Path, name: str) -> Path:
    name = f"{datetime.now():%Y%m%d-%H%M%S}-{name}"
    try:
        runs_folder.mkdir(exist_ok=True, parents=True)
        for number in range(1, 1000):
            folder = runs_folder / (name if number == 1 else f"{name}-{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        why = f"{runs_folder} cannot be written ({error.strerror}): check space and permissions"
        raise TrainingError(why, kind=kind_of(error)) from None
    raise TrainingError(f"{runs_folder} has 999 runs of this very second: wait a second and train again")


def _folder_name(name: str) -> str:
    """The part of a run's name that every file system takes."""
    return re.sub(r"[^\w-]+", "-", name, flags=re.ASCII).strip("-_")[:40]


def versions() -> dict[str, str]:
    """Of what a run's numbers hang on besides this program: Python, the libraries that count, the platform."""
    found = {"python": platform.python_version()}
    for library in ("torch", "numpy", "onnxruntime"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[library] = metadata.version(library)
    return found | {"platform": platform.platform()}


def read_job(folder: Path) -> Job:
    """The job that a run's folder was made from, for the same seed, threads and settings; its clips are clips.csv.

    Raises:
        KwsError: job.toml is missing, damaged or of a newer program, or an option in it is no longer known.
    """
    content = job_content(folder)
    settings = Settings.from_dict(content["settings"]).to_dict()
    seed, threads = content.get("seed", 0), content.get("threads")
    if not isinstance(seed, int) or not isinstance(threads, int | None) or not 0 <= seed < 2**63 - 1:
        raise unreadable(folder)
    project = project_of(folder)
    runs_folder = None if folder.absolute().parent == project / "runs" else folder.absolute().parent
    return Job(project, settings, seed, threads if threads and threads > 0 else None, runs_folder=runs_folder)


def append_event(folder: Path, event: Event) -> None:
    """One line more in events.jsonl.

    Raises:
        TrainingError: The disk is full.
    """
    line = line_of(event)
    try:
        with open(folder / EVENTS_FILE, "ab", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if file.write(line) < len(line):  # half a line would spoil the next one, which may be shorter
                file.truncate(size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        why = f"{folder} cannot be written ({error.strerror}): free some space and train again"
        raise TrainingError(why, kind=kind_of(error)) from None


def line_of(event: Event) -> bytes:
    """An event's line in events.jsonl."""
    return (json.dumps(to_dict(event)) + "\n").encode()


def settings_of(run_folder: Path) -> Settings:
    """The settings that a run was made with.

    Raises:
        KwsError: job.toml is missing, damaged or of a newer program, or an option in it is no longer known.
    """
    return Settings.from_dict(job_content(run_folder)["settings"])
