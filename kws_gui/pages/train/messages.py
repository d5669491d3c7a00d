"""The message bar of the Train page: sentences, each with what can be done about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from kws_engine.runs.records import PastRun
from kws_engine.training.events import Failed, Finished
from kws_gui.runs.rows import RunRow, accuracy_text, counted
from kws_gui.widgets.message_bar import Kind, MessageBar

Cure = Literal["", "slower", "resume", "settings"]
"""What helps after a failure: a tenth of the learning rate, resuming the run, training anew with its settings."""

CURES: dict[Cure, str] = {
    "": "",
    "slower": "Use a tenth of the learning rate",
    "resume": "Resume",
    "settings": "Use its settings",
}


@dataclass(frozen=True)
class MessageAction:
    """A button beside a sentence."""

    text: str
    act: Callable[[], object]


class TrainMessages(MessageBar):
    """One sentence at a time; its button does what it says."""

    def __init__(self) -> None:
        super().__init__()
        self._main_action: MessageAction | None = None
        self._other_action: MessageAction | None = None
        self.remedyTriggered.connect(lambda: self._on_remedy(self._main_action))
        self.otherTriggered.connect(lambda: self._on_remedy(self._other_action))

    def say(
        self,
        kind: Kind,
        sentence: str,
        action: MessageAction | None = None,
        *,
        other: MessageAction | None = None,
        details: str = "",
        undoes: bool = False,
    ) -> None:
        """Shows a sentence; with `undoes` it disappears as soon as Undo would undo something else."""
        self._main_action = action
        self._other_action = other
        remedy, more = (one.text if one else "" for one in (action, other))
        self.showMessage(kind, sentence, remedy=remedy, other=more, details=details, action="undo" if undoes else "")

    def fail(self, sentence: str, details: str = "") -> None:
        """Shows what did not work."""
        self.say("error", sentence, details=details)

    def forget_undo(self) -> None:
        """Clears a sentence whose button would now undo something else."""
        if self.action() == "undo":
            self.clear()

    def clear(self) -> None:
        self._main_action = None
        self._other_action = None
        super().clear()

    def _on_remedy(self, action: MessageAction | None) -> None:
        self.clear()
        if action is not None:
            action.act()


def cure_of(event: Failed, run: PastRun | None, *, was_resumed: bool) -> Cure:
    """What to offer after a failure.

    Args:
        event: How it ended.
        run: None where it has no folder yet.
        was_resumed: Whether it was resumed and failed before its first new epoch.
    """
    if run is None or run.state in ("running", "damaged"):
        return ""
    if event.kind == "not_a_number":
        return "slower"
    if was_resumed:
        return "settings"
    return "resume" if run.can_resume else ""


def ending_text(
    event: Finished, row: RunRow | None, *, promised: str, was_stopped: bool, skipped: int, waiting: int
) -> str:
    """Misses and false alarms of the trained model, its accuracy, its epoch, and how many files were left out.

    Args:
        event: How it ended.
        row: The run as read after its end; None where it could not be read.
        promised: Misses and false alarms in words; empty where they were not measured.
        was_stopped: Whether a person stopped it.
        skipped: Files that were left out.
        waiting: Queued runs that do not start by themselves now.
    """
    right = accuracy_text(row) if row is not None else ""
    right = right or f"validation accuracy {event.validation_accuracy:.0%}"
    ended = "Stopped" if was_stopped else "Done"
    told = f"{right}, with the weights of epoch {event.best_epoch}."
    sentences = [f"{ended}: {promised}.", told[:1].upper() + told[1:]] if promised else [f"{ended}: {told}"]
    if skipped:
        sentences.append(f"Left out: {counted(skipped, 'file')}.")
    if waiting:
        sentences.append(waiting_text(waiting))
    return " ".join(sentences)


def waiting_text(count: int) -> str:
    """Says "2 runs are waiting."; empty where none is."""
    return f"{counted(count, 'run')} {'is' if count == 1 else 'are'} waiting." if count else ""
