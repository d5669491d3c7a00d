"""What a run is told, and its folder in the project; knows no training."""

from __future__ import annotations

import contextlib
import json
import platform
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import tomli_w

from kws_engine import __version__
from kws_engine.disk import write_atomically
from kws_engine.errors import ProjectError, TrainingError
from kws_engine.processors import cores
from kws_engine.settings import Settings
from kws_engine.training.events import Epoch, Event, Failed, Finished, from_dict, to_dict

JOB_FILE = "job.toml"
LABEL_FILE = "label.toml"
SCHEMA = 1
_LARGEST_JOB = 1_000_000  # bytes; the largest settings that a form makes are some 10,000


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
    clips: Path | None = None


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
    """A new folder `<time>-<name>` with job.toml in it, and label.toml where the run has a name or tags.

    Raises:
        TrainingError, ProjectError: It cannot be written, or the disk is full.
    """
    settings = Settings.from_dict(job.settings)
    folder = _new_folder(runs_folder, _folder_name(job.name) or settings.model.name)
    content = {
        "schema": SCHEMA,
        "seed": job.seed,
        "threads": job.threads or cores(),
        "version": __version__,
        "versions": versions(),
        "settings": settings.to_dict(),
    }
    try:
        if job.name or job.tags:
            write_label(folder, name=job.name, tags=job.tags)
        write_atomically(folder / JOB_FILE, tomli_w.dumps(content).encode())
    except ProjectError:
        (folder / LABEL_FILE).unlink(missing_ok=True)
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
        raise TrainingError(why) from None
    raise TrainingError(f"{runs_folder} has 999 runs of this very second: wait a second and train again")


def _folder_name(name: str) -> str:
    """The part of a run's name that every file system takes."""
    return re.sub(r"[^\w-]+", "-", name, flags=re.ASCII).strip("-_")[:40]


def write_label(folder: Path, *, name: str, tags: Sequence[str] = (), note: str = "") -> None:
    """What a person wrote about a run, in label.toml; job.toml never changes.

    Raises:
        ProjectError: It cannot be written, or the disk is full.
    """
    content = {"name": name, "tags": list(tags), "note": note}
    write_atomically(folder / LABEL_FILE, tomli_w.dumps(content).encode())


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
    content = _job_content(folder)
    settings = Settings.from_dict(content["settings"]).to_dict()
    seed, threads = content.get("seed", 0), content.get("threads")
    if not isinstance(seed, int) or not isinstance(threads, int | None) or not 0 <= seed < 2**63 - 1:
        raise _unreadable(folder)
    # a run lies in <project>/runs/<run>, a sweep's in <project>/sweeps/<sweep>/<run>: the project is the nearest above
    project = next((above for above in folder.absolute().parents if (above / "project.toml").exists()), None)
    if project is None:
        raise TrainingError(f"{folder} lies in no project: choose a run in the runs folder of a project")
    runs_folder = None if folder.absolute().parent == project / "runs" else folder.absolute().parent
    return Job(project, settings, seed, threads if threads and threads > 0 else None, runs_folder=runs_folder)


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
        KwsError: job.toml is missing, damaged or of a newer program, or an option in it is no longer known.
    """
    return Settings.from_dict(_job_content(run_folder)["settings"])


def _job_content(folder: Path) -> dict[str, Any]:
    try:
        with open(folder / JOB_FILE, "rb") as file:
            text = file.read(_LARGEST_JOB + 1)
        if len(text) > _LARGEST_JOB:
            raise _unreadable(folder)
        content = tomllib.loads(text.decode())
        schema = content.get("schema", 1)
        if not isinstance(schema, int) or not isinstance(content["settings"], dict):
            raise _unreadable(folder)
    except (OSError, LookupError, TypeError, ValueError, RecursionError):
        raise _unreadable(folder) from None
    if schema > SCHEMA:
        made_by = str(content.get("version", "newer"))[:20]
        raise TrainingError(f"{folder.name} was made by a newer KWS Studio ({made_by}): update this one to use the run")
    return content


def _unreadable(folder: Path) -> TrainingError:
    return TrainingError(f"The settings of {folder.name} cannot be read: choose another run")


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
