"""Keeps the list of runs as the project has it and does what it asks for; knows no form, curve or process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from kws_engine.errors import KwsError
from kws_engine.runs import labels
from kws_engine.runs.deleting import DeletedRun, delete_run, restore_run
from kws_engine.runs.job import settings_of
from kws_engine.runs.label_file import Label
from kws_engine.runs.queue import Waiting
from kws_engine.runs.repeating import Repetition, repetition, resumption
from kws_engine.settings import Settings
from kws_gui.bridges.jobs import LongJob
from kws_gui.pages.train.label_dialog import LabelDialog
from kws_gui.pages.train.run_list import RunList, RunRow, counted
from kws_gui.runs.reading import RunsReading
from kws_gui.services.project_model import ProjectModel


class RunShelf(QObject):
    """Reads the runs off the GUI's thread whenever they change.

    Signals:
        changed(): The list was read anew.
        settingsChosen(settings): The settings of a run are to be used.
        jobAsked(Job): A run is to go on, or to be made once more.
        repetitionChanged(Repetition): It would not be the same run; somebody is to decide.
        resultsRequested(), listenRequested(): With `model.model_path`, or `model.run`, as it was just set.
        deleted(sentence): Runs are in the trash; undo brings them back.
        failed(sentence, details)
    """

    changed = Signal()
    settingsChosen = Signal(object)
    jobAsked = Signal(object)
    repetitionChanged = Signal(object)
    resultsRequested = Signal()
    listenRequested = Signal()
    deleted = Signal(str)
    failed = Signal(str, str)

    def __init__(self, model: ProjectModel, runs: RunList, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model, self._runs = model, runs
        self._live: Path | None = None
        self._reading = RunsReading(self)
        self._hashing: LongJob | None = None
        self._is_new = self._is_shut = False
        self.dialog: LabelDialog | None = None
        self._reading.finished.connect(self._on_read)
        self._reading.failed.connect(self.failed)
        model.runsChanged.connect(self.read)
        runs.asked.connect(self._on_asked)
        runs.deleteRequested.connect(self._on_delete)
        runs.renamed.connect(lambda row, name: self._relabel(row, Label(name, row.run.label.tags, row.run.label.note)))

    @property
    def live(self) -> Path | None:
        """The folder of the run that is running."""
        return self._live

    def set_live(self, folder: Path | None) -> None:
        """Says which run is running, None for none; the list is read anew."""
        self._live, self._is_new = folder, folder is not None
        self._model.runsChanged.emit()

    def is_reading(self) -> bool:
        """Whether the list is about to change."""
        return self._reading.is_running()

    def read(self) -> None:
        """Reads the project's runs; asked again while it reads, it reads once more."""
        if self._model.project is not None:
            self._reading.read(self._model.project.runs_folder)

    def resume(self, folder: Path) -> None:
        """Asks for a run to go on."""
        self._attempt(lambda: self.jobAsked.emit(resumption(folder)))

    def finish(self, folder: Path) -> None:
        """Asks for a model of a run's best epoch, without training on."""
        self._attempt(lambda: self.jobAsked.emit(replace(resumption(folder), finish=True)))

    def use_settings(self, folder: Path) -> None:
        """Asks for a run's settings to be used."""
        self._attempt(lambda: self.settingsChosen.emit(settings_of(folder)))

    def shutdown(self) -> None:
        """Ends the reading; nothing is read any more."""
        self._is_shut = True
        self._reading.shutdown()
        if self._hashing is not None:
            self._hashing.wait()

    # -- reading

    def _on_read(self, folder: Path, rows: list[RunRow]) -> None:
        project = self._model.project
        if project is None or folder != project.runs_folder:
            self.read()
            return
        choose, self._is_new = self._live if self._is_new else None, False
        self._runs.setRows(rows, running=self._live, choose=choose)
        self.changed.emit()

    # -- what the list asks for

    def _on_asked(self, name: str, one: RunRow | Waiting) -> None:
        if isinstance(one, Waiting):
            if name == "use":
                self._attempt(lambda: self.settingsChosen.emit(Settings.from_dict(one.job.settings)))
            return
        acts: dict[str, Callable[[RunRow], Any]] = {
            "use": lambda row: self.use_settings(row.folder),
            "resume": lambda row: self.resume(row.folder),
            "finish": lambda row: self.finish(row.folder),
            "repeat": self._on_repeat,
            "label": self._on_label,
            "results": lambda row: self._open(row, self.resultsRequested),
            "listen": lambda row: self._open(row, self.listenRequested),
        }
        acts[name](one)

    def _attempt(self, action: Callable[[], object]) -> None:
        try:
            action()
        except KwsError as error:
            self.failed.emit(str(error), "")

    def _open(self, row: RunRow, signal: Any) -> None:
        if row.run.model is not None:
            self._model.set_model_path(row.run.model)
        else:
            self._model.look_at_run(row.folder)
        signal.emit()

    def _on_repeat(self, row: RunRow) -> None:
        """Every clip is hashed first: with many, that takes its time."""
        if self._hashing is not None or self._is_shut:
            return
        self._hashing = LongJob(lambda _progress, _stop: repetition(row.folder), self)
        self._hashing.finished.connect(self._on_hashed)
        self._hashing.failed.connect(self._on_not_hashed)
        self._hashing.start()

    def _on_hashed(self, found: Repetition) -> None:
        self._end_hashing()
        if found.changes():
            self.repetitionChanged.emit(found)
        else:
            self.jobAsked.emit(found.job)

    def _on_not_hashed(self, sentence: str, details: str) -> None:
        self._end_hashing()
        self.failed.emit(sentence, details)

    def _end_hashing(self) -> None:
        assert self._hashing is not None
        self._hashing.deleteLater()
        self._hashing = None

    def _on_label(self, row: RunRow) -> None:
        self.dialog = LabelDialog(row.run.label, row.folder.name, self._runs)
        self.dialog.labelled.connect(lambda label: self._relabel(row, label))
        self.dialog.finished.connect(self.dialog.deleteLater)
        self.dialog.open()

    def _relabel(self, row: RunRow, label: Label) -> None:
        before = row.run.label

        def change(to: Label) -> None:
            labels.relabel(row.folder, to)
            self._model.runsChanged.emit()

        if label != before:
            self._model.push(f"Rename {row.title}", redo=lambda: change(label), undo=lambda: change(before))

    def _on_delete(self, rows: list[RunRow]) -> None:
        deleted: list[DeletedRun] = []
        chosen = self._model.model_path
        was_chosen = chosen is not None and chosen in [row.run.model for row in rows]

        def redo() -> None:
            try:
                for row in rows:
                    deleted.append(delete_run(row.folder))
            except KwsError:
                _restore(deleted)
                raise
            if was_chosen:
                self._model.set_model_path(None)
            self._model.runsChanged.emit()

        def undo() -> None:
            _restore(deleted)
            if was_chosen:
                self._model.set_model_path(chosen)
            self._model.runsChanged.emit()

        what = f"run of {rows[0].title}" if len(rows) == 1 else counted(len(rows), "run")
        if rows and self._model.push(f"Delete {what}", redo=redo, undo=undo):
            self.deleted.emit(f"The {what} {'is' if len(rows) == 1 else 'are'} in the trash.")


def _restore(deleted: list[DeletedRun]) -> None:
    """Each that came back is out of the list, so that trying once more goes on from there."""
    while deleted:
        restore_run(deleted[-1])
        deleted.pop()
