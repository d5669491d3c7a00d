"""The window: rail, pages built when first shown, what is open; no logic of any page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

from PySide6.QtCore import QSettings, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from kws_engine.clips.layout import ProjectFolder
from kws_engine.errors import SpecError
from kws_engine.settings import Settings
from kws_gui import theme
from kws_gui.leaving import Leaving
from kws_gui.menus import make_menus
from kws_gui.pages.start.page import StartPage
from kws_gui.rail import PAGES, WITHOUT_PROJECT, Rail
from kws_gui.services import remembered
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.opening import Opened, Opening
from kws_gui.services.project_model import ProjectModel
from kws_gui.widgets.message_bar import MessageBar
from kws_gui.widgets.progress_row import ProgressRow

_GEOMETRY, _THEME, _PAGE = "window/geometry", "window/theme", "window/page"
_SLOW_MS = 300  # opening says so only when it takes longer
_STAYED = "{} was not opened, because you stayed here: open it when you are done."
_WAITING = "Open a project or make a new one: Train then opens with this chapter's settings."
_BELONGS_TO = {"search": "train"}  # pages that are not in the rail


class MainWindow(QMainWindow):
    """Shows the start screen, or the pages of one project; takes projects dropped on it."""

    def __init__(self, model: ProjectModel | None = None, microphones: MicrophoneService | None = None) -> None:
        super().__init__()
        self.model = model or ProjectModel(self)
        self.microphones = microphones or MicrophoneService(self)
        self.opening = Opening(self)
        self.messages = MessageBar()
        self._progress = ProgressRow()
        self._progress.cancelButton().hide()
        self._slow = QTimer(self, singleShot=True, interval=_SLOW_MS)
        self._pages: dict[str, QWidget] = {}
        self._leaving = Leaving(self, self._pages)
        self._stack = QStackedWidget()
        self.rail = Rail(self.microphones)
        self._name = ""
        self._agreed: set[tuple[str, object]] = set()
        self._waiting: dict[str, str] = {}  # a chapter's settings, until a project is open
        self._lay_out()
        self.setMenuBar(make_menus(self))
        self._connect()
        self.setAcceptDrops(True)
        self.setMinimumSize(880, 560)
        self._restore_geometry()
        self.rail.show_project("", "")
        self.show_page("start")

    # -- pages

    @property
    def page_name(self) -> str:
        """Which page is in front: start, words, train, search, results, listen or learn."""
        return self._name

    def page(self, name: str) -> QWidget:
        """The page of that name, built now if it was not shown before."""
        if name not in self._pages:
            self._pages[name] = self._make_page(name)
            self._stack.addWidget(self._pages[name])
        return self._pages[name]

    def show_page(self, name: str) -> None:
        """Brings a page to the front; without a project only the start screen, Listen and Learn."""
        if self.model.project is None and name not in ("start", *WITHOUT_PROJECT):
            name = "start"
        self._name = name
        page = self.page(name)
        if isinstance(page, StartPage):
            page.refresh()
        self._stack.setCurrentWidget(page)
        self.rail.show_page(_BELONGS_TO.get(name, name))
        self._hold_microphone()

    def _make_page(self, name: str) -> QWidget:
        """Imported here: a page's libraries are loaded when it is first shown, and the window stands sooner."""
        if name == "start":
            return self._make_start_page()
        if name == "words":
            from kws_gui.pages.words.page import WordsPage

            return WordsPage(self.model, self.microphones)
        if name == "train":
            from kws_gui.pages.train.page import TrainPage

            return self._follow(TrainPage(self.model))
        if name == "results":
            return self._make_results_page()
        if name == "search":
            return self._make_search_page()
        if name == "learn":
            return self._make_learn_page()
        from kws_gui.pages.listen.page import ListenPage

        return self._follow(ListenPage(self.model, self.microphones))

    def _follow(self, page: QWidget) -> QWidget:
        """Goes where the page's own buttons ask to go."""
        for name in ("start", "search", *PAGES):
            asked = getattr(page, f"{name}Requested", None)
            if asked is not None:
                asked.connect(partial(self.show_page, name))
        return page

    def _make_start_page(self) -> StartPage:
        page = StartPage(self.model)
        page.openRequested.connect(self.open_folder)
        page.newRequested.connect(self.ask_new_project)
        page.starterRequested.connect(self.open_starter)
        page.readyModelRequested.connect(self.listen_with)
        return page

    def _make_results_page(self) -> QWidget:
        from kws_gui.pages.results.page import ResultsPage

        page = ResultsPage(self.model)
        page.wordRequested.connect(self.show_word)
        page.importRequested.connect(self.import_folder)
        page.finishRequested.connect(self.make_model_of)
        return self._follow(page)

    def _make_search_page(self) -> QWidget:
        from kws_gui.pages.search.page import SweepPage

        page = SweepPage(self.model)
        page.searchResultsRequested.connect(self.show_search_results)
        return self._follow(page)

    def show_word(self, word: str) -> None:
        """The Words page with that word chosen."""
        from kws_gui.pages.words.page import WordsPage

        self.show_page("words")
        page = self.page(self.page_name)
        if isinstance(page, WordsPage):
            page.words.choose(word)

    def make_model_of(self, run: Path) -> None:
        """Makes a model of a run's best epoch on the Train page."""
        from kws_gui.pages.train.page import TrainPage

        self.show_page("train")
        page = self.page(self.page_name)
        if isinstance(page, TrainPage):
            page.shelf.finish(run)

    def show_search_results(self, name: str) -> None:
        """What mattered in a search, on the Results page."""
        from kws_gui.pages.results.page import ResultsPage

        self.show_page("results")
        page = self.page(self.page_name)
        if isinstance(page, ResultsPage):
            page.show_search(name)

    def _make_learn_page(self) -> QWidget:
        from kws_gui.pages.learn.page import LearnPage

        page = LearnPage(self.model)
        page.tryRequested.connect(self.try_settings)
        return page

    # -- what is open

    def open_folder(self, folder: Path | None = None) -> None:
        """Opens the project in `folder`, or asks which."""
        if folder is None:
            chosen = QFileDialog.getExistingDirectory(self, "Open a project", str(remembered.projects_folder()))
            if not chosen:
                return
            folder = Path(chosen)
        self._change_project(folder.name, lambda: self.opening.open(folder))

    def ask_new_project(self) -> None:
        """Asks for name, place and words, then makes the project."""
        from kws_gui.pages.start.new_project import NewProjectDialog

        dialog = NewProjectDialog(self)
        dialog.chosen.connect(
            lambda folder, words: self._change_project(folder.name, lambda: self.opening.create(folder, words))
        )
        dialog.open()

    def open_starter(self) -> None:
        """Copies the starter project into the projects' folder and opens the copy."""
        folder = remembered.free_folder(remembered.projects_folder(), "starter")
        self._change_project(folder.name, lambda: self.opening.copy_starter(folder))

    def listen_with(self, model_path: Path) -> None:
        """Listens with a model file; a project stays open if one is."""
        self.model.set_model_path(model_path)
        self.show_page("listen")

    def close_project(self) -> None:
        """Back to the start screen."""
        self._stop_opening()
        if self._leaving.may_leave():
            self._drop_pages()
            self.model.close()
            remembered.close_project()

    def import_folder(self, folder: Path | None = None) -> None:
        """Imports recordings on the Words page."""
        from kws_gui.pages.words.page import WordsPage

        self.show_page("words")
        words = self.page(self.page_name)
        if isinstance(words, WordsPage):
            words.import_folder(folder)

    def try_settings(self, options: Mapping[str, str]) -> None:
        """Opens Train with these options set, undoable; without a project they wait for one."""
        if self.model.project is None:
            self._waiting = dict(options)
            self.show_page("start")
            self.messages.showMessage("info", _WAITING)
            return
        self.show_page("train")  # first: what was typed on Learn's way there is stored
        before = self.model.settings
        after = _with_options(before, options)
        model = self.model
        model.push(
            "Try a chapter's settings",
            redo=lambda: model.set_settings(after),
            undo=lambda: model.set_settings(before),
        )

    def report(self, sentence: str, details: str) -> None:
        """Says something unexpected, with the details for a developer."""
        self.messages.showMessage("error", sentence, details=details)

    def set_theme(self, choice: theme.Choice) -> None:
        """Light, dark or as the system has it; remembered."""
        theme.apply(cast(QApplication, QApplication.instance()), choice)
        QSettings().setValue(_THEME, choice)

    def _change_project(self, name: str, begin: Callable[[], None]) -> None:
        self._stop_opening()
        if self._leaving.may_leave():
            self._agreed = self._leaving.at_stake()
            self._slow.setProperty("name", name)
            self._slow.start()
            self.messages.clear()
            begin()

    def _stop_opening(self) -> None:
        """Another one is asked for, or none: what was asked for before would come in its way."""
        self.opening.forget()
        self._end_progress()

    def _on_opened(self, opened: Opened) -> None:
        """Asks once more where something has begun since the opening did."""
        self._end_progress()
        if self._leaving.at_stake() - self._agreed and not self._leaving.may_leave():
            self.messages.showMessage("info", _STAYED.format(opened.project.name))
            return
        is_last = remembered.last_project() == opened.project.folder
        page = QSettings().value(_PAGE) if is_last else "words"
        self._drop_pages()
        said: list[str] = []
        self.model.failed.connect(said.append)
        self.model.open(opened.project)
        self.model.failed.disconnect(said.append)
        if said:
            self.messages.showMessage("warning", said[0])
        self.model.set_model_path(opened.model_path)
        remembered.remember_project(opened.project.folder)
        self.show_page(page if page in PAGES else "words")
        if self._waiting:
            options, self._waiting = self._waiting, {}
            self.try_settings(options)

    def _on_failed(self, sentence: str, folder: Path) -> None:
        self._end_progress()
        if not folder.exists():
            remembered.forget_project(folder)
        if self.model.project is None:
            self.show_page("start")
        self.messages.showMessage("error", sentence)

    def _on_project(self) -> None:
        project = self.model.project
        self.rail.show_project(project.name if project else "", str(project.folder) if project else "")
        self.setWindowTitle(f"{project.name} - {remembered.APPLICATION}" if project else remembered.APPLICATION)
        if project is None:
            self.show_page("start")

    def _drop_pages(self) -> None:
        """Ends the pages of one project: the next one gets new ones."""
        for name in [name for name in self._pages if name != "start"]:
            page = self._pages.pop(name)
            page.shutdown()
            self._stack.removeWidget(page)
            page.deleteLater()

    # -- the window itself

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._leaving.may_leave():
            event.ignore()
            return
        settings = QSettings()
        settings.setValue(_GEOMETRY, self.saveGeometry())
        settings.setValue(_PAGE, self._name)
        self._slow.stop()
        self.hide()  # a training may take some seconds to write its model
        self.opening.shutdown()
        for page in self._pages.values():
            page.shutdown()
        self.microphones.shutdown()
        super().closeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _dropped_folder(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        folder = _dropped_folder(event)
        if folder is None:
            return
        event.acceptProposedAction()
        if ProjectFolder(folder).is_project:
            self.open_folder(folder)
        elif self.model.project is not None:
            self.import_folder(folder)
        else:
            self.messages.showMessage("info", f"{folder.name} is no project: open one, then drop recordings on it.")

    def _hold_microphone(self) -> None:
        """The level in the rail is alive wherever sound is made; the start screen leaves the microphone alone."""
        if self._name == "start":
            self.microphones.release(self)
        elif self.isVisible():
            self.microphones.acquire(self)

    def _connect(self) -> None:
        self.rail.pageChosen.connect(self.show_page)
        self.opening.opened.connect(self._on_opened)
        self.opening.failed.connect(self._on_failed)
        self.model.opened.connect(self._on_project)
        self._slow.timeout.connect(lambda: self._progress.start(f"Opening {self._slow.property('name')}"))

    def _end_progress(self) -> None:
        self._slow.stop()
        self._progress.finish()

    def _lay_out(self) -> None:
        content = QVBoxLayout()
        content.setContentsMargins(0, 0, 0, 0)
        content.setSpacing(0)
        above = QVBoxLayout()
        above.setContentsMargins(theme.GROUP, theme.GRID, theme.GROUP, 0)
        above.addWidget(self.messages)
        above.addWidget(self._progress)
        content.addLayout(above)
        content.addWidget(self._stack, 1)
        central = QWidget()
        row = QHBoxLayout(central)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addLayout(content, 1)
        self.setCentralWidget(central)
        self.setWindowTitle(remembered.APPLICATION)

    def _restore_geometry(self) -> None:
        stored = QSettings().value(_GEOMETRY)
        if stored is None or not self.restoreGeometry(stored):
            room = QGuiApplication.primaryScreen().availableGeometry()
            self.resize(min(1280, room.width()), min(800, room.height()))


def _with_options(settings: Settings, options: Mapping[str, str]) -> Settings:
    """The settings with these options; where the chosen network or feature lacks one, with the default ones."""
    assignments = [f"{path}={text}" for path, text in options.items()]
    try:
        return settings.with_options(assignments)
    except SpecError:
        plain = Settings()
        return replace(settings, model=plain.model, feature=plain.feature).with_options(assignments)


def stored_theme() -> theme.Choice:
    """The theme chosen last."""
    stored = QSettings().value(_THEME)
    return stored if stored in ("light", "dark") else "system"


def _dropped_folder(event: QDragEnterEvent | QDropEvent) -> Path | None:
    urls = [url for url in event.mimeData().urls() if url.isLocalFile()]
    paths = [Path(url.toLocalFile()) for url in urls]
    return next((path for path in paths if path.is_dir()), None)
