"""What was found in the open project's clips: asked for once, then kept up with every change."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from kws_engine.caring.checking import Check, check
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.project import Project
from kws_gui.bridges.latest import Latest
from kws_gui.services.project_model import ProjectModel

_SETTLED_MS = 400


class Care(QObject):
    """Checks in the background; of a project that was checked before, the answer comes at once.

    Signals:
        changed: `found` is another one, or None.
        began: A check has begun.
        progressed(done, total): How far it is.
        ended: No check is running.
        failed(sentence): It ended with an error.
    """

    changed = Signal()
    began = Signal()
    progressed = Signal(int, int)
    ended = Signal()
    failed = Signal(str)

    def __init__(self, model: ProjectModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._latest = Latest(self)
        self._latest.began.connect(self.began)
        self._latest.progressed.connect(self.progressed)
        self._latest.idle.connect(self.ended)
        self._latest.answered.connect(self._on_answered)
        self._latest.failed.connect(lambda sentence, _: self.failed.emit(sentence))
        self._is_wanted = False
        self.found: Check | None = None
        model.opened.connect(self._on_opened)
        model.clipsChanged.connect(self._on_clips)
        self._on_opened()

    def look(self) -> None:
        """Checks all clips, and from now on again whenever they change."""
        if self._model.project is not None:
            self._is_wanted = True
            self._latest.ask(_work(self._model.project))

    def cancel(self) -> None:
        """Ends the check; what was found by then is remembered for the next one."""
        self._is_wanted = False
        self._latest.cancel()

    def shutdown(self) -> None:
        """Ends the check and waits for it."""
        self._latest.shutdown()

    def _on_opened(self) -> None:
        project = self._model.project
        self._latest.cancel()
        self.found = None
        self.changed.emit()
        self._is_wanted = project is not None and ProjectFolder(project.folder).checks.is_file()
        if self._is_wanted:
            self.look()

    def _on_clips(self) -> None:
        if self._is_wanted and self._model.project is not None:
            self._latest.ask(_work(self._model.project), after_ms=_SETTLED_MS)

    def _on_answered(self, found: Check) -> None:
        if not found.stopped:
            self.found = found
            self.changed.emit()


def _work(project: Project) -> Callable[[Callable[[int, int], None], Callable[[], bool]], Check]:
    return lambda progress, should_stop: check(project, progress=progress, should_stop=should_stop)
