"""What is wrong with a run, found out off the window's thread and remembered; shows nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QObject, Signal

from kws_engine.errors import TrainingError
from kws_engine.runs.folder import RunFolder
from kws_gui.bridges.jobs import LongJob

if TYPE_CHECKING:
    from kws_engine.evaluation.diagnosis import Finding, SuspectClip
    from kws_engine.runs.diagnosing import Look

State = Literal["nothing", "working", "known", "unknown"]
_NO_RUN = "This model came without the record of its run. Train a network here to have its run looked at."


class Diagnosis(QObject):
    """One run at a time; asked for another, it turns to that one.

    Signals:
        changed(): `state`, `findings`, `clips` or `sentence` are others.
        progressed(done, total): Clips that were listened to.
    """

    changed = Signal()
    progressed = Signal(int, int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder: Path | None = None
        self._known: dict[Path, Look | str] = {}
        self._written: dict[Path, int] = {}
        self._job: LongJob | None = None
        self._working: Path | None = None
        self._is_shut = False

    @property
    def state(self) -> State:
        """How it stands with the run that was asked for."""
        if self.folder is None:
            return "nothing"
        known = self._known.get(self.folder)
        return "working" if known is None else "unknown" if isinstance(known, str) else "known"

    @property
    def findings(self) -> list[Finding]:
        """Of the run asked for; what is to be cured first stands first."""
        look = self._look()
        return look.findings if look else []

    @property
    def clips(self) -> tuple[SuspectClip, ...]:
        """Worth listening to, ranked, whether anything is wrong with the run or not."""
        look = self._look()
        return look.clips if look else ()

    @property
    def sentence(self) -> str:
        """Why nothing is known of the run."""
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
        """What was found counts until the run goes on."""
        if is_new:
            self._known.pop(folder, None)
            self._written[folder] = _written(folder)
        if not RunFolder(folder).job.exists():
            self._known[folder] = _NO_RUN

    def forget(self) -> None:
        """Another project is open: what was found is of no use."""
        self._known.clear()
        self._written.clear()
        self.ask(None)

    def is_working(self) -> bool:
        """Whether a run is being looked at."""
        return self._job is not None

    def shutdown(self) -> None:
        """Ends the thread; none is started any more."""
        self._is_shut = True
        if self._job is not None:
            self._job.wait()

    def _work(self) -> None:
        if self._is_shut or self.state != "working":
            return
        if self._job is not None:
            if self._working != self.folder:
                self._job.cancel()
            return
        assert self.folder is not None
        folder = self._working = self.folder
        self._job = LongJob(lambda progress, stop: _diagnosed(folder, progress, stop), self)
        self._job.progressed.connect(self.progressed)
        self._job.finished.connect(self._on_finished)
        self._job.failed.connect(self._on_failed)
        self._job.start()

    def _on_finished(self, look: Look | None) -> None:
        self._end(look)

    def _on_failed(self, sentence: str, _details: str) -> None:
        self._end(sentence)

    def _end(self, answer: Look | str | None) -> None:
        assert self._job is not None
        self._job.deleteLater()
        self._job, folder, self._working = None, self._working, None
        if answer is not None and folder is not None:
            self._known[folder] = answer
            self.changed.emit()
        self._work()


def _written(folder: Path) -> int:
    """When the run last said something, in ns; 0 where it never did."""
    return RunFolder(folder).events.changed_ns()


class _Stopped(TrainingError):
    """Nobody waits for the answer any more."""


def _diagnosed(folder: Path, progress: Callable[[int, int], None], stop: Callable[[], bool]) -> Any:
    """What was found; None where it was cancelled."""
    from kws_engine.runs.diagnosing import look_at_run

    def tell(done: int, total: int) -> None:
        if stop():
            raise _Stopped("stopped")
        progress(done, total)

    try:
        return look_at_run(folder, progress=tell)
    except _Stopped:
        return None
