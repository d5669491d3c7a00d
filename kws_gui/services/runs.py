"""The runs of the open project: one list, read off the GUI thread, and what can be done with a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from kws_engine.errors import KwsError
from kws_engine.runs import labels
from kws_engine.runs.deleting import DeletedRun, delete_run, restore_run
from kws_engine.runs.label_file import Label
from kws_engine.runs.repeating import Repetition, repetition, resumption
from kws_engine.training.events import Finished
from kws_gui.bridges.latest import Latest
from kws_gui.runs.rows import RunRow, counted, has_ended, read_rows
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.training import Ending, Training


class Runs(QObject):
    """The list that every page shows, newest run first.

    It is read again whenever a run starts, ends or is changed here; `read` does so for changes from outside. Where
    nothing is chosen for Results and Listen yet, the newest run is.

    Signals:
        changed(): `rows` were read again, or another project is open.
        ended(Ending, RunRow | None): The live run has ended; the row is what was read of it since, None without one.
        differs(Repetition): A repetition would not be the same run; somebody has to decide.
        failed(sentence, details): Runs could not be read, or not be changed.
    """

    changed = Signal()
    ended = Signal(object, object)
    differs = Signal(object)
    failed = Signal(str, str)

    def __init__(self, project: ProjectModel, training: Training, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._project = project
        self._training = training
        self._rows: tuple[RunRow, ...] = ()
        self._endings: list[Ending] = []
        self._reading = Latest(self)
        self._hashing = Latest(self)
        self._reading.answered.connect(self._on_read)
        self._reading.failed.connect(self._on_not_read)
        self._hashing.answered.connect(self._on_hashed)
        self._hashing.failed.connect(self.failed)
        project.opened.connect(self._on_opened)
        training.started.connect(self.read)
        training.ended.connect(self._on_ended)
        training.gone.connect(self.read)
        self.read()

    @property
    def rows(self) -> tuple[RunRow, ...]:
        """As read last."""
        return self._rows

    @property
    def live(self) -> Path | None:
        """The folder of the run that this window trains; None where there is none, or it has not started yet."""
        live = self._training.live
        return live.folder if live is not None and live.started is not None and not live.has_ended else None

    def row(self, folder: Path | None) -> RunRow | None:
        """A run of the list."""
        return next((row for row in self._rows if row.folder == folder), None)

    def is_reading(self) -> bool:
        """Whether the list is about to change."""
        return self._reading.is_working()

    def read(self) -> None:
        """Reads the list again; returns at once, and `changed` follows."""
        project = self._project.project
        if project is None:
            return
        folder = project.runs_folder
        self._reading.ask(lambda _progress, _should_stop: read_rows(folder))

    def shutdown(self) -> None:
        """Ends every thread; nothing is read any more."""
        self._reading.shutdown()
        self._hashing.shutdown()

    # -- what can be done with a run

    def look_at(self, row: RunRow) -> None:
        """Chooses a run for Results, and its model, if it has one, for Listen."""
        if row.run.model is not None:
            self._project.set_model_path(row.run.model)
        else:
            self._project.look_at_run(row.folder)

    def resume(self, folder: Path) -> None:
        """Trains a run that ended early to its end: now, or when the running and queued ones have ended."""
        self._attempt(lambda: self._training.start_or_queue(resumption(folder)))

    def finish(self, folder: Path) -> None:
        """Makes a model of a run's best epoch without training on: now, or when its turn has come."""
        self._attempt(lambda: self._training.start_or_queue(replace(resumption(folder), finish=True)))

    def repeat(self, folder: Path) -> None:
        """Trains the same again, or `differs`; all its clips are hashed first, which may take a while."""
        self._hashing.ask(lambda _progress, _should_stop: repetition(folder))

    def relabel(self, row: RunRow, label: Label) -> None:
        """Changes name, tags and note, undoable."""

        def change(to: Label) -> None:
            labels.relabel(row.folder, to)
            self.read()

        before = row.run.label
        if label != before:
            self._project.push(f"Rename {row.title}", redo=lambda: change(label), undo=lambda: change(before))

    def delete(self, rows: Sequence[RunRow]) -> bool:
        """Moves runs to the trash, all or none, undoable; whether that was done."""
        deleted: list[DeletedRun] = []
        chosen = self._project.model_path
        was_chosen = chosen is not None and chosen in [row.run.model for row in rows]

        def redo() -> None:
            try:
                for row in rows:
                    deleted.append(delete_run(row.folder))
            except KwsError:
                _restore(deleted)
                raise
            if was_chosen:
                self._project.set_model_path(None)
            self.read()

        def undo() -> None:
            _restore(deleted)
            if was_chosen:
                self._project.set_model_path(chosen)
            self.read()

        return bool(rows) and self._project.push(f"Delete {runs_text(rows)}", redo=redo, undo=undo)

    # -- reading

    def _on_opened(self) -> None:
        self._reading.cancel()
        self._hashing.cancel()
        self._endings.clear()
        self._rows = ()
        self.read()
        self.changed.emit()

    def _on_read(self, rows: list[RunRow]) -> None:
        self._rows = tuple(rows)
        self._choose()
        self.changed.emit()
        self._announce_endings()

    def _on_not_read(self, sentence: str, details: str) -> None:
        self.failed.emit(sentence, details)
        self._announce_endings()

    def _on_ended(self, ending: Ending) -> None:
        """An ending is announced once the run's folder has been read, or at once if the run has no folder."""
        project = self._project.project
        if project is None or ending.run.job.project.resolve() != project.folder.resolve():
            return  # the run of a project that is no longer open
        self.read()
        if ending.run.folder is None:
            self.ended.emit(ending, None)
            return
        if isinstance(ending.event, Finished):
            self._project.set_model_path(Path(ending.event.model))
        self._endings.append(ending)

    def _announce_endings(self) -> None:
        endings, self._endings = self._endings, []
        for ending in endings:
            self.ended.emit(ending, self.row(ending.run.folder))

    def _choose(self) -> None:
        """Follows what is looked at; where nothing is chosen: the newest model, else the newest run that has ended."""
        looked_at = self._project.run
        if looked_at is not None:
            row = self.row(looked_at)
            if row is None or not has_ended(row):
                self._project.look_at_run(None)
            elif row.run.model is not None:
                self._project.set_model_path(row.run.model)
        if self._project.model_path is not None or self._project.run is not None:
            return
        models = [row.run.model for row in self._rows if row.run.model is not None]
        ended = [row.folder for row in self._rows if has_ended(row)]
        if models:
            self._project.set_model_path(models[0])
        elif ended:
            self._project.look_at_run(ended[0])

    # -- repeating

    def _on_hashed(self, found: Repetition) -> None:
        if found.changes():
            self.differs.emit(found)
        else:
            self._training.start_or_queue(found.job)

    def _attempt(self, action: Callable[[], object]) -> None:
        try:
            action()
        except KwsError as error:
            self.failed.emit(str(error), "")


def runs_text(rows: Sequence[RunRow]) -> str:
    """Names runs in a sentence: "run of 23 Nov 06:07", "2 runs"."""
    return f"run of {rows[0].title}" if len(rows) == 1 else counted(len(rows), "run")


def _restore(deleted: list[DeletedRun]) -> None:
    """Each that came back is out of the list, so that another try continues from there."""
    while deleted:
        restore_run(deleted[-1])
        deleted.pop()
