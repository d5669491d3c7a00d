"""The Train page: settings on the left, the run's curves and all other runs on the right."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from kws_engine.runs.costing import CostAnswer, CostQuestion
from kws_engine.runs.job import Job
from kws_engine.runs.minimum_clips import missing_clips
from kws_engine.settings import RECIPES, Settings
from kws_gui import shortcuts, theme
from kws_gui.bridges.training import training_threads
from kws_gui.bridges.warm import Asker
from kws_gui.forms.tab_order import order_tabs
from kws_gui.pages.train.card import FormCard
from kws_gui.pages.train.compare.view import CompareView
from kws_gui.pages.train.form import SettingsForm
from kws_gui.pages.train.messages import TrainMessages
from kws_gui.pages.train.preview import PreviewFold
from kws_gui.pages.train.rate_finder import RateFinder
from kws_gui.pages.train.run_controller import RunController
from kws_gui.pages.train.run_list import RunList
from kws_gui.pages.train.run_view import RunView
from kws_gui.runs.rows import RunRow, counted
from kws_gui.services.services import Services
from kws_gui.widgets.empty_state import EmptyState

_STORE_AFTER_MS = 400
_COST_AFTER_MS = 150
_RIGHT_HEIGHT = 400  # px
_ROOM_FOR_ALL = 780  # px; the height that curves, runs and the open preview need
_ROOM_FOR_CURVES = 500  # px; below it the open preview has the place to itself
_LOW, _LOW_RUNS, _ANY_HEIGHT = 600, 66, 16_777_215  # px; below _LOW the list of runs shows its head and one row
_NO_PROJECT = "Open a project or make a new one: a network learns from its recordings."


class TrainPage(QWidget):
    """Form, Train, curves, runs; shows a run that was started before the page was made, too."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = services.project
        self._navigation = services.navigation
        self._runs = services.runs
        self._training = services.training
        self._make_places()
        self.messages = TrainMessages()
        self.form = SettingsForm()
        self.run = RunView(self._upper)
        self.runs = RunList(self._splitter)
        self._compare: CompareView | None = None
        self.preview = PreviewFold(services.project, services.warm)
        self.controller = RunController(services, self.run, self.runs, self.messages, use=self._use, parent=self)
        self.run_actions = self.controller.actions
        self.costs = Asker(services.warm, delay_ms=_COST_AFTER_MS, parent=self)
        self.card = FormCard(self.form, self._work)
        self.train = self.card.train
        self.reset = self.card.reset
        self._run_name = QLabel()
        self._was_low = True
        self._nothing_open = EmptyState("mdi6.folder-open-outline", _NO_PROJECT, "Open a project")
        self._too_little = EmptyState("mdi6.account-voice", "", "Record words")
        self._store_later = QTimer(self, interval=_STORE_AFTER_MS, singleShot=True)
        self._store_later.timeout.connect(self.store)
        self._lay_out()
        self._connect_widgets()
        self._connect_runs()
        self._connect_project()
        self._connect_costs()
        self.run.curvesMade.connect(self._order_tabs)
        self._on_opened()
        self._on_training()

    def _order_tabs(self) -> None:
        """The curves are made late, and read before the runs below them."""
        order_tabs(self.run, self.runs, self.preview)

    def shutdown(self) -> None:
        """Stores what was typed and ends every process of the page; a run goes on, it is not the page's."""
        self.store()
        self.costs.shutdown()
        self.controller.finding.shutdown()
        if self._compare is not None:
            self._compare.shutdown()
        self.preview.shutdown()

    @property
    def compare(self) -> CompareView:
        """What is shown of several runs, made when it is first needed."""
        if self._compare is None:
            self._compare = CompareView()
            self._compare.failed.connect(self.messages.fail)
            self._compare.saved.connect(self._on_saved)
            self._upper.addWidget(self._compare)
        return self._compare

    def store(self) -> None:
        """Stores the form's settings in the project now."""
        self._store_later.stop()
        if self._model.project is not None:
            self._model.set_settings(self.form.value())

    # -- events

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._look_at_clips()
        self._ask_cost()
        QTimer.singleShot(0, self, self._make_room)  # once everything has its place

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.store()

    # -- training

    def _on_train(self) -> None:
        if self._training.is_running:
            self._training.stop()
        elif self._can_train():
            if self._splitter.isHidden():
                self.preview.setOpen(False)  # from now on its curves are what is looked at
            self.run_actions.train(self._job())

    def _on_queue(self) -> None:
        if self._can_train():
            self.run_actions.queue(self._job())

    def _can_train(self) -> bool:
        """Reports what on the form does not fit, and shows the field."""
        if self._model.project is None or not self.card.queue.isEnabled():
            return False
        mistakes = self.form.mistakes()
        if mistakes:
            mistakes[0].show()
            self.messages.fail(f"{mistakes[0].sentence}. Correct it, then train.")
        elif self.form.cost.refusal:
            self.card.bring(self.form.cost)
            self.messages.fail(self.form.cost.refusal)
        return not (mistakes or self.form.cost.refusal)

    def _job(self) -> Job:
        """A run with the settings on the form."""
        assert self._model.project is not None
        self.store()
        return Job(self._model.project.folder, self.form.value().to_dict(), threads=training_threads())

    def _on_training(self) -> None:
        """Train, Stop, or Stopping, whichever it is now; Pause or Resume."""
        training = self._training
        self.train.setText("Stopping …" if training.is_stopping else "Stop" if training.is_running else "Train")
        self.train.setToolTip("Stop and keep the best weights so far (Ctrl+Return)")
        self.card.show_pause(running=training.is_running, paused=training.is_paused, stopping=training.is_stopping)
        theme.set_icon(self.train, "mdi6.stop" if training.is_running else "mdi6.play", role="on_accent")
        self._look_at_clips()

    # -- form

    def _on_form(self, settings: Settings) -> None:
        self._store_later.start()
        self.preview.show_settings(settings)
        self._ask_cost()

    def _on_settings(self) -> None:
        if self.form.value() != self._model.settings:
            self.form.setValue(self._model.settings)

    def _on_reset(self) -> None:
        self._use("Reset settings", Settings())

    def _use(self, what: str, settings: Settings) -> None:
        """Puts settings on the form, undoable; what was typed so far is stored first, so that undo brings it back."""
        self.store()
        self._model.use_settings(what, settings)
        if self.form.mistakes():  # text that is no value is not among the settings
            self.form.setValue(settings)

    def _on_rate_asked(self) -> None:
        if self._can_train():
            finder = RateFinder(self._job(), self)
            finder.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            finder.rateChosen.connect(self._on_rate)
            finder.open()

    def _on_rate(self, rate: float) -> None:
        settings = self.form.value().with_option("training.learning_rate", f"{rate:g}")
        self._use(f"Learning rate {rate:g}", settings)

    def _on_recipe(self, name: str) -> None:
        self._use(f"Recipe: {RECIPES[name].title}", self.form.value().with_recipe(name))

    def _ask_cost(self) -> None:
        project = self._model.project
        if project is None or not self.isVisible():
            return
        self.form.cost.wait()
        self.form.set_clip(n_samples=project.clip_samples, rate=project.rate, n_labels=len(project.words) + 2)
        self.costs.ask(
            CostQuestion(
                self.form.value().to_dict(),
                n_samples=project.clip_samples,
                rate=project.rate,
                n_labels=len(project.words) + 2,
            )
        )

    # -- project and runs

    def _on_opened(self) -> None:
        self._store_later.stop()
        self.messages.clear()
        self.form.setValue(self._model.settings)
        self.preview.show_settings(self.form.value())
        self._on_clips()
        self.controller.show_all()

    def _on_clips(self) -> None:
        self._look_at_clips()
        self.preview.read_words()
        self._ask_cost()

    def _look_at_clips(self) -> None:
        """Shows what can be done: nothing open, too few clips, or all there."""
        project = self._model.project
        self._pages.setCurrentWidget(self._nothing_open if project is None else self._work)
        if project is None:
            return
        missing = missing_clips(project.table(), project.words)
        running = self._training.is_running
        self.card.queue.setEnabled(not missing)
        self.train.setEnabled(not self._training.is_stopping if running else not missing)
        if not running:
            self.train.setToolTip(missing or "Train a network with these settings (Ctrl+Return)")
        self._too_little.setSentence(missing)
        nothing_to_show = bool(missing) and not self.runs.rows() and not running
        self._right.setCurrentWidget(self._too_little if nothing_to_show else self._split)

    def _make_room(self) -> None:
        """In a low window the open preview takes the place of the list of runs, which else gives way to the curves.

        In a very low one it takes that of the curves, too.
        """
        is_low = self._right.height() < _LOW
        is_alone = self._right.height() < _ROOM_FOR_CURVES and self.preview.isOpen()
        self._splitter.setVisible(not is_alone)
        self.preview.make_low(is_low and not is_alone)
        self.runs.tree.setMinimumHeight(_LOW_RUNS if is_low else 0)
        self.runs.setMaximumHeight(self.runs.minimumSizeHint().height() if is_low else _ANY_HEIGHT)
        if self._was_low and not is_low:  # what was pressed together spreads again
            height = self._splitter.height()
            self._splitter.setSizes([height * 3 // 4, height // 4])
        self._was_low = is_low
        self.runs.setVisible(self.height() >= _ROOM_FOR_ALL or not self.preview.isOpen())

    def _on_several(self, rows: list[RunRow]) -> None:
        self._run_name.setText(f"{counted(len(rows), 'run')} compared")
        self.compare.show_runs(rows)
        self._upper.setCurrentWidget(self.compare)

    def _on_looked(self) -> None:
        """One run is looked at, or none."""
        self._upper.setCurrentWidget(self.run)
        if self._compare is not None:
            self._compare.forget()

    def _on_saved(self, path: Path) -> None:
        self.messages.say("info", f"Saved {path}.")

    def _on_project_failed(self, sentence: str) -> None:
        if self.isVisible():
            self.messages.fail(sentence)

    # -- making

    def _connect_widgets(self) -> None:
        self.train.clicked.connect(self._on_train)
        self.card.pause.clicked.connect(self.run_actions.pause_or_resume)
        self.card.queue.clicked.connect(self._on_queue)
        self.reset.clicked.connect(self._on_reset)
        self.card.recipeChosen.connect(self._on_recipe)
        self.card.rateAsked.connect(self._on_rate_asked)
        self.card.searchAsked.connect(lambda: self._navigation.show_page("search"))
        self.form.valueChanged.connect(self._on_form)
        self.run.cancelRequested.connect(self._on_train)
        self.run.failed.connect(self.messages.fail)
        self.run.saved.connect(self._on_saved)
        self.preview.opening.connect(self._make_room)
        self.preview.toggled.connect(self._make_room)
        self.preview.failed.connect(self.messages.fail)
        self._nothing_open.triggered.connect(lambda: self._navigation.show_page("start"))
        self._too_little.triggered.connect(lambda: self._navigation.show_page("words"))
        shortcuts.add(self, "start", self._on_train)
        shortcuts.add(self, "queue", self._on_queue)
        shortcuts.add(self, "pause", self.run_actions.pause_or_resume)

    def _connect_runs(self) -> None:
        self.runs.severalChosen.connect(self._on_several)
        self.controller.looked.connect(self._on_looked)
        self.controller.named.connect(self._run_name.setText)
        self._runs.changed.connect(self._look_at_clips)
        self._training.changed.connect(self._on_training)

    def _connect_project(self) -> None:
        self._model.opened.connect(self._on_opened)
        self._model.clipsChanged.connect(self._on_clips)
        self._model.settingsChanged.connect(self._on_settings)
        self._model.failed.connect(self._on_project_failed)

    def _connect_costs(self) -> None:
        self.costs.answered.connect(self._on_counted)
        self.costs.refused.connect(self.form.refuse)
        self.costs.lost.connect(self.form.cost.setUnknown)

    def _on_counted(self, cost: CostAnswer) -> None:
        self.form.refuse("", "")
        self.form.cost.setCost(cost.parameters, cost.macs)

    def _make_places(self) -> None:
        """Makes what the parts are put into before them: what has many parts is slow to move to a new parent."""
        self._pages = QStackedWidget(self)
        self._work = QWidget(self._pages)
        self._right = QStackedWidget(self._work)
        self._split = QWidget(self._right)
        self._splitter = QSplitter(Qt.Orientation.Vertical, self._split)
        self._upper = QStackedWidget(self._splitter)

    def _lay_out(self) -> None:
        self._fill_right()
        self._right.addWidget(self._split)
        self._right.addWidget(self._too_little)
        row = QHBoxLayout(self._work)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GROUP)
        row.addWidget(self.card)
        row.addWidget(self._right, 1)
        self._pages.addWidget(self._nothing_open)
        self._pages.addWidget(self._work)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID)
        column.addLayout(self._make_header())
        column.addWidget(self._pages, 1)
        self.messages.lieOver(self, free=[self.train])

    def _make_header(self) -> QHBoxLayout:
        title = QLabel("Train")
        theme.set_role(title, "title")
        theme.set_role(self._run_name, "muted")
        header = QHBoxLayout()
        header.addWidget(title, 1)
        header.addWidget(self._run_name)
        return header

    def _fill_right(self) -> None:
        split = self._splitter
        self._upper.addWidget(self.run)
        split.addWidget(self._upper)
        split.addWidget(self.runs)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 1)
        split.setChildrenCollapsible(False)
        self._split.setMinimumHeight(
            _RIGHT_HEIGHT
        )  # else the window grows before the runs have made room for the preview
        column = QVBoxLayout(self._split)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(split, 1)
        column.addWidget(self.preview)
        column.addStretch()  # for a preview alone
