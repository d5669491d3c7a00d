"""What is shown of a model's promise, and what can be done about it: measure it, and move its thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QStackedWidget

from kws_engine.operating.quality import figures_in, thresholds_in
from kws_engine.runs.folder import RunFolder
from kws_gui.bridges.jobs import LongJob
from kws_gui.pages.results.promise.head import PromiseHead
from kws_gui.pages.results.promise.view import PromiseView
from kws_gui.ready_model import ready_model
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.runs import Runs
from kws_gui.widgets.empty_state import EmptyState
from kws_gui.widgets.progress_row import ProgressRow

if TYPE_CHECKING:
    from kws_engine.operating.report import Report
    from kws_engine.spotting.model_file import Manifest

_NOTHING = (
    "How often this model misses its words, and how often it fires at other talk, was not measured here. It takes "
    "some seconds and sets the thresholds to a number of false alarms an hour."
)
_READY = "The ready model stays as it is: train one of your own to see where its figures come from."
_DONE = "The thresholds are set, and both numbers are measured."
_CANCELLED = "Cancelled: the model is as it was."


class PromiseController(QObject):
    """Owns the head and the view; the page puts them in their places.

    Signals:
        said(sentence): Something was done that Undo takes back.
        told(sentence): Something else came to its end.
        failed(sentence, details): Something did not work.
    """

    said = Signal(str)
    told = Signal(str)
    failed = Signal(str, str)

    def __init__(self, project: ProjectModel, runs: Runs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._project = project
        self._runs = runs
        self._path: Path | None = None
        self._measured: dict[Path, Report] = {}
        self._job: LongJob | None = None
        self._asked: Path | None = None
        self._is_in_front = True
        self._shown: tuple[Path, Report, dict[str, float]] | None = None
        self.head = PromiseHead()
        self.view = PromiseView()
        self.progress = ProgressRow()
        self.nothing = EmptyState("mdi6.gauge", _NOTHING, "Set thresholds and measure")
        self.panel = QStackedWidget()
        self.panel.addWidget(self.view)
        self.panel.addWidget(self.nothing)
        self.head.measureRequested.connect(self.measure)
        self.nothing.triggered.connect(self.measure)
        self.progress.cancelRequested.connect(self._on_cancel)
        self.view.useRequested.connect(self._on_use)
        self.view.failed.connect(lambda sentence: self.failed.emit(sentence, ""))

    def is_working(self) -> bool:
        """Whether a model is being measured."""
        return self._job is not None

    def show_model(self, path: Path | None) -> None:
        """Shows what is known of a model file; None for none."""
        self._path = path
        project = self._project.project
        self.head.setVisible(path is not None)
        if path is None or project is None:
            return
        report = self._report_of(path)
        self.head.setFigures(figures_in(path), report)
        self.panel.setCurrentWidget(self.view if report is not None else self.nothing)
        if report is not None:
            shown = (path, report, thresholds_in(path))
            if shown != self._shown:  # else thresholds that were moved, and not written yet, stay where they are
                self._shown = shown
                self.view.setReport(report, shown[2], model=path, project=project.folder)
        self._offer()

    def set_in_front(self, in_front: bool) -> None:
        """Whether the panel is shown: it has the button that measures, else the head has it."""
        if in_front != self._is_in_front:
            self._is_in_front = in_front
            self._offer()

    def measure(self) -> None:
        """Sets the model's thresholds and measures both numbers, in the background."""
        project, path = self._project.project, self._path
        if project is None or path is None or self._job is not None:
            return
        per_hour = self._project.settings.training.false_alarms_per_hour
        self._asked = path
        self._job = LongJob(partial(_measure, path, project.folder, per_hour), self)
        self._job.progressed.connect(self.progress.setProgress)
        self._job.finished.connect(self._on_measured)
        self._job.failed.connect(self._on_failed)
        self.progress.start("Setting the thresholds on talk, and counting misses and false alarms")
        self._job.start()
        self._offer()

    def shutdown(self) -> None:
        """Ends every thread."""
        if self._job is not None:
            self._job.wait()
        self.view.shutdown()

    def forget(self) -> None:
        """Another project was opened."""
        if self._job is not None:
            self._job.cancel()
        self._measured.clear()
        self._shown = None

    def _report_of(self, path: Path) -> Report | None:
        """As its run recorded it, or as it was measured in this window."""
        return RunFolder(path.parent).promise.read() or self._measured.get(path)

    # -- measuring

    def _on_measured(self, report: Report | None) -> None:
        asked = self._end()
        if report is None:
            if self._path == asked:  # else another project was opened meanwhile
                self.told.emit(_CANCELLED)
            return
        self._measured[asked] = report
        self._rewritten()
        self.told.emit(_DONE)

    def _on_failed(self, sentence: str, details: str) -> None:
        self._end()
        self.failed.emit(sentence, details)

    def _on_cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _end(self) -> Path:
        assert self._job is not None and self._asked is not None
        self._job.deleteLater()
        self._job = None
        self.progress.finish()
        self._offer()
        return self._asked

    def _offer(self) -> None:
        is_ready = self._path is not None and self._path == ready_model()
        self.nothing.setSentence(_READY if is_ready else _NOTHING)
        self.nothing.button().setVisible(not is_ready)
        self.head.measure.setVisible(not is_ready and not self._is_in_front)
        for button in (self.nothing.button(), self.head.measure):
            button.setEnabled(self._job is None)

    # -- thresholds

    def _on_use(self, thresholds: Mapping[str, float]) -> None:
        """Writes thresholds into the model file, undoable."""
        from kws_engine.runs.thresholds import set_thresholds  # onnxruntime loads here, at first use
        from kws_engine.spotting.rewriting import replace_manifest

        path = self._path
        report = self._report_of(path) if path is not None else None
        if path is None or report is None:
            return
        before: list[Manifest] = []

        def redo() -> None:
            before[:] = [set_thresholds(path, thresholds, report)]
            self._rewritten()

        def undo() -> None:
            replace_manifest(path, before[0])
            self._rewritten()

        if self._project.push("Set thresholds", redo=redo, undo=undo):
            self.said.emit("The model file has these thresholds now; Listen and the command line use them.")

    def _rewritten(self) -> None:
        """The model file has other content: whoever shows it reads it again."""
        self._project.reload_model()
        self._runs.read()


def _measure(
    path: Path,
    project: Path,
    per_hour: float,
    progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> Report | None:
    from kws_engine.runs.thresholds import measure_promise  # onnxruntime loads here, in the thread

    return measure_promise(path, project, per_hour, progress=progress, should_stop=should_stop)
