"""The waiting rows of the list of runs: puts jobs into the queue, moves them, takes them out; knows no form."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from kws_engine.runs.job import Job
from kws_engine.runs.queue import Waiting
from kws_gui.pages.train.run_list import RunList, RunRow
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.runner import Runner


class QueueRows(QObject):
    """Keeps the rows as the queue is.

    Signals:
        removed(str): One was taken out; undo brings it back.
        startAsked(): The first is to be started.
    """

    removed = Signal(str)
    startAsked = Signal()

    def __init__(self, model: ProjectModel, runner: Runner, runs: RunList, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model, self._runner, self._runs = model, runner, runs
        runs.asked.connect(self._on_asked)
        runner.queue.changed.connect(self.show)
        runner.changed.connect(self.show)

    def show(self) -> None:
        """Shows what waits now."""
        self._runs.setWaiting(self._runner.waiting(), can_start=not self._runner.is_running)

    def add(self, job: Job) -> bool:
        """Puts a job at the end; whether it was stored."""
        return self._runner.queue.add(job)

    def _on_asked(self, name: str, one: RunRow | Waiting) -> None:
        if not isinstance(one, Waiting):
            return
        if name == "start":
            self.startAsked.emit()
        elif name in ("up", "down"):
            self._runner.queue.move(one.key, -1 if name == "up" else 1)
        elif name == "remove":
            self._remove(one)

    def _remove(self, waiting: Waiting) -> None:
        queue = self._runner.queue
        at = [one.key for one in queue.waiting()].index(waiting.key)
        done = self._model.push(
            "Remove from the queue",
            redo=lambda: queue.remove(waiting.key),
            undo=lambda: queue.add(waiting.job, at=at, key=waiting.key),
        )
        if done:
            self.removed.emit("The run is out of the queue.")
