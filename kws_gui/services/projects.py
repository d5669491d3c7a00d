"""Opens, creates, copies and closes projects; at most one is open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, Signal

from kws_gui.services import remembered
from kws_gui.services.navigation import Navigation
from kws_gui.services.opening import Opened, Opening
from kws_gui.services.project_model import ProjectModel

_STAYED = "{} was not opened, because you stayed here: open it when you are done."


class Guard(Protocol):
    """Knows what leaving the open project would stop or lose, and asks the person about it."""

    def at_stake(self) -> set[tuple[str, object]]:
        """What leaving would stop or lose, each thing distinguishable from the next one of its kind."""

    def may_leave(self) -> bool:
        """Whether nothing would be stopped or lost, or the person agrees to it."""


class Projects(QObject):
    """Pages and menus ask it; what was requested last counts, also while an older request hangs on a slow disk.

    Signals:
        began(name): A project is being opened.
        settled(): Nothing is being opened any more.
        leaving(): The open project is about to be closed or replaced: whoever shows it ends now.
        failed(sentence): A project could not be opened.
        informed(sentence), warned(sentence): Something to tell the person about what was opened.
    """

    began = Signal(str)
    settled = Signal()
    leaving = Signal()
    failed = Signal(str)
    informed = Signal(str)
    warned = Signal(str)

    def __init__(
        self,
        project: ProjectModel,
        navigation: Navigation,
        *,
        end_work: Sequence[Callable[[], object]] = (),
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._project = project
        self._navigation = navigation
        self._end_work = tuple(end_work)
        self._opening = Opening(self)
        self._guard: Guard | None = None
        self._agreed: set[tuple[str, object]] = set()
        self._entry = ""  # the page that the project being opened is shown on
        self._opening.opened.connect(self._on_opened)
        self._opening.failed.connect(self._on_failed)

    @property
    def is_busy(self) -> bool:
        """Whether a project is being read, even one that is no longer wanted."""
        return self._opening.is_busy

    def set_guard(self, guard: Guard) -> None:
        """Who is asked before the open project is left; without a guard it is always left."""
        self._guard = guard

    def open(self, folder: Path) -> None:
        """Opens the project in `folder`."""
        self._begin(folder, lambda: self._opening.open(folder))

    def create(self, folder: Path, words: Sequence[str], *, on: str = "") -> None:
        """Makes a project of these words in a new folder and opens it, on Words or another page."""
        self._begin(folder, lambda: self._opening.create(folder, words), on=on)

    def copy_starter(self) -> None:
        """Copies the starter project into the projects' folder and opens the copy."""
        folder = remembered.free_folder(remembered.projects_folder(), "starter")
        self._begin(folder, lambda: self._opening.copy_starter(folder))

    def close(self) -> None:
        """Closes the open project, if the guard agrees."""
        self._stop_opening()
        if self._may_leave():
            self._leave()
            self._project.close()
            remembered.close_project()

    def shutdown(self) -> None:
        """Waits for what is being read."""
        self._opening.shutdown()

    def _begin(self, folder: Path, begin: Callable[[], None], *, on: str = "") -> None:
        self._stop_opening()
        if self._may_leave():
            self._entry = on
            self._agreed = self._at_stake()
            self.began.emit(folder.name)
            begin()

    def _stop_opening(self) -> None:
        """Drops the answer to the request before."""
        self._opening.forget()
        self.settled.emit()

    def _on_opened(self, opened: Opened) -> None:
        """Asks once more where something has begun since the opening did."""
        self.settled.emit()
        if self._at_stake() - self._agreed and not self._may_leave():
            self.informed.emit(_STAYED.format(opened.project.name))
            return
        is_last = remembered.last_project() == opened.project.folder
        self._leave()
        self._take_over(opened)
        remembered.remember_project(opened.project.folder)
        self._navigation.enter_project(is_last=is_last, on=self._entry)

    def _take_over(self, opened: Opened) -> None:
        failures: list[str] = []
        self._project.failed.connect(failures.append)
        self._project.open(opened.project)
        self._project.failed.disconnect(failures.append)
        if failures:
            self.warned.emit(failures[0])
        self._project.set_model_path(opened.model_path)

    def _on_failed(self, sentence: str, folder: Path) -> None:
        self.settled.emit()
        if not folder.exists():
            remembered.forget_project(folder)
        if self._project.project is None:
            self._navigation.show_page("start")
        self.failed.emit(sentence)

    def _leave(self) -> None:
        """What is shown goes first: it stores what was typed and recorded."""
        self.leaving.emit()
        for end in self._end_work:
            end()

    def _may_leave(self) -> bool:
        return self._guard is None or self._guard.may_leave()

    def _at_stake(self) -> set[tuple[str, object]]:
        return self._guard.at_stake() if self._guard is not None else set()
