"""The recorder of the Words page: word, countdown, level meter, waveform and buttons."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSettings, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from kws_gui import theme
from kws_gui.pages.words.takes import State
from kws_gui.services import remembered
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.recordings import RawTake
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.empty_state import EmptyState
from kws_gui.widgets.level_meter import LevelMeter
from kws_gui.widgets.waveform import Waveform

_TAKES = "words/takes"
_COUNTDOWN = "words/countdown"
_TAKES_IN_A_ROW = 8  # enough for a first training; more takes, and other speakers, make it better
_SETTLE_MS = 400  # a cut that is dragged or stepped is stored when it rests
_WAVEFORM_HEIGHT = 112  # px

_STATE_TITLES = {"opening": "Opening the microphone", "countdown": "Get ready", "recording": "Recording"}

Samples = NDArray[np.float32]


class RecorderPanel(QWidget):
    """Shows a take from countdown to clip; its buttons only emit signals.

    Signals:
        recordRequested, cancelRequested, playRequested, againRequested, deleteRequested: A button or its key.
        cutMoved: (start) The window over the take rests at another sample.
        tryAgainRequested: "Try again" where there is no microphone.
    """

    recordRequested = Signal()
    cancelRequested = Signal()
    playRequested = Signal()
    againRequested = Signal()
    deleteRequested = Signal()
    cutMoved = Signal(int)
    tryAgainRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.word = ElidedLabel()
        theme.set_role(self.word, "word")
        self.count = QLabel()
        theme.set_role(self.count, "word")
        self.record = QPushButton("Record")
        theme.set_role(self.record, "primary")
        theme.set_icon(self.record, "mdi6.microphone", role="on_accent")
        self.meter = LevelMeter()
        self.gain = ElidedLabel()
        theme.set_role(self.gain, "warning")
        self.waveform = _Waveform()
        self.no_microphone = EmptyState("mdi6.microphone-off", "", "Try again")
        theme.set_role(self.no_microphone.button(), "")
        self.play = self._make_button("Play", "mdi6.play", "Hear it (Space)")
        self.again = self._make_button("Record again", "mdi6.refresh", "Record again in its place (Shift+R)")
        self.delete = self._make_button("Delete", "mdi6.trash-can-outline", "Delete it (Del)")
        self.advice = QLabel(" ")
        self.advice.setWordWrap(True)
        self.advice.setFixedHeight(2 * self.advice.fontMetrics().lineSpacing() + 2)  # two lines: nothing jumps
        self.advice.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._state: State = "idle"
        self._advice = ""
        self._settled = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._make_options()
        self._lay_out()
        self._connect()
        self.show_nothing()
        self.show_state("idle", 1, 1)

    # -- what to show

    def show_word(self, title: str) -> None:
        """The word to say, large."""
        self.word.setFullText(title)

    def show_state(self, state: State, number: int, total: int) -> None:
        """The state of the take, which is `number` of `total`."""
        self._state = state
        busy = state != "idle"
        self.record.setText("Cancel" if busy else "Record")
        self.record.setToolTip("Cancel (Esc)" if busy else "Record (R)")
        if state == "recording":
            self.count.setText("Speak")
        elif not busy:
            self.count.clear()
        if busy:
            what = f"{_STATE_TITLES[state]}: take {number} of {total}." if total > 1 else f"{_STATE_TITLES[state]}."
            self._write(f"{what} {self._advice}".rstrip())
        else:
            self._write(self._advice)
        theme.set_icon(self.record, "mdi6.close" if busy else "mdi6.microphone", role="on_accent")
        theme.set_role(self.count, "word" if state != "recording" else "word-live")
        for part in (self.play, self.again, self.delete):
            part.setEnabled(not busy and self._has_clip)

    def show_count(self, number: int) -> None:
        """3, 2, 1."""
        self.count.setText(str(number) if number else "")

    def show_growing(self, samples: Samples, rate: int, whole: int) -> None:
        """The take so far, drawn as long as the `whole` take will be (samples)."""
        self._shows_waveform()
        shown = np.zeros(max(whole, len(samples)), np.float32)
        shown[: len(samples)] = samples
        self.waveform.setSamples(shown, rate)

    def show_take(self, raw: RawTake, rate: int, clip_length: int) -> None:
        """A take with the window that was cut out as the clip."""
        self._shows_waveform()
        self._settled.stop()
        self.waveform.setSamples(raw.samples, rate)
        if raw.speech:
            self.waveform.setSpeech(*raw.speech)
        self.waveform.setWindow(raw.start, clip_length)
        self._has_clip = True
        self.show_buttons(True, True)

    def show_clip(self, samples: Samples, rate: int, *, can_repeat: bool) -> None:
        """A clip whose whole take is no longer in memory."""
        self._shows_waveform()
        self._settled.stop()
        self.waveform.setSamples(samples, rate)
        self._has_clip = True
        self.show_buttons(True, can_repeat)

    def show_nothing(self) -> None:
        """An empty waveform: no clip is selected."""
        self._settled.stop()
        self.waveform.setSamples(np.zeros(0, np.float32), 16_000)
        self._has_clip = False
        self.show_buttons(False, False)

    def show_buttons(self, has_clip: bool, can_repeat: bool) -> None:
        """Enables Play, Record again and Delete."""
        idle = self._state == "idle"
        self.play.setEnabled(idle and has_clip)
        self.again.setEnabled(idle and can_repeat)
        self.delete.setEnabled(idle and has_clip)

    def show_no_microphone(self, sentence: str) -> None:
        """Shows in the place of the waveform what is missing and what to do."""
        self.no_microphone.setSentence(sentence)
        self._stack.setCurrentWidget(self.no_microphone)

    def show_microphone(self) -> None:
        """Shows the waveform again."""
        self._shows_waveform()

    def follow(self, microphones: MicrophoneService) -> None:
        """Shows the level, the noise floor and how to set the input, always in the same place."""
        microphones.levelChanged.connect(self.meter.setLevel)
        microphones.closed.connect(self.meter.clear)
        microphones.floorChanged.connect(self.meter.setFloor)
        microphones.adviceChanged.connect(self.gain.setFullText)
        self.meter.setFloor(microphones.floor_db)
        self.gain.setFullText(microphones.advice)

    def show_advice(self, role: str, sentence: str) -> None:
        """Shows one sentence under the waveform, advice or what was done, until the next one."""
        theme.set_role(self.advice, role or "muted")
        self._advice = sentence
        self._write(sentence)

    def _write(self, sentence: str) -> None:
        self.advice.setText(sentence or " ")

    # -- options

    @property
    def takes(self) -> int:
        return self._takes.value()

    @property
    def countdown(self) -> bool:
        return self._countdown.isChecked()

    @property
    def speaker(self) -> str:
        """The speaker's name as typed."""
        return self.speaker_field.text().strip()

    def _make_options(self) -> None:
        settings = QSettings()
        self._takes = QSpinBox()
        self._takes.setRange(1, 50)
        self._takes.lineEdit().setTextMargins(5, 0, 0, 0)
        self._takes.setAccessibleName("Takes in a row")
        self._takes.setToolTip("So many takes with one press; Esc ends them")
        self._takes.setValue(int(str(settings.value(_TAKES, _TAKES_IN_A_ROW))))
        self._takes.valueChanged.connect(lambda value: QSettings().setValue(_TAKES, value))
        self._countdown = QCheckBox("Countdown")
        self._countdown.setToolTip("3, 2, 1 before each take")
        self._countdown.setChecked(str(settings.value(_COUNTDOWN, "true")) == "true")
        self._countdown.toggled.connect(lambda on: QSettings().setValue(_COUNTDOWN, "true" if on else "false"))
        self.speaker_field = QLineEdit(remembered.speaker())
        self.speaker_field.setAccessibleName("Speaker")
        self.speaker_field.setToolTip("Who speaks: clips of one speaker stay in one part")
        self.speaker_field.setMaximumWidth(160)
        self.speaker_field.textChanged.connect(remembered.remember_speaker)

    def add_option(self, widget: QWidget) -> None:
        """Puts a widget at the end of the options; where it is hidden, the row stays as high."""
        self._options.addStrut(widget.sizeHint().height())
        self._options.addWidget(widget)

    # -- keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self._state != "idle":
            self.cancelRequested.emit()
        else:
            super().keyPressEvent(event)

    def press_record(self) -> None:
        """Clicks the record button."""
        self.record.click()

    # -- making

    def _connect(self) -> None:
        self.record.clicked.connect(
            lambda: self.recordRequested.emit() if self._state == "idle" else self.cancelRequested.emit()
        )
        self.play.clicked.connect(self.playRequested)
        self.again.clicked.connect(self.againRequested)
        self.delete.clicked.connect(self.deleteRequested)
        self.waveform.spacePressed.connect(self.play.click)
        self.waveform.deletePressed.connect(self.delete.click)
        self.waveform.windowMoved.connect(lambda _: self._settled.start())
        self._settled.timeout.connect(self._on_settled)
        self.no_microphone.triggered.connect(self.tryAgainRequested)

    def settle(self) -> None:
        """Emits at once that the cut was moved, before anything else is shown."""
        if self._settled.isActive():
            self._settled.stop()
            self._on_settled()

    def _on_settled(self) -> None:
        start = self.waveform.windowStart()
        if start is not None:
            self.cutMoved.emit(start)

    def _shows_waveform(self) -> None:
        self._stack.setCurrentWidget(self.waveform)

    def _make_button(self, text: str, icon: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        theme.set_icon(button, icon)
        button.setToolTip(tip)
        return button

    def _lay_out(self) -> None:
        self.record.setMinimumWidth(128)
        self.count.setMinimumWidth(QFontMetrics(theme.font(theme.WORD_SCALE, bold=True)).horizontalAdvance("Speak"))
        self.count.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.waveform)
        self._stack.addWidget(self.no_microphone)
        self.waveform.setMinimumHeight(_WAVEFORM_HEIGHT)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        top = _row(self.word, self.count, self.record, stretch=self.word)
        top.setSpacing(theme.GROUP)
        column.addLayout(top)
        column.addWidget(self.meter)
        column.addWidget(self._stack, 1)
        column.addWidget(self.advice)
        buttons = _row(self.play, self.again, self.delete, self.gain, stretch=self.gain)
        column.addLayout(buttons)
        label = QLabel("Takes in a row")
        who = QLabel("Speaker")
        label.setBuddy(self._takes)
        who.setBuddy(self.speaker_field)
        self._options = _row(label, self._takes, self._countdown, who, self.speaker_field)
        self._options.addStretch()
        column.addLayout(self._options)


class _Waveform(Waveform):
    """Space plays, Del deletes."""

    spacePressed = Signal()
    deletePressed = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:
            self.spacePressed.emit()
        elif event.key() == Qt.Key.Key_Delete:
            self.deletePressed.emit()
        else:
            super().keyPressEvent(event)


def _row(*widgets: QWidget, stretch: QWidget | None = None) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(theme.GRID)
    for widget in widgets:
        row.addWidget(widget, 1 if widget is stretch else 0)
    return row
