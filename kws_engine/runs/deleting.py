"""Runs moved to the project's trash and back; knows no training, and deletes nothing that a program is at work on."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from kws_engine.clips import layout, trash
from kws_engine.errors import TrainingError
from kws_engine.runs.labels import read_label
from kws_engine.runs.lock import FILE as LOCK_FILE
from kws_engine.runs.lock import RunLock
from kws_engine.runs.records import project_of


@dataclass(frozen=True)
class DeletedRun:
    """A run in the trash, and where it came from.

    Attributes:
        folder: Where it stood, and stands again once restored.
        name: What a person called it, empty where nobody did.
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
    folder = folder.absolute()
    if not folder.is_dir():
        raise TrainingError(f"There is no run {folder.name}: it was deleted or moved")
    project = project_of(folder)
    name, inside = read_label(folder).name, folder.relative_to(project)
    with RunLock(folder) as lock:  # nobody is at work in it, nor begins until it is gone
        if sys.platform == "win32":  # which moves no folder with an open file in it, be it ours or another program's
            lock.release()
        deletion = trash.delete(project, [inside])
        (deletion.trash / inside / LOCK_FILE).unlink(missing_ok=True)
    return DeletedRun(project, folder, name, deletion)


def restore_run(deleted: DeletedRun) -> Path:
    """Puts it back where it was.

    Raises:
        ProjectError: The trash was emptied, or another run has its place.
    """
    trash.restore(deleted.project, deleted.deletion)
    return deleted.folder


def deleted_runs(project: Path) -> list[DeletedRun]:
    """The runs in a project's trash, those deleted last first."""
    project = project.absolute()
    found = sorted((project / layout.TRASH_FOLDER).glob("*/runs/*"), key=lambda path: path.parts[-3], reverse=True)
    return [_deleted(project, path) for path in found if path.is_dir()]


def _deleted(project: Path, path: Path) -> DeletedRun:
    bin_folder = path.parent.parent
    back = path.relative_to(bin_folder)
    return DeletedRun(project, project / back, read_label(path).name, trash.Deletion(bin_folder, (back,)))
