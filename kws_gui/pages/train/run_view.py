"""One run on the screen: curves, how far, how long still, in words; knows no process and no project."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from kws_engine.regularizers import REGULARIZERS
from kws_engine.training.events import Epoch, Progress, Started
from kws_gui import theme
from kws_gui.widgets.curves import LossAndAccuracy, point_of
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.progress_row import ProgressRow, duration

_TERMS = (
    "What the last epoch was trained on: cross-entropy with augmentation, dropout, label smoothing and mixup (so it is "
    "higher than the curve, which is measured without them), and each penalty on the weights"
)
_ROOM_FOR_TERMS = 440  # px; in a lower view the loss terms are only in the curves' own view of them
_WAITING = "No run yet: choose a network and press Train"


class RunView(QWidget):
    """Fed with the events of the live run, or shown the epochs of a past one.

    Signals:
        cancelRequested(): Cancel, while the clips are read.
        remedyTriggered(): The remedy of the finding was pressed.
        failed(str): A picture or table of the curves was not written, in words.
        saved(Path): It was.
        epochsAdded(): The live run has more epochs.
    """

    epochsAdded = Signal()
    cancelRequested = Signal()
    remedyTriggered = Signal()
    failed = Signal(str)
    saved = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.curves = LossAndAccuracy(findings=True)
        for signal in ("remedyTriggered", "failed", "saved"):
            getattr(self.curves, signal).connect(getattr(self, signal))
        self.progress = ProgressRow()
        self.progress.cancelRequested.connect(self.cancelRequested)
        self._sentence = ElidedLabel()
        self._times = ElidedLabel()
        self._terms = ElidedLabel()
        self._live: list[Epoch] = []
        self._shows_live = False
        self._total_epochs = 0
        self._began_s = 0.0
        self._paused_s: float | None = None  # since when
        self._skipped: list[str] = []
        self._preparing: Progress | None = None
        self._clock = QTimer(self, interval=1000)
        self._clock.timeout.connect(self._tell)
        self._lay_out()
        self._say(_WAITING, "")

    # -- the live run

    def begin(self) -> None:
        """A run starts; its clips are read first."""
        self._live.clear()
        self._skipped.clear()
        self._began_s, self._total_epochs = time.monotonic(), 0
        self._paused_s, self._preparing = None, None
        self.show_live()
        self.progress.start("Starting")
        self._foot.setCurrentWidget(self.progress)
        self._clock.start()

    def read(self, event: Progress) -> None:
        """How far reading the clips is, or what else is done before an epoch."""
        if self._total_epochs:
            self._preparing = event if event.done < event.total else None
            self._tell()
            return
        self.progress.setProgress(event.done, event.total)
        self.progress.setTitle(event.what)

    def skip(self, path: str, reason: str) -> None:
        """A clip was left out."""
        self._skipped.append(f"{path}: {reason}")

    def train(self, event: Started) -> None:
        """The first epoch begins."""
        self._total_epochs = event.epochs
        self._foot.setCurrentIndex(0)
        self._tell()

    def add(self, *events: Epoch) -> None:
        """Epochs of the live run; a run that goes on tells many at once, and they are drawn together."""
        self._live += events
        self._preparing = None
        if self._shows_live:
            self._draw(events)
        self._tell()
        self.epochsAdded.emit()

    def set_paused(self, paused: bool) -> None:
        """Says that the live run waits; the time it does is none of its own."""
        if paused == (self._paused_s is not None):
            return
        now = time.monotonic()
        if self._paused_s is not None:
            self._began_s += now - self._paused_s
        self._paused_s = now if paused else None
        self._tell()

    def end(self) -> None:
        """The live run has ended, in whatever way."""
        self._clock.stop()
        self.progress.finish()
        self._foot.setCurrentIndex(0)
        self._total_epochs = 0
        self._paused_s = None

    def live_epochs(self) -> list[Epoch]:
        """The epochs of the run that was begun last."""
        return list(self._live)

    def shows_live(self) -> bool:
        """Whether the curves are those of the run that was begun last."""
        return self._shows_live

    def skipped(self) -> list[str]:
        """The clips that were left out, each with its reason."""
        return list(self._skipped)

    def show_live(self) -> None:
        """Draws the live run."""
        self._show(self._live)
        self._shows_live = True
        self._tell()

    # -- a past run

    def show_past(self, epochs: Sequence[Epoch], sentence: str, quality: str = "") -> None:
        """Draws a past run and says what it was."""
        self._shows_live = False
        self._show(epochs)
        self._terms.setFullText(loss_in_words(epochs[-1]) if epochs else "")
        self._say(sentence, " · ".join(part for part in (quality, _took(epochs)) if part))

    def show_none(self) -> None:
        """Empty curves, and what to do."""
        self.show_past([], _WAITING)

    def sentence(self) -> str:
        """What is said of the run shown."""
        return self._sentence.fullText()

    def times(self) -> str:
        """Elapsed and remaining time, in words."""
        return self._times.fullText()

    def loss(self) -> str:
        """What the loss of the last epoch shown is the sum of."""
        return self._terms.fullText()

    def setFinding(self, text: str, tooltip: str = "", remedy: str = "") -> None:
        """What the curves mean, in one line below them that is always there."""
        self.curves.setFinding(text, tooltip, remedy)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._terms.setVisible(event.size().height() >= _ROOM_FOR_TERMS)

    def _show(self, epochs: Sequence[Epoch]) -> None:
        points = [point_of(epoch) for epoch in epochs]
        if points != list(self.curves.points()) or not points:
            self.setFinding("")
            self.curves.setPoints(points, best=_best_epoch(epochs))

    def _draw(self, new: Sequence[Epoch]) -> None:
        """Draws epochs that have come; a zoom stands while they come one by one."""
        if len(new) == 1:
            self.curves.append(point_of(new[0]), best=_best_epoch(self._live))
        else:
            self._show(self._live)

    def _tell(self) -> None:
        if not self._shows_live or not self._clock.isActive():
            return
        self._terms.setFullText(loss_in_words(self._live[-1]) if self._live else "")
        elapsed_s = (self._paused_s or time.monotonic()) - self._began_s
        self._say(self._where(), " · ".join([f"{duration(elapsed_s)} so far", *self._remaining()]))

    def _where(self) -> str:
        """Which epoch it is, and what else is to be said of it."""
        done, total = len(self._live), self._total_epochs
        paused = "Paused. " if self._paused_s is not None else ""
        if not total:
            return f"{paused}Getting ready"
        if not done or (self._preparing and done < total):
            made = self._preparing
            doing = f" · {made.what.lower()}: {made.done:,} of {made.total:,} clips" if made else ""
            return f"{paused}Epoch {done + 1} of {total}{doing}"
        return f"{paused}Epoch {done} of {total}. {_best(self._live)}"

    def _remaining(self) -> list[str]:
        done, to_do = len(self._live), self._total_epochs - len(self._live)
        if not done or not self._total_epochs:
            return []
        remaining_s = sum(epoch.seconds for epoch in self._live) / done * to_do
        return [f"{duration(remaining_s)} left at most" if to_do else "writing the model"]

    def _say(self, sentence: str, times: str) -> None:
        self._sentence.setFullText(sentence)
        self._times.setFullText(times)

    def _lay_out(self) -> None:
        words = QWidget()
        lines = QVBoxLayout(words)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(theme.GRID // 2)
        for line in (self._sentence, self._times, self._terms):
            lines.addWidget(line)
        for line in (self._times, self._terms):
            theme.set_role(line, "muted")
        self._terms.setToolTip(_TERMS)
        self._terms.setAccessibleName("What the loss is the sum of")
        self._foot = QStackedWidget()
        self._foot.addWidget(words)
        self._foot.addWidget(self.progress)
        self._foot.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self.curves, 1)
        column.addWidget(self._foot)


def _best_epoch(epochs: Sequence[Epoch]) -> int | None:
    return next((epoch.epoch for epoch in reversed(epochs) if epoch.best), None)


def _best(epochs: Sequence[Epoch]) -> str:
    best = next((epoch for epoch in reversed(epochs) if epoch.best), None)
    return f"Best so far: epoch {best.epoch}, validation accuracy {best.validation_accuracy:.0%}" if best else ""


def loss_in_words(epoch: Epoch) -> str:
    """In words: "While training: loss 0.42 = cross-entropy 0.40 + L2 0.02 (5%)"; nothing for runs that did not tell."""
    if not epoch.terms:
        return ""
    total = sum(epoch.terms.values())
    penalties = [name for name in epoch.terms if name in REGULARIZERS]
    parts = [f"cross-entropy {epoch.terms.get('cross_entropy', 0.0):.3f}"]
    for name in penalties:
        title = REGULARIZERS[name].title.partition(" (")[0]
        share = epoch.terms[name] / total if total else 0.0
        parts.append(f"{title} {epoch.terms[name]:.3f} ({share:.0%})")
    return f"While training: loss {total:.3f} = {' + '.join(parts)}"


def _took(epochs: Sequence[Epoch]) -> str:
    return f"{duration(sum(epoch.seconds for epoch in epochs))} of training" if epochs else ""
