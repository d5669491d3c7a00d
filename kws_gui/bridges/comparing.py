"""Compares runs off the GUI's thread; only the newest question is answered; knows no page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, Signal

from kws_gui.bridges.jobs import LongJob

if TYPE_CHECKING:
    from kws_engine.runs.comparing import Comparison

Part = Literal["validation", "testing"]


class Comparing(QObject):
    """Asks again as soon as what is asked for changes.

    Signals:
        began(): The answer takes a while.
        progressed(done, total): Clips judged, where a model has to be asked.
        compared(Comparison): Of the newest question.
        failed(sentence, details)
    """

    began = Signal()
    progressed = Signal(int, int)
    compared = Signal(object)
    failed = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job: LongJob | None = None
        self._next: tuple[tuple[Path, ...], Part] | None = None
        self._is_shut = False

    def is_working(self) -> bool:
        """Whether an answer is about to come."""
        return self._job is not None

    def ask(self, folders: Sequence[Path], part: Part) -> None:
        """Asks for a comparison on a part of the clips; one that is being made is given up."""
        self._next = (tuple(folders), part)
        if self._job is not None:
            self._job.cancel()
        else:
            self._start()

    def cancel(self) -> None:
        """No answer is wanted any more."""
        self._next = None
        if self._job is not None:
            self._job.cancel()

    def shutdown(self) -> None:
        """Ends the work; none is begun any more."""
        self._is_shut, self._next = True, None
        if self._job is not None:
            self._job.wait()

    def _start(self) -> None:
        if self._next is None or self._is_shut:
            return
        (folders, part), self._next = self._next, None
        self._job = LongJob(lambda progress, should_stop: _compare(folders, part, progress, should_stop), self)
        self._job.progressed.connect(self.progressed)
        self._job.finished.connect(self._on_finished)
        self._job.failed.connect(self._on_failed)
        self._job.start()
        self.began.emit()

    def _on_finished(self, comparison: Comparison | None) -> None:
        self._end()
        if comparison is not None and self._next is None:
            self.compared.emit(comparison)
        self._start()

    def _on_failed(self, sentence: str, details: str) -> None:
        self._end()
        if self._next is None:
            self.failed.emit(sentence, details)
        self._start()

    def _end(self) -> None:
        assert self._job is not None
        self._job.deleteLater()
        self._job = None


def _compare(
    folders: tuple[Path, ...], part: Part, progress: Callable[[int, int], None], should_stop: Callable[[], bool]
) -> Comparison | None:
    """Imported here: the reader of models is loaded when runs are first compared."""
    from kws_engine.runs.comparing import compare

    found = compare(folders, split=part, progress=progress, should_stop=should_stop)
    return None if should_stop() else found
