"""The open project: its settings, what is looked at, and what can be undone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from kws_engine.clips.project import Project
from kws_engine.clips.trash import Removal
from kws_engine.errors import KwsError
from kws_engine.settings import Settings
from kws_engine.sweeps.address import masked
from kws_gui.services.undo_stack import UndoStack


class ProjectModel(QObject):
    """Pages call it and listen to it; nobody else holds a `Project`.

    Signals:
        opened: Another project, or none (`project` is None).
        clipsChanged: Words or clips were added, removed, moved or edited.
        settingsChanged: `settings` are others.
        modelChanged: `model_path` is another one.
        runChanged: `run` is another one.
        failed: A sentence for the person; the page in front shows it.
    """

    opened = Signal()
    clipsChanged = Signal()
    settingsChanged = Signal()
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
        """Of databases, with their passwords, by what is shown of them; never written to disk."""

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
        """Takes over an opened project; `failed` reports saved settings that are not valid, defaults replace them."""
        path = self._model_path
        if path is not None and self._project is not None and path.is_relative_to(self._project.folder):
            self._model_path = None  # that of a project that is no longer open
        self._project = project
        self._run = None
        self.undo_stack.clear()
        try:
            self._settings = Settings.from_dict(project.settings)
        except KwsError as error:
            self._settings = Settings()
            self.failed.emit(f"{error}; the project's settings start from their defaults")
        self.opened.emit()
        if self._model_path != path:
            self.modelChanged.emit()

    def close(self) -> None:
        """Nothing is open any more."""
        self._project = None
        self._model_path = None
        self._run = None
        self._settings = Settings()
        self.undo_stack.clear()
        self.opened.emit()

    def set_settings(self, settings: Settings) -> None:
        """Changes the settings and stores them in the project."""
        if settings == self._settings:
            return
        self._settings = settings
        if self._project is not None:
            self.attempt(lambda: self._store(settings))
        self.settingsChanged.emit()

    def use_settings(self, what: str, settings: Settings) -> bool:
        """Changes the settings, undoable as `what`; whether that was done."""
        before = self._settings
        return self.push(what, redo=lambda: self.set_settings(settings), undo=lambda: self.set_settings(before))

    def set_model_path(self, path: Path | None) -> None:
        """Chooses the model file for Results and Listen."""
        self.look_at_run(None)
        if path != self._model_path:
            self._model_path = path
            self.modelChanged.emit()

    def reload_model(self) -> None:
        """The file at `model_path` has other content: whoever uses it opens it again."""
        self.modelChanged.emit()

    def remember_address(self, address: str) -> None:
        """Remembers a database's address until the window closes, so that its password need not be entered twice."""
        if address and masked(address) != address:
            self.addresses[masked(address)] = address

    def look_at_run(self, folder: Path | None) -> None:
        """Chooses a run without a model for Results; Listen stays with the model it has."""
        if folder != self._run:
            self._run = folder
            self.runChanged.emit()

    def attempt(self, action: Callable[[], object]) -> bool:
        """Runs an action; whether it worked. A `KwsError` is emitted as `failed`."""
        try:
            action()
        except KwsError as error:
            self.failed.emit(str(error))
            return False
        return True

    def push(self, text: str, *, redo: Callable[[], object], undo: Callable[[], object]) -> bool:
        """Does `redo` now and makes it undoable; False where it failed, and then there is nothing to undo."""
        return self.undo_stack.push(text, redo=redo, undo=undo)

    def add_word(self, text: str) -> str:
        """Adds a word to the project, undoably; its stored form, empty where it failed."""
        project = self._project
        assert project is not None
        added: list[str] = []
        removed: list[Removal] = []

        def redo() -> None:
            if removed:  # with what was recorded or imported into it meanwhile
                project.edit.restore(removed.pop())
            else:
                added[:] = [project.edit.add_word(text)]

        done = self.push(f"Add {text}", redo=redo, undo=lambda: removed.append(project.edit.remove_word(added[0])))
        return added[0] if done else ""

    def _change(self, action: Callable[[], object]) -> bool:
        """Does or undoes one change; whether it worked."""
        done = self.attempt(action)
        if done:
            self.clipsChanged.emit()
        return done

    def _store(self, settings: Settings) -> None:
        assert self._project is not None
        self._project.edit.save_settings(settings.to_dict())
