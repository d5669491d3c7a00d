"""The Results page: what a model gets right and wrong, what went wrong in its run, and what a search found."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from kws_engine.clips.clip import key_at
from kws_engine.clips.split import Split
from kws_gui import theme
from kws_gui.bridges.latest import Latest
from kws_gui.pages.results.evaluating import EvaluationRequest, evaluate_model
from kws_gui.pages.results.evaluation_view import EvaluationView, describe_accuracy
from kws_gui.pages.results.findings import FindingsView
from kws_gui.pages.results.promise.controller import PromiseController
from kws_gui.pages.results.search import SweepView
from kws_gui.pages.results.source import PARTS, SourcePicker
from kws_gui.pages.results.unfinished import NoModelState
from kws_gui.pages.results.weights import WeightsView
from kws_gui.runs.rows import RunRow, accuracy_text
from kws_gui.services.services import Services
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.empty_state import EmptyState
from kws_gui.widgets.message_bar import MessageBar
from kws_gui.widgets.progress_row import ProgressRow
from kws_gui.widgets.segments import Segment, Segments

if TYPE_CHECKING:
    from kws_engine.evaluation.metrics import Evaluation

_LOW, _NARROW = 640, 800  # px
_NO_PROJECT = "Open a project: a model is evaluated on its clips."
_NO_MODEL = "Nothing is trained yet. Train a network, then see here what it gets right and wrong."
_LAST = (
    "Look at the testing part last, and once: whoever goes back to change something because of it has chosen by it, "
    "and no longer knows how well the model hears new recordings."
)
_VIEWS = (
    Segment(
        "promise",
        "Misses and false alarms",
        "Misses",
        "How often words are missed and other talk fires the model, and where to set its thresholds",
    ),
    Segment("clips", "Confusion", "Confusion", "Which words are taken for which"),
    Segment("findings", "Findings", "Findings", "What went wrong in this run, and what to do"),
    Segment("weights", "Weights", "Weights", "How the weights of each layer are spread"),
    Segment("search", "Search", "Search", "What the searches for better settings found"),
)


class ResultsPage(QWidget):
    """Model and part above, then both numbers that matter, one of five views below."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = services.project
        self._navigation = services.navigation
        self._runs = services.runs
        self._evaluation: Evaluation | None = None
        self._shown: EvaluationRequest | None = None
        self._asked: EvaluationRequest | None = None
        self._is_shut = False
        self._agreed: set[Path] = set()
        self._given_up: EvaluationRequest | None = None
        self.messages = MessageBar()
        self.source = SourcePicker()
        self.progress = ProgressRow()
        self.views = Segments(_VIEWS, "What to look at")
        self.accuracy = QLabel()
        self.evaluating = Latest(self)
        self.evaluation_view = EvaluationView()
        self.about = self.evaluation_view.about
        self.matrix = self.evaluation_view.matrix
        self.words = self.evaluation_view.words
        self.clips = self.evaluation_view.clips
        self.findings = FindingsView(services.project, services.navigation)
        self.weights = WeightsView()
        self.promise = PromiseController(services.project, services.runs, self)
        self.search = SweepView(services.project, services.navigation)
        self._make_empty_states()
        self._lay_out()
        self._connect()
        self._on_opened()

    @property
    def evaluation(self) -> Evaluation | None:
        """What is shown."""
        return self._evaluation

    def is_working(self) -> bool:
        """Whether a model is being evaluated or measured, or the runs are being read."""
        return self.evaluating.is_working() or self._runs.is_reading() or self.promise.is_working()

    def show_view(self, key: str) -> None:
        """Brings a view to the front: promise, clips, findings, weights or search."""
        self.views.choose(key)

    def show_search(self, name: str) -> None:
        """Brings what a search found to the front."""
        self.search.choose(name)
        self.show_view("search")
        self._look()

    def shutdown(self) -> None:
        """Ends sound and every thread of the page; none is started any more."""
        self._is_shut = True
        for part in (self.evaluation_view, self.evaluating, self.findings, self.search, self.promise):
            part.shutdown()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._look()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.promise.head.setLow(event.size().height() < _LOW)
        self.views.setShort(event.size().width() < _NARROW)

    # -- what is requested

    def _wanted(self) -> EvaluationRequest | None:
        project, path = self._model.project, self._model.model_path
        if project is None or path is None or self._model.run is not None:
            return None
        return EvaluationRequest(path, self.source.part(), project.clips(split=self.source.part()))

    def _look(self) -> None:
        """Shows what there is, and starts what is missing for it."""
        if not self.isVisible() or self._is_shut:
            return
        project = self._model.project
        path = self._model.model_path
        view = self.views.current()
        unfinished = self._unfinished()
        self._head.setVisible(project is not None)
        has_model = project is not None and path is not None and self._model.run is None
        self.promise.head.setVisible(has_model and view != "search")
        self.promise.set_in_front(view == "promise")
        self._sources.setCurrentWidget(self.search.picker if view == "search" else self.source)
        if project is None:
            self._bring(self._no_project)
        elif view == "search":
            self._bring(self.search)
            self.search.look()
        elif self._model.run is not None and unfinished is None:
            self._bring(self._waiting)  # its record is being read
        elif unfinished is not None and view != "findings":
            self._no_model_of_run.setRun(unfinished)
            self._bring(self._no_model_of_run)
        elif path is None and unfinished is None:
            self._bring(self._no_model)
        elif view == "promise":
            self._bring(self.promise.panel)
        elif view == "clips":
            self._look_at_clips()
        else:
            self._bring(self.findings if view == "findings" else self.weights)
        if project is not None and not self.evaluating.is_working():  # one after the other: each keeps a core busy
            folder = unfinished.folder if unfinished is not None else path.parent if path else None
            self.findings.show_run(folder, unfinished=unfinished)

    def _unfinished(self) -> RunRow | None:
        """The run that is looked at, where it has no model."""
        row = self._runs.row(self._model.run)
        return row if row is not None and row.run.model is None else None

    def _look_at_clips(self) -> None:
        wanted = self._wanted()
        assert wanted is not None
        if not wanted.clips:
            self._no_clips.setSentence(_no_clips(wanted.part))
            self._bring(self._no_clips)
        elif wanted.part == "testing" and wanted.model not in self._agreed:
            self._bring(self._last)
        elif wanted == self._shown:
            self._bring(self.evaluation_view)
        elif wanted == self._given_up:
            self._bring(self._again)
        else:
            self._bring(self._waiting)
            if wanted != self._asked:
                self._evaluate(wanted)

    def _evaluate(self, wanted: EvaluationRequest) -> None:
        self._asked = wanted
        self.progress.start(f"Evaluating {wanted.model.name} on {len(wanted.clips)} {wanted.part} clips")
        self.evaluating.ask(partial(evaluate_model, wanted))

    def _bring(self, page: QWidget) -> None:
        self._pages.setCurrentWidget(page)
        self._headline.setCurrentWidget(self._headlines.get(page, self._no_headline))

    def _on_evaluated(self, evaluation: Evaluation) -> None:
        asked = self._asked
        self._asked = None
        if asked == self._wanted():
            self._shown = asked
            self._show(evaluation)

    def _on_failed(self, sentence: str, details: str) -> None:
        asked = self._asked
        self._asked = None
        if asked == self._wanted():
            self.messages.showMessage("error", sentence, details=details)
            self._given_up = asked

    def _on_idle(self) -> None:
        self.progress.finish()
        self._look()

    def _on_cancel(self) -> None:
        self._given_up = self._asked
        self._asked = None
        self.evaluating.cancel()

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
        self._evaluation = evaluation
        self.evaluation_view.setEvaluation(evaluation, self._shown.part)
        headline, whole = describe_accuracy(evaluation)
        self.accuracy.setText(headline)
        self.accuracy.setToolTip(whole)
        self._tell_skipped(evaluation)

    def _tell_skipped(self, evaluation: Evaluation) -> None:
        skipped = [f"{one.path}: {one.reason}" for one in evaluation.skipped]
        if not skipped:
            self.messages.clear()
            return
        names = ", ".join(key_at(one.path) for one in evaluation.skipped[:3])
        more = f" and {len(skipped) - 3} more" if len(skipped) > 3 else ""
        self.messages.showMessage(
            "warning", f"Left out, because they cannot be read: {names}{more}.", details="\n".join(skipped)
        )

    def _on_counted(self, words: str) -> None:
        self._found.setText(words)
        count = len(self.findings.diagnosis.findings)
        self.views.button("findings").setText(f"Findings ({count})" if count else "Findings")

    def _on_said(self, sentence: str) -> None:
        self.messages.showMessage("info", sentence, remedy="Undo", action="undo")

    def _on_undo(self) -> None:
        self.messages.clear()
        self._model.undo_stack.undo()

    def _on_undo_stack(self) -> None:
        """Clears a sentence whose button would now undo something else."""
        if self.messages.action() == "undo":
            self.messages.clear()

    def _say_error(self, sentence: str) -> None:
        self.messages.showMessage("error", sentence)

    # -- project, runs, model

    def _on_opened(self) -> None:
        self.messages.clear()
        self.evaluating.cancel()
        self._asked = None
        self._shown = None
        self._given_up = None
        self._evaluation = None
        self.evaluation_view.forget()
        self.promise.forget()
        self.findings.diagnosis.forget()
        self.search.forget()
        self.source.setPart("validation")
        self._on_run()

    def _on_runs_failed(self, sentence: str, details: str) -> None:
        if self.isVisible():
            self.messages.showMessage("error", sentence, details=details)

    def _on_model(self) -> None:
        path = self._model.model_path
        run = self._model.run
        self.source.setModels(self._runs.rows, run or path)
        self.source.parts.setEnabled(run is None)
        self.promise.show_model(path if run is None else None)
        row = self._runs.row(path.parent) if path is not None else None
        self._accuracy.setFullText(accuracy_text(row) if row is not None else "")
        if path is not None and run is None:
            self.weights.show_run(path.parent)
        self._look()

    def _on_run(self) -> None:
        """What went wrong in a run comes first; its other views need a model."""
        self._on_model()
        if self._model.run is not None:
            self.show_view("findings")

    def _on_trial(self) -> None:
        """A trial's model was chosen: what it gets right and wrong."""
        self.show_view("clips")

    def _on_thresholds(self) -> None:
        self.show_view("promise")
        self.promise.view.panels.choose("thresholds")

    def _on_part(self) -> None:
        self.show_view("clips")
        self._look()

    # -- making

    def _connect(self) -> None:
        self._model.opened.connect(self._on_opened)
        self._model.modelChanged.connect(self._on_model)
        self._model.runChanged.connect(self._on_run)
        self._model.clipsChanged.connect(self._look)
        self._model.undo_stack.changed.connect(self._on_undo_stack)
        self._runs.changed.connect(self._on_model)
        self._runs.failed.connect(self._on_runs_failed)
        self.views.chosen.connect(lambda _key: self._look())
        self.source.modelChosen.connect(self._model.set_model_path)
        self.source.runChosen.connect(self._model.look_at_run)
        self.source.partChosen.connect(self._on_part)
        self.evaluating.progressed.connect(self.progress.setProgress)
        self.evaluating.answered.connect(self._on_evaluated)
        self.evaluating.failed.connect(self._on_failed)
        self.evaluating.idle.connect(self._on_idle)
        self.progress.cancelRequested.connect(self._on_cancel)
        self.messages.remedyTriggered.connect(self._on_undo)
        self.weights.headlineChanged.connect(self._weights.setFullText)
        self.findings.counted.connect(self._on_counted)
        self.findings.thresholdsRequested.connect(self._on_thresholds)
        self.findings.said.connect(self._on_said)
        self.findings.nothingDone.connect(lambda sentence: self.messages.showMessage("info", sentence))
        self.search.headlineChanged.connect(self._search.setFullText)
        self.search.runRequested.connect(self._on_trial)
        self._navigation.searchRequested.connect(self.show_search)
        self.promise.said.connect(self._on_said)
        self.promise.told.connect(lambda sentence: self.messages.showMessage("success", sentence))
        self.promise.failed.connect(
            lambda sentence, details: self.messages.showMessage("error", sentence, details=details)
        )
        for failed in (self.evaluation_view.failed, self.findings.failed, self.search.failed):
            failed.connect(self._say_error)

    def _on_finish(self) -> None:
        assert self._model.run is not None
        self._navigation.make_model(self._model.run)

    def _make_empty_states(self) -> None:
        self._no_project = EmptyState("mdi6.folder-open-outline", _NO_PROJECT, "Open a project")
        self._no_model = EmptyState("mdi6.chart-line", _NO_MODEL, "Train")
        self._no_model_of_run = NoModelState()
        self._no_model_of_run.finishRequested.connect(self._on_finish)
        self._no_model_of_run.findingsRequested.connect(lambda: self.show_view("findings"))
        self._no_clips = EmptyState("mdi6.account-voice", "", "Record words")
        self._last = EmptyState("mdi6.seal", _LAST, "Judge on the testing part")
        self._again = EmptyState("mdi6.grid", "This model was not evaluated on these clips.", "Evaluate it now")
        self._waiting = QWidget()
        self._no_project.triggered.connect(lambda: self._navigation.show_page("start"))
        self._no_model.triggered.connect(lambda: self._navigation.show_page("train"))
        self._no_clips.triggered.connect(lambda: self._navigation.show_page("words"))
        self._last.triggered.connect(self._on_agreed)
        self._again.triggered.connect(self._on_again)

    def _lay_out(self) -> None:
        title = QLabel("Results")
        theme.set_role(title, "title")
        self._sources = QStackedWidget()
        self._sources.addWidget(self.source)
        self._sources.addWidget(self.search.picker)
        header = QHBoxLayout()
        header.addWidget(title, 1)
        header.addWidget(self._sources)
        self._pages = QStackedWidget()
        empty = (
            self._waiting,
            self._no_project,
            self._no_model,
            self._no_model_of_run,
            self._no_clips,
            self._last,
            self._again,
        )
        for page in (self.promise.panel, self.evaluation_view, self.findings, self.weights, self.search, *empty):
            self._pages.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID)
        column.addLayout(header)
        column.addWidget(self.promise.head)
        column.addWidget(self._make_head())
        column.addWidget(self.progress)
        column.addWidget(self.promise.progress)
        column.addWidget(self._pages, 1)
        self.messages.lieOver(self, free=[self._sources, self.views])

    def _make_head(self) -> QWidget:
        """The headline of each view, and the choice between the views."""
        self._found = QLabel()
        self._no_headline = QLabel()
        self._weights = ElidedLabel()
        self._search = ElidedLabel()
        self._accuracy = ElidedLabel()
        self._headlines: dict[QWidget, QWidget] = {
            self.evaluation_view: self.accuracy,
            self.findings: self._found,
            self.weights: self._weights,
            self.search: self._search,
        }
        self._headlines[self.promise.panel] = self._accuracy
        self._headline = QStackedWidget()
        for label in (*self._headlines.values(), self._no_headline):
            is_second = label in (self.accuracy, self._accuracy)  # to misses and false alarms
            theme.set_role(label, "muted" if is_second else "title")
            self._headline.addWidget(label)
        self._head = QWidget()
        row = QHBoxLayout(self._head)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GROUP)
        row.addWidget(self._headline, 1)
        row.addWidget(self.views)
        self.views.button("findings").setMinimumWidth(
            self.fontMetrics().horizontalAdvance("Findings (10)") + 2 * theme.GROUP
        )
        return self._head


def _no_clips(part: Split) -> str:
    takes = {"validation": 2, "testing": 10, "training": 1}[part]
    needed = f"record at least {takes} takes of each word" if takes > 1 else "record some takes of each word"
    return f"There is no clip in the {PARTS[part].lower()} part: {needed}, or import recordings of more speakers."
