"""A project's runs read off the window's thread, for whoever lists them; chooses none."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from kws_gui.bridges.jobs import LongJob
from kws_gui.runs.rows import RunRow, read_rows


class RunsReading(QObject):
    """One reading at a time; what is asked for meanwhile is read after it.

    Signals:
        finished(folder, rows): `RunRow`s of that folder, newest first; another one may be wanted by now.
        failed(sentence, details)
    """

    finished = Signal(object, list)
    failed = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job: LongJob | None = None
        self._next: Path | None = None
        self._is_shut = False

    def is_running(self) -> bool:
        """Whether runs are being read."""
        return self._job is not None

    def read(self, folder: Path) -> None:
        """Reads the runs in a project's folder of runs, anew where they were read before."""
        if self._is_shut:
            return
        if self._job is not None:
            self._next = folder
            return
        self._job = LongJob(lambda _progress, _stop: (folder, read_rows(folder)), self)
        self._job.finished.connect(self._on_finished)
        self._job.failed.connect(self._on_failed)
        self._job.start()

    def shutdown(self) -> None:
        """Waits for what has begun; nothing is read any more."""
        self._is_shut = True
        if self._job is not None:
            self._job.wait()

    def _on_finished(self, found: tuple[Path, list[RunRow]]) -> None:
        self._end()
        self.finished.emit(*found)

    def _on_failed(self, sentence: str, details: str) -> None:
        self._end()
        self.failed.emit(sentence, details)

    def _end(self) -> None:
        assert self._job is not None
        self._job.deleteLater()
        self._job, folder, self._next = None, self._next, None
        if folder is not None:
            self.read(folder)
