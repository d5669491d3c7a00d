"""Projects opened, made and copied off the window's thread; knows no widget and no page."""

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
    """The answer to the last request counts; a second request waits for nothing, and the first one's answer is dropped.

    Signals:
        opened: An `Opened`.
        failed: (sentence, folder).
    """

    opened = Signal(object)
    failed = Signal(str, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: list[LongJob] = []
        self._wanted: LongJob | None = None

    @property
    def is_busy(self) -> bool:
        return bool(self._jobs)

    def open(self, folder: Path) -> None:
        """Opens the project in `folder`."""
        self._begin(folder, partial(Project.open, folder))

    def create(self, folder: Path, words: Sequence[str]) -> None:
        """Makes a project of these words in a new folder and opens it."""
        self._begin(folder, partial(_created, folder, tuple(words)))

    def copy_starter(self, folder: Path) -> None:
        """Copies the starter project there and opens it."""
        self._begin(folder, partial(_copied, folder))

    def forget(self) -> None:
        """Nobody waits any more for what was asked for: its answer is dropped."""
        self._wanted = None

    def shutdown(self) -> None:
        """Waits for what has begun."""
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
        """Whether its answer is the one that is waited for."""
        self._jobs.remove(job)
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
