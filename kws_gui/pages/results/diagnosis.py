"""What is wrong with a run, found out in the background and remembered while the project is open."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, Signal

from kws_engine.errors import TrainingError
from kws_engine.runs.folder import RunFolder
from kws_gui.bridges.latest import Latest

if TYPE_CHECKING:
    from kws_engine.evaluation.diagnosis import Finding, SuspectClip
    from kws_engine.runs.diagnosing import Look

State = Literal["nothing", "working", "known", "unknown"]
_NO_RUN = "This model came without the record of its run. Train a network here to have its run looked at."


class Diagnosis(QObject):
    """One run at a time; when another is requested, it turns to that one.

    Signals:
        changed(): `state`, `findings`, `clips` or `sentence` have changed.
        progressed(done, total): Clips that the model was run on.
    """

    changed = Signal()
    progressed = Signal(int, int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder: Path | None = None
        self._known: dict[Path, Look | str] = {}
        self._written: dict[Path, int] = {}
        self._asked: Path | None = None
        self._looking = Latest(self)
        self._looking.progressed.connect(self.progressed)
        self._looking.answered.connect(self._on_answer)
        self._looking.failed.connect(lambda sentence, _details: self._on_answer(sentence))

    @property
    def state(self) -> State:
        """How far the requested run is known."""
        if self.folder is None:
            return "nothing"
        known = self._known.get(self.folder)
        return "working" if known is None else "unknown" if isinstance(known, str) else "known"

    @property
    def findings(self) -> list[Finding]:
        """Of the requested run; what to cure first stands first."""
        look = self._look()
        return look.findings if look else []

    @property
    def clips(self) -> tuple[SuspectClip, ...]:
        """Worth listening to, ranked, whether anything is wrong with the run or not."""
        look = self._look()
        return look.clips if look else ()

    @property
    def sentence(self) -> str:
        """Why nothing is known about the run."""
        known = self._known.get(self.folder) if self.folder else None
        return known if isinstance(known, str) else ""

    def ask(self, folder: Path | None) -> None:
        """Turns to the run in `folder`, or to none."""
        is_new = folder is not None and self._written.get(folder) != _written(folder)
        if folder != self.folder or is_new:
            self.folder = folder
            if folder is not None:
                self._turn_to(folder, is_new)
            self.changed.emit()
        self._work()

    def _look(self) -> Look | None:
        known = self._known.get(self.folder) if self.folder else None
        return None if isinstance(known, str) else known

    def _turn_to(self, folder: Path, is_new: bool) -> None:
        """What was found holds until the run is resumed."""
        if is_new:
            self._known.pop(folder, None)
            self._written[folder] = _written(folder)
        if not RunFolder(folder).job.exists():
            self._known[folder] = _NO_RUN

    def forget(self) -> None:
        """Another project is open."""
        self._looking.cancel()
        self._asked = None
        self._known.clear()
        self._written.clear()
        self.ask(None)

    def shutdown(self) -> None:
        """Ends the thread; none is started any more."""
        self._looking.shutdown()

    def _work(self) -> None:
        if self.state == "working" and self._asked != self.folder:
            assert self.folder is not None
            self._asked = self.folder
            self._looking.ask(partial(_look_at, self.folder))

    def _on_answer(self, answer: Look | str) -> None:
        folder = self._asked
        self._asked = None
        if folder is not None:
            self._known[folder] = answer
            self.changed.emit()
        self._work()


def _written(folder: Path) -> int:
    """When the run last said something, in ns; 0 where it never did."""
    return RunFolder(folder).events.changed_ns()


class _Stopped(TrainingError):
    """The answer is not wanted any more."""


def _look_at(folder: Path, progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> Look:
    from kws_engine.runs.diagnosing import look_at_run

    def report(done: int, total: int) -> None:
        if should_stop():
            raise _Stopped("stopped")
        progress(done, total)

    return look_at_run(folder, progress=report)
