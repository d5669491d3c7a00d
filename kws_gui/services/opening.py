"""Opens, creates and copies projects off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from kws_engine.clips.project import Project, copy_starter
from kws_engine.disk import storing
from kws_gui.bridges.jobs import LongJob


@dataclass(frozen=True)
class Opened:
    """A project and the model file of its newest finished run, if there is one."""

    project: Project
    model_path: Path | None


class Opening(QObject):
    """The answer to the last request counts; older ones are dropped.

    Unlike with `Latest`, a request does not wait until the work on an older one has stopped: that may hang for minutes
    in a network folder, and cannot be interrupted there.

    Signals:
        opened(Opened)
        failed(sentence, folder)
    """

    opened = Signal(object)
    failed = Signal(str, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: list[LongJob] = []
        self._wanted: LongJob | None = None

    @property
    def is_busy(self) -> bool:
        """Whether any work goes on, wanted or not."""
        return bool(self._jobs)

    def open(self, folder: Path) -> None:
        """Opens the project in `folder`."""
        self._begin(folder, partial(Project.open, folder))

    def create(self, folder: Path, words: Sequence[str]) -> None:
        """Creates a project of these words in a new folder and opens it."""
        self._begin(folder, partial(_created, folder, tuple(words)))

    def copy_starter(self, folder: Path) -> None:
        """Copies the starter project there and opens it."""
        self._begin(folder, partial(_copied, folder))

    def forget(self) -> None:
        """Drops the answer to the last request."""
        self._wanted = None

    def shutdown(self) -> None:
        """Waits for all work that has begun."""
        for job in self._jobs:
            job.wait()

    def _begin(self, folder: Path, make: Callable[[], Project]) -> None:
        job = LongJob(lambda progress, should_stop: _with_model(make()), self)
        self._jobs.append(job)
        self._wanted = job
        job.finished.connect(lambda opened: self._on_ended(job, opened))
        job.failed.connect(lambda sentence, details: self._on_failed(job, sentence, folder))
        job.start()

    def _on_ended(self, job: LongJob, opened: Opened) -> None:
        if self._end(job):
            self.opened.emit(opened)

    def _on_failed(self, job: LongJob, sentence: str, folder: Path) -> None:
        if self._end(job):
            self.failed.emit(sentence, folder)

    def _end(self, job: LongJob) -> bool:
        """Forgets a job that has ended; whether its answer is wanted."""
        self._jobs.remove(job)
        job.deleteLater()
        is_wanted = job is self._wanted
        if is_wanted:
            self._wanted = None
        return is_wanted


def _created(folder: Path, words: tuple[str, ...]) -> Project:
    _make_parent(folder)
    return Project.create(folder, words=words)


def _copied(folder: Path) -> Project:
    _make_parent(folder)
    return copy_starter(folder)


def _with_model(project: Project) -> Opened:
    from kws_engine.runs.records import past_runs  # here: not needed before a project opens

    models = [run.model for run in past_runs(project.runs_folder) if run.model is not None]
    return Opened(project, models[0] if models else None)


def _make_parent(folder: Path) -> None:
    with storing(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
