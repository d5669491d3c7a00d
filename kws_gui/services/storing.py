"""Stores recorded sound in the background; what is not on disk yet, or could not be stored, is held in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from kws_gui.bridges.jobs import LongJob

_PATIENCE_MS = 400

Samples = NDArray[np.float32]
Store = Callable[[Samples], Any]


@dataclass
class _Task:
    """Sound (samples,) that is being stored."""

    samples: Samples
    job: LongJob | None = None
    is_stored: bool = False
    result: Any = None

    def do(self, store: Store) -> None:
        self.result = store(self.samples)
        self.is_stored = True


class Storing(QObject):
    """One piece after the other, each with all that was put in by then.

    Signals:
        stored(result, samples): So many samples are on disk, with what `store` returned.
        failed(sentence): They are not, and wait for the next `begin`.
        slow(): Storing takes longer than a moment.
    """

    stored = Signal(object, int)
    failed = Signal(str)
    slow = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pieces: list[Samples] = []
        self._task: _Task | None = None
        self._patience = QTimer(self, singleShot=True, interval=_PATIENCE_MS)
        self._patience.timeout.connect(self.slow)

    @property
    def is_running(self) -> bool:
        """Whether something is being stored now."""
        return self._task is not None

    @property
    def waiting(self) -> int:
        """How many samples wait to be stored, those aside that are being stored."""
        return sum(map(len, self._pieces))

    @property
    def in_memory(self) -> int:
        """How many samples are not on disk yet."""
        return self.waiting + (len(self._task.samples) if self._task is not None else 0)

    def put(self, samples: Samples) -> None:
        """Takes in sound (samples,)."""
        self._pieces.append(samples)

    def begin(self, store: Store) -> None:
        """Stores what waits, unless something is being stored; `store` runs in another thread."""
        if self._task is not None or not self._pieces:
            return
        task = _Task(np.concatenate(self._pieces))
        self._pieces.clear()
        job = LongJob(lambda progress, should_stop: task.do(store), self)
        job.finished.connect(lambda _: self._on_ended(task, ""))
        job.failed.connect(lambda sentence, _: self._on_ended(task, sentence))
        task.job, self._task = job, task
        self._patience.start()
        job.start()

    def settle(self, store: Store) -> None:
        """Returns when all that was put in is on disk; `stored` says so.

        Raises:
            KwsError: It could not be stored.
        """
        if self._task is not None and self._task.job is not None:
            self._task.job.wait()
            self._end(self._task)
        if self._pieces:
            task = _Task(np.concatenate(self._pieces))
            task.do(store)
            self._pieces.clear()
            self.stored.emit(task.result, len(task.samples))

    def forget(self) -> None:
        """Drops what waits; what is being stored gets to the disk, but nobody hears of it."""
        self._patience.stop()
        self._pieces.clear()
        self._task = None

    def _on_ended(self, task: _Task, sentence: str) -> None:
        if task.job is not None:
            task.job.deleteLater()
        if self._task is task:
            self._end(task)
            if not task.is_stored:
                self.failed.emit(sentence)

    def _end(self, task: _Task) -> None:
        self._patience.stop()
        self._task = None
        if task.is_stored:
            self.stored.emit(task.result, len(task.samples))
        else:
            self._pieces.insert(0, task.samples)
