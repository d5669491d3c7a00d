"""The last step: say it and see it heard; what the model promises; what to do next."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from kws_engine.errors import KwsError
from kws_engine.operating.quality import Figures, figures_in
from kws_engine.operating.telling import is_kept
from kws_engine.patient_microphone import told_away
from kws_engine.spotting.decision import Detection
from kws_gui import theme
from kws_gui.bridges.detector import DetectorBridge, OpenModel
from kws_gui.bridges.sound_picture import SoundPicture
from kws_gui.pages.teach.distance import DistancePanel, DistanceTest
from kws_gui.runs.rows import counted
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.project_model import ProjectModel
from kws_gui.widgets.heard_word import HeardWordView
from kws_gui.widgets.spectrogram import Spectrogram
from kws_gui.widgets.threshold_text import threshold_text

_SIDE_WIDTH = 264  # px
_GUTTER = 56  # px


class TryStep(QWidget):
    """Listens with the model that was taught last.

    Signals:
        useRequested(): Listen is wanted.
        addRequested(): Another word is to be taught.
        failed(sentence, details): The model cannot be used.
    """

    useRequested = Signal()
    addRequested = Signal()
    failed = Signal(str, str)

    def __init__(self, model: ProjectModel, microphones: MicrophoneService, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._microphones = microphones
        self._wants_to_listen = False
        self._path: Path | None = None
        self._count = 0
        self._test: DistanceTest | None = None
        self.bridge = DetectorBridge(self)
        self.word = HeardWordView()
        self.told = QLabel()
        self.promise = QLabel()
        self.spectrogram = Spectrogram(SoundPicture.BANDS, hop_ms=SoundPicture.HOP_MS, gutter=_GUTTER)
        self.distance = DistancePanel()
        self.toggle = QPushButton()
        self.use = _Next("Use it", "Listen all day, with actions", "mdi6.ear-hearing")
        self.add = _Next("Add a word", "The words so far stay", "mdi6.plus")
        self.farther = _Next("Say it from farther away", "See how far it is heard", "mdi6.arrow-expand-horizontal")
        self._lay_out()
        self._connect()
        self._show_state()

    @property
    def is_listening(self) -> bool:
        """Whether it listens, or waits for the microphone to."""
        return self._wants_to_listen

    @property
    def heard(self) -> int:
        """How often a word was heard since this step was shown."""
        return self._count

    # -- from outside

    def show_model(self) -> None:
        """Takes the chosen model and begins to listen."""
        path = self._model.model_path
        if path is None:
            return
        if path != self._path or self.bridge.opened is None:
            self._path = path
            self._count = 0
            self.promise.setText(promised(figures_in(path)))
            self.bridge.load(path)
        self.start()

    def start(self) -> None:
        """Listens as soon as model and microphone are there."""
        self._wants_to_listen = True
        self._microphones.acquire(self)
        self._begin()

    def stop(self) -> None:
        """Pauses."""
        self._wants_to_listen = False
        self.bridge.stop()
        self._microphones.release(self)
        self._show_state()

    def shutdown(self) -> None:
        """Ends every thread."""
        self.stop()
        self.bridge.shutdown()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.toggle.click()
        else:
            super().keyPressEvent(event)

    # -- listening

    def _begin(self, _: object = None) -> None:
        if self._wants_to_listen and self.bridge.opened is not None and self._microphones.is_open:
            self.bridge.stop()
            try:
                self.bridge.start(self._microphones.reader)
            except KwsError:  # it went away again: `closed` follows
                return
        self._show_state()

    def _on_loaded(self, opened: OpenModel) -> None:
        picture = self.bridge.picture
        assert picture is not None
        self.spectrogram.begin(picture.bands, hop_ms=picture.hop_ms)
        self.spectrogram.setFrequencyLabels(*picture.frequency_labels())
        self.word.clear(f"Say {_one_of(opened.model.words)}")
        self._test = None
        if self.farther.isChecked():
            self._start_test()
        self._begin()

    def _on_detected(self, found: Detection) -> None:
        self._count += 1
        times = "once" if self._count == 1 else f"{self._count} times"
        score = threshold_text(found.score)
        self.word.heard(found.word, f"{datetime.now():%H:%M:%S} · score {score} · heard {times}")
        assert self.bridge.opened is not None
        self.spectrogram.mark(found.at_sample / self.bridge.opened.model.rate, found.word)
        if self._test is not None:
            self._test.detected(found)

    def _on_sound(self, samples: NDArray[np.float32]) -> None:
        if self._test is not None:
            for attempt in self._test.feed(samples):
                self.distance.add(attempt)

    def _on_farther(self, wanted: bool) -> None:
        self._stack.setCurrentWidget(self.distance if wanted else self.spectrogram)
        self._test = None
        if wanted:
            self._start_test()

    def _start_test(self) -> None:
        opened = self.bridge.opened
        if opened is not None:
            model = opened.model
            self._test = DistanceTest(model.rate, clip_samples=model.window_samples, at_sample=self.bridge.position)
            self.distance.start(_one_of(model.words))
            if not self._wants_to_listen:
                self.start()

    def _on_closed(self) -> None:
        self.bridge.stop()
        self._show_state()

    def _on_microphone_failed(self, sentence: str) -> None:
        if self._wants_to_listen:
            fact = self._microphones.waits_for
            theme.set_role(self.told, "warning")
            self.told.setText(f"{told_away(fact, doing='listening')}." if fact else sentence)
            if not fact:
                self._wants_to_listen = False
                self._microphones.release(self)
                self.toggle.setText("Try again")

    def _on_bridge_failed(self, sentence: str, details: str) -> None:
        self.stop()
        self.failed.emit(sentence, details)

    def _on_toggle(self) -> None:
        if self._wants_to_listen:
            self.stop()
        else:
            self.start()

    def _show_state(self) -> None:
        self.toggle.setText("Pause" if self._wants_to_listen else "Listen")
        theme.set_icon(self.toggle, "mdi6.pause" if self._wants_to_listen else "mdi6.microphone")
        theme.set_role(self.told, "muted")
        if self.bridge.is_running:
            self.told.setText("Listening. Say it as you would from now on; say other things, too.")
        else:
            self.told.setText("Opening the microphone …" if self._wants_to_listen else "Paused: press Space.")

    # -- making

    def _connect(self) -> None:
        bridge, microphones = self.bridge, self._microphones
        bridge.loaded.connect(self._on_loaded)
        bridge.heard.connect(self.spectrogram.append)
        bridge.sounded.connect(self._on_sound)
        bridge.detected.connect(self._on_detected)
        bridge.started.connect(self._show_state)
        bridge.failed.connect(self._on_bridge_failed)
        microphones.opened.connect(self._begin)
        microphones.closed.connect(self._on_closed)
        microphones.failed.connect(self._on_microphone_failed)
        self.toggle.clicked.connect(self._on_toggle)
        self.use.clicked.connect(self.useRequested)
        self.add.clicked.connect(self.addRequested)
        self.farther.toggled.connect(self._on_farther)

    def _lay_out(self) -> None:
        self.farther.setCheckable(True)
        self.toggle.setToolTip("Listens, or pauses (Space)")
        self.toggle.setMinimumWidth(104)
        self.promise.setWordWrap(True)
        self.promise.setAccessibleName("What it promises")
        self._stack = QStackedWidget()
        self._stack.addWidget(self.spectrogram)
        self._stack.addWidget(self.distance)
        state = QHBoxLayout()
        state.setSpacing(theme.GRID)
        self.told.setWordWrap(True)
        state.addWidget(self.toggle)
        state.addWidget(self.told, 1)
        left = QVBoxLayout()
        left.setSpacing(theme.GRID)
        left.addWidget(self.word)
        left.addLayout(state)
        left.addWidget(self._stack, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GROUP)
        row.addLayout(left, 1)
        row.addWidget(self._make_side())

    def _make_side(self) -> QWidget:
        side = QFrame()
        theme.set_role(side, "card")
        side.setFixedWidth(_SIDE_WIDTH)
        column = QVBoxLayout(side)
        column.setContentsMargins(*[theme.GROUP - 4] * 4)
        column.setSpacing(theme.GRID)
        for title, parts in (("What it promises", [self.promise]), ("What next?", [self.use, self.add, self.farther])):
            label = QLabel(title)
            label.setFont(theme.font(bold=True))
            column.addWidget(label)
            for part in parts:
                column.addWidget(part)
            column.addSpacing(theme.GRID // 2)
        column.addStretch()
        return side


class _Next(QPushButton):
    """What can be done next, and below it why."""

    def __init__(self, what: str, why: str, icon: str) -> None:
        super().__init__(f"{what}\n{why}")
        self.setAccessibleName(f"{what}: {why}")
        theme.set_role(self, "choice")
        theme.set_icon(self, icon, size=24)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), 60)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 60)


def promised(figures: Figures | None) -> str:
    """The two numbers of a model in two sentences."""
    if figures is None:
        return "Not measured: Results measures it."
    missed, alarms = figures.missed_in_short(), figures.alarms_in_short()
    is_promised = figures.promised is not None and figures.expected is not None
    at_most = "at most" if is_promised and is_kept(figures.promised or 0.0, figures.expected or 0.0) else "some"
    told_by = counted(figures.missed.takes, "take")
    first = (
        f"Misses {missed} of what you say, as far as {told_by} can tell."
        if missed
        else "Misses were not measured: there are too few takes."
    )
    second = (
        f"Fires falsely {at_most} {alarms} times in an hour of other talk."
        if alarms
        else "False alarms were not counted."
    )
    return f"{first}\n{second}"


def _one_of(words: tuple[str, ...]) -> str:
    quoted = [f"“{word}”" for word in words]
    return " or ".join(part for part in (", ".join(quoted[:-1]), quoted[-1]) if part)
