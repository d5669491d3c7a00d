"""Finds a learning rate with a short run in a process of its own, and shows the loss at each rate."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from kws_engine.runs.job import Job
from kws_engine.runs.process import TrainingProcess
from kws_engine.training.events import Event, Failed, Progress, RateFound, RatePoint
from kws_gui import theme
from kws_gui.widgets.curves.numbers import brief
from kws_gui.widgets.progress_row import ProgressRow
from kws_gui.widgets.rate_plot import RatePlot
from kws_gui.widgets.wrapped_label import WrappedLabel

_POLL_MS = 50
_ABOUT = (
    "A short run whose learning rate grows step by step. Where the loss falls steadily is a good rate; where it rises "
    "again, the rate is too high."
)
_NOTHING = "No rate lowers the loss: look at the features and the network, or record more clips."


class RateFinder(QDialog):
    """Starts at once, and leaves nothing behind, whether its suggestion is used or not.

    Signals:
        rateChosen(float): The suggestion is to be used.
    """

    rateChosen = Signal(float)

    def __init__(self, job: Job, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Find a learning rate")
        self.plot = RatePlot()
        self.progress = ProgressRow()
        self.verdict = WrappedLabel()
        self.buttons = QDialogButtonBox()
        self.use = self.buttons.addButton("Use it", QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.addButton("Close", QDialogButtonBox.ButtonRole.RejectRole)
        self.use.setEnabled(False)
        theme.set_role(self.use, "primary")
        self._found: float | None = None
        self._process: TrainingProcess | None = TrainingProcess(job, what="learning rate")
        self._timer = QTimer(self, interval=_POLL_MS)
        self._timer.timeout.connect(self._on_tick)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.progress.cancelButton().hide()  # Close does the same
        self._lay_out()
        self.progress.start("Starting")
        self._timer.start()

    def is_searching(self) -> bool:
        """Whether the run is still going on."""
        return self._process is not None

    def found(self) -> float | None:
        """The suggested rate, if there is one."""
        return self._found

    def accept(self) -> None:
        if self._found is not None:
            super().accept()
            self.rateChosen.emit(self._found)

    def done(self, result: int) -> None:
        """Ends the run, however the dialog is left."""
        self._end()
        super().done(result)

    def _on_tick(self) -> None:
        assert self._process is not None
        events = self._process.poll()
        points = [event for event in events if isinstance(event, RatePoint)]
        if points:
            self.progress.finish()
            self.plot.add([(point.learning_rate, point.loss, point.smoothed) for point in points])
            self.verdict.setText(f"Trying {brief(points[-1].learning_rate)} …")
        for event in events:
            self._on_event(event)

    def _on_event(self, event: Event) -> None:
        match event:
            case Progress():
                self.progress.start(event.what)
                self.progress.setProgress(event.done, event.total)
            case RateFound(learning_rate=None):
                self._conclude(_NOTHING)
            case RateFound(learning_rate=rate):
                self._found = rate
                self.plot.suggest(rate)
                self._conclude(f"{brief(rate or 0)} is a good highest rate for these settings.")
                self.use.setText(f"Use {brief(rate or 0)}")
                self.use.setEnabled(True)
                self.use.setFocus()
            case Failed():
                self._conclude(event.message)

    def _conclude(self, sentence: str) -> None:
        self.progress.finish()
        self.verdict.setText(sentence)
        self._end()

    def _end(self) -> None:
        self._timer.stop()
        if self._process is not None:
            self._process.close(seconds=0)
            self._process = None

    def _lay_out(self) -> None:
        about = QLabel(_ABOUT)
        about.setWordWrap(True)
        theme.set_role(about, "muted")
        self.verdict.setMinimumHeight(2 * self.fontMetrics().lineSpacing())
        self.progress.setMinimumHeight(self.progress.sizeHint().height())
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID)
        column.addWidget(about)
        column.addWidget(self.plot, 1)
        column.addWidget(self.progress)
        column.addWidget(self.verdict)
        column.addWidget(self.buttons)
        self.resize(560, 440)
