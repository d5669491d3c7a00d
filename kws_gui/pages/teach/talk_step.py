"""The third step: talk freely for two minutes, if one likes."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from kws_engine.patient_microphone import told_away
from kws_gui import theme
from kws_gui.pages.teach.talk_text import TEXT, TOPICS, without
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.talk_recording import WANTED_S, TalkRecording
from kws_gui.services.teaching import Teaching
from kws_gui.widgets.level_meter import LevelMeter

_BUYS = (
    "It learns how you sound when you do not say {}: your voice's other words then hardly ever set it off. "
    "Optional, and worth it. Say anything but {}."
)
_GO_ON, _SKIP = "Teach it now", "Skip this: teach it now"


class TalkStep(QWidget):
    """What it buys, a text to read, the clock.

    Signals:
        done(): The next step is wanted.
    """

    done = Signal()

    def __init__(
        self,
        teaching: Teaching,
        talk: TalkRecording,
        microphones: MicrophoneService,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._teaching = teaching
        self._talk = talk
        self._microphones = microphones
        self.why = QLabel()
        self.text = QTextBrowser()
        self.told = QLabel()
        self.bar = QProgressBar()
        self.clock = QLabel()
        self.meter = LevelMeter()
        self.toggle = QPushButton()
        self.next = QPushButton()
        self._is_leaving = False
        self._lay_out()
        self._connect()

    def show_words(self) -> None:
        """Shows the text without the words that are being taught, and how much talk there is."""
        words = [f"“{word}”" for word in self._teaching.words]
        named = " or ".join(part for part in (", ".join(words[:-1]), words[-1] if words else "") if part)
        self.why.setText(_BUYS.format(*[named or "the word"] * 2))
        read = "".join(f"<p>{paragraph}</p>" for paragraph in without(self._teaching.words, TEXT))
        topics = "".join(f"<li>{topic}</li>" for topic in without(self._teaching.words, TOPICS))
        self.text.setHtml(f"<p><b>Read this aloud, or talk about anything:</b></p>{read}<ul>{topics}</ul>")
        self._show_state()

    def stop(self) -> None:
        """Pauses and stores what was said."""
        self._talk.stop()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.toggle.click()
        else:
            super().keyPressEvent(event)

    def _on_toggle(self) -> None:
        if self._talk.state == "idle":
            self._talk.start()
        else:
            self._talk.stop()

    def _on_next(self) -> None:
        """Goes on when what was said is on disk: the next step learns from it."""
        self.stop()
        self._is_leaving = True
        if not self._talk.is_storing:
            self._on_settled()

    def _on_settled(self) -> None:
        if self._is_leaving:
            self._is_leaving = False
            self.done.emit()

    def _on_state(self, state: str) -> None:
        self._show_state()
        if state == "idle" and self._talk.is_enough and self.isVisible():
            self.next.setFocus()

    def _show_state(self) -> None:
        state, is_enough = self._talk.state, self._talk.is_enough
        self._show_clock(self._talk.seconds)
        self.toggle.setText("Pause" if state != "idle" else "Go on" if self._talk.seconds >= 1 else "Start talking")
        self.toggle.setEnabled(state != "idle" or not is_enough)
        role = "" if is_enough else "primary"
        theme.set_role(self.toggle, role)
        theme.set_icon(
            self.toggle,
            "mdi6.pause" if state != "idle" else "mdi6.microphone",
            role="on_accent" if role else "text",
        )
        theme.set_role(self.next, "primary" if is_enough else "")
        sentences = {
            "opening": "Opening the microphone …",
            "recording": "Recording. Talk as you always do.",
            "idle": "Two minutes are there." if is_enough else "Press Space to start and to pause.",
        }
        self._tell("success" if is_enough and state == "idle" else "", sentences[state])

    def _show_clock(self, seconds: float) -> None:
        shown = min(int(seconds), round(WANTED_S))
        self.bar.setValue(shown)
        total = round(WANTED_S)
        if (text := _GO_ON if shown else _SKIP) != self.next.text():
            self.next.setText(text)
        self.clock.setText(f"{shown // 60}:{shown % 60:02} of {total // 60}:{total % 60:02}")

    def _tell(self, role: str, sentence: str) -> None:
        theme.set_role(self.told, role or "muted")
        self.told.setText(sentence)

    def _on_quiet(self, is_quiet: bool) -> None:
        if is_quiet:
            self._tell("warning", "Nothing is heard: talk on, louder, or pause with Space.")
        else:
            self._show_state()

    def _on_slow(self) -> None:
        self._tell("", "Storing what you said …")

    def _on_not_stored(self, sentence: str) -> None:
        self._is_leaving = False
        self._tell("error", f"{sentence} What you said waits in memory: pause once more to store it.")

    def _on_microphone_failed(self, sentence: str) -> None:
        self.meter.clear()
        if self._talk.state != "idle":
            fact = self._microphones.waits_for
            self._tell("warning" if fact else "error", f"{told_away(fact)}." if fact else sentence)

    def _connect(self) -> None:
        talk, microphones = self._talk, self._microphones
        talk.stateChanged.connect(self._on_state)
        talk.grown.connect(self._show_clock)
        talk.quiet.connect(self._on_quiet)
        talk.failed.connect(self._on_not_stored)
        talk.slow.connect(self._on_slow)
        talk.settled.connect(self._on_settled)
        microphones.levelChanged.connect(self.meter.setLevel)
        microphones.closed.connect(self.meter.clear)
        microphones.failed.connect(self._on_microphone_failed)
        self.toggle.clicked.connect(self._on_toggle)
        self.next.clicked.connect(self._on_next)

    def _lay_out(self) -> None:
        title = QLabel("Talk freely for two minutes")
        theme.set_role(title, "title")
        theme.set_role(self.why, "muted")
        self.why.setWordWrap(True)
        self.why.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setAccessibleName("A text to read aloud")
        self.text.setMinimumHeight(88)
        self.text.setTabChangesFocus(True)
        self.bar.setRange(0, round(WANTED_S))
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("How much talk there is")
        self.toggle.setToolTip("Records, or pauses (Space)")
        self.next.setToolTip("Teaches the words (Alt+Right)")
        clock = QHBoxLayout()
        clock.setSpacing(theme.GROUP)
        clock.addWidget(self.bar, 1)
        clock.addWidget(self.clock)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.GRID)
        buttons.addWidget(self.toggle)
        buttons.addWidget(self.told, 1)
        buttons.addWidget(self.next)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        for part in (title, self.why):
            column.addWidget(part)
        column.addWidget(self.text, 1)
        column.addWidget(self.meter)
        column.addLayout(clock)
        column.addLayout(buttons)
