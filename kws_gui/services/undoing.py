"""Undoes imports and does them again: small ones at once, large ones in the background, where they can be stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import QObject, Signal

from kws_engine.clips.changes import Changes
from kws_engine.clips.import_changes import Steps, keys_of
from kws_engine.clips.journal import Change
from kws_engine.errors import KwsError
from kws_gui.bridges.jobs import LongJob
from kws_gui.services.project_model import ProjectModel

_MANY: Final = 1_000  # clips from which it is done in the background
_ELSEWHERE: Final = "Something else is running on the clips: wait until it ends, or cancel it."

Do = Callable[[Steps], Change | None]


class Undoing(QObject):
    """One long undoing or doing again at a time; meanwhile, nothing else can be undone.

    Signals:
        began(title): What is done now.
        progressed(done, total): How far it is, in clips.
        ended(role, sentence): It has ended; the sentence, if there is one, says why not all of it was done.
    """

    began = Signal(str)
    progressed = Signal(int, int)
    ended = Signal(str, str)

    def __init__(self, model: ProjectModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._job: LongJob | None = None
        self.title = ""

    @property
    def is_running(self) -> bool:
        """Whether something is undone or done again now."""
        return self._job is not None

    def run(self, title: str, work: Do, then: Callable[[Change | None, str], tuple[str, str]]) -> None:
        """Does long work in the background, if nothing else is running.

        Args:
            title: What it is.
            work: Takes its steps; what it returns goes to `then`.
            then: Called with that and an empty text, or with None and the error's sentence; returns what `ended` says.

        Raises:
            KwsError: Something else is running.
        """
        if self._job is not None:
            raise KwsError(_ELSEWHERE)
        project = self._model.project
        job = LongJob(lambda progress, should_stop: work(Steps(progress, should_stop)), self)

        def end(result: Change | None, sentence: str) -> None:
            job.deleteLater()
            if self._job is not job:
                return
            self._job = None
            told = ("", "")
            if self._model.project is project:
                self._model.undo_stack.setBusy(False)
                told = then(result, sentence)
                self._model.clipsChanged.emit()
            self.ended.emit(*told)

        job.progressed.connect(self.progressed)
        job.finished.connect(lambda result: end(result, ""))
        job.failed.connect(lambda sentence, _: end(None, sentence))
        self._job, self.title = job, title
        self._model.undo_stack.setBusy(True)
        self.began.emit(title)
        job.start()

    def cancel(self) -> None:
        """Stops before the next step; what was done by then stays done."""
        if self._job is not None:
            self._job.cancel()

    def shutdown(self) -> None:
        """Stops and waits; after the next start, or when the project is opened again, the rest can be undone."""
        if self._job is not None:
            self._job.wait()
            self._job = None


class ImportAgain:
    """An import that is undone and done again."""

    def __init__(self, model: ProjectModel, undoing: Undoing, changes: Changes, done: Change) -> None:
        self._model, self._undoing, self._changes = model, undoing, changes
        self._done = done
        self._content: dict[str, Any] = {}
        self._all = done.clips

    def undo(self) -> None:
        """Takes the clips out.

        Raises:
            KwsError: It cannot be undone, or something else is running.
        """
        if self._done.clips < _MANY:
            self._on_undone(self._take_out(Steps()), "")
        else:
            self._undoing.run(f"Undoing: {self._done}", self._take_out, self._on_undone)

    def redo(self) -> None:
        """Brings them back.

        Raises:
            KwsError: They cannot come back, or something else is running.
        """
        if self._all < _MANY:
            self._on_back(self._bring_back(Steps()), "")
        else:
            self._undoing.run(f"Doing again: {self._done}", self._bring_back, self._on_back)

    def _take_out(self, steps: Steps) -> Change | None:
        self._content = self._changes.content(self._done)
        self._all = len(keys_of(self._content))
        return self._changes.undo(self._done, self._content, steps=steps)

    def _bring_back(self, steps: Steps) -> Change | None:
        return self._changes.redo(self._done, self._content, steps=steps)

    def _on_undone(self, rest: Change | None, failure: str) -> tuple[str, str]:
        """What is told; a change that is undone in part stays done, for the rest of it."""
        before = self._done
        rest = self._settle(rest, failure)
        if failure or rest is None:
            return ("error", failure) if failure else ("", "")
        return "warning", (
            f"Cancelled: {before.clips - rest.clips:,} of {before.clips:,} clips were taken out, {rest.clips:,} stay "
            "in the project. Undo takes out the rest."
        )

    def _on_back(self, back: Change | None, failure: str) -> tuple[str, str]:
        back = self._settle(back, failure)
        if failure or back is None or back.clips == self._all:
            return ("error", failure) if failure else ("", "")
        return "warning", (
            f"Cancelled: {back.clips:,} of {self._all:,} clips are back, the others are in the trash. Undo takes these "
            "out, too."
        )

    def _settle(self, done: Change | None, failure: str) -> Change | None:
        """Lets the stack know what is done of the import now; after a failure, the journal says it."""
        if failure:
            done = self._changes.find(self._done)
        if done is not None:
            self._done = done
            self._model.undo_stack.settle(str(done))
        elif failure:
            self._model.undo_stack.settle(None)
        return done
