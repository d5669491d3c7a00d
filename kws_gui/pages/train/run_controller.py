"""Shows on the Train page which run is running, how it ended, and which run is looked at."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from kws_engine.runs.job import Job
from kws_engine.runs.queue import Waiting
from kws_engine.runs.repeating import Repetition
from kws_engine.training.events import Epoch, Failed, Finished
from kws_gui.pages.train.live_finding import LiveFinding
from kws_gui.pages.train.messages import (
    CURES,
    MessageAction,
    TrainMessages,
    cure_of,
    ending_text,
    waiting_text,
)
from kws_gui.pages.train.run_actions import RunActions, UseSettings
from kws_gui.pages.train.run_list import RunList
from kws_gui.pages.train.run_view import RunView
from kws_gui.runs.rows import RunRow, finish_text, measured_text, outcome_text, when
from kws_gui.services.services import Services
from kws_gui.services.training import Ending, LiveRun

_QUEUED = "It is in the queue: it starts when the runs before have ended."
_STOPPED = "Stopped before the first epoch ended: nothing was trained."


class RunController(QObject):
    """Connects the services to the view of one run, the list of runs and the message bar.

    Signals:
        named(str): What is looked at, for the header.
        looked(): Another run, or none, is looked at.
    """

    named = Signal(str)
    looked = Signal()

    def __init__(
        self,
        services: Services,
        view: RunView,
        runs: RunList,
        messages: TrainMessages,
        *,
        use: UseSettings,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._services = services
        self._training = services.training
        self._view = view
        self._list = runs
        self._messages = messages
        self._use = use
        self._choose_live = True
        self.actions = RunActions(services, runs, messages, use, self)
        self.finding = LiveFinding(view, self)
        self._connect_services()
        self._connect_widgets()

    def show_all(self) -> None:
        """Shows the present state; for a page that was just made, or another project."""
        self._choose_live = True
        self._on_runs()
        self._on_training()
        self._show_queue()
        if self._training.queue.failure:
            self._messages.fail(self._training.queue.failure)
        elif not self._training.is_running:
            self.actions.offer_start()

    # -- the live run

    def _on_began(self, live: LiveRun) -> None:
        if not live.was_queued:
            self._messages.clear()
        self._view.show_live(live)
        self.finding.look(live)
        self._name_live(live)
        self._list.choose(*[row.folder for row in self._list.selected()][:1])

    def _on_started(self) -> None:
        self._choose_live = True
        self._view.update_live()

    def _on_epochs(self, epochs: list[Epoch]) -> None:
        live = self._training.live
        assert live is not None
        self._view.update_live(epochs)
        self.finding.look(live)

    def _on_training(self) -> None:
        self._view.update_live()
        self._list.setPaused(self._training.is_paused)

    def _on_ended(self, ending: Ending) -> None:
        if ending.run.started is None:  # else the curves stay until the list has been read again
            self._list.choose(*[row.folder for row in self._list.selected()])

    def _announce(self, ending: Ending, row: RunRow | None) -> None:
        """Shows how a run ended, with what can be done about it."""
        if isinstance(ending.event, Finished):
            self._announce_model(ending, ending.event, row)
        else:
            self._announce_failure(ending, ending.event, row)

    def _announce_model(self, ending: Ending, event: Finished, row: RunRow | None) -> None:
        skipped = [f"{one.path}: {one.reason}" for one in ending.run.skipped]
        halted = self._halted(ending)
        promised = ending.run.promised.told if ending.run.promised else ""
        words = ending_text(
            event, row, promised=promised, was_stopped=ending.was_stopped, skipped=len(skipped), waiting=halted
        )
        see_results = MessageAction("See results", lambda: self._services.navigation.show_page("results"))
        action = self.actions.start_action() if halted else see_results
        self._messages.say("success", words, action, details="\n".join(skipped))

    def _announce_failure(self, ending: Ending, event: Failed, row: RunRow | None) -> None:
        nothing_trained = not ending.run.epochs
        if ending.was_stopped and nothing_trained:
            halted = self._halted(ending)
            words = " ".join(part for part in (_STOPPED, waiting_text(halted)) if part)
            self._messages.say("info", words, self.actions.start_action() if halted else None)
            return
        was_resumed = ending.run.job.resume is not None and nothing_trained
        cure, finish = self._cure(event, row, was_resumed=was_resumed)
        self._messages.say("error", event.message, cure, other=finish, details=event.traceback)

    def _cure(
        self, event: Failed, row: RunRow | None, *, was_resumed: bool
    ) -> tuple[MessageAction | None, MessageAction | None]:
        """What to offer after a failure, and a model of what the run has kept."""
        if row is None:
            return None, None
        runs = self._services.runs
        acts = {
            "slower": self.actions.use_slower_settings_of,
            "resume": runs.resume,
            "settings": self.actions.use_settings_of,
        }
        name = cure_of(event, row.run, was_resumed=was_resumed)
        cure = MessageAction(CURES[name], lambda: acts[name](row.folder)) if name else None
        finish = MessageAction(finish_text(row.run), lambda: runs.finish(row.folder))
        return cure, finish if row.run.can_finish else None

    def _halted(self, ending: Ending) -> int:
        """How many runs wait that will not start by themselves now."""
        return len(self._training.waiting()) if ending.was_stopped else 0

    # -- the list

    def _on_runs(self) -> None:
        live = self._services.runs.live
        choose = live if self._choose_live and self._services.runs.row(live) is not None else None
        self._choose_live = self._choose_live and choose is None
        self._list.setRows(self._services.runs.rows, running=live, choose=choose)

    def _show_queue(self) -> None:
        self._list.setWaiting(self._training.waiting(), can_start=not self._training.is_running)

    def _on_chosen(self, row: RunRow | None) -> None:
        live, folder = self._training.live, self._services.runs.live
        is_live = row is None or folder is None or row.folder == folder
        if self._training.is_running and live is not None and is_live:
            self._name_live(live)
            self._view.show_live(live)
            self.finding.look(live)
        elif row is None:
            self.named.emit("")
            self._view.show_none()
        else:
            self.named.emit(f"{row.title} · {row.run.network}")
            self._view.show_past(row.run.epochs, outcome_text(row), measured_text(row))
        self.looked.emit()

    def _on_waiting_chosen(self, waiting: Waiting) -> None:
        self.named.emit(f"waiting · {waiting.network}")
        place = [one.key for one in self._list.waiting()].index(waiting.key) + 1
        self._view.show_past([], f"Waits for its turn: number {place} in the queue")
        self.looked.emit()

    def _name_live(self, live: LiveRun) -> None:
        name = live.job.name or (when(live.folder) if live.folder else "new run")
        self.named.emit(f"{name} · {Waiting('', live.job).network}")

    # -- other messages

    def _on_queued(self, _job: Job) -> None:
        self._messages.say("info", _QUEUED)

    def _on_repetition_differs(self, found: Repetition) -> None:
        anyway = MessageAction("Repeat anyway", lambda: self._training.start_or_queue(found.job))
        self._messages.say("warning", f"It would not be the same run: {found.changes()}.", anyway)

    # -- making

    def _connect_services(self) -> None:
        training, runs = self._training, self._services.runs
        training.began.connect(self._on_began)
        training.progressed.connect(self._view.update_live)
        training.started.connect(self._on_started)
        training.epochsAdded.connect(self._on_epochs)
        training.changed.connect(self._on_training)
        training.changed.connect(self._show_queue)
        training.ended.connect(self._on_ended)
        training.queued.connect(self._on_queued)
        training.queue.changed.connect(self._show_queue)
        training.queue.failed.connect(self._messages.fail)
        runs.changed.connect(self._on_runs)
        runs.ended.connect(self._announce)
        runs.differs.connect(self._on_repetition_differs)
        runs.failed.connect(self._messages.fail)
        self._services.project.undo_stack.changed.connect(self._messages.forget_undo)

    def _connect_widgets(self) -> None:
        self._list.chosen.connect(self._on_chosen)
        self._list.waitingChosen.connect(self._on_waiting_chosen)
        self.finding.settingsChosen.connect(lambda settings: self._use("Try a remedy", settings))
        self.finding.wordsRequested.connect(lambda: self._services.navigation.show_page("words"))
        self.finding.failed.connect(self._messages.fail)
