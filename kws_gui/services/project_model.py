"""What is open, for every page: project, chosen model file, undo stack; announces changes, draws nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from kws_engine.clips.project import Project
from kws_engine.errors import KwsError
from kws_engine.settings import Settings
from kws_engine.sweeps.address import masked
from kws_gui.services.undo_stack import UndoStack


class ProjectModel(QObject):
    """Pages receive it, call it and listen to it; nobody else holds a `Project`.

    Signals:
        opened: Another project, or none (`project` is None).
        clipsChanged: Words or clips were added, removed, moved or edited.
        settingsChanged: `settings` were changed by `set_settings`.
        runsChanged: A run began or ended.
        modelChanged: `model_path` is another one.
        runChanged: `run` is another one.
        failed: A sentence for the person; the page in front shows it.
    """

    opened = Signal()
    clipsChanged = Signal()
    settingsChanged = Signal()
    runsChanged = Signal()
    modelChanged = Signal()
    runChanged = Signal()
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.undo_stack = UndoStack(self._change, self)
        self._project: Project | None = None
        self._settings = Settings()
        self._model_path: Path | None = None
        self._run: Path | None = None
        self.addresses: dict[str, str] = {}
        """Of databases as they were entered, by what is shown of them; they hold passwords and are written nowhere."""

    @property
    def project(self) -> Project | None:
        return self._project

    @property
    def settings(self) -> Settings:
        """The settings of the next run."""
        return self._settings

    @property
    def model_path(self) -> Path | None:
        """The model file that Results and Listen use."""
        return self._model_path

    @property
    def run(self) -> Path | None:
        """The folder of a run without a model that is looked at; None where it is that of `model_path`."""
        return self._run

    def open(self, project: Project) -> None:
        """Takes over an opened project; its saved settings that no longer fit are said and replaced by defaults."""
        self._project, self._run = project, None
        self.undo_stack.clear()
        try:
            self._settings = Settings.from_dict(project.settings)
        except KwsError as error:
            self._settings = Settings()
            self.failed.emit(f"{error}; the project's settings start from their defaults")
        self.opened.emit()

    def close(self) -> None:
        """Nothing is open any more."""
        self._project, self._model_path, self._run, self._settings = None, None, None, Settings()
        self.undo_stack.clear()
        self.opened.emit()

    def set_settings(self, settings: Settings) -> None:
        """Keeps the settings and stores them in the project."""
        if settings == self._settings:
            return
        self._settings = settings
        if self._project is not None:
            self.attempt(lambda: self._store(settings))
        self.settingsChanged.emit()

    def set_model_path(self, path: Path | None) -> None:
        """Chooses the model file for Results and Listen."""
        self.look_at_run(None)
        if path != self._model_path:
            self._model_path = path
            self.modelChanged.emit()

    def remember_address(self, address: str) -> None:
        """Keeps a database's address, so that its password need not be entered twice."""
        if address and masked(address) != address:
            self.addresses[masked(address)] = address

    def look_at_run(self, folder: Path | None) -> None:
        """Chooses a run without a model for Results; Listen keeps the model it has."""
        if folder != self._run:
            self._run = folder
            self.runChanged.emit()

    def attempt(self, action: Callable[[], object]) -> bool:
        """Runs something that may fail in words; False, and `failed`, when it did."""
        try:
            action()
        except KwsError as error:
            self.failed.emit(str(error))
            return False
        return True

    def push(self, text: str, *, redo: Callable[[], object], undo: Callable[[], object]) -> bool:
        """Does `redo` now and makes it undoable; False where it failed, and then nothing is to be undone."""
        return self.undo_stack.push(text, redo=redo, undo=undo)

    def _change(self, action: Callable[[], object]) -> bool:
        """Does or undoes one change; False, and `failed`, when it could not."""
        done = self.attempt(action)
        if done:
            self.clipsChanged.emit()
        return done

    def _store(self, settings: Settings) -> None:
        assert self._project is not None
        self._project.edit.save_settings(settings.to_dict())
