"""The job that a run is made from, and the new folder that it is stored in."""

from __future__ import annotations

import contextlib
import platform
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws_engine import __version__
from kws_engine.clips.layout import ProjectFolder
from kws_engine.errors import ProjectError, SpecError
from kws_engine.processors import cores
from kws_engine.runs.clip_list import noise_hashes
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.label_file import Label
from kws_engine.settings import Settings

if TYPE_CHECKING:
    from kws_engine.clips.project import Project


@dataclass(frozen=True)
class Job:
    """All that a run is made from.

    Attributes:
        project: The project's folder.
        settings: As of `Settings.to_dict`: plain values travel between processes.
        seed: Of the weights, the order and every augmentation.
        threads: Torch's threads; None takes all cores.
        name: What a person calls the run; stored in its label, as the tags are.
        runs_folder: Where the run's folder is made; None takes the project's `runs`.
        resume: The folder of a run to resume, in place of a new one.
        finish: Whether a resumed run ends at once, with the best weights it has.
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
        "seed": job.seed,
        "threads": job.threads or cores(),
        "version": __version__,
        "versions": versions(),
        "noises": noise_hashes(job.project),
        "settings": settings.to_dict(),
    }
    folder = RunFolder.create(runs_folder, job.name, otherwise=settings.model.name)
    try:
        if job.name or job.tags:
            folder.label.write(Label(job.name, job.tags))
        folder.job.write(content)
    except ProjectError:
        folder.label.path.unlink(missing_ok=True)
        folder.path.rmdir()
        raise
    return folder.path


def versions() -> dict[str, str]:
    """What a run's figures depend on besides this program: Python, the libraries that compute, the platform."""
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
    run = RunFolder(folder.absolute())
    content = run.job.read()
    settings = Settings.from_file(content["settings"]).to_dict()
    seed, threads = content.get("seed", 0), content.get("threads")
    if not isinstance(seed, int) or not isinstance(threads, int | None) or not 0 <= seed < 2**63 - 1:
        raise run.job.unreadable()
    project = run.project()
    is_usual = run.path.parent == ProjectFolder(project).runs
    return Job(
        project,
        settings,
        seed,
        threads if threads and threads > 0 else None,
        runs_folder=None if is_usual else run.path.parent,
    )


def project_settings(project: Project) -> Settings:
    """The settings that are saved in a project.

    Raises:
        ProjectError: They cannot be used: the file's fault, and not that of a command line.
    """
    try:
        return Settings.from_dict(project.settings)
    except SpecError as error:
        file = ProjectFolder(project.folder).project_file
        raise ProjectError(f"The settings in {file} cannot be used: {error}") from error


def settings_of(run_folder: Path) -> Settings:
    """The settings that a run was made with.

    Raises:
        KwsError: job.toml is missing, damaged or of a newer program, or an option in it is no longer known.
    """
    return Settings.from_file(RunFolder(run_folder).job.read()["settings"])
