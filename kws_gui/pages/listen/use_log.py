"""Writes down what is heard on Listen, so that a day of use can be measured by `kws evaluate-stream --log`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from kws_engine.errors import KwsError
from kws_engine.operating.listening_log import ListeningLog
from kws_engine.spotting.detector import Step


class UseLog(QObject):
    """One time of listening after another, each from `begin` to `end`.

    Signals:
        failed(sentence): The log cannot be written; listening goes on without it.
    """

    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._log: ListeningLog | None = None
        self._first = 0
        self._last = 0
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self.end)

    def begin(self, path: Path, *, model: Path, rate: int) -> None:
        """Begins a time of listening in the log at `path`."""
        self.end()
        try:
            self._log = ListeningLog(path, model=model, rate=rate)
        except KwsError as error:
            self.failed.emit(str(error))
        self._first = -1

    def take(self, steps: Sequence[Step]) -> None:
        """Adds what the detector reported; its samples count on over several times of listening."""
        if self._log is None or not steps:
            return
        if self._first < 0:
            self._first = steps[0].at_sample
        self._last = steps[-1].at_sample
        told = [step for step in steps if step.detection or step.risen or step is steps[-1]]
        self._attempt(lambda log: log.take([self._moved(step) for step in told]))

    def end_soon(self) -> None:
        """Ends this time once what the detector has already heard is in."""
        self._soon.start()

    def end(self) -> None:
        """Ends this time of listening."""
        self._soon.stop()
        if self._log is not None:
            length = self._last - self._first if self._first >= 0 else 0
            self._attempt(lambda log: log.close(length))
        self._log = None

    def _attempt(self, write: Callable[[ListeningLog], None]) -> None:
        log = self._log
        assert log is not None
        try:
            write(log)
        except KwsError as error:
            self._log = None
            self.failed.emit(str(error))

    def _moved(self, step: Step) -> Step:
        detection, risen = (
            found and dataclasses.replace(found, at_sample=found.at_sample - self._first)
            for found in (step.detection, step.risen)
        )
        return Step(step.at_sample - self._first, step.scores, detection, risen)
