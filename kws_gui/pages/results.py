"""The Results page: a model judged on the project's clips, each of them to be heard; knows no training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from kws_engine.clips.split import Split
from kws_engine.evaluation.interval import wilson
from kws_gui import theme
from kws_gui.bridges.jobs import LongJob
from kws_gui.pages.results_clips import ClipList
from kws_gui.pages.results_source import ABOUT, PARTS, SourcePicker
from kws_gui.pages.results_weights import WeightsFold
from kws_gui.pages.results_words import WordTable
from kws_gui.pages.train_history import read_rows
from kws_gui.project_model import ProjectModel
from kws_gui.widgets.confusion import ConfusionMatrix
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.empty_state import EmptyState
from kws_gui.widgets.message_bar import MessageBar
from kws_gui.widgets.progress_row import ProgressRow

if TYPE_CHECKING:
    from kws_engine.evaluation.metrics import Evaluation

_NO_PROJECT = "Open a project: a model is judged on its clips."
_NO_MODEL = "Nothing is trained yet. Train a network, then see here what it gets right and wrong."
_LAST = (
    "Look at the testing part last, and once: whoever goes back to change something because of it has chosen by it, "
    "and no longer knows how well the model hears new recordings."
)
_SPECIAL = {"_unknown_": "other words", "_silence_": "silence"}


@dataclass(frozen=True)
class Judgement:
    """What is asked for, or was answered: this file on this part of the clips as they were."""

    model: Path
    part: Split
    clips: Sequence[Any]


class ResultsPage(QWidget):
    """Model and part above; matrix left; words and clips right.

    Signals:
        trainRequested(): There is no model; the Train page makes one.
        startRequested(): Nothing is open.
        wordsRequested(): The part has no clip.
    """

    trainRequested = Signal()
    startRequested = Signal()
    wordsRequested = Signal()

    def __init__(self, model: ProjectModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._evaluation: Evaluation | None = None
        self._shown: Judgement | None = None
        self._working: Judgement | None = None
        self._job: LongJob | None = None
        self._reading: LongJob | None = None
        self._read_again = self._is_shut = False
        self._agreed: set[Path] = set()
        self._given_up: Judgement | None = None
        self.messages = MessageBar()
        self.source = SourcePicker()
        self.progress = ProgressRow()
        self.accuracy = QLabel()
        self.about = ElidedLabel()
        self.matrix = ConfusionMatrix()
        self.words = WordTable()
        self.clips = ClipList()
        self.weights = WeightsFold()
        self._make_empty_states()
        self._lay_out()
        self._connect()
        self._on_opened()

    @property
    def evaluation(self) -> Evaluation | None:
        """What is shown."""
        return self._evaluation

    def is_working(self) -> bool:
        """Whether a model is being judged, or the runs are being read."""
        return self._job is not None or self._reading is not None

    def shutdown(self) -> None:
        """Ends sound and every thread of the page; none is started any more."""
        self._is_shut = True
        self.clips.shutdown()
        for job in (self._job, self._reading):
            if job is not None:
                job.wait()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._look()

    # -- what is asked for

    def _wanted(self) -> Judgement | None:
        project, path = self._model.project, self._model.model_path
        if project is None or path is None:
            return None
        return Judgement(path, self.source.part(), project.clips(split=self.source.part()))

    def _look(self) -> None:
        """Shows what there is, and starts judging where that is not what is asked for."""
        if not self.isVisible() or self._is_shut:
            return
        wanted = self._wanted()
        self.source.setVisible(self._model.project is not None)
        if wanted is None:
            self._pages.setCurrentWidget(self._no_project if self._model.project is None else self._no_model)
        elif not wanted.clips:
            self._no_clips.setSentence(_no_clips(wanted.part))
            self._pages.setCurrentWidget(self._no_clips)
        elif wanted.part == "testing" and wanted.model not in self._agreed:
            self._pages.setCurrentWidget(self._last)
        elif wanted == self._shown:
            self._pages.setCurrentWidget(self._results)
        elif wanted == self._given_up:
            self._pages.setCurrentWidget(self._again)
        else:
            self._judge(wanted)

    def _judge(self, wanted: Judgement) -> None:
        """One at a time: what runs for something else is cancelled, and its end starts this one."""
        if self._job is not None:
            if wanted != self._working:
                self._job.cancel()
            return
        self._working = wanted
        self._pages.setCurrentWidget(self._waiting)
        self.progress.start(f"Judging {wanted.model.name} on {len(wanted.clips)} {wanted.part} clips")
        self._job = LongJob(lambda progress, stop: _evaluated(wanted, progress, stop), self)
        self._job.progressed.connect(self.progress.setProgress)
        self._job.finished.connect(self._on_evaluated)
        self._job.failed.connect(self._on_failed)
        self._job.start()

    def _on_evaluated(self, evaluation: Evaluation) -> None:
        judged = self._end_job()
        if judged != self._given_up and judged == self._wanted():
            self._shown = judged
            self._show(evaluation)
        self._look()

    def _on_failed(self, sentence: str, details: str) -> None:
        judged = self._end_job()
        if judged == self._wanted():
            if judged != self._given_up:
                self.messages.showMessage("error", sentence, details=details)
            self._given_up = judged
        self._look()

    def _end_job(self) -> Judgement | None:
        assert self._job is not None
        self._job.deleteLater()
        self._job = None
        self.progress.finish()
        judged, self._working = self._working, None
        return judged

    def _on_cancel(self) -> None:
        self._given_up = self._working
        if self._job is not None:
            self._job.cancel()

    def _on_again(self) -> None:
        self._given_up = None
        self.messages.clear()
        self._look()

    def _on_agreed(self) -> None:
        assert self._model.model_path is not None
        self._agreed.add(self._model.model_path)
        self._look()

    # -- what is shown

    def _show(self, evaluation: Evaluation) -> None:
        assert self._shown is not None
        is_first, self._evaluation = self._evaluation is None, evaluation
        used = list(evaluation.per_word)
        self._names = _names(used)
        rows = [evaluation.labels.index(label) for label in used]
        self.matrix.setMatrix([self._names[label] for label in used], evaluation.counts[rows][:, rows])
        self.words.setEvaluation(evaluation, self._names)
        if is_first:  # later it stands where the person has put it
            self._right.setSizes([min(self.words.wholeHeight(), self._right.height() // 2), self._right.height()])
        self.clips.clear()
        self.weights.show_run(self._shown.model.parent)
        count = len(evaluation.judged)
        right = sum(one.label == one.predicted for one in evaluation.judged)
        interval = wilson(right, count)
        self.accuracy.setText(f"{interval.text()} right")
        bounds = f"{100 * interval.low:.0f} to {100 * interval.high:.0f}%"
        self.accuracy.setToolTip(f"{right} of {count} clips; 95 times in 100 the true share is {bounds} (Wilson 1927)")
        self.about.setFullText(f"{right} of {count} {self._shown.part} clips. {ABOUT[self._shown.part]}")
        self._tell_skipped(evaluation)

    def _tell_skipped(self, evaluation: Evaluation) -> None:
        skipped = [f"{one.path}: {one.reason}" for one in evaluation.skipped]
        if not skipped:
            self.messages.clear()
            return
        names = ", ".join(f"{one.path.parent.name}/{one.path.name}" for one in evaluation.skipped[:3])
        more = f" and {len(skipped) - 3} more" if len(skipped) > 3 else ""
        self.messages.showMessage(
            "warning", f"Left out, because they cannot be read: {names}{more}.", details="\n".join(skipped)
        )

    def _on_cell(self, said: str, heard: str) -> None:
        if self._evaluation is None:
            return
        labels = {name: label for label, name in self._names.items()}
        found = self._evaluation.clips(labels[said], labels[heard])
        count = f"{len(found)} clip" if len(found) == 1 else f"{len(found)} clips"
        what = "heard rightly" if said == heard else f"heard as “{heard}”"
        self.clips.setClips(f"{count} of “{said}” {what}", found)
        if found:
            self.clips.list.setFocus()

    # -- project, runs, model

    def _on_opened(self) -> None:
        self.messages.clear()
        self._shown = self._given_up = self._evaluation = None
        self.source.setPart("validation")
        self.source.setModels([], self._model.model_path)
        self._read_runs()
        self._look()

    def _read_runs(self) -> None:
        project = self._model.project
        if self._reading is not None:
            self._read_again = True
        elif project is not None and not self._is_shut:
            self._reading = LongJob(lambda _progress, _stop: read_rows(project.runs_folder), self)
            self._reading.finished.connect(self._on_runs)
            self._reading.failed.connect(self._on_runs_failed)
            self._reading.start()

    def _on_runs(self, rows: list[Any]) -> None:
        self._end_reading()
        self._rows = rows
        models = [row.run.model for row in rows if row.run.model is not None]
        if models and self._model.model_path is None:
            self._model.set_model_path(models[0])
        else:
            self._on_model()

    def _on_runs_failed(self, sentence: str, details: str) -> None:
        self._end_reading()
        self.messages.showMessage("error", sentence, details=details)

    def _end_reading(self) -> None:
        assert self._reading is not None
        self._reading.deleteLater()
        self._reading = None
        if self._read_again:
            self._read_again = False
            self._read_runs()

    def _on_model(self) -> None:
        self.source.setModels(self._rows, self._model.model_path)
        self._look()

    def _on_part(self) -> None:
        self._look()

    # -- making

    def _connect(self) -> None:
        self._rows: list[Any] = []
        self._names: dict[str, str] = {}
        self._model.opened.connect(self._on_opened)
        self._model.runsChanged.connect(self._read_runs)
        self._model.modelChanged.connect(self._on_model)
        self._model.clipsChanged.connect(self._look)
        self.source.modelChosen.connect(self._model.set_model_path)
        self.source.partChosen.connect(self._on_part)
        self.progress.cancelRequested.connect(self._on_cancel)
        self.matrix.cellActivated.connect(self._on_cell)
        self.clips.failed.connect(lambda sentence: self.messages.showMessage("error", sentence))

    def _make_empty_states(self) -> None:
        self._no_project = EmptyState("mdi6.folder-open-outline", _NO_PROJECT, "Open a project")
        self._no_model = EmptyState("mdi6.chart-line", _NO_MODEL, "Train")
        self._no_clips = EmptyState("mdi6.account-voice", "", "Record words")
        self._last = EmptyState("mdi6.seal", _LAST, "Judge on the testing part")
        self._again = EmptyState("mdi6.grid", "This model was not judged on these clips.", "Judge it now")
        self._waiting = QWidget()
        self._no_project.triggered.connect(self.startRequested)
        self._no_model.triggered.connect(self.trainRequested)
        self._no_clips.triggered.connect(self.wordsRequested)
        self._last.triggered.connect(self._on_agreed)
        self._again.triggered.connect(self._on_again)

    def _lay_out(self) -> None:
        title = QLabel("Results")
        theme.set_role(title, "title")
        header = QHBoxLayout()
        header.addWidget(title, 1)
        header.addWidget(self.source)
        self._results = self._make_results()
        self._pages = QStackedWidget()
        for page in (self._results, self._waiting, self._no_project, self._no_model, self._no_clips):
            self._pages.addWidget(page)
        self._pages.addWidget(self._last)
        self._pages.addWidget(self._again)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID)
        column.addLayout(header)
        column.addWidget(self.messages)
        column.addWidget(self.progress)
        column.addWidget(self._pages, 1)

    def _make_results(self) -> QWidget:
        theme.set_role(self.accuracy, "title")
        theme.set_role(self.about, "muted")
        right = QSplitter(Qt.Orientation.Vertical)
        right.addWidget(self.words)
        right.addWidget(self.clips)
        right.setStretchFactor(1, 1)
        self._right = right
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self.matrix)
        split.addWidget(right)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        for part in (right, split):
            part.setChildrenCollapsible(False)
        results = QWidget()
        column = QVBoxLayout(results)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        for widget in (self.accuracy, self.about):
            column.addWidget(widget)
        column.addSpacing(theme.GRID)
        column.addWidget(split, 1)
        column.addWidget(self.weights)
        return results


def _evaluated(wanted: Judgement, progress: Any, should_stop: Any) -> Evaluation:
    from kws_engine.evaluation.metrics import evaluate  # onnxruntime loads here, in the worker, at first use
    from kws_engine.spotting.model_file import SpottingModel

    return evaluate(SpottingModel(wanted.model), wanted.clips, progress=progress, should_stop=should_stop)


def _names(labels: list[str]) -> dict[str, str]:
    """Names for the screen, one to one: "other words" for `_unknown_`, unless that is a word of the project."""
    return {label: name if (name := _SPECIAL.get(label, label)) not in labels else label for label in labels}


def _no_clips(part: Split) -> str:
    takes = {"validation": 3, "testing": 7, "training": 1}[part]
    needed = f"record at least {takes} takes of each word" if takes > 1 else "record some takes of each word"
    return f"There is no clip in the {PARTS[part].lower()} part: {needed}, or import recordings of more speakers."
