"""What the rest of the program knows of the Listen page, and asks of it: actions, the tray, the small window."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal

from kws_engine.actions import ACTIONS
from kws_engine.actions.rule import Rule
from kws_engine.actions.running import Report
from kws_engine.spotting.decision import Detection
from kws_gui.pages.listen.actions_button import ActionsButton
from kws_gui.services.services import Services


class Outward(QObject):
    """The page tells it what it hears and does; `toggle` makes the page listen, or stop.

    Signals:
        troubled(str): An action failed that had not failed before, or not since it was done last.
    """

    troubled = Signal(str)

    def __init__(self, services: Services, toggle: Callable[[], object], parent: QObject) -> None:
        super().__init__(parent)
        self._actions = services.actions
        self._listening = services.listening
        self._project = services.project
        self._toggle = toggle
        self._is_listening = False
        self._words: tuple[str, ...] = ()
        self._failing: set[Rule] = set()
        self.button = ActionsButton(services.actions, services.project, self._offered)
        self._listening.wanted.connect(self._on_wanted)
        self._actions.reported.connect(self._on_reported)

    def report(self, is_listening: bool, words: Sequence[str]) -> None:
        """Whether the page listens to the microphone, or waits for it, and for which words."""
        self._is_listening, self._words = is_listening, tuple(words)
        self._listening.report(is_listening, self._words)

    def heard(self, found: Detection, *, rate: int) -> None:
        """The microphone's sound held a word; its samples count at `rate`."""
        self._actions.take(found, rate=rate)
        self._listening.say(found)

    def risen(self, found: Detection) -> None:
        """The score of that word has risen."""
        self._listening.say_risen(found)

    def begin_if_wanted(self) -> None:
        """Listens, where somebody asked for that before a model was open."""
        if self._listening.is_wanted and not self._is_listening:
            self._toggle()

    def shutdown(self) -> None:
        """Closes the dialog of the actions."""
        self.button.close_dialog()

    def _on_reported(self, report: Report) -> None:
        """Says a failure once: it may come with every word, and the dialog counts."""
        if not report.error:
            self._failing.discard(report.rule)
        elif report.rule not in self._failing:
            self._failing.add(report.rule)
            self.troubled.emit(f"{ACTIONS[report.rule.kind].title} at “{report.moment.word}” failed: {report.error}")

    def _on_wanted(self) -> None:
        if self._listening.is_wanted != self._is_listening:
            self._toggle()

    def _offered(self) -> tuple[str, ...]:
        """The words that an action may be for."""
        project = self._project.project
        return (*self._words, *(project.words if project else ()))
