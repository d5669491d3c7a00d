"""Peak levels of clips measured off the window's thread, newest question first; knows no table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from kws_engine import audio
from kws_engine.clips.clip import Clip
from kws_engine.clips.project import Project
from kws_engine.clips.words import NOISE
from kws_engine.errors import AudioError
from kws_gui.bridges.jobs import LongJob

_AT_ONCE = 32


class Levels(QObject):
    """One measurement at a time; a new one ends the one before.

    Signals:
        measured: (peaks) A dict from path to dBFS.
    """

    measured = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: list[LongJob] = []

    def measure(self, project: Project, clips: Sequence[Clip]) -> None:
        """Answers with `measured` some time later, unless asked anew before."""
        for job in self._jobs:
            job.cancel()
        job = LongJob(lambda progress, should_stop: _peaks_db(project, clips, should_stop), self)
        self._jobs.append(job)
        job.finished.connect(lambda peaks_db: self._on_ended(job, peaks_db))
        job.failed.connect(lambda *_: self._on_ended(job, None))
        job.start()

    def shutdown(self) -> None:
        """Ends what is running."""
        for job in self._jobs:
            job.wait()

    def _on_ended(self, job: LongJob, peaks_db: dict[Path, float] | None) -> None:
        self._jobs.remove(job)
        if peaks_db is not None:
            self.measured.emit(peaks_db)


def _peaks_db(project: Project, clips: Sequence[Clip], should_stop: Callable[[], bool]) -> dict[Path, float] | None:
    peaks_db: dict[Path, float] = {}
    for at in range(0, len(clips), _AT_ONCE):
        if should_stop():
            return None
        some = clips[at : at + _AT_ONCE]
        try:
            peaks_db.update(zip((c.path for c in some), (peak for peak, _ in project.levels(some)), strict=True))
        except (AudioError, KeyError):  # a clip that was removed meanwhile, or cannot be decoded, has no level
            continue
    return peaks_db


def noise_clips(project: Project) -> list[Clip]:
    """The recordings of background noise as rows of the table; unreadable ones are left out."""
    rows = []
    for path in project.noises():
        try:
            seconds = audio.info(path).seconds
        except AudioError:
            continue
        rows.append(Clip(path, NOISE, "", 0, "training", seconds))
    return rows
