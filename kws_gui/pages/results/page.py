"""The Results page: what a model gets right and wrong, what went wrong in its run, what a search found; trains nothing.

Everything that takes time is done elsewhere and shown when it is there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from kws_engine.clips.split import Split
from kws_gui import theme
from kws_gui.pages.results.evaluating import Judgement, Judging
from kws_gui.pages.results.evaluation_view import JudgedView, in_words
from kws_gui.pages.results.findings import FindingsView
from kws_gui.pages.results.search import SweepView
from kws_gui.pages.results.source import PARTS, SourcePicker, has_ended
from kws_gui.pages.results.unfinished import NoModelState
from kws_gui.pages.results.weights import WeightsView
from kws_gui.pages.train.run_list import RunRow
from kws_gui.runs.reading import RunsReading
from kws_gui.services.project_model import ProjectModel
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.empty_state import EmptyState
from kws_gui.widgets.message_bar import MessageBar
from kws_gui.widgets.progress_row import ProgressRow
from kws_gui.widgets.segments import Segment, Segments

if TYPE_CHECKING:
    from kws_engine.evaluation.metrics import Evaluation

_NO_PROJECT = "Open a project: a model is judged on its clips."
_NO_MODEL = "Nothing is trained yet. Train a network, then see here what it gets right and wrong."
_LAST = (
    "Look at the testing part last, and once: whoever goes back to change something because of it has chosen by it, "
    "and no longer knows how well the model hears new recordings."
)
_VIEWS = (
    Segment("clips", "Confusion", "Confusion", "Which words are taken for which"),
    Segment("findings", "Findings", "Findings", "What went wrong in this run, and what to do"),
    Segment("weights", "Weights", "Weights", "How the weights of each layer are spread"),
    Segment("search", "Search", "Search", "What the searches for better settings found"),
)


class ResultsPage(QWidget):
    """Model and part above, one of four views below.

    Signals:
        trainRequested(): There is no model, or settings were put on the form; the Train page goes on.
        startRequested(): Nothing is open.
        wordsRequested(): The part has no clip.
        wordRequested(word), importRequested(): A remedy needs recordings.
        searchRequested(): Settings are to be searched.
        finishRequested(folder): A model is to be made of a run's best epoch, on the Train page.
    """

    trainRequested = Signal()
    startRequested = Signal()
    wordsRequested = Signal()
    wordRequested = Signal(str)
    importRequested = Signal()
    searchRequested = Signal()
    finishRequested = Signal(object)

    def __init__(self, model: ProjectModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._evaluation: Evaluation | None = None
        self._shown: Judgement | None = None
        self._is_shut = False
        self._rows: list[Any] = []
        self._agreed: set[Path] = set()
        self._given_up: Judgement | None = None
        self.messages = MessageBar()
        self.source = SourcePicker()
        self.progress = ProgressRow()
        self.views = Segments(_VIEWS, "What to look at")
        self.accuracy = QLabel()
        self.judging = Judging(self)
        self.runs = RunsReading(self)
        self.judged = JudgedView()
        self.about, self.matrix, self.words = self.judged.about, self.judged.matrix, self.judged.words
        self.clips = self.judged.clips
        self.findings = FindingsView(model)
        self.weights = WeightsView()
        self.search = SweepView(model)
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
        return self.judging.is_running() or self.runs.is_running()

    def show_view(self, key: str) -> None:
        """Brings a view to the front: clips, findings, weights or search."""
        self.views.choose(key)

    def show_search(self, name: str) -> None:
        """Brings what a search found to the front."""
        self.search.choose(name)
        self.show_view("search")
        self._look()

    def shutdown(self) -> None:
        """Ends sound and every thread of the page; none is started any more."""
        self._is_shut = True
        for part in (self.judged, self.judging, self.findings, self.search, self.runs):
            part.shutdown()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._look()

    # -- what is asked for

    def _wanted(self) -> Judgement | None:
        project, path = self._model.project, self._model.model_path
        if project is None or path is None or self._model.run is not None:
            return None
        return Judgement(path, self.source.part(), project.clips(split=self.source.part()))

    def _look(self) -> None:
        """Shows what there is, and starts what is missing for it."""
        if not self.isVisible() or self._is_shut:
            return
        project, path, view = self._model.project, self._model.model_path, self.views.current()
        unfinished = self._unfinished()
        self._head.setVisible(project is not None)
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
        elif view == "clips":
            self._look_at_clips()
        else:
            self._bring(self.findings if view == "findings" else self.weights)
        if project is not None and not self.judging.is_running():  # one after the other: each keeps a core busy
            folder = unfinished.folder if unfinished is not None else path.parent if path else None
            self.findings.show_run(folder, unfinished=unfinished)

    def _unfinished(self) -> RunRow | None:
        """The run that is looked at, where it has no model."""
        return next((row for row in self._rows if row.folder == self._model.run and row.run.model is None), None)

    def _look_at_clips(self) -> None:
        wanted = self._wanted()
        assert wanted is not None
        if not wanted.clips:
            self._no_clips.setSentence(_no_clips(wanted.part))
            self._bring(self._no_clips)
        elif wanted.part == "testing" and wanted.model not in self._agreed:
            self._bring(self._last)
        elif wanted == self._shown:
            self._bring(self.judged)
        elif wanted == self._given_up:
            self._bring(self._again)
        elif self.judging.begin(wanted):
            self._bring(self._waiting)
            self.progress.start(f"Judging {wanted.model.name} on {len(wanted.clips)} {wanted.part} clips")

    def _bring(self, page: QWidget) -> None:
        self._pages.setCurrentWidget(page)
        self._headline.setCurrentWidget(self._headlines.get(page, self._no_headline))

    def _on_evaluated(self, judged: Judgement, evaluation: Evaluation) -> None:
        self.progress.finish()
        if judged != self._given_up and judged == self._wanted():
            self._shown = judged
            self._show(evaluation)
        self._look()

    def _on_failed(self, judged: Judgement, sentence: str, details: str) -> None:
        self.progress.finish()
        if judged == self._wanted():
            if judged != self._given_up:
                self.messages.showMessage("error", sentence, details=details)
            self._given_up = judged
        self._look()

    def _on_cancel(self) -> None:
        self._given_up = self.judging.working
        self.judging.cancel()

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
        self.judged.setEvaluation(evaluation, self._shown.part)
        headline, whole = in_words(evaluation)
        self.accuracy.setText(headline)
        self.accuracy.setToolTip(whole)
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
        """The button would take back something else than what is said beside it."""
        if self.messages.action() == "undo":
            self.messages.clear()

    def _say_error(self, sentence: str) -> None:
        self.messages.showMessage("error", sentence)

    # -- project, runs, model

    def _on_opened(self) -> None:
        self.messages.clear()
        self._shown = self._given_up = self._evaluation = None
        self.judged.forget()
        self.findings.diagnosis.forget()
        self.search.forget()
        self.source.setPart("validation")
        self._rows = []
        self._read_runs()
        self._on_run()

    def _read_runs(self) -> None:
        if self._model.project is not None:
            self.runs.read(self._model.project.runs_folder)

    def _on_runs(self, folder: Path, rows: list[Any]) -> None:
        if self._model.project is None or folder != self._model.project.runs_folder:
            return  # those of the project that is open now are read next
        self._rows = rows
        models = [row.run.model for row in rows if row.run.model is not None]
        ended = [row for row in rows if has_ended(row)]
        looked_at = next((row for row in ended if row.folder == self._model.run), None)
        if looked_at is not None and looked_at.run.model is not None:  # it came to one
            self._model.set_model_path(looked_at.run.model)
        elif looked_at is None and self._model.run is not None:
            self._model.look_at_run(None)
        if models and self._model.model_path is None and self._model.run is None:
            self._model.set_model_path(models[0])
        elif ended and self._model.model_path is None and self._model.run is None:
            self._model.look_at_run(ended[0].folder)
        else:
            self._on_model()

    def _on_runs_failed(self, sentence: str, details: str) -> None:
        self.messages.showMessage("error", sentence, details=details)

    def _on_model(self) -> None:
        path, run = self._model.model_path, self._model.run
        self.source.setModels(self._rows, run or path)
        self.source.parts.setEnabled(run is None)
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

    def _on_part(self) -> None:
        self.show_view("clips")
        self._look()

    # -- making

    def _connect(self) -> None:
        self._model.opened.connect(self._on_opened)
        self._model.runsChanged.connect(self._read_runs)
        self._model.modelChanged.connect(self._on_model)
        self._model.runChanged.connect(self._on_run)
        self._model.clipsChanged.connect(self._look)
        self._model.undo_stack.changed.connect(self._on_undo_stack)
        self.views.chosen.connect(lambda _key: self._look())
        self.source.modelChosen.connect(self._model.set_model_path)
        self.source.runChosen.connect(self._model.look_at_run)
        self.source.partChosen.connect(self._on_part)
        self.runs.finished.connect(self._on_runs)
        self.runs.failed.connect(self._on_runs_failed)
        self.judging.progressed.connect(self.progress.setProgress)
        self.judging.finished.connect(self._on_evaluated)
        self.judging.failed.connect(self._on_failed)
        self.progress.cancelRequested.connect(self._on_cancel)
        self.messages.remedyTriggered.connect(self._on_undo)
        self.weights.told.connect(self._weights.setFullText)
        self.findings.counted.connect(self._on_counted)
        self.findings.said.connect(self._on_said)
        self.findings.nothingDone.connect(lambda sentence: self.messages.showMessage("info", sentence))
        self.findings.finishRequested.connect(self.finishRequested)
        self.findings.wordRequested.connect(self._on_word)
        self.findings.importRequested.connect(self.importRequested)
        self.findings.searchRequested.connect(self.searchRequested)
        self.search.told.connect(self._search.setFullText)
        self.search.runRequested.connect(self._on_trial)
        self.search.searchRequested.connect(self.searchRequested)
        for part in (self.findings, self.search):
            part.trainRequested.connect(self.trainRequested)
        for part in (self.judged, self.findings, self.search):
            part.failed.connect(self._say_error)

    def _on_word(self, word: str) -> None:
        if word:
            self.wordRequested.emit(word)
        else:
            self.wordsRequested.emit()

    def _make_empty_states(self) -> None:
        self._no_project = EmptyState("mdi6.folder-open-outline", _NO_PROJECT, "Open a project")
        self._no_model = EmptyState("mdi6.chart-line", _NO_MODEL, "Train")
        self._no_model_of_run = NoModelState()
        self._no_model_of_run.finishRequested.connect(lambda: self.finishRequested.emit(self._model.run))
        self._no_model_of_run.findingsRequested.connect(lambda: self.show_view("findings"))
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
        for page in (self.judged, self.findings, self.weights, self.search, *empty):
            self._pages.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID)
        column.addLayout(header)
        column.addWidget(self._make_head())
        column.addWidget(self.messages)
        column.addWidget(self.progress)
        column.addWidget(self._pages, 1)

    def _make_head(self) -> QWidget:
        """What each view says in few words, and the choice between them."""
        self._found, self._no_headline = QLabel(), QLabel()
        self._weights, self._search = ElidedLabel(), ElidedLabel()
        self._headlines: dict[QWidget, QWidget] = {
            self.judged: self.accuracy, self.findings: self._found, self.weights: self._weights,
            self.search: self._search,
        }  # fmt: skip
        self._headline = QStackedWidget()
        for label in (*self._headlines.values(), self._no_headline):
            theme.set_role(label, "title")
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
    takes = {"validation": 3, "testing": 7, "training": 1}[part]
    needed = f"record at least {takes} takes of each word" if takes > 1 else "record some takes of each word"
    return f"There is no clip in the {PARTS[part].lower()} part: {needed}, or import recordings of more speakers."
