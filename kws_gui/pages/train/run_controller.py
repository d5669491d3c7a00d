"""Follows the runs: what the curves, the header and the bar say of the one that runs, ended, or is looked at.

Knows neither the form nor the layout of the page.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from kws_engine.errors import KwsError
from kws_engine.runs.job import Job, settings_of
from kws_engine.runs.queue import Waiting
from kws_engine.runs.records import PastRun
from kws_engine.runs.repeating import Repetition
from kws_engine.settings import Settings
from kws_engine.training.events import Epoch, Failed, Finished, Skipped, Started
from kws_gui.pages.train.live_finding import LiveFinding
from kws_gui.pages.train.messages import (
    CURES,
    Answer,
    TrainMessages,
    cure_of,
    ending_in_words,
    run_of,
    waiting_in_words,
)
from kws_gui.pages.train.queue_rows import QueueRows
from kws_gui.pages.train.run_actions import RunShelf
from kws_gui.pages.train.run_list import RunList, RunRow, quality, story, when
from kws_gui.pages.train.run_view import RunView
from kws_gui.runs.rows import finish_in_words
from kws_gui.services.services import Services

_QUEUED = "It is in the queue: it starts when the runs before have ended."
_TAKEN = (
    "Another window of this project is starting what waits: it goes on there, or start it here when that is closed."
)
_STOPPED = "Stopped before the first epoch ended: nothing was trained."


class RunDesk(QObject):
    """Owns the runner and the shelf, and tells `view`, `runs` and `messages` what comes of them.

    Signals:
        named(str): What is looked at, for the header.
        looked(): Another run, or none, is looked at.
        settingsChosen(str, settings): To be put on the form, and what for.
    """

    named = Signal(str)
    looked = Signal()
    settingsChosen = Signal(str, object)

    def __init__(
        self, services: Services, view: RunView, runs: RunList, messages: TrainMessages, *, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._model = model = services.project
        self._view, self._runs, self._messages = view, runs, messages
        self._navigation = services.navigation
        self.runner = services.training
        self.shelf = RunShelf(model, runs, self._navigation, self)
        self.waiting = QueueRows(model, self.runner, runs, self)
        self.finding = LiveFinding(view, self)
        self._epochs: list[Epoch] = []
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._draw_epochs)
        self._connect_runner()
        self._connect_list()

    def open(self) -> None:
        """Another project is open, or none; says what waits in it."""
        project = self._model.project
        self.runner.open(project.folder if project is not None else None)
        self.shelf.read()
        self.say_what_waits()

    def shutdown(self) -> None:
        """Ends every thread; the run goes on."""
        self.shelf.shutdown()

    def train(self, job: Job) -> None:
        """Starts a run, which the person asked for just now."""
        self._messages.clear()
        self.runner.start(job)

    def queue(self, job: Job) -> None:
        """Puts a run behind the others; where nothing runs, it waits to be started."""
        if self.waiting.add(job) and not self.runner.is_running:
            self.say_what_waits()

    def pause_or_go_on(self) -> None:
        """Whichever there is to do."""
        if self.runner.is_paused:
            self.runner.go_on()
        elif self.runner.is_running:
            self.runner.pause()

    def say_what_waits(self) -> None:
        """Says how many runs wait, with a button that starts them; nothing where none does."""
        words = waiting_in_words(len(self.runner.waiting()), lead="")
        if words:
            self._messages.say("info", words, self._start_next())

    # -- the run that runs

    def _on_began(self, job: Job) -> None:
        self._view.begin()
        self._name_live(job)
        self._runs.choose(*[row.folder for row in self._runs.selected()][:1])

    def _on_started(self, event: Started) -> None:
        assert self.runner.job is not None
        self._view.train(event)
        self.finding.begin(_settings(self.runner.job), event)
        self.shelf.set_live(Path(event.run))

    def _on_epoch(self, event: Epoch) -> None:
        """A run that goes on tells hundreds at once: they are drawn when all that came together are here."""
        self._epochs.append(event)
        self._soon.start()

    def _draw_epochs(self) -> None:
        self._soon.stop()
        if self._epochs:
            epochs, self._epochs = self._epochs, []
            self._view.add(*epochs)

    def _on_finished(self, event: Finished) -> None:
        self._on_ended()
        project = self._model.project
        if project is not None and Path(event.run).parent.resolve() == project.runs_folder.resolve():
            self._model.set_model_path(Path(event.model))
        skipped, halted = self._view.skipped(), self._halted()
        words = ending_in_words(event, was_stopped=self.runner.was_stopped, left_out=len(skipped), waiting=halted)
        answer = self._start_next() if halted else Answer("See results", lambda: self._navigation.show_page("results"))
        self._messages.say("success", words, answer, details="\n".join(skipped))

    def _on_failed(self, event: Failed) -> None:
        self._draw_epochs()
        folder, job = self.runner.folder, self.runner.job
        nothing_trained = not self._view.live_epochs()
        self._on_ended()
        if self.runner.was_stopped and nothing_trained:
            halted = self._halted()
            answer = self._start_next() if halted else None
            self._messages.say("info", _STOPPED + waiting_in_words(halted), answer)
            return
        was_resumed = job is not None and job.resume is not None and nothing_trained
        run = run_of(folder)
        cure = cure_of(event, run, was_resumed=was_resumed)
        acts = {"slower": self._use_slower, "resume": self.shelf.resume, "settings": self.shelf.use_settings}
        answer = Answer(CURES[cure], lambda: acts[cure](folder)) if cure else None
        self._messages.say("error", event.message, answer, other=self._finish(run), details=event.traceback)

    def _finish(self, run: PastRun | None) -> Answer | None:
        """A model of what a failed run kept."""
        if run is None or not run.can_finish:
            return None
        return Answer(finish_in_words(run), lambda: self.shelf.finish(run.folder))

    def _on_ended(self) -> None:
        self._draw_epochs()
        self._view.end()
        had_folder = self.shelf.live is not None
        self.shelf.set_live(None)
        if not had_folder:  # else the curves stay until the list is read anew
            self._runs.choose(*[row.folder for row in self._runs.selected()])

    def _on_changed(self) -> None:
        self._view.set_paused(self.runner.is_paused)
        self._runs.setPaused(self.runner.is_paused)

    def _halted(self) -> int:
        """How many wait that will not start by themselves now."""
        return len(self.runner.waiting()) if self.runner.was_stopped else 0

    def _start_next(self) -> Answer:
        return Answer("Start", self._on_start)

    def _on_start(self) -> None:
        """Starts the first that waits; says so where another window was faster."""
        if not self.runner.start_next() and self.runner.waiting() and not self.runner.is_running:
            self._messages.say("info", _TAKEN, self._start_next())

    # -- what is looked at

    def _on_chosen(self, row: RunRow | None) -> None:
        live, job = self.shelf.live, self.runner.job
        if self.runner.is_running and job is not None and (row is None or live is None or row.folder == live):
            self._name_live(job)
            self._view.show_live()
            self.finding.show()
        elif row is None:
            self.named.emit("")
            self._view.show_none()
        else:
            self.named.emit(f"{row.title} · {row.run.network}")
            self._view.show_past(row.run.epochs, story(row), quality(row.validation, row.clips))
        self.looked.emit()

    def _on_waiting_chosen(self, waiting: Waiting) -> None:
        self.named.emit(f"waiting · {waiting.network}")
        place = [one.key for one in self._runs.waiting()].index(waiting.key) + 1
        self._view.show_past([], f"Waits for its turn: number {place} in the queue")
        self.looked.emit()

    def _name_live(self, job: Job) -> None:
        folder = self.runner.folder
        name = job.name or (when(folder) if folder else "new run")
        self.named.emit(f"{name} · {Waiting('', job).network}")

    # -- what is asked for

    def _on_job_asked(self, job: Job) -> None:
        """A run is to go on or to be repeated: now, or when those before have ended."""
        self._messages.clear()
        if not self.runner.start_or_queue(job):
            self._messages.say("info", _QUEUED)

    def _on_repetition_changed(self, found: Repetition) -> None:
        anyway = Answer("Repeat anyway", lambda: self._on_job_asked(found.job))
        self._messages.say("warning", f"It would not be the same run: {found.changes()}.", anyway)

    def _on_gone(self, sentence: str) -> None:
        """Something was deleted, and can be brought back."""
        self._messages.say("info", sentence, Answer("Undo", self._model.undo_stack.undo), undoes=True)

    def _use_slower(self, folder: Path) -> None:
        """The settings of a run with a tenth of its learning rate."""
        try:
            settings = settings_of(folder)
            slower = settings.with_option("training.learning_rate", f"{settings.training.learning_rate / 10:.3g}")
            self.settingsChosen.emit("Use a tenth of the learning rate", slower)
        except KwsError as error:
            self._messages.fail(str(error))

    # -- making

    def _connect_runner(self) -> None:
        training = self.runner.training
        training.progressed.connect(self._view.read)
        training.skipped.connect(self._on_skipped)
        training.started.connect(self._on_started)
        training.epochEnded.connect(self._on_epoch)
        self.runner.began.connect(self._on_began)
        self.runner.finished.connect(self._on_finished)
        self.runner.failed.connect(self._on_failed)
        self.runner.changed.connect(self._on_changed)
        self.runner.queue.failed.connect(self._messages.fail)
        self.finding.settingsChosen.connect(lambda settings: self.settingsChosen.emit("Try a remedy", settings))
        self.finding.wordsRequested.connect(lambda: self._navigation.show_page("words"))
        self.finding.failed.connect(self._messages.fail)

    def _connect_list(self) -> None:
        self._runs.chosen.connect(self._on_chosen)
        self._runs.waitingChosen.connect(self._on_waiting_chosen)
        shelf = self.shelf
        shelf.settingsChosen.connect(lambda settings: self.settingsChosen.emit("Use a run's settings", settings))
        shelf.jobAsked.connect(self._on_job_asked)
        shelf.repetitionChanged.connect(self._on_repetition_changed)
        shelf.deleted.connect(self._on_gone)
        shelf.failed.connect(self._messages.fail)
        self.waiting.removed.connect(self._on_gone)
        self.waiting.startAsked.connect(self._on_start)
        self._model.undo_stack.changed.connect(self._messages.forget_undo)

    def _on_skipped(self, event: Skipped) -> None:
        self._view.skip(event.path, event.reason)


def _settings(job: Job) -> Settings | None:
    """None where this program no longer knows all of them."""
    try:
        return Settings.from_dict(job.settings)
    except KwsError:
        return None
