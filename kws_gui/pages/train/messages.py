"""What the Train page says in its bar: each sentence with what can be done about it; knows no form and no process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kws_engine.runs.records import PastRun, read_run
from kws_engine.training.events import Failed, Finished
from kws_gui.runs.rows import counted, quality, validation_of
from kws_gui.widgets.message_bar import Kind, MessageBar

Cure = Literal["", "slower", "resume", "settings"]
"""What helps after a failure: a tenth of the learning rate, going on, training anew with the run's settings."""

CURES: dict[Cure, str] = {
    "": "",
    "slower": "Use a tenth of the learning rate",
    "resume": "Resume",
    "settings": "Use its settings",
}


@dataclass(frozen=True)
class Answer:
    """The button beside a sentence."""

    words: str
    act: Callable[[], object]


class TrainMessages(MessageBar):
    """One sentence at a time; its button does what it says."""

    def __init__(self) -> None:
        super().__init__()
        self._answer: Answer | None = None
        self._other: Answer | None = None
        self.remedyTriggered.connect(lambda: self._on_remedy(self._answer))
        self.otherTriggered.connect(lambda: self._on_remedy(self._other))

    def say(
        self, kind: Kind, sentence: str, answer: Answer | None = None, *, other: Answer | None = None,
        details: str = "", undoes: bool = False,
    ) -> None:  # fmt: skip
        """Shows a sentence; with `undoes` it goes as soon as something else would be undone."""
        self._answer, self._other = answer, other
        words, more = (one.words if one else "" for one in (answer, other))
        self.showMessage(kind, sentence, remedy=words, other=more, details=details, action="undo" if undoes else "")

    def fail(self, sentence: str, details: str = "") -> None:
        """Shows what did not work."""
        self.say("error", sentence, details=details)

    def forget_undo(self) -> None:
        """The button would take back something else than what is said beside it."""
        if self.action() == "undo":
            self.clear()

    def clear(self) -> None:
        self._answer = self._other = None
        super().clear()

    def _on_remedy(self, answer: Answer | None) -> None:
        self.clear()
        if answer is not None:
            answer.act()


def cure_of(event: Failed, run: PastRun | None, *, was_resumed: bool) -> Cure:
    """What to offer after a failure.

    Args:
        event: How it ended.
        run: The run as its folder tells it, None where it did not get so far.
        was_resumed: Whether it failed to go on, before it had begun to.
    """
    if run is None or run.state in ("running", "damaged"):
        return ""
    if event.kind == "not_a_number":
        return "slower"
    if was_resumed:
        return "settings"
    return "resume" if run.can_resume else ""


def run_of(folder: Path | None) -> PastRun | None:
    """The run in a folder, as far as it is one."""
    return read_run(folder) if folder is not None and folder.is_dir() else None


def ending_in_words(event: Finished, *, was_stopped: bool, left_out: int, waiting: int) -> str:
    """How good the run became, with which weights, and what was left out."""
    right = quality(*validation_of(Path(event.run))) or f"validation accuracy {event.validation_accuracy:.0%}"
    ended = "Stopped" if was_stopped else "Done"
    skipped = f" Left out: {counted(left_out, 'file')}." if left_out else ""
    return f"{ended}: {right}, with the weights of epoch {event.best_epoch}.{skipped}{waiting_in_words(waiting)}"


def waiting_in_words(count: int, *, lead: str = " ") -> str:
    """Says " 2 runs are waiting."; nothing where none is."""
    return f"{lead}{counted(count, 'run')} {'is' if count == 1 else 'are'} waiting." if count else ""
