"""Moves runs to the project's trash and back; a run that a program is working on is left alone."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from kws_engine.clips import trash
from kws_engine.clips.layout import ProjectFolder
from kws_engine.runs.folder import RunFolder


@dataclass(frozen=True)
class DeletedRun:
    """A run in the trash, and where it came from.

    Attributes:
        folder: Where it was, and is again once restored.
        name: What a person called it, empty without one.
    """

    project: Path
    folder: Path
    name: str
    deletion: trash.Deletion


def delete_run(folder: Path) -> DeletedRun:
    """Moves a run's folder to the trash of its project.

    Raises:
        TrainingError: There is no such run, or a program is training it right now.
        ProjectError: The project cannot be written.
    """
    run = RunFolder(folder.absolute())
    run.check()
    project = run.project()
    name, inside = run.label.read().name, run.path.relative_to(project)
    with run.lock() as lock:  # nobody is working in it, nor begins to until it is moved
        if sys.platform == "win32":  # moves no folder with an open file in it, be it ours or another program's
            lock.release()
        deletion = trash.delete(project, [inside])
        RunFolder(deletion.trash / inside).remove_lock_file()
    return DeletedRun(project, run.path, name, deletion)


def restore_run(deleted: DeletedRun) -> Path:
    """Puts it back where it was.

    Raises:
        ProjectError: The trash was emptied, or another run has its place.
    """
    trash.restore(deleted.project, deleted.deletion)
    return deleted.folder


def deleted_runs(project: Path) -> list[DeletedRun]:
    """The runs in a project's trash, the last deletion first."""
    project = project.absolute()
    return [_deleted(project, path) for path in ProjectFolder(project).deleted_runs()]


def _deleted(project: Path, path: Path) -> DeletedRun:
    bin_folder = path.parent.parent
    back = path.relative_to(bin_folder)
    return DeletedRun(project, project / back, RunFolder(path).label.read().name, trash.Deletion(bin_folder, (back,)))
