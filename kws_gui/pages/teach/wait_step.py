"""The fourth step: the words are taught while the curves draw."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSplitter, QVBoxLayout, QWidget

from kws_engine.training.events import Epoch
from kws_gui import theme
from kws_gui.services.teaching import Teaching
from kws_gui.services.training import LiveRun, Training
from kws_gui.widgets.curves import LossAndAccuracy, point_of
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.progress_row import duration

_READY = "Everything is there. Teaching takes about a minute."
_STOPPED = "Teaching was stopped before it had learned anything."


class WaitStep(QWidget):
    """Both curves live, what is being done, Stop; where it failed, why, and what to do.

    Signals:
        settingsRequested(): All settings are wanted.
    """

    settingsRequested = Signal()

    def __init__(self, teaching: Teaching, training: Training, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._teaching = teaching
        self._training = training
        self._drawn: LiveRun | None = None
        self.title = ElidedLabel()
        self.told = QLabel()
        self.curves = LossAndAccuracy()
        self.start = QPushButton("Teach it now")
        self.stop = QPushButton("Stop")
        self.settings = QPushButton("All settings…")
        self._clock = QTimer(self, interval=1000)
        self._clock.timeout.connect(self._describe)
        self._lay_out()
        self._connect()

    def show_run(self, _: object = None) -> None:
        """Shows the live run, or that none is running."""
        live = self._training.live
        if live is not self._drawn:
            self._drawn = live
            self.curves.setPoints([point_of(epoch) for epoch in live.epochs] if live is not None else [])
        self._describe()

    def _on_epochs(self, new: Sequence[Epoch]) -> None:
        live = self._training.live
        if live is None:
            return
        if live is not self._drawn:
            self.show_run()
            return
        best = next((epoch.epoch for epoch in reversed(live.epochs) if epoch.best), None)
        for epoch in new:
            self.curves.append(point_of(epoch), best=best)
        self._describe()

    def _describe(self, _: object = None) -> None:
        running = self._training.is_running
        failure = self._teaching.failure
        if running != self._clock.isActive():
            self._clock.start() if running else self._clock.stop()
        self.start.setVisible(not running)
        self.start.setText("Try again" if failure is not None else "Teach it now")
        self.stop.setVisible(running)
        self.stop.setEnabled(not self._training.is_stopping)
        theme.set_role(self.told, "error" if failure is not None and not running else "muted")
        if running:
            self.title.setFullText("Teaching")
            self.told.setText(self._doing())
        elif failure is not None:
            self.title.setFullText("It was not taught")
            self.told.setText(_STOPPED if failure.kind == "stopped" else failure.message)
        else:
            self.title.setFullText("Ready to teach")
            self.told.setText(_READY)

    def _doing(self) -> str:
        live, training = self._training.live, self._training
        assert live is not None
        if training.is_stopping:
            return "Stopping; what it has learned is kept."
        elapsed = f"{duration(live.elapsed_s)} so far"
        if training.waiting():
            elapsed += ", and it waits its turn after this run"
        if live.started is None:
            what = live.progress.what if live.progress is not None else "Getting ready"
            return f"{what} · {elapsed}"
        work = live.progress
        if work is not None and work.after_training:
            return f"{work.what} · step {work.done + 1} of {work.total} · {elapsed}"
        left = f"{duration(live.remaining_s)} left at most" if live.remaining_s is not None else ""
        rounds = f"Round {len(live.epochs)} of {live.started.epochs}"
        return " · ".join(part for part in (rounds, elapsed, left) if part)

    def _connect(self) -> None:
        training = self._training
        training.began.connect(self.show_run)
        training.progressed.connect(self._describe)
        training.started.connect(self._describe)
        training.epochsAdded.connect(self._on_epochs)
        training.changed.connect(self._describe)
        training.ended.connect(self._describe)
        self.start.clicked.connect(self._teaching.teach)
        self.stop.clicked.connect(training.stop)
        self.settings.clicked.connect(self.settingsRequested)

    def _lay_out(self) -> None:
        theme.set_role(self.title, "title")
        theme.set_role(self.start, "primary")
        theme.set_role(self.settings, "quiet")
        self.told.setWordWrap(True)
        self.told.setMinimumHeight(self.told.fontMetrics().lineSpacing() + 2)
        self.stop.setToolTip("Ends teaching with the best so far")
        self.settings.setToolTip("Opens Train, where every choice is open")
        top = QHBoxLayout()
        top.setSpacing(theme.GRID)
        top.addWidget(self.title, 1)
        for part in (self.start, self.stop, self.settings):
            top.addWidget(part)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addLayout(top)
        column.addWidget(self.told)
        frame = QSplitter()  # which asks for the curves' least height, not for the one that they like best
        frame.addWidget(self.curves)
        column.addWidget(frame, 1)
