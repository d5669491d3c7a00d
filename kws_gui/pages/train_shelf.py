"""Keeps the list of runs as the project has it and does what its buttons ask; knows no form, curve or process."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from kws_engine.clips import trash
from kws_engine.errors import KwsError
from kws_engine.runs.job import settings_of
from kws_gui.bridges.jobs import LongJob
from kws_gui.pages.train_history import RunList, RunRow, read_rows, when
from kws_gui.project_model import ProjectModel


class RunShelf(QObject):
    """Reads the runs off the GUI's thread whenever they change.

    Signals:
        changed(): The list was read anew.
        settingsChosen(settings): The settings of a run are to be used.
        resultsRequested(), listenRequested(): With `model.model_path` as it was just set.
        deleted(sentence): A run is in the trash; undo brings it back.
        failed(sentence, details)
    """

    changed = Signal()
    settingsChosen = Signal(object)
    resultsRequested = Signal()
    listenRequested = Signal()
    deleted = Signal(str)
    failed = Signal(str, str)

    def __init__(self, model: ProjectModel, runs: RunList, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model, self._runs = model, runs
        self._live: Path | None = None
        self._reading: LongJob | None = None
        self._read_again = self._is_shut = False
        model.runsChanged.connect(self.read)
        runs.settingsRequested.connect(self._on_settings)
        runs.resultsRequested.connect(lambda row: self._open(row, self.resultsRequested))
        runs.listenRequested.connect(lambda row: self._open(row, self.listenRequested))
        runs.deleteRequested.connect(self._on_delete)

    @property
    def live(self) -> Path | None:
        """The folder of the run that is running."""
        return self._live

    def set_live(self, folder: Path | None) -> None:
        """Says which run is running, None for none; the list is read anew."""
        self._live = folder
        self._model.runsChanged.emit()

    def is_reading(self) -> bool:
        """Whether the list is about to change."""
        return self._reading is not None

    def read(self) -> None:
        """Reads the project's runs; asked again while it reads, it reads once more."""
        project = self._model.project
        if self._reading is not None:
            self._read_again = True
        elif project is not None and not self._is_shut:
            folder = project.runs_folder
            self._reading = LongJob(lambda _progress, _stop: (folder, read_rows(folder)), self)
            self._reading.finished.connect(self._on_read)
            self._reading.failed.connect(self._on_failed)
            self._reading.start()

    def shutdown(self) -> None:
        """Ends the reading; nothing is read any more."""
        self._is_shut = True
        if self._reading is not None:
            self._reading.wait()

    def _on_read(self, found: tuple[Path, list[RunRow]]) -> None:
        folder, rows = found
        project = self._model.project
        if project is None or folder != project.runs_folder:
            self._read_again = True
        else:
            is_new = self._live is not None and self._live not in {row.folder for row in self._runs.rows()}
            self._runs.setRows(rows, running=self._live, choose=self._live if is_new else None)
            self.changed.emit()
        self._end_reading()

    def _on_failed(self, sentence: str, details: str) -> None:
        self._end_reading()
        self.failed.emit(sentence, details)

    def _end_reading(self) -> None:
        assert self._reading is not None
        self._reading.deleteLater()
        self._reading = None
        if self._read_again:
            self._read_again = False
            self.read()

    def _on_settings(self, row: RunRow) -> None:
        try:
            self.settingsChosen.emit(settings_of(row.folder))
        except KwsError as error:
            self.failed.emit(str(error), "")

    def _open(self, row: RunRow, signal: object) -> None:
        self._model.set_model_path(row.run.model)
        signal.emit()  # type: ignore[attr-defined]

    def _on_delete(self, row: RunRow) -> None:
        project = self._model.project
        assert project is not None
        deletions: list[trash.Deletion] = []
        was_chosen = row.run.model is not None and self._model.model_path == row.run.model

        def redo() -> None:
            deletions.append(trash.delete(project.folder, [row.folder.relative_to(project.folder)]))
            if was_chosen:
                self._model.set_model_path(None)
            self._model.runsChanged.emit()

        def undo() -> None:
            trash.restore(project.folder, deletions.pop())
            if was_chosen:
                self._model.set_model_path(row.run.model)
            self._model.runsChanged.emit()

        if self._model.push(f"Delete run of {when(row.folder)}", redo=redo, undo=undo):
            self.deleted.emit(f"The run of {when(row.folder)} is in the trash.")
