"""Jobs that wait for their turn, stored in the project so that none is lost when the program is closed.

A job stays in the queue until its run has a folder; until then, the program that starts it claims it. Every change
reads the file again under a lock: two programs may add to one queue and start what waits in it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from kws_engine.clips.layout import ProjectFolder
from kws_engine.disk import storing, write_atomically
from kws_engine.errors import TrainingError
from kws_engine.file_lock import FileLock
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job
from kws_engine.runs.run_file import DAMAGED

_FILE = "queue.json"
_SCHEMA = 1
_LARGEST = 50_000_000  # characters, some 10,000 jobs
_PATIENCE_S = 0.1  # whoever only checks whether a job is claimed holds it for some microseconds


@dataclass(frozen=True)
class Waiting:
    """A job in the queue.

    Attributes:
        key: Identifies it, wherever in the queue it moves.
    """

    key: str
    job: Job

    @property
    def network(self) -> str:
        """The name of its network; empty where its settings have none."""
        model = self.job.settings.get("model")
        return str(model.get("name", "")) if isinstance(model, Mapping) else ""


class QueueClaim:
    """A job that only this program starts, until `release` or its own end, however that comes."""

    def __init__(self, waiting: Waiting, lock: FileLock) -> None:
        self.waiting = waiting
        self._lock = lock

    def release(self) -> None:
        """Lets others start it, where it is still in the queue."""
        self._lock.release()


def read_queue(project: Path) -> tuple[Waiting, ...]:
    """What waits in a project, the next first; anything that is no job is skipped.

    Raises:
        TrainingError: The file is damaged or of a newer program.
    """
    path = queue_file(project)
    try:
        content = json.loads(path.read_text(encoding="utf-8")[:_LARGEST])
        schema, entries = int(content["schema"]), list(content["waiting"])
    except FileNotFoundError:
        return ()
    except DAMAGED:
        raise TrainingError(
            f"The queue of runs in {path} cannot be read: delete the file, and queue the runs again"
        ) from None
    if schema > _SCHEMA:
        raise TrainingError(f"The queue of runs in {path} was made by a newer KWS Studio: update this one to use it")
    found = (_read(entry, project) for entry in entries)
    return tuple(waiting for waiting in found if waiting is not None)


def add(project: Path, job: Job, *, at: int | None = None, key: str = "") -> tuple[Waiting, ...]:
    """Adds a job at the end, or at a place; returns what waits then.

    Raises:
        TrainingError, ProjectError: The queue cannot be read or written.
    """
    waiting = Waiting(key or uuid.uuid4().hex, job)

    def change(before: list[Waiting]) -> None:
        before.insert(len(before) if at is None else at, waiting)

    return _changed(project, change)


def remove(project: Path, key: str) -> tuple[Waiting, ...]:
    """Removes a job, if it is there; returns what waits then.

    Raises:
        TrainingError, ProjectError: The queue cannot be read or written.
    """

    def change(before: list[Waiting]) -> None:
        before[:] = [waiting for waiting in before if waiting.key != key]

    return _changed(project, change)


def move(project: Path, key: str, by: int) -> tuple[Waiting, ...]:
    """Moves a job towards the front (below 0) or the end, as far as there is room; returns what waits then.

    Raises:
        TrainingError, ProjectError: The queue cannot be read or written.
    """

    def change(before: list[Waiting]) -> None:
        at = next((at for at, waiting in enumerate(before) if waiting.key == key), None)
        if at is not None:
            moved = before.pop(at)
            before.insert(min(max(0, at + by), len(before)), moved)

    return _changed(project, change)


def claim(project: Path) -> QueueClaim | None:
    """The first job that no program is starting right now; None where there is none.

    Raises:
        TrainingError, ProjectError: The queue cannot be read, or the project cannot be written.
    """
    for waiting in read_queue(project):
        name = sha256(waiting.key.encode()).hexdigest()[:16]
        runs_folder = ProjectFolder(project).runs
        lock = FileLock(runs_folder / f"queue-{name}.lock")
        with storing(runs_folder):
            is_taken = lock.take(seconds=_PATIENCE_S)
        if not is_taken:
            continue
        if any(one.key == waiting.key for one in read_queue(project)):
            return QueueClaim(waiting, lock)
        lock.release()  # its run had a folder before the lock was free
    return None


def _changed(project: Path, change: Callable[[list[Waiting]], None]) -> tuple[Waiting, ...]:
    folder = ProjectFolder(project).runs
    with storing(folder):
        folder.mkdir(exist_ok=True)
    with _alone(folder):
        waiting = list(read_queue(project))
        change(waiting)
        _write(project, waiting)
    return tuple(waiting)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = RunFolder(folder).lock()  # the folder of all runs is locked as one of them is
    try:
        lock.__enter__()
    except TrainingError as error:
        if error.kind != "in_use":
            raise
        why = f"Another program is changing the queue of runs in {folder}: try again"
        raise TrainingError(why, kind="in_use") from None
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


def queue_file(project: Path) -> Path:
    """Where a project's queue is kept."""
    return ProjectFolder(project).runs / _FILE


def _write(project: Path, waiting: Sequence[Waiting]) -> None:
    content = {"schema": _SCHEMA, "waiting": [_to_dict(one, project) for one in waiting]}
    write_atomically(queue_file(project), json.dumps(content, indent=1).encode())


def _to_dict(waiting: Waiting, project: Path) -> dict[str, Any]:
    job = waiting.job
    return {
        "key": waiting.key,
        "settings": job.settings,
        "seed": job.seed,
        "threads": job.threads,
        "name": job.name,
        "tags": list(job.tags),
        "resume": _path_text(job.resume, project),
        "finish": job.finish,
        "clips": _path_text(job.clips, project),
    }


def _read(entry: Any, project: Path) -> Waiting | None:
    try:
        threads = entry["threads"]
        job = Job(
            project,
            dict(entry["settings"]),
            int(entry["seed"]),
            int(threads) if threads is not None else None,
            name=str(entry["name"]),
            tags=tuple(str(tag) for tag in entry["tags"]),
            resume=_inside(entry["resume"], project),
            finish=bool(entry.get("finish", False)),
            clips=_inside(entry["clips"], project),
        )
        return Waiting(str(entry["key"]), job)
    except DAMAGED:
        return None


def _path_text(path: Path | None, project: Path) -> str | None:
    """Relative to the project, which may be moved while a job waits."""
    if path is None:
        return None
    return path.relative_to(project).as_posix() if path.is_relative_to(project) else str(path)


def _inside(text: str | None, project: Path) -> Path | None:
    """A path in the project; a stranger's queue may name any place.

    Raises:
        ValueError: It leads out of the project.
    """
    if text is None:
        return None
    path = project / text
    if "\0" in text or not path.resolve().is_relative_to(project.resolve()):
        raise ValueError("a place outside the project")
    return path
