"""What a person can do with runs on the Train page: carries out what the list, its menu and the buttons offer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject

from kws_engine.errors import KwsError
from kws_engine.runs.job import Job, settings_of
from kws_engine.runs.label_file import Label
from kws_engine.runs.queue import Waiting
from kws_engine.settings import Settings
from kws_gui.pages.train.label_dialog import LabelDialog
from kws_gui.pages.train.messages import MessageAction, TrainMessages, waiting_text
from kws_gui.pages.train.run_list import RunList
from kws_gui.runs.rows import RunRow
from kws_gui.services.runs import runs_text
from kws_gui.services.services import Services

UseSettings = Callable[[str, Settings], object]
"""Puts settings on the form, undoable under a name."""

_TAKEN = (
    "Another window of this project is starting what waits: it goes on there, or start it here when that is closed."
)


class RunActions(QObject):
    """Asks the services, and says in the message bar what can be undone or did not work."""

    def __init__(
        self, services: Services, runs: RunList, messages: TrainMessages, use: UseSettings, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._services = services
        self._list = runs
        self._messages = messages
        self._use = use
        self.dialog: LabelDialog | None = None
        runs.asked.connect(self._on_asked)
        runs.deleteRequested.connect(self._on_delete)
        runs.renamed.connect(self._on_renamed)

    # -- the live run and the queue

    def train(self, job: Job) -> None:
        """Starts a run; none may be running."""
        self._services.training.start(job)

    def queue(self, job: Job) -> None:
        """Puts a run at the end of the queue; where nothing runs, it waits to be started."""
        training = self._services.training
        if training.queue.add(job) and not training.is_running:
            self.offer_start()

    def pause_or_resume(self) -> None:
        """Whichever is possible now."""
        training = self._services.training
        if training.is_paused:
            training.resume()
        elif training.is_running:
            training.pause()

    def offer_start(self) -> None:
        """Shows how many runs wait, with a button that starts them; nothing where none does."""
        words = waiting_text(len(self._services.training.waiting()))
        if words:
            self._messages.say("info", words, self.start_action())

    def start_action(self) -> MessageAction:
        """The button that starts the queue."""
        return MessageAction("Start", self.start_next)

    def start_next(self) -> None:
        """Starts the first run that waits, unless another window was faster."""
        training = self._services.training
        if not training.start_next() and training.waiting() and not training.is_running:
            self._messages.say("info", _TAKEN, self.start_action())

    # -- settings

    def use_settings_of(self, folder: Path) -> None:
        """Puts a run's settings on the form."""
        self._attempt(lambda: self._use("Use a run's settings", settings_of(folder)))

    def use_slower_settings_of(self, folder: Path) -> None:
        """Puts a run's settings on the form, with a tenth of its learning rate."""

        def use() -> None:
            settings = settings_of(folder)
            rate = f"{settings.training.learning_rate / 10:.3g}"
            self._use("Use a tenth of the learning rate", settings.with_option("training.learning_rate", rate))

        self._attempt(use)

    # -- the menu

    def _on_asked(self, name: str, one: RunRow | Waiting) -> None:
        if isinstance(one, Waiting):
            self._act_on_waiting(name, one)
        else:
            self._act_on_run(name, one)

    def _act_on_run(self, name: str, row: RunRow) -> None:
        runs = self._services.runs
        acts: dict[str, Callable[[], object]] = {
            "use": lambda: self.use_settings_of(row.folder),
            "resume": lambda: runs.resume(row.folder),
            "finish": lambda: runs.finish(row.folder),
            "repeat": lambda: runs.repeat(row.folder),
            "label": lambda: self._edit_label(row),
            "results": lambda: self._show_on("results", row),
            "listen": lambda: self._show_on("listen", row),
        }
        acts[name]()

    def _act_on_waiting(self, name: str, waiting: Waiting) -> None:
        training = self._services.training
        acts: dict[str, Callable[[], object]] = {
            "start": self.start_next,
            "use": lambda: self._attempt(
                lambda: self._use("Use a run's settings", Settings.from_dict(waiting.job.settings))
            ),
            "up": lambda: training.queue.move(waiting.key, -1),
            "down": lambda: training.queue.move(waiting.key, 1),
            "remove": lambda: self._remove(waiting),
        }
        acts[name]()

    def _show_on(self, page: str, row: RunRow) -> None:
        self._services.runs.look_at(row)
        self._services.navigation.show_page(page)

    def _edit_label(self, row: RunRow) -> None:
        self.dialog = LabelDialog(row.run.label, row.folder.name, self._list)
        self.dialog.labelled.connect(lambda label: self._services.runs.relabel(row, label))
        self.dialog.finished.connect(self.dialog.deleteLater)
        self.dialog.open()

    def _on_renamed(self, row: RunRow, name: str) -> None:
        self._services.runs.relabel(row, Label(name, row.run.label.tags, row.run.label.note))

    def _on_delete(self, rows: list[RunRow]) -> None:
        if self._services.runs.delete(rows):
            self._say_undoable(f"The {runs_text(rows)} {'is' if len(rows) == 1 else 'are'} in the trash.")

    def _remove(self, waiting: Waiting) -> None:
        if self._services.training.remove(waiting):
            self._say_undoable("The run is out of the queue.")

    def _say_undoable(self, sentence: str) -> None:
        undo = MessageAction("Undo", self._services.project.undo_stack.undo)
        self._messages.say("info", sentence, undo, undoes=True)

    def _attempt(self, action: Callable[[], object]) -> None:
        try:
            action()
        except KwsError as error:
            self._messages.fail(str(error))
