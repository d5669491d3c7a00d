"""The Search page: options and their ranges on the left, the trials as they run on the right."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSignalBlocker
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from kws_engine.errors import SpecError
from kws_engine.runs.minimum_clips import missing_clips
from kws_engine.sweeps.events import SweepEnded, SweepFailed
from kws_engine.sweeps.job import SweepJob
from kws_engine.sweeps.space import parse
from kws_gui import shortcuts, theme
from kws_gui.bridges.training import training_threads
from kws_gui.pages.search.form import SearchForm
from kws_gui.pages.search.panels import SearchCard, TrialsView
from kws_gui.runs.rows import counted
from kws_gui.runs.trials import open_trial, short_title, titles_of, use_settings, value_text
from kws_gui.services.searching import TrialProgress
from kws_gui.services.services import Services
from kws_gui.widgets.empty_state import EmptyState
from kws_gui.widgets.message_bar import MessageBar

_NEW = "New search"
_NO_PROJECT = "Open a project: a search trains networks on its recordings."
_HOW = (
    "On the left, add the options to try, such as the learning rate or the width, then press Start. "
    "Each trial trains a network with other values and leaves its model behind."
)


class SearchPage(QWidget):
    """Form, Start, trials; the search itself and its trials belong to the service."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = services.project
        self._searching = services.searching
        self._navigation = services.navigation
        self._titles: dict[str, str] = {}
        self._has_shown_storage = False
        self.messages = MessageBar()
        self.form = SearchForm()
        self.card = SearchCard(self.form)
        self.trials = TrialsView()
        self.start = self.card.start
        self.back = self.card.back
        self.table = self.trials.table
        self.progress = self.trials.progress
        self.sweeps = QComboBox()
        self._nothing_open = EmptyState("mdi6.folder-open-outline", _NO_PROJECT, "Open a project")
        self._too_little = EmptyState("mdi6.account-voice", "", "Record words")
        self._how = EmptyState("mdi6.tune-variant", _HOW)
        self._lay_out()
        self._connect()
        self._on_chosen()

    def shutdown(self) -> None:
        """Nothing to end: a search goes on without its page."""

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._on_settings()
        self._look()

    # -- a past search, or a new one

    def _on_chosen(self) -> None:
        """Another search is chosen, or another project open: its form follows when it has been read."""
        searching = self._searching
        if not searching.is_running:
            self.messages.clear()
            self._has_shown_storage = False
            if not searching.name:
                self.form.show_storage(None, {})
            self.form.show_past(None)
            self._on_settings()
        self._show_trials()
        self._show_progress()
        self._on_past()

    def _on_past(self) -> None:
        """The past searches in the box."""
        blocker = QSignalBlocker(self.sweeps)
        self.sweeps.clear()
        self.sweeps.addItem(_NEW, "")
        for past in self._searching.past:
            self.sweeps.addItem(past.name, past.name)
        self.sweeps.setCurrentIndex(max(0, self.sweeps.findData(self._searching.name)))
        blocker.unblock()
        self._show_past()
        self._look()

    def _show_past(self) -> None:
        """Storage and options of the chosen search on the form, as soon as they are known."""
        searching = self._searching
        past = searching.chosen_past
        if past is None:
            return
        if not self._has_shown_storage:
            self._has_shown_storage = True
            self.form.show_storage(past, self._model.addresses)
        if not self.form.is_fixed():
            if searching.results is not None:
                self.form.show_past(past, options=searching.results.space.settings)
            elif searching.is_running and self.form.rows():  # they are those of the form
                self.form.show_past(past, options=self._model.settings)

    def _on_sweep(self) -> None:
        name = str(self.sweeps.currentData())
        past = next((past for past in self._searching.past if past.name == name), None)
        self.form.show_storage(past, self._model.addresses)
        self._searching.choose(name, address=self.form.address())

    def _on_read(self) -> None:
        self._show_past()
        self._show_trials()
        self._look()

    def _on_read_failed(self, sentence: str, details: str) -> None:
        self.messages.showMessage("error", sentence, details=details)
        if self.form.address():  # whose password may be missing
            self.form.more.setOpen(True)

    # -- starting and stopping

    def _on_start(self) -> None:
        if self._searching.is_running:
            self._searching.stop()
        elif self.start.isEnabled() and self._model.project is not None and not self._refuses():
            self._begin(self._model.project.folder)

    def _refuses(self) -> bool:
        """Whether something on the form does not fit, which is then shown."""
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
        workers = self.form.workers.value()
        is_resumed = self.form.is_fixed()
        self._has_shown_storage = False
        self._model.remember_address(self.form.address())
        job = SweepJob(
            project,
            assignments=() if is_resumed else self.form.assignments(),
            settings=None if is_resumed else self._model.settings.to_dict(),
            name=self._searching.name if is_resumed else "",
            trials=self.form.trials.value(),
            by=self.form.by.currentData(),
            pruning=self.form.pruning.currentData(),
            storage=self.form.address(),
            threads=max(1, training_threads() // workers),
        )
        self._searching.start(job, workers=workers)

    def _on_changed(self) -> None:
        """A search was started, is being stopped, or has ended."""
        self._show_trials()
        self._show_progress()
        self._look()

    def _on_trial(self, trial: TrialProgress) -> None:
        self.table.show_trial(trial)
        if trial.state != "running":
            self._show_progress()
            self._show_best()
        elif not trial.epoch:
            self._look()

    def _on_lost(self, sentence: str) -> None:
        self.messages.showMessage("warning", sentence)

    def _on_ended(self, event: SweepEnded) -> None:
        job = self._searching.job
        assert job is not None
        reached = f" Best: {value_text(event.best.value, job.by)}." if event.best else ""
        left = f"{event.finished} of {counted(job.trials, 'trial')} finished"
        words = f"Stopped, {left}; it can go on at any time.{reached}" if event.stopped else f"Done, {left}.{reached}"
        self.messages.showMessage("info" if event.stopped else "success", words)

    def _on_failed(self, event: SweepFailed) -> None:
        self.messages.showMessage("error", f"{event.message}.", details=event.traceback)

    # -- what is shown

    def _on_address(self) -> None:
        """The address of a search's storage was entered again, with its password."""
        if self._searching.name:
            self.messages.clear()
            self._model.remember_address(self.form.address())
            self._searching.read_results(self.form.address())
            self._look()

    def _on_settings(self) -> None:
        if not self.form.is_fixed() and self._model.project is not None:
            self.form.set_settings(self._model.settings)

    def _look(self) -> None:
        project = self._model.project
        self._pages.setCurrentWidget(self._nothing_open if project is None else self._work)
        if project is None:
            return
        lacking = missing_clips(project.table(), project.words)
        self._too_little.setSentence(lacking)
        searching = self._searching
        reads_trials = bool(searching.name) and searching.is_reading
        has_trials = bool(self.table.rows()) or searching.is_running or reads_trials
        self._right.setCurrentWidget(self.trials if has_trials else self._too_little if lacking else self._how)
        self._show_button(lacking)
        self._show_best()

    def _on_form(self) -> None:
        project = self._model.project
        self._show_button(missing_clips(project.table(), project.words) if project is not None else "")

    def _show_button(self, lacking: str) -> None:
        is_running = self._searching.is_running
        is_stopping = self._searching.is_stopping
        idle_text = "Go on" if self.form.is_fixed() else "Start"
        self.start.setText("Stopping …" if is_stopping else "Stop" if is_running else idle_text)
        theme.set_icon(self.start, "mdi6.stop" if is_running else "mdi6.play", role="on_accent")
        self.form.setEnabled(not is_running)
        self.sweeps.setEnabled(not is_running)
        obstacle = lacking or ("" if self.form.rows() else "Add an option to search first")
        self.start.setEnabled(not is_stopping if is_running else not obstacle)
        if is_running:
            self.start.setToolTip("Stop; what is finished is kept (Ctrl+Return)")
        else:
            self.start.setToolTip(obstacle or "Train a network for each trial (Ctrl+Return)")

    def _show_trials(self) -> None:
        """The trials under the titles of their options: those of the form until the results are read."""
        results = self._searching.results
        if results is not None:
            titles = titles_of(results)
        else:
            titles = {row.path: short_title(row.path, row.option.title) for row in self.form.rows()}
        paths = self._searching.trials.paths
        self._titles = {path: titles.get(path) or self._titles.get(path, path) for path in paths}
        self.table.set_trials(self._searching.trials, self._titles)

    def _show_progress(self) -> None:
        searching = self._searching
        job = searching.job
        if not searching.is_running or job is None:
            self.progress.finish()
            return
        if self.progress.isHidden():
            self.progress.start("Starting")
        if searching.has_started:
            self.progress.setTitle(f"Searching {', '.join(self._titles.values()).lower()}")
            self.progress.setProgress(min(searching.trials.finished(), job.trials), job.trials)

    def _show_best(self) -> None:
        trials = self._searching.trials
        best = trials.best()
        finished = f"{counted(trials.finished(), 'trial')} finished" if self.table.rows() else "Reading …"
        best_is = f" · best: trial {best.number}, {value_text(best.value, trials.by)}" if best else ""
        self.trials.headline.setFullText(finished + best_is)
        for button in (self.trials.use, self.trials.open_run):
            button.setEnabled(best is not None and self._searching.results is not None)
        self.trials.matters.setEnabled(bool(self._searching.name))

    # -- using what was found

    def _on_use(self) -> None:
        results = self._searching.results
        if results is not None and results.best is not None:
            if use_settings(self._model, results, results.best, self._show_error):
                self._navigation.show_page("train")

    def _on_open(self) -> None:
        results = self._searching.results
        if results is not None and results.best is not None:
            if open_trial(self._model, results.name, results.best, self._show_error):
                self._navigation.show_page("results")

    def _show_error(self, sentence: str) -> None:
        self.messages.showMessage("error", sentence)

    # -- making

    def _connect(self) -> None:
        show_page = self._navigation.show_page
        self.start.clicked.connect(self._on_start)
        self.back.clicked.connect(lambda: show_page("train"))
        self.sweeps.activated.connect(lambda _at: self._on_sweep())
        self.form.changed.connect(self._on_form)
        self.form.storage.entered.connect(self._on_address)
        self.trials.use.clicked.connect(self._on_use)
        self.trials.open_run.clicked.connect(self._on_open)
        self.trials.matters.clicked.connect(lambda: self._navigation.show_search(self._searching.name))
        self._nothing_open.triggered.connect(lambda: show_page("start"))
        self._too_little.triggered.connect(lambda: show_page("words"))
        self._connect_searching()
        self._model.settingsChanged.connect(self._on_settings)
        self._model.clipsChanged.connect(self._look)
        shortcuts.add(self, "start", self._on_start)

    def _connect_searching(self) -> None:
        searching = self._searching
        searching.changed.connect(self._on_changed)
        searching.chosen.connect(self._on_chosen)
        searching.listed.connect(self._on_past)
        searching.read.connect(self._on_read)
        searching.readFailed.connect(self._on_read_failed)
        searching.trialChanged.connect(self._on_trial)
        searching.workerLost.connect(self._on_lost)
        searching.ended.connect(self._on_ended)
        searching.failed.connect(self._on_failed)

    def _lay_out(self) -> None:
        title = QLabel("Search")
        theme.set_role(title, "title")
        self.sweeps.setAccessibleName("Search to show or resume")
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
        column.addWidget(self._pages, 1)
        self.messages.lieOver(self, free=[self.start])
