"""A recording session over many words: what to record, then one large word after another until all are there."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from kws_gui import theme
from kws_gui.pages.words.session_setup import SessionSetup
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.recording_session import RecordingSession
from kws_gui.widgets.dialog_size import size_in
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.empty_state import EmptyState
from kws_gui.widgets.level_meter import LevelMeter
from kws_gui.widgets.wrapped_label import WrappedLabel

_WIDTH, _HEIGHT = 760, 460  # px
_SHARE = 0.6  # of a large window: the word is read from where one speaks


class SessionDialog(QDialog):
    """Asks what to record where nothing is left to record, else goes on.

    Signals:
        checkRequested(): All clips are to be checked.
    """

    checkRequested = Signal()

    def __init__(
        self,
        model: ProjectModel,
        session: RecordingSession,
        microphones: MicrophoneService,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Record a session")
        self._session = session
        self.setup = SessionSetup(model)
        self.panel = SessionPanel(session, microphones)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.setup)
        self._stack.addWidget(self.panel)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.addWidget(self._stack)
        self.setup.wanted.connect(self._on_wanted)
        self.setup.cancelled.connect(self.reject)
        self.panel.another.connect(self._show_setup)
        self.panel.closed.connect(self.reject)
        self.panel.checkRequested.connect(self._on_check)
        session.failed.connect(self._on_failed)
        model.failed.connect(self._on_failed)
        model.opened.connect(self.reject)
        self.setup.go.setDefault(True)  # which it can only be in a dialog
        self.resize(size_in(parent, _WIDTH, _HEIGHT, share=_SHARE))
        if session.is_unfinished:
            self._show_panel()
        else:
            self._show_setup()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._stack.currentWidget() is not self.panel or not self.panel.press(event):
            super().keyPressEvent(event)

    def reject(self) -> None:
        """Pauses and closes; what was kept is on disk."""
        self._session.pause()
        super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._session.pause()
        super().closeEvent(event)

    def _show_setup(self) -> None:
        self._session.pause()
        self.setup.begin(unfinished=(self._session.done, self._session.total) if self._session.is_unfinished else None)
        self._stack.setCurrentWidget(self.setup)

    def _show_panel(self) -> None:
        self._session.by_key = self.setup.by_key
        self._stack.setCurrentWidget(self.panel)
        self.panel.show_state()
        self.panel.tell("", "")
        self.panel.main.setFocus()

    def _on_wanted(self) -> None:
        wanted = self.setup.value()
        if self._session.make(wanted.words, takes=wanted.takes, speakers=wanted.speakers):
            self._show_panel()
            self._session.start()

    def _on_check(self) -> None:
        self.checkRequested.emit()
        self.accept()

    def _on_failed(self, sentence: str) -> None:
        if self._stack.currentWidget() is self.setup:
            self.setup.tell(sentence)
        else:
            self.panel.tell("error", sentence)


class SessionPanel(QWidget):
    """One large word, who says it, how many are there, the level, and what came of the last take.

    Signals:
        another(): Another session is wanted.
        closed(): It is to be closed.
        checkRequested(): All clips are to be checked.
    """

    another = Signal()
    closed = Signal()
    checkRequested = Signal()

    def __init__(
        self, session: RecordingSession, microphones: MicrophoneService, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._microphones = microphones
        self.speaker = ElidedLabel()
        self.count = QLabel()
        self.word = ElidedLabel()
        self.bar = QProgressBar()
        self.meter = LevelMeter()
        self.told = WrappedLabel()
        self.doubt = WrappedLabel()
        self.main = QPushButton()
        self.pause = QPushButton("Pause")
        self.repeat = QPushButton("Repeat last")
        self.skip = QPushButton("Skip")
        self.new = QPushButton("Another session…")
        self.check = QPushButton("Check all clips")
        self.close_button = QPushButton("Close")
        self.no_microphone = EmptyState("mdi6.microphone-off", "", "Try again")
        self._is_live = False
        self._shown_state = session.state
        self._role, self._is_hint = "", True
        self._lay_out()
        self._connect()
        self.show_state()

    def press(self, event: QKeyEvent) -> bool:
        """Handles a key; whether it was one of the panel's."""
        key = event.key()
        if key == Qt.Key.Key_Escape and self._session.state in ("recording", "turn"):
            self._session.pause()
        elif key == Qt.Key.Key_Backspace:
            self.repeat.click()
        elif key == Qt.Key.Key_S:
            self.skip.click()
        elif key == Qt.Key.Key_P:
            self.pause.click() if self.pause.isVisible() else self.main.click()
        elif key == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self.main.click()
        else:
            return False
        return True

    def show_state(self) -> None:
        """Shows what the session asks for."""
        session, state, current = self._session, self._session.state, self._session.current
        is_over = state == "done"
        self.word.setFullText("All takes are there" if is_over else current.word if current is not None else "")
        if state == "turn" and current is not None:
            self.word.setFullText(current.speaker)
        self.speaker.setFullText(self._who())
        self.count.setText(f"{session.total if is_over else session.number} of {session.total}")
        self.bar.setMaximum(max(1, session.total))
        self.bar.setValue(session.done)
        self.bar.setAccessibleDescription(f"{session.done} of {session.total} takes are there")
        self._show_main(state)
        self.pause.setVisible(state == "recording" and session.by_key)
        self.repeat.setEnabled(session.can_repeat)
        self.skip.setEnabled(not is_over)
        self.new.setVisible(state in ("paused", "done"))
        self.check.setVisible(is_over)
        self.skip.setVisible(not is_over)
        self._show_live()

    def tell(self, role: str, sentence: str) -> None:
        """Shows what came of the last take, or without a sentence what to do."""
        self._role, self._is_hint = role, not sentence
        theme.set_role(self.told, role or "muted")
        self.told.setText(sentence or self._hint())
        self.told.setAccessibleName(self.told.text())

    # -- showing

    def _who(self) -> str:
        state, current = self._session.state, self._session.current
        if state == "done":
            return ""
        if state == "turn":
            return "The next speaker is"
        return f"{current.speaker} says" if current is not None else ""

    def _show_main(self, state: str) -> None:
        session = self._session
        text, icon, tip = {
            "paused": ("Continue" if session.done else "Begin", "mdi6.microphone", "Asks for the next take (Space)"),
            "turn": ("Ready", "mdi6.microphone", "Goes on with this speaker (Space)"),
            "done": ("Close", "mdi6.check", "Closes (Space)"),
            "recording": ("Pause", "mdi6.pause", "Goes on later from here (Space, P or Esc)"),
        }[state]
        if state == "recording" and session.by_key:
            text, icon, tip = "Record", "mdi6.microphone", "Then say the word (Space)"
        if self.main.text() != text:
            self.main.setText(text)
            theme.set_icon(self.main, icon, role="on_accent")
        self.main.setToolTip(tip)
        self.close_button.setVisible(state != "done")

    def _hint(self) -> str:
        session, state = self._session, self._session.state
        if state == "done":
            return self._ending()
        if state == "turn":
            return "Press Space when ready."
        if state == "paused":
            key = "press Space before each word" if session.by_key else "say each word when it is shown"
            return f"Press Space to begin, then {key}. What is kept is on disk; it goes on whenever you like."
        if session.hands_free.state == "opening":
            return "Opening the microphone …"
        return "Press Space, then say the word." if session.by_key else "Listening: say the word."

    def _ending(self) -> str:
        doubtful = self._session.doubtful
        if not doubtful:
            return "Checking all clips finds what is noisy, cut off or under a wrong word."
        takes = "One of these takes" if doubtful == 1 else f"{doubtful} of these takes"
        return f"{takes} may be faulty or another word: checking all clips shows which."

    def _show_live(self) -> None:
        is_live = self._session.state == "recording" and self._session.hands_free.hears_voice
        if is_live != self._is_live:
            self._is_live = is_live
            theme.set_role(self.word, "word-live" if is_live else "word")

    def _on_changed(self) -> None:
        self.show_state()
        has_turned, self._shown_state = self._session.state != self._shown_state, self._session.state
        if self._is_hint or (has_turned and self._role != "error"):
            self.tell("", "")
        if self._session.hands_free.state == "listening":
            self._stack.setCurrentWidget(self._page)

    def _on_told(self, role: str, sentence: str) -> None:
        if self._session.state == "done" and role == "success":
            role, sentence = "", ""
        elif self._session.state == "turn" and sentence:
            sentence = f"{sentence} {self._hint()}"
        self.doubt.setText("")
        self.tell(role, sentence)

    def _on_doubted(self, _: object, sentence: str) -> None:
        self.doubt.setText(f"{sentence} (Backspace)")
        self.doubt.setAccessibleName(sentence)
        if self._session.state == "done":
            self.tell("", "")

    def _on_main(self) -> None:
        state = self._session.state
        if state == "done":
            self.closed.emit()
        elif state != "recording":
            self._session.start()
        elif self._session.by_key:
            self._session.begin_take()
        else:
            self._session.pause()

    def _on_level(self, peak_db: float, rms_db: float) -> None:
        self.meter.setLevel(peak_db, rms_db)
        self._show_live()

    def _on_microphone_failed(self, sentence: str) -> None:
        self.meter.clear()
        if not self._microphones.waits_for and self._session.state == "recording":
            self.no_microphone.setSentence(sentence)
            self._stack.setCurrentWidget(self.no_microphone)

    def _on_microphone_opened(self, _: str) -> None:
        self._stack.setCurrentWidget(self._page)

    # -- making

    def _connect(self) -> None:
        session, microphones = self._session, self._microphones
        session.changed.connect(self._on_changed)
        session.told.connect(self._on_told)
        session.doubted.connect(self._on_doubted)
        microphones.levelChanged.connect(self._on_level)
        microphones.failed.connect(self._on_microphone_failed)
        microphones.opened.connect(self._on_microphone_opened)
        microphones.closed.connect(self.meter.clear)
        self.no_microphone.triggered.connect(microphones.try_again)
        self.main.clicked.connect(self._on_main)
        self.pause.clicked.connect(session.pause)
        self.repeat.clicked.connect(session.repeat_last)
        self.skip.clicked.connect(session.skip)
        self.new.clicked.connect(self.another)
        self.check.clicked.connect(self.checkRequested)
        self.close_button.clicked.connect(self.closed)

    def _lay_out(self) -> None:
        theme.set_role(self.word, "word")
        theme.set_role(self.count, "title")
        theme.set_role(self.speaker, "title")
        theme.set_role(self.doubt, "warning")
        theme.set_role(self.main, "primary")
        self.word.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(theme.GRID)
        self.bar.setAccessibleName("Takes")
        for label in (self.told, self.doubt):
            label.setFixedHeight(label.fontMetrics().lineSpacing() * 2 + 2)  # two lines: nothing jumps
            label.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.pause.setToolTip("Goes on later from here (P or Esc)")
        self.repeat.setToolTip("Takes the last take back and asks for it again (Backspace)")
        self.skip.setToolTip("Puts this word off to the end (S)")
        self.check.setToolTip("Finds what is noisy, cut off, or under a wrong word")
        self.new.setToolTip("Other words or speakers; what is recorded stays")
        self.close_button.setToolTip("Goes on whenever you like (Esc)")
        theme.set_icon(self.repeat, "mdi6.undo")
        theme.set_icon(self.skip, "mdi6.skip-next-outline")
        theme.set_icon(self.pause, "mdi6.pause")
        for quiet in (self.new, self.close_button, self.check):
            theme.set_role(quiet, "quiet")
        self.main.setMinimumWidth(128)
        self._page = self._make_page()
        self._stack = QStackedWidget()
        self._stack.addWidget(self._page)
        self._stack.addWidget(self.no_microphone)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.GRID)
        for button in (self.main, self.pause, self.repeat, self.skip):
            buttons.addWidget(button)
        buttons.addStretch(1)
        for button in (self.new, self.check, self.close_button):
            buttons.addWidget(button)
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self._stack, 1)
        column.addLayout(buttons)

    def _make_page(self) -> QWidget:
        page = QWidget()
        top = QHBoxLayout()
        top.addWidget(self.speaker, 1)
        top.addWidget(self.count)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addLayout(top)
        column.addWidget(self.bar)
        column.addStretch(1)
        column.addWidget(self.word)
        column.addStretch(1)
        column.addWidget(self.told)
        column.addWidget(self.doubt)
        column.addWidget(self.meter)
        return page
