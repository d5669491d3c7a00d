"""The second step: say the word twenty times, hands free."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from kws_engine import audio
from kws_engine.clips.clip import Clip
from kws_engine.clips.judging import NOTHING
from kws_engine.clips.recording import Take
from kws_engine.errors import KwsError
from kws_engine.patient_microphone import told_away
from kws_engine.runs.teaching import TAKES
from kws_gui import shortcuts, theme
from kws_gui.bridges.sound_picture import SoundPicture
from kws_gui.services import remembered
from kws_gui.services.hands_free import HandsFree
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.recordings import Recordings
from kws_gui.services.teaching import ENOUGH, Teaching
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.empty_state import EmptyState
from kws_gui.widgets.level_meter import LevelMeter
from kws_gui.widgets.take_tiles import TakeTiles, Tile


class SpeakStep(QWidget):
    """The word, how many takes there are, what was wrong with the last one, and a tile for each.

    Signals:
        done(): The next step is wanted.
        failed(sentence): A take could not be stored.
    """

    done = Signal()
    failed = Signal(str)

    def __init__(
        self,
        model: ProjectModel,
        teaching: Teaching,
        recordings: Recordings,
        microphones: MicrophoneService,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._teaching = teaching
        self._recordings = recordings
        self._microphones = microphones
        self.hands_free = HandsFree(microphones, self)
        self.word = ElidedLabel()
        self.count = QLabel()
        self.told = QLabel()
        self.meter = LevelMeter()
        self.tiles = TakeTiles(TAKES)
        self.toggle = QPushButton()
        self.undo = QPushButton("Undo last")
        self.next = QPushButton()
        self.no_microphone = EmptyState("mdi6.microphone-off", "", "Try again")
        self._shown = ""
        self._lay_out()
        self._connect()
        self._show_state()

    # -- from outside

    def show_word(self) -> None:
        """Shows the takes of the word to say now; begins to listen where it was typed just now."""
        word = self._teaching.word
        if word != self._shown:
            self.stop()
            self.tiles.setTiles([])
            self._shown = word
            self.word.setFullText(word)
            self._tell("", "")
        self._show_takes()
        if self._teaching.take_begins() and self.count_takes() < TAKES:
            self.start()

    def start(self) -> None:
        """Listens for takes."""
        project = self._model.project
        if project is None or not self._shown or self.hands_free.state != "idle":
            return
        if self._recordings.waiting and not self._recordings.save_again():
            return  # `failed` has said why
        self._tell("", "")
        self.hands_free.start(rate=project.rate, clip_samples=project.clip_samples)

    def stop(self) -> None:
        """Pauses."""
        self.hands_free.stop()

    def count_takes(self) -> int:
        """How many takes of the word there are."""
        return len(self._teaching.takes(self._shown))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.toggle.click()
        else:
            super().keyPressEvent(event)

    # -- takes

    def _on_take(self, take: Take) -> None:
        if not self._recordings.save(self._shown, take, speaker=remembered.speaker()):
            self.stop()
            return
        left = TAKES - self.count_takes()
        if left > 0:
            self._tell("success", f"Heard, peak {take.peak_db:.0f} dB. Again.")
            return
        self.stop()
        self._tell("success", f"All {TAKES} takes are there.")
        self.next.setFocus()

    def _on_refused(self, sentence: str) -> None:
        self._tell("warning", f"Not kept. {sentence}")

    def _on_undo(self) -> None:
        """Takes back the newest take."""
        takes = self._teaching.takes(self._shown)
        if not takes:
            return
        before = len(takes)
        self._recordings.take_back(max(takes, key=lambda clip: clip.path.stat().st_mtime_ns))
        if self.count_takes() < before:
            self._tell("", "The last take is taken back.")

    def _show_takes(self) -> None:
        """Draws what the project holds of the word."""
        project = self._model.project
        takes = list(self._teaching.takes(self._shown))
        if project is None:
            return
        newest_last = sorted(takes, key=lambda clip: clip.path.stat().st_mtime_ns)
        if len(takes) == self.tiles.count() + 1 and len(takes) > 1:
            for tile in self._tiles(newest_last[-1:]):
                self.tiles.add(tile)
        elif len(takes) != self.tiles.count() or not takes:
            self.tiles.setTiles(self._tiles(newest_last[-TAKES:]), count=len(takes))
        self._show_state()

    def _tiles(self, takes: Sequence[Clip]) -> list[Tile]:
        project = self._model.project
        assert project is not None
        tiles = []
        for clip in takes:
            try:
                sound = audio.read(clip.path, rate=project.rate)
            except KwsError:  # the Words page tells which clips cannot be read
                sound = np.zeros(project.clip_samples, np.float32)
            tiles.append(Tile(SoundPicture(project.rate).push(sound), audio.peak_db(sound)))
        return tiles

    # -- showing

    def _on_toggle(self) -> None:
        if self.hands_free.state == "idle":
            self.start()
        else:
            self.stop()

    def _show_state(self) -> None:
        count, state = self.count_takes() if self._shown else 0, self.hands_free.state
        self.count.setText(f"{count} of {TAKES}" if count <= TAKES else f"{count} takes")
        self.toggle.setText(
            "Pause" if state != "idle" else "Start" if not count else "More" if count >= TAKES else "Go on"
        )
        theme.set_icon(
            self.toggle,
            "mdi6.pause" if state != "idle" else "mdi6.microphone",
            role="on_accent" if count < ENOUGH else "text",
        )
        self.undo.setEnabled(count > 0)
        self.next.setEnabled(count >= ENOUGH)
        following = self._teaching.next_word
        self.next.setText(f"Next: “{following}”" if following else "Next: talk freely")
        self.next.setToolTip(
            "Goes on (Alt+Right)" if count >= ENOUGH else f"With {ENOUGH} takes it can go on; {TAKES} are better"
        )
        theme.set_role(self.toggle, "primary" if count < ENOUGH else "")
        theme.set_role(self.next, "primary" if count >= ENOUGH else "")
        if not self.told.text().strip():
            self._tell("", "")

    def _tell(self, role: str, sentence: str) -> None:
        theme.set_role(self.told, role or "muted")
        if not sentence:
            sentence = {
                "idle": self._paused(),
                "opening": "Opening the microphone …",
                "listening": f"Listening. Say “{self._shown}”, pause for a moment, say it again.",
            }[self.hands_free.state]
        self.told.setText(sentence)
        self.told.setAccessibleName(sentence)

    def _paused(self) -> str:
        count = self.count_takes() if self._shown else 0
        if count >= TAKES:
            return f"All {TAKES} takes are there. Go on, or say it more often: from farther away, louder, softer."
        if count >= ENOUGH:
            return f"Paused. It can go on already; with {TAKES} takes it hears better. Space records more."
        return "Paused: press Space and say the word, again and again, with a short pause after each."

    def _on_state(self, _: str) -> None:
        if self.hands_free.state == "listening":
            self._stack.setCurrentWidget(self.tiles)
        if not (self.hands_free.state == "idle" and self.count_takes() >= TAKES):
            self._tell("", "")
        self._show_state()

    def _on_microphone_failed(self, sentence: str) -> None:
        self.meter.clear()
        if self.hands_free.state == "idle":
            return
        if fact := self._microphones.waits_for:
            self._tell("warning", f"{told_away(fact)}.")
        else:
            self.no_microphone.setSentence(sentence)
            self._stack.setCurrentWidget(self.no_microphone)
            self._tell("error", "There is no microphone.")

    def _on_microphone_opened(self, _: str) -> None:
        self._stack.setCurrentWidget(self.tiles)

    # -- making

    def _connect(self) -> None:
        hands_free, microphones = self.hands_free, self._microphones
        hands_free.taken.connect(self._on_take)
        hands_free.refused.connect(self._on_refused)
        hands_free.quiet.connect(lambda: self._tell("warning", NOTHING))
        hands_free.stateChanged.connect(self._on_state)
        self._model.clipsChanged.connect(self._show_takes)
        self._recordings.unsaved.connect(self._on_unsaved)
        microphones.levelChanged.connect(self.meter.setLevel)
        microphones.failed.connect(self._on_microphone_failed)
        microphones.opened.connect(self._on_microphone_opened)
        microphones.closed.connect(self.meter.clear)
        self.no_microphone.triggered.connect(microphones.try_again)
        self.toggle.clicked.connect(self._on_toggle)
        self.undo.clicked.connect(self._on_undo)
        self.next.clicked.connect(self.done)
        shortcuts.add(self, "undo_take", self.undo.click)

    def _on_unsaved(self, count: int) -> None:
        if self.isVisible():
            self.failed.emit(f"{count} take{'s' if count > 1 else ''} could not be stored and wait in memory.")

    def _lay_out(self) -> None:
        for label in (self.word, self.count):
            theme.set_role(label, "word")
        self.count.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.told.setWordWrap(True)
        self.told.setFixedHeight(self.told.fontMetrics().lineSpacing() * 2 + 2)
        self.told.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.toggle.setToolTip("Listens for takes, or pauses (Space)")
        self.undo.setToolTip("Takes back the last take (Backspace)")
        theme.set_icon(self.undo, "mdi6.undo")
        self.toggle.setMinimumWidth(112)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.tiles)
        self._stack.addWidget(self.no_microphone)
        top = QHBoxLayout()
        top.addWidget(self.word, 1)
        top.addWidget(self.count)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.GRID)
        buttons.addWidget(self.toggle)
        buttons.addWidget(self.undo)
        buttons.addStretch()
        buttons.addWidget(self.next)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addLayout(top)
        column.addWidget(self.told)
        column.addWidget(self.meter)
        column.addWidget(self._stack, 1)
        column.addLayout(buttons)
