"""The Train page: settings left, the run's curves and all earlier runs right; knows neither torch nor another page."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from kws_engine.runs.costing import Question
from kws_engine.runs.enough import lack
from kws_engine.runs.job import Job
from kws_engine.settings import Settings
from kws_engine.training.events import Epoch, Failed, Finished, Progress, Skipped, Started
from kws_gui import theme
from kws_gui.bridges.cost import CostBridge
from kws_gui.bridges.training import TrainingBridge, training_threads
from kws_gui.pages.train_card import FormCard
from kws_gui.pages.train_form import SettingsForm
from kws_gui.pages.train_history import RunList, RunRow, counted, quality, story, validation_of, when
from kws_gui.pages.train_preview import PreviewFold
from kws_gui.pages.train_run import RunView
from kws_gui.pages.train_shelf import RunShelf
from kws_gui.project_model import ProjectModel
from kws_gui.widgets.empty_state import EmptyState
from kws_gui.widgets.message_bar import MessageBar

_STORE_AFTER_MS = 400
_RIGHT_HEIGHT = 400  # px
_ROOM_FOR_ALL = 780  # px; the height that curves, runs and the open preview need
_LOW, _LOW_RUNS, _ANY_HEIGHT = 600, 66, 16_777_215  # px; below _LOW the list of runs shows its head and one row
_NO_PROJECT = "Open a project or make a new one: a network learns from its recordings."


class TrainPage(QWidget):
    """Form, Train, curves, runs.

    Signals:
        wordsRequested(): There is too little to train on; the Words page helps.
        startRequested(): Nothing is open.
        resultsRequested(), listenRequested(): With `model.model_path` as it was just set.
    """

    wordsRequested = Signal()
    startRequested = Signal()
    resultsRequested = Signal()
    listenRequested = Signal()

    def __init__(self, model: ProjectModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.messages = MessageBar()
        self.form = SettingsForm()
        self.run = RunView()
        self.runs = RunList()
        self.preview = PreviewFold(model)
        self.shelf = RunShelf(model, self.runs, self)
        self.training = TrainingBridge(self)
        self.costs = CostBridge(self)
        self.card = FormCard(self.form)
        self.train, self.reset = self.card.train, self.card.reset
        self._run_name = QLabel()
        self._nothing_open = EmptyState("mdi6.folder-open-outline", _NO_PROJECT, "Open a project")
        self._too_little = EmptyState("mdi6.account-voice", "", "Record words")
        self._stop_asked = False
        self._network = ""
        self._store_later = QTimer(self, interval=_STORE_AFTER_MS, singleShot=True)
        self._store_later.timeout.connect(self.store)
        self._lay_out()
        self._connect_widgets()
        self._connect_model()
        self._connect_training()
        self._on_opened()

    def shutdown(self) -> None:
        """Stores what was typed and ends every process of the page."""
        self.store()
        self.costs.shutdown()
        self.training.shutdown()
        self.shelf.shutdown()
        self.preview.shutdown()

    def store(self) -> None:
        """Keeps the form's settings in the project now."""
        self._store_later.stop()
        if self._model.project is not None:
            self._model.set_settings(self.form.value())

    # -- events

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._look_at_clips()
        self._ask_cost()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.store()

    # -- training

    def _on_train(self) -> None:
        if self.training.is_running():
            self._stop_asked = True
            self._show_button()
            self.training.stop()
        elif self.train.isEnabled() and self._model.project is not None and not self._refuses():
            self._start()

    def _refuses(self) -> bool:
        """Says what on the form does not fit, and shows the field."""
        mistakes = self.form.mistakes()
        if mistakes:
            mistakes[0].show()
            self.messages.showMessage("error", f"{mistakes[0].sentence}. Correct it, then train.")
        elif self.form.cost.refusal:
            self.card.bring(self.form.cost)
            self.messages.showMessage("error", self.form.cost.refusal)
        return bool(mistakes or self.form.cost.refusal)

    def _start(self) -> None:
        assert self._model.project is not None
        self.store()
        self.messages.clear()
        self._stop_asked = False
        settings = self.form.value().to_dict()
        self._network = settings["model"]["name"]
        self.training.start(Job(self._model.project.folder, settings, threads=training_threads()))
        self.run.begin()
        self._run_name.setText(f"new run · {self._network}")
        self._show_button()

    def _on_started(self, event: Started) -> None:
        self.run.train(event)
        self.shelf.set_live(Path(event.run))

    def _on_finished(self, event: Finished) -> None:
        self._on_ended()
        project = self._model.project
        if project is not None and Path(event.run).parent.resolve() == project.runs_folder.resolve():
            self._model.set_model_path(Path(event.model))
        ended = "Stopped: " if self._stop_asked else "Done: "
        left_out = f" Left out: {counted(len(self.run.skipped()), 'file')}."
        words = ended + _in_words(event) + (left_out if self.run.skipped() else "")
        self.messages.showMessage("success", words, remedy="See results", details="\n".join(self.run.skipped()))

    def _on_failed(self, event: Failed) -> None:
        self._on_ended()
        if self._stop_asked and not self.run.live_epochs():
            self.messages.showMessage("info", "Stopped before the first epoch ended: nothing was trained.")
        else:
            self.messages.showMessage("error", event.message, details=event.traceback)

    def _on_ended(self) -> None:
        self.run.end()
        self._show_button()
        had_folder = self.shelf.live is not None
        self.shelf.set_live(None)
        if not had_folder:  # else the curves stay until the list is read anew
            self._on_chosen(self.runs.current())

    def _show_button(self) -> None:
        """Train, Stop, or Stopping, whichever it is now."""
        running = self.training.is_running()
        stopping = running and self._stop_asked
        self.train.setText("Stopping …" if stopping else "Stop" if running else "Train")
        self.train.setToolTip("Stop and keep the best weights so far (Ctrl+Return)" if running else "Ctrl+Return")
        if not running:
            self._look_at_clips()
        else:
            self.train.setEnabled(not stopping)
        theme.set_icon(self.train, "mdi6.stop" if running else "mdi6.play", role="on_accent")

    # -- form

    def _on_form(self, settings: Settings) -> None:
        self._store_later.start()
        self.preview.show_settings(settings)
        self._ask_cost()

    def _on_settings(self) -> None:
        if self.form.value() != self._model.settings:
            self.form.setValue(self._model.settings)

    def _on_reset(self) -> None:
        before = self.form.value()
        self._model.push(
            "Reset settings", redo=lambda: self.form.setValue(Settings()), undo=lambda: self.form.setValue(before)
        )

    def _ask_cost(self) -> None:
        project = self._model.project
        if project is None or not self.isVisible():
            return
        self.form.cost.wait()
        self.form.set_clip(n_samples=project.clip_samples, rate=project.rate, n_labels=len(project.words) + 2)
        self.costs.ask(
            Question(
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
        if self.training.is_running():  # another project is open now: the run of the one before ends with what it has
            self._stop_asked = True
            self.training.stop()
            self._show_button()
        self.form.setValue(self._model.settings)
        self.preview.show_settings(self.form.value())
        self._on_clips()
        self.shelf.read()

    def _on_clips(self) -> None:
        self._look_at_clips()
        self.preview.read_words()
        self._ask_cost()

    def _look_at_clips(self) -> None:
        """Shows what can be done: nothing open, too few clips, or all there."""
        project = self._model.project
        self._pages.setCurrentWidget(self._nothing_open if project is None else self._work)
        if project is None or self.training.is_running():
            return
        lacking = lack(project.table(), project.words)
        self.train.setEnabled(not lacking)
        self.train.setToolTip(lacking or "Train a network with these settings (Ctrl+Return)")
        self._too_little.setSentence(lacking)
        nothing_to_show = bool(lacking) and not self.runs.rows()
        self._right.setCurrentWidget(self._too_little if nothing_to_show else self._split)

    def _make_room(self) -> None:
        """In a low window the open preview takes the place of the list of runs, which else gives way to the curves."""
        self.runs.tree.setMinimumHeight(_LOW_RUNS if self._right.height() < _LOW else 0)
        self.runs.setMaximumHeight(self.runs.minimumSizeHint().height() if self._right.height() < _LOW else _ANY_HEIGHT)
        self.runs.setVisible(self.height() >= _ROOM_FOR_ALL or not self.preview.isOpen())

    def _on_chosen(self, row: RunRow | None) -> None:
        live = self.shelf.live
        if self.training.is_running() and (row is None or live is None or row.folder == live):
            self._run_name.setText(f"{when(live) if live else 'new run'} · {self._network}")
            self.run.show_live()
            return
        if row is None:
            self._run_name.clear()
            self.run.show_none()
            return
        self._run_name.setText(f"{when(row.folder)} · {row.run.network}")
        self.run.show_past(row.run.epochs, story(row), quality(row.validation, row.clips))

    def _on_settings_chosen(self, settings: Settings) -> None:
        before = self.form.value()
        self._model.push(
            "Use a run's settings", redo=lambda: self.form.setValue(settings), undo=lambda: self.form.setValue(before)
        )

    def _on_deleted(self, sentence: str) -> None:
        self.messages.showMessage("info", sentence, remedy="Undo")

    def _on_undo_stack(self) -> None:
        """The button would take back something else than what is said beside it."""
        if self.messages.remedyButton().text() == "Undo":
            self.messages.clear()

    def _on_shelf_failed(self, sentence: str, details: str) -> None:
        self.messages.showMessage("error", sentence, details=details)

    def _on_remedy(self) -> None:
        undoes = self.messages.remedyButton().text() == "Undo"
        self.messages.clear()
        if undoes:
            self._model.undo_stack.undo()
        else:
            self.resultsRequested.emit()

    def _on_model_failed(self, sentence: str) -> None:
        if self.isVisible():
            self.messages.showMessage("error", sentence)

    # -- making

    def _connect_widgets(self) -> None:
        self.train.clicked.connect(self._on_train)
        self.reset.clicked.connect(self._on_reset)
        self.form.valueChanged.connect(self._on_form)
        self.run.cancelRequested.connect(self._on_train)
        self.run.failed.connect(lambda sentence: self.messages.showMessage("error", sentence))
        self.run.saved.connect(lambda path: self.messages.showMessage("info", f"Saved {path}."))
        self.preview.opening.connect(self._make_room)
        self.preview.toggled.connect(self._make_room)
        self.preview.failed.connect(lambda sentence: self.messages.showMessage("error", sentence))
        self.runs.chosen.connect(self._on_chosen)
        self.shelf.changed.connect(self._look_at_clips)
        self.shelf.settingsChosen.connect(self._on_settings_chosen)
        self.shelf.resultsRequested.connect(self.resultsRequested)
        self.shelf.listenRequested.connect(self.listenRequested)
        self.shelf.deleted.connect(self._on_deleted)
        self.shelf.failed.connect(self._on_shelf_failed)
        self.messages.remedyTriggered.connect(self._on_remedy)
        self._nothing_open.triggered.connect(self.startRequested)
        self._too_little.triggered.connect(self.wordsRequested)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            QShortcut(QKeySequence(keys), self, self._on_train)

    def _connect_model(self) -> None:
        self._model.opened.connect(self._on_opened)
        self._model.clipsChanged.connect(self._on_clips)
        self._model.settingsChanged.connect(self._on_settings)
        self._model.failed.connect(self._on_model_failed)
        self._model.undo_stack.changed.connect(self._on_undo_stack)

    def _connect_training(self) -> None:
        self.training.progressed.connect(self._on_progressed)
        self.training.skipped.connect(self._on_skipped)
        self.training.started.connect(self._on_started)
        self.training.epochEnded.connect(self._on_epoch)
        self.training.finished.connect(self._on_finished)
        self.training.failed.connect(self._on_failed)
        self.costs.counted.connect(self._on_counted)
        self.costs.refused.connect(self.form.refuse)
        self.costs.lost.connect(self.form.cost.setUnknown)

    def _on_counted(self, parameters: int, macs: int) -> None:
        self.form.refuse("", "")
        self.form.cost.setCost(parameters, macs)

    def _on_progressed(self, event: Progress) -> None:
        self.run.read(event)

    def _on_skipped(self, event: Skipped) -> None:
        self.run.skip(event.path, event.reason)

    def _on_epoch(self, event: Epoch) -> None:
        self.run.add(event)

    def _lay_out(self) -> None:
        self._split = self._make_right()
        self._right = QStackedWidget()
        self._right.addWidget(self._split)
        self._right.addWidget(self._too_little)
        self._work = QWidget()
        row = QHBoxLayout(self._work)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GROUP)
        row.addWidget(self.card)
        row.addWidget(self._right, 1)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._nothing_open)
        self._pages.addWidget(self._work)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID)
        column.addLayout(self._make_header())
        column.addWidget(self.messages)
        column.addWidget(self._pages, 1)

    def _make_header(self) -> QHBoxLayout:
        title = QLabel("Train")
        theme.set_role(title, "title")
        theme.set_role(self._run_name, "muted")
        header = QHBoxLayout()
        header.addWidget(title, 1)
        header.addWidget(self._run_name)
        return header

    def _make_right(self) -> QWidget:
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.run)
        split.addWidget(self.runs)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 1)
        split.setChildrenCollapsible(False)
        right = QWidget()
        right.setMinimumHeight(_RIGHT_HEIGHT)  # else the window grows before the runs have made room for the preview
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(split, 1)
        column.addWidget(self.preview)
        return right


def _in_words(event: Finished) -> str:
    """How good the run became, and with which weights."""
    right = quality(*validation_of(Path(event.run))) or f"validation accuracy {event.validation_accuracy:.0%}"
    return f"{right}, with the weights of epoch {event.best_epoch}."
