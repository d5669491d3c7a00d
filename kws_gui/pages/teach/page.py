"""The Teach page: type a word, say it twenty times, talk, wait, try it."""

from __future__ import annotations

from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from kws_gui import shortcuts, theme
from kws_gui.pages.teach.speak_step import SpeakStep
from kws_gui.pages.teach.steps import StepRow
from kws_gui.pages.teach.talk_step import TalkStep
from kws_gui.pages.teach.try_step import TryStep
from kws_gui.pages.teach.type_step import TypeStep
from kws_gui.pages.teach.wait_step import WaitStep
from kws_gui.services.services import Services
from kws_gui.services.teaching import STEPS, Step
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.message_bar import MessageBar

_SAVE_AGAIN = "save again"


class TeachPage(QWidget):
    """One step at a time; the service knows which."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._teaching = services.teaching
        self._shown: Step | None = None
        self._is_shut = False
        self.messages = MessageBar()
        self.steps = StepRow()
        self.type = TypeStep(self._teaching)
        self.speak = SpeakStep(services.project, self._teaching, services.recordings, services.microphones)
        self.talk = TalkStep(self._teaching, services.talk, services.microphones)
        self.wait = WaitStep(self._teaching, services.training)
        self.try_it = TryStep(services.project, services.microphones)
        self._of_step: dict[Step, QWidget] = {
            "type": self.type,
            "speak": self.speak,
            "talk": self.talk,
            "wait": self.wait,
            "try": self.try_it,
        }
        self._project = ElidedLabel()
        self._stack = _Steps()
        self._lay_out()
        self._connect()

    @property
    def step(self) -> Step:
        """The step in front."""
        return self._teaching.step

    def shutdown(self) -> None:
        """Ends recording and listening; what was recorded is stored."""
        self._is_shut = True
        self.speak.stop()
        self.talk.stop()
        self.try_it.shutdown()
        self._services.microphones.release(self)

    # -- events

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._services.microphones.acquire(self)
        self._shown = None
        self._show()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._pause()
        self._services.microphones.release(self)

    # -- steps

    def _pause(self) -> None:
        """Nothing is recorded or listened to that is not shown."""
        self.speak.stop()
        self.talk.stop()
        self.try_it.stop()

    def _show(self) -> None:
        """Follows the service."""
        if self._is_shut or not self.isVisible():
            return
        step, project = self._teaching.step, self._services.project.project
        self.steps.show_step(step, may_show=frozenset(one for one in STEPS if self._teaching.may_show(one)))
        self._project.setFullText(project.name if project is not None else "")
        self.type.show_project(project.name if project is not None else "")
        is_new = step != self._shown
        if is_new:
            self._shown = step
            self._pause()
            self._stack.setCurrentWidget(self._of_step[step])
        if step == "speak":
            self.speak.show_word()
        elif step == "talk" and is_new:
            self.talk.show_words()
        elif step == "wait":
            self.wait.show_run()
        elif step == "try" and (is_new or self._services.project.model_path is not None):
            self._show_try(is_new)
        if is_new:
            self._focus(step)

    def _show_try(self, is_new: bool) -> None:
        opened = self.try_it.bridge.opened
        if is_new or opened is None or opened.path != self._services.project.model_path:
            self.try_it.show_model()

    def _focus(self, step: Step) -> None:
        first = {
            "type": self.type.field,
            "speak": self.speak.toggle,
            "talk": self.talk.toggle,
            "wait": self.wait.start if self.wait.start.isVisible() else self.wait.stop,
            "try": self.try_it.toggle,
        }
        first[step].setFocus()

    def _on_typed(self, text: str) -> None:
        self.messages.clear()
        if self._teaching.type_words(text):
            self.type.clear()

    def _on_chosen(self, step: str) -> None:
        self.messages.clear()
        for one in STEPS:
            if one == step:
                self._teaching.go(one)

    def _go(self, by: int) -> None:
        """Alt+Right and Alt+Left: what Next does, or the step before."""
        step = self._teaching.step
        buttons = {"type": self.type.next, "speak": self.speak.next, "talk": self.talk.next, "wait": self.wait.start}
        if by > 0:
            if step in buttons and buttons[step].isVisible():
                buttons[step].click()
        elif step != STEPS[0]:
            self._on_chosen(STEPS[STEPS.index(step) - 1])

    # -- messages

    def _on_failed(self, sentence: str) -> None:
        if self.isVisible():
            self.messages.showMessage("error", sentence)

    def _on_unsaved(self, sentence: str) -> None:
        self.messages.showMessage("error", sentence, remedy="Save again", action=_SAVE_AGAIN)

    def _on_remedy(self) -> None:
        self.messages.clear()
        self._services.recordings.save_again()

    # -- making

    def _connect(self) -> None:
        services = self._services
        self._teaching.changed.connect(self._show)
        services.project.clipsChanged.connect(self._show)
        services.project.failed.connect(self._on_failed)
        self.steps.chosen.connect(self._on_chosen)
        self.type.typed.connect(self._on_typed)
        self.speak.done.connect(self._teaching.go_on)
        self.speak.failed.connect(self._on_unsaved)
        self.talk.done.connect(self._teaching.go_on)
        self.wait.settingsRequested.connect(lambda: services.navigation.show_page("train"))
        self.try_it.useRequested.connect(lambda: services.navigation.show_page("listen"))
        self.try_it.addRequested.connect(lambda: self._teaching.go("type"))
        self.try_it.failed.connect(
            lambda sentence, details: self.messages.showMessage("error", sentence, details=details)
        )
        self.messages.remedyTriggered.connect(self._on_remedy)
        shortcuts.add(self, "go_on", lambda: self._go(1))
        shortcuts.add(self, "go_back", lambda: self._go(-1))

    def _lay_out(self) -> None:
        title = QLabel("Teach a word")
        theme.set_role(title, "title")
        theme.set_role(self._project, "muted")
        header = QHBoxLayout()
        header.setSpacing(theme.GROUP)
        header.addWidget(title)
        header.addWidget(self._project, 1)
        for widget in self._of_step.values():
            self._stack.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID)
        column.addLayout(header)
        column.addWidget(self.steps)
        column.addWidget(self._stack, 1)
        self.messages.lieOver(self, free=[self.steps])


class _Steps(QStackedWidget):
    """Asks for the least height of the steps; with text that wraps, Qt would ask for the one that they like best."""

    def hasHeightForWidth(self) -> bool:
        return False
