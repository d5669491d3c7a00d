"""The Search page: options and their ranges left, trials as they run right; knows neither torch nor another page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from kws_engine.errors import SpecError
from kws_engine.runs.minimum_clips import missing_clips
from kws_engine.sweeps.events import (
    SweepEnded,
    SweepFailed,
    SweepStarted,
    TrialEnded,
    TrialEpoch,
    TrialStarted,
    WorkerLost,
)
from kws_engine.sweeps.folder import PastSweep, past_sweeps
from kws_engine.sweeps.job import SweepJob
from kws_engine.sweeps.space import parse
from kws_gui import theme
from kws_gui.bridges.jobs import LongJob
from kws_gui.bridges.sweep import SweepBridge
from kws_gui.bridges.training import training_threads
from kws_gui.pages.search.form import SweepForm
from kws_gui.pages.search.option_row import short_title
from kws_gui.pages.search.panels import SearchCard, TrialsView
from kws_gui.pages.train.run_list import counted
from kws_gui.runs.trials import open_trial, titles_of, use_settings, value_text
from kws_gui.services.project_model import ProjectModel
from kws_gui.widgets.empty_state import EmptyState
from kws_gui.widgets.message_bar import MessageBar

if TYPE_CHECKING:
    from kws_engine.sweeps.results import Results

_NEW = "New search"
_NO_PROJECT = "Open a project: a search trains networks on its recordings."
_HOW = (
    "Add the options on the left that shall be tried, such as the learning rate or the width, then press Start. "
    "Each trial trains a network with other values and leaves its model behind."
)


class SweepPage(QWidget):
    """Form, Start, trials.

    Signals:
        trainRequested(): Back to the form, where the best trial's settings may be by now.
        resultsRequested(): `model.model_path` is a trial's model.
        searchResultsRequested(name): What mattered in that search.
        wordsRequested(): There is too little to train on.
        startRequested(): Nothing is open.
    """

    trainRequested = Signal()
    resultsRequested = Signal()
    searchResultsRequested = Signal(str)
    wordsRequested = Signal()
    startRequested = Signal()

    def __init__(self, model: ProjectModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._past: list[PastSweep] = []
        self._results: Results | None = None
        self._name = ""
        self._job: LongJob | None = None
        self._read_again = self._is_shut = self._stop_asked = False
        self.messages = MessageBar()
        self.form = SweepForm()
        self.card, self.trials = SearchCard(self.form), TrialsView()
        self.start, self.back = self.card.start, self.card.back
        self.table, self.progress = self.trials.table, self.trials.progress
        self.sweeps = QComboBox()
        self.bridge = SweepBridge(self)
        self._nothing_open = EmptyState("mdi6.folder-open-outline", _NO_PROJECT, "Open a project")
        self._too_little = EmptyState("mdi6.account-voice", "", "Record words")
        self._how = EmptyState("mdi6.tune-variant", _HOW)
        self._lay_out()
        self._connect()
        self._on_opened()

    def is_running(self) -> bool:
        """Whether a search is going on."""
        return self.bridge.is_running()

    def is_reading(self) -> bool:
        """Whether a search of before is being read."""
        return self._job is not None

    def shutdown(self) -> None:
        """Ends every process and thread of the page; what is finished is kept."""
        self._is_shut = True
        self.bridge.shutdown()
        if self._job is not None:
            self._job.wait()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._on_settings()
        self._look()

    # -- a search of before, or a new one

    def _on_opened(self) -> None:
        self.messages.clear()
        self._name, self._results = "", None
        self._read_past()
        self._on_settings()
        self.form.show_storage(None, {})
        self.form.show_past(None)
        self.table.set_options({}, by="loss")
        self._look()

    def _read_past(self) -> None:
        """The searches of the project in the box; their names are in files of a few lines."""
        project = self._model.project
        self._past = past_sweeps(project.folder) if project else []
        blocker = QSignalBlocker(self.sweeps)
        self.sweeps.clear()
        self.sweeps.addItem(_NEW, "")
        for past in self._past:
            self.sweeps.addItem(past.name, past.name)
        self.sweeps.setCurrentIndex(max(0, self.sweeps.findData(self._name)))
        blocker.unblock()

    def _on_sweep(self) -> None:
        self._name, self._results = str(self.sweeps.currentData()), None
        self.messages.clear()
        past = next((past for past in self._past if past.name == self._name), None)
        self.table.set_options({}, by="loss")
        self.form.show_storage(past, self._model.addresses)
        if past is None:
            self.form.show_past(None)
        else:
            self._read()
        self._look()

    def _read(self) -> None:
        """The trials of the search that is shown, off this thread."""
        project, name = self._model.project, self._name
        if self._job is not None:
            self._read_again = True
        elif project is not None and name and not self._is_shut:
            folder, address = project.folder, self.form.address()
            self._job = LongJob(lambda _progress, _stop: _results(folder, name, address), self)
            self._job.finished.connect(self._on_read)
            self._job.failed.connect(self._on_read_failed)
            self._job.start()

    def _on_read(self, results: Results) -> None:
        self._end_reading()
        if results.name != self._name:
            return
        self._results = results
        past = next((past for past in self._past if past.name == self._name), None)
        if past is not None and not self.form.is_fixed():
            self.form.show_past(past, options=results.space.settings)
        titles = titles_of(results)
        if self.table.paths() != tuple(titles):
            self.table.set_options(titles, by=results.by)
        self.table.add_past(results.trials)
        self._look()

    def _on_read_failed(self, sentence: str, details: str) -> None:
        self._end_reading()
        self.messages.showMessage("error", sentence, details=details)
        if self.form.address():  # whose password may be missing
            self.form.more.setOpen(True)

    def _end_reading(self) -> None:
        assert self._job is not None
        self._job.deleteLater()
        self._job = None
        if self._read_again:
            self._read_again = False
            self._read()

    # -- starting and stopping

    def _on_start(self) -> None:
        if self.is_running():
            self._stop_asked = True
            self._show_button()
            self.bridge.stop()
        elif self.start.isEnabled() and self._model.project is not None and not self._refuses():
            self._begin(self._model.project.folder)

    def _refuses(self) -> bool:
        """Says what does not fit, at its row."""
        if mistake := self.form.storage.mistake():
            self.form.more.setOpen(True)
            self.card.bring(self.form.storage)
            self.messages.showMessage("error", f"Storage: {mistake}.")
            return True
        if self.form.is_fixed():
            return False
        mistakes = self.form.mistakes()
        if not mistakes:
            try:
                parse(self._model.settings, self.form.assignments())
                return False
            except SpecError as error:
                self.messages.showMessage("error", f"{error}.")
                return True
        self.card.bring(mistakes[0])
        self.messages.showMessage("error", f"{mistakes[0].option.title}: {mistakes[0].mistake()}")
        return True

    def _begin(self, project: Path) -> None:
        self.messages.clear()
        self._stop_asked = False
        workers, fixed = self.form.workers.value(), self.form.is_fixed()
        self._model.remember_address(self.form.address())
        job = SweepJob(
            project,
            () if fixed else self.form.assignments(),
            None if fixed else self._model.settings.to_dict(),
            self._name if fixed else "",
            self.form.trials.value(),
            self.form.by.currentData(),
            self.form.pruning.currentData(),
            self.form.address(),
            threads=max(1, training_threads() // workers),
        )
        self.bridge.start(job, workers=workers)
        self.progress.start("Starting")
        self._look()

    def _on_started(self, event: SweepStarted) -> None:
        self._name = event.name
        self._read_past()
        past = next((past for past in self._past if past.name == event.name), None)
        titles = {row.path: short_title(row.path, row.option.title) for row in self.form.rows()}
        if self.table.paths() != tuple(event.options) or not self.form.is_fixed():
            self.table.set_options({path: titles.get(path, path) for path in event.options}, by=event.by)
        self.form.show_storage(past, self._model.addresses)
        if past is not None and not self.form.is_fixed():
            self.form.show_past(past, options=self._model.settings)
        self.progress.setWhat(f"Searching {', '.join(titles.values()).lower()}")
        self._tell_progress()
        self._read()  # what was found before
        self._look()

    def _on_trial(self, event: TrialStarted) -> None:
        self.table.begin(event.number, event.options)
        self._look()

    def _on_epoch(self, event: TrialEpoch) -> None:
        loss = event.validation_loss if self.form.by.currentData() == "loss" else event.validation_accuracy
        self.table.advance(event.number, event.epoch, event.epochs, loss)

    def _on_trial_ended(self, event: TrialEnded) -> None:
        self.table.end(event.trial)
        self._tell_progress()
        self._tell_best()

    def _on_lost(self, event: WorkerLost) -> None:
        self.messages.showMessage("warning", f"{event.message}.")

    def _on_ended(self, event: SweepEnded) -> None:
        self._on_over()
        reached = f" Best: {value_text(event.best.value, self.form.by.currentData())}." if event.best else ""
        left = f"{event.finished} of {counted(self.form.trials.value(), 'trial')} finished"
        words = f"Stopped, {left}; it can go on at any time.{reached}" if event.stopped else f"Done, {left}.{reached}"
        self.messages.showMessage("info" if event.stopped else "success", words)

    def _on_failed(self, event: SweepFailed) -> None:
        self._on_over()
        self.messages.showMessage("error", f"{event.message}.", details=event.traceback)

    def _on_over(self) -> None:
        self.progress.finish()
        self.table.lose_running()
        self._read_past()
        self._read()
        self._look()

    # -- what is shown

    def _on_address(self) -> None:
        """The address of a search's storage, entered again with its password."""
        if self._name:
            self.messages.clear()
            self._model.remember_address(self.form.address())
            self._read()

    def _on_settings(self) -> None:
        if not self.form.is_fixed() and self._model.project is not None:
            self.form.set_settings(self._model.settings)

    def _look(self) -> None:
        project = self._model.project
        self._pages.setCurrentWidget(self._nothing_open if project is None else self._work)
        if project is None:
            return
        missing = missing_clips(project.table(), project.words)
        self._too_little.setSentence(missing)
        there = bool(self.table.rows()) or self.is_running() or self.is_reading()
        self._right.setCurrentWidget(self.trials if there else self._too_little if missing else self._how)
        self._show_button()
        self._tell_best()

    def _show_button(self) -> None:
        running, stopping = self.is_running(), self.is_running() and self._stop_asked
        goes_on = self.form.is_fixed()
        self.start.setText("Stopping …" if stopping else "Stop" if running else "Go on" if goes_on else "Start")
        theme.set_icon(self.start, "mdi6.stop" if running else "mdi6.play", role="on_accent")
        self.form.setEnabled(not running)
        self.sweeps.setEnabled(not running)
        project = self._model.project
        missing = missing_clips(project.table(), project.words) if project is not None else ""
        why = missing or ("" if self.form.rows() else "Add an option to search first")
        self.start.setEnabled(not stopping if running else not why)
        what = "Stop; what is finished is kept" if running else why or "Train a network for each trial"
        self.start.setToolTip(what if why and not running else f"{what} (Ctrl+Return)")

    def _tell_progress(self) -> None:
        self.progress.setProgress(min(self.table.finished(), self.form.trials.value()), self.form.trials.value())

    def _tell_best(self) -> None:
        best = self.table.best()
        by = self._results.by if self._results else self.form.by.currentData()
        said = f"{counted(self.table.finished(), 'trial')} finished" if self.table.rows() else "Reading …"
        best_is = f" · best: trial {best.number}, {value_text(best.value, by)}" if best else ""
        self.trials.headline.setFullText(said + best_is)
        for button in (self.trials.use, self.trials.open_run):
            button.setEnabled(best is not None and self._results is not None)
        self.trials.matters.setEnabled(bool(self._name))

    # -- what is done with it

    def _on_use(self) -> None:
        results = self._results
        if results is not None and results.best is not None:
            if use_settings(self._model, results, results.best, self._say_error):
                self.trainRequested.emit()

    def _on_open(self) -> None:
        results = self._results
        if results is not None and results.best is not None:
            if open_trial(self._model, results.name, results.best, self._say_error):
                self.resultsRequested.emit()

    def _say_error(self, sentence: str) -> None:
        self.messages.showMessage("error", sentence)

    # -- making

    def _connect(self) -> None:
        self.start.clicked.connect(self._on_start)
        self.back.clicked.connect(self.trainRequested)
        self.sweeps.activated.connect(lambda _at: self._on_sweep())
        self.form.changed.connect(self._show_button)
        self.form.storage.entered.connect(self._on_address)
        self.trials.use.clicked.connect(self._on_use)
        self.trials.open_run.clicked.connect(self._on_open)
        self.trials.matters.clicked.connect(lambda: self.searchResultsRequested.emit(self._name))
        self._nothing_open.triggered.connect(self.startRequested)
        self._too_little.triggered.connect(self.wordsRequested)
        self.bridge.started.connect(self._on_started)
        self.bridge.trialStarted.connect(self._on_trial)
        self.bridge.epochEnded.connect(self._on_epoch)
        self.bridge.trialEnded.connect(self._on_trial_ended)
        self.bridge.workerLost.connect(self._on_lost)
        self.bridge.ended.connect(self._on_ended)
        self.bridge.failed.connect(self._on_failed)
        self._model.opened.connect(self._on_opened)
        self._model.settingsChanged.connect(self._on_settings)
        self._model.clipsChanged.connect(self._look)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            QShortcut(QKeySequence(keys), self, self._on_start)

    def _lay_out(self) -> None:
        title = QLabel("Search")
        theme.set_role(title, "title")
        self.sweeps.setAccessibleName("Search to look at or go on with")
        self.sweeps.setMinimumContentsLength(26)
        self.sweeps.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        header = QHBoxLayout()
        header.addWidget(title, 1)
        header.addWidget(self.sweeps)
        self._right = QStackedWidget()
        for page in (self._how, self._too_little, self.trials):
            self._right.addWidget(page)
        self._work = QWidget()
        row = QHBoxLayout(self._work)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GROUP)
        row.addWidget(self.card)
        row.addWidget(self._right, 1)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._work)
        self._pages.addWidget(self._nothing_open)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID)
        column.addLayout(header)
        column.addWidget(self.messages)
        column.addWidget(self._pages, 1)


def _results(project: Path, name: str, address: str) -> Results:
    from kws_engine.sweeps.results import results  # optuna loads here, in the worker, at first use

    return results(project, name, storage=address)
