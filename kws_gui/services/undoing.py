"""Changes of many clips, done, undone and done again in the background; imports can be stopped in the middle of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from PySide6.QtCore import QObject, Signal

from kws_engine.clips.changes import Changes
from kws_engine.clips.import_changes import Steps, keys_of
from kws_engine.clips.journal import Change
from kws_gui.bridges.jobs import LongJob
from kws_gui.services.project_model import ProjectModel

MANY: Final = 64
"""Clips from which a change is made in the background: the disk may be slow."""

Kind = Literal["success", "warning", "error"]
Do = Callable[[Steps], Any]
Told = tuple[Kind, str]


class Undoing(QObject):
    """Does one thing after the other; meanwhile, nothing can be undone.

    Signals:
        began(title): What is done now.
        progressed(done, total): How far it is, in clips, where that is known.
        ended(kind, sentence): It has ended; the sentence, if there is one, says why not all of it was done.
    """

    began = Signal(str)
    progressed = Signal(int, int)
    ended = Signal(str, str)

    def __init__(self, model: ProjectModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._job: LongJob | None = None
        self._waiting: list[Callable[[], None]] = []
        self.title = ""
        self.so_far: tuple[int, int] | None = None
        """Clips done and in all, where that is known."""
        self.can_stop = False
        """Whether what is done now can be cancelled in the middle."""
        self.progressed.connect(self._on_progressed)
        model.opened.connect(self._waiting.clear)

    @property
    def is_running(self) -> bool:
        """Whether something is done now."""
        return self._job is not None

    def run(self, title: str, work: Do, then: Callable[[Any, str], Told], *, can_stop: bool = False) -> None:
        """Does long work in the background, after what is running already.

        Args:
            title: What it is.
            work: Takes its steps; what it returns goes to `then`.
            then: Called with that and an empty text, or with None and the error's sentence; returns what `ended` says.
            can_stop: Whether the work looks at its steps.
        """
        self._waiting.append(lambda: self._begin(title, work, then, can_stop=can_stop))
        self._model.undo_stack.setBusy(True)
        if self._job is None:
            self._waiting.pop(0)()

    def cancel(self) -> None:
        """Stops before the next step; what was done by then stays done."""
        if self._job is not None:
            self._job.cancel()

    def shutdown(self) -> None:
        """Stops and waits; after the next start, or when the project is opened again, the rest can be undone."""
        self._waiting.clear()
        if self._job is not None:
            self._job.wait()
            self._job = None

    def _on_progressed(self, done: int, total: int) -> None:
        self.so_far = done, total

    def _begin(self, title: str, work: Do, then: Callable[[Any, str], Told], *, can_stop: bool) -> None:
        project = self._model.project
        job = LongJob(lambda progress, should_stop: work(Steps(progress, should_stop)), self)

        def end(result: Any, sentence: str) -> None:
            job.deleteLater()
            if self._job is job:
                self._job = None
                self._on_ended(then(result, sentence) if self._model.project is project else None)

        job.progressed.connect(self.progressed)
        job.finished.connect(lambda result: end(result, ""))
        job.failed.connect(lambda sentence, _: end(None, sentence))
        self._job, self.title, self.can_stop, self.so_far = job, title, can_stop, None
        self.began.emit(title)
        job.start()

    def _on_ended(self, told: Told | None) -> None:
        if told is not None:
            self._model.undo_stack.setBusy(bool(self._waiting))
            self._model.clipsChanged.emit()
        self.ended.emit(*(told or ("success", "")))
        if self._waiting:
            self._waiting.pop(0)()


class ChangeAgain:
    """A change of clips that is done, undone and done again; it stands in the project's journal while it is done."""

    def __init__(
        self,
        model: ProjectModel,
        undoing: Undoing,
        changes: Changes,
        *,
        clips: int,
        title: str,
        do: Callable[[], Change | None] = lambda: None,
        done: Change | None = None,
    ) -> None:
        """Args: `do` does it first, unless it is `done`; `clips` is of how many, and `title` what it is called."""
        self._model, self._undoing, self._changes = model, undoing, changes
        self._title, self._is_long = title, clips >= MANY
        self._do, self._done = do, done
        self._undone: tuple[Change, dict[str, Any]] | None = None

    def redo(self) -> None:
        """Does it.

        Raises:
            KwsError: It cannot be done; a long one reports that when it ends.
        """
        self._run(self._redo)

    def undo(self) -> None:
        """Undoes it.

        Raises:
            KwsError: It cannot be undone; a long one reports that when it ends.
        """
        self._run(self._undo)

    def _run(self, work: Callable[[], None]) -> None:
        if self._is_long:
            self._undoing.run(self._title, lambda steps: work(), self._on_ended)
        else:
            work()

    def _redo(self) -> None:
        self._done = self._changes.redo(*self._undone) if self._undone else self._do()
        self._undone = None

    def _undo(self) -> None:
        if self._done is not None:
            content = self._changes.content(self._done)
            self._changes.undo(self._done)
            self._undone, self._done = (self._done, content), None

    def _on_ended(self, _: object, failure: str) -> Told:
        if not failure:
            return "success", ""
        self._model.undo_stack.settle(None, redo=self.redo, undo=self.undo)
        return "error", failure


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
            KwsError: It cannot be undone.
        """
        if self._done.clips < MANY:
            self._take_out(Steps())
        else:
            self._undoing.run(f"Undoing: {self._done}", self._take_out, self._on_undone, can_stop=True)

    def redo(self) -> None:
        """Brings them back.

        Raises:
            KwsError: They cannot come back.
        """
        if self._all < MANY:
            self._done = self._bring_back(Steps())
        else:
            self._undoing.run(f"Doing again: {self._done}", self._bring_back, self._on_back, can_stop=True)

    def _take_out(self, steps: Steps) -> Change | None:
        self._content = self._changes.content(self._done)
        self._all = len(keys_of(self._content))
        return self._changes.undo(self._done, self._content, steps=steps)

    def _bring_back(self, steps: Steps) -> Change:
        return self._changes.redo(self._done, self._content, steps=steps) or self._done

    def _on_undone(self, rest: Change | None, failure: str) -> Told:
        """What is told; a change that is undone in part stays done, for the rest of it."""
        before = self._done
        rest = self._settle(rest, failure)
        if failure or rest is None:
            return ("error", failure) if failure else ("success", "")
        return "warning", (
            f"Cancelled: {before.clips - rest.clips:,} of {before.clips:,} clips were taken out, {rest.clips:,} stay "
            "in the project. Undo takes out the rest."
        )

    def _on_back(self, back: Change | None, failure: str) -> Told:
        back = self._settle(back, failure)
        if failure or back is None or back.clips == self._all:
            return ("error", failure) if failure else ("success", "")
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
        if done is not None or failure:
            text = None if done is None else str(done)
            self._model.undo_stack.settle(text, redo=self.redo, undo=self.undo)
        return done
