"""Which page is in front, and what pages ask of each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QSettings, Signal

from kws_engine.errors import SpecError
from kws_engine.settings import Settings
from kws_gui.services.project_model import ProjectModel

START = "start"
WITHOUT_PROJECT = ("teach", "listen", "learn")  # pages that also work with nothing open; the start page always does
_AFTER_RESTART = ("teach", "words", "train", "results", "listen", "learn")  # pages that the next start may open on
_PAGE = "window/page"
_WAITING = "Open a project or make a new one: Train then opens with this chapter's settings."


class Navigation(QObject):
    """Pages call it; the window follows `pageShown`, and the page that a request is for answers the request.

    `pageShown` is emitted before the request that leads there, so that the page exists by the time of the request.

    Signals:
        pageShown(name): A page comes to the front, perhaps the one that is there already.
        wordRequested(word): Words is to choose this word.
        dropRequested(paths): Words is to show what is in these files and folders, and import them.
        exportRequested(): Words is to ask where the clips are to be written, and write them.
        importRequested(folder): Words is to import this folder, or to ask which where it is None.
        modelRequested(run): Train is to make a model of the best epoch of the run in this folder.
        searchRequested(name): Results is to show what this search found.
        informed(sentence): Something to tell the person, whichever page is in front.
    """

    pageShown = Signal(str)
    wordRequested = Signal(str)
    importRequested = Signal(object)
    dropRequested = Signal(list)
    exportRequested = Signal()
    modelRequested = Signal(object)
    searchRequested = Signal(str)
    informed = Signal(str)

    def __init__(self, project: ProjectModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._project = project
        self._page = START
        self._waiting: dict[str, str] = {}
        project.opened.connect(self._on_opened)

    @property
    def page(self) -> str:
        """The page in front: start, teach, words, train, search, results, listen or learn."""
        return self._page

    def show_page(self, name: str) -> None:
        """Brings a page to the front; pages that need a project give way to the start page without one."""
        if self._project.project is None and name not in WITHOUT_PROJECT:
            name = START
        self._page = name
        self.pageShown.emit(name)

    def show_word(self, word: str) -> None:
        """Opens Words with that word chosen; an empty word leaves the choice as it is."""
        if self._shows("words") and word:
            self.wordRequested.emit(word)

    def import_recordings(self, folder: Path | None = None) -> None:
        """Opens Words and imports a folder of recordings there, or asks which."""
        if self._shows("words"):
            self.importRequested.emit(folder)

    def drop_recordings(self, paths: Sequence[Path]) -> None:
        """Opens Words and shows there what dropped files and folders hold, before it is imported."""
        if self._shows("words"):
            self.dropRequested.emit(list(paths))

    def export_recordings(self) -> None:
        """Opens Words and writes the clips of the project there, after asking where."""
        if self._shows("words"):
            self.exportRequested.emit()

    def make_model(self, run: Path) -> None:
        """Opens Train and makes a model of a run's best epoch there."""
        if self._shows("train"):
            self.modelRequested.emit(run)

    def show_search(self, name: str) -> None:
        """Opens Results on what a search found."""
        if self._shows("results"):
            self.searchRequested.emit(name)

    def try_settings(self, options: Mapping[str, str]) -> None:
        """Opens Train with these options set, undoable; with nothing open they wait for a project.

        Args:
            options: Option path -> text, as `Settings.with_option` takes.
        """
        if not self._shows("train"):  # shown first: leaving Learn for Train stores what was typed there
            self._waiting = dict(options)
            self.informed.emit(_WAITING)
            return
        self._project.use_settings("Try a chapter's settings", _with_options(self._project.settings, options))

    def enter_project(self, *, is_last: bool, on: str = "") -> None:
        """Shows the first page of a project that was just opened, then tries the settings that waited for one.

        Args:
            is_last: Whether this project was open when the program last ended, which then shows the same page again.
            on: The page that asked for it, which is shown then.
        """
        remembered = QSettings().value(_PAGE)
        self.show_page(on or (remembered if is_last and remembered in _AFTER_RESTART else "words"))
        if self._waiting:
            waiting = self._waiting
            self._waiting = {}
            self.try_settings(waiting)

    def remember(self) -> None:
        """Stores the page in front for the next start."""
        QSettings().setValue(_PAGE, self._page)

    def _shows(self, name: str) -> bool:
        """Shows a page; whether it could be shown."""
        self.show_page(name)
        return self._page == name

    def _on_opened(self) -> None:
        if self._project.project is None:
            self.show_page(START)


def _with_options(settings: Settings, options: Mapping[str, str]) -> Settings:
    """The settings with these options; where the chosen network or feature lacks one, with the default ones."""
    assignments = [f"{path}={text}" for path, text in options.items()]
    try:
        return settings.with_options(assignments)
    except SpecError:
        default = Settings()
        return replace(settings, model=default.model, feature=default.feature).with_options(assignments)
