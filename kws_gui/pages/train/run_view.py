"""One run on the screen: its curves, how far it is and how long it still takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from kws_engine.regularizers import REGULARIZERS
from kws_engine.training.events import Epoch
from kws_gui import theme
from kws_gui.services.training import LiveRun
from kws_gui.widgets.curves import LossAndAccuracy, Point, point_of
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.progress_row import ProgressRow, duration

_TERMS = (
    "What the last epoch was trained on: cross-entropy with augmentation, dropout, label smoothing and mixup (so it is "
    "higher than the curve, which is measured without them), and each penalty on the weights"
)
_ROOM_FOR_TERMS = 440  # px; in a lower view the loss terms are only in the curves' own view of them
_CURVES_AFTER_MS = 20  # the page is painted first
_WAITING = "No run yet: choose a network and press Train"


@dataclass
class _Shown:
    """What the curves show when they are made."""

    points: list[Point] = field(default_factory=list)
    best: int | None = None
    finding: tuple[str, str, str] = ("", "", "")


class RunView(QWidget):
    """Shows a live run, which `update_live` follows, or the epochs of a past one.

    The curves take a moment to make: they follow when the page stands, or when they are asked for.

    Signals:
        cancelRequested(): Cancel, while the clips are read.
        remedyTriggered(): The remedy of the finding was pressed.
        failed(str): A picture or table of the curves could not be written.
        saved(Path): It was.
        curvesMade(): The curves stand, and take their place in the Tab order.
    """

    cancelRequested = Signal()
    remedyTriggered = Signal()
    curvesMade = Signal()
    failed = Signal(str)
    saved = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curves: LossAndAccuracy | None = None
        self._later = _Shown()
        self.progress = ProgressRow()
        self.progress.cancelRequested.connect(self.cancelRequested)
        self._sentence = ElidedLabel()
        self._times = ElidedLabel()
        self._terms = ElidedLabel()
        self._live: LiveRun | None = None
        self._shows_live = False
        self._clock = QTimer(self, interval=1000)
        self._clock.timeout.connect(self._describe_live)
        self._lay_out()
        self._set_words(_WAITING, "")

    @property
    def curves(self) -> LossAndAccuracy:
        """The curves, made now if they were not before."""
        return self._curves or self._make_curves()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        QTimer.singleShot(_CURVES_AFTER_MS, self, self._make_curves)

    def _make_curves(self) -> LossAndAccuracy:
        if self._curves is None:
            made = self._curves = LossAndAccuracy(findings=True)
            for signal in ("remedyTriggered", "failed", "saved"):
                getattr(made, signal).connect(getattr(self, signal))
            made.setPoints(self._later.points, best=self._later.best)
            made.setFinding(*self._later.finding)
            self._column.replaceWidget(self._space, made)
            made.show()  # now, not when the event loop comes to it: the lines below would jump
            self._space.deleteLater()
            self.curvesMade.emit()
        return self._curves

    # -- the live run

    def show_live(self, live: LiveRun) -> None:
        """Draws a run that is running, with all that it has reported so far."""
        if live is not self._live:
            self._live = live
            self.progress.start("Starting")
        self._shows_live = True
        self._show(live.epochs)
        self.update_live()

    def update_live(self, new: Sequence[Epoch] = ()) -> None:
        """The live run has reported something, such as these epochs, was paused or resumed, or has ended."""
        live = self._live
        if live is None:
            return
        if new and self._shows_live:
            self._draw(live.epochs, new)
        is_reading = live.started is None and not live.epochs and not live.has_ended
        self._foot.setCurrentWidget(self.progress if is_reading else self._words)
        if is_reading and live.progress is not None:
            self.progress.setProgress(live.progress.done, live.progress.total)
            self.progress.setTitle(live.progress.what)
        if live.has_ended:
            self.progress.finish()
            self._clock.stop()
        elif not self._clock.isActive():
            self._clock.start()
        self._describe_live()

    def shows_live(self) -> bool:
        """Whether the curves are those of the run that was started last."""
        return self._shows_live

    # -- a past run

    def show_past(self, epochs: Sequence[Epoch], sentence: str, accuracy: str = "") -> None:
        """Draws a past run and describes it."""
        self._shows_live = False
        self._show(epochs)
        self._terms.setFullText(loss_text(epochs[-1]) if epochs else "")
        self._set_words(sentence, " · ".join(part for part in (accuracy, _duration_text(epochs)) if part))

    def show_none(self) -> None:
        """Empty curves, and what to do."""
        self.show_past([], _WAITING)

    def sentence(self) -> str:
        """The description of the run shown."""
        return self._sentence.fullText()

    def times(self) -> str:
        """Elapsed and remaining time of the run shown."""
        return self._times.fullText()

    def loss(self) -> str:
        """The terms of the loss of the last epoch shown."""
        return self._terms.fullText()

    def setFinding(self, text: str, tooltip: str = "", remedy: str = "") -> None:
        """Shows what the curves mean in the line below them."""
        self._later.finding = (text, tooltip, remedy)
        if self._curves is not None:
            self._curves.setFinding(text, tooltip, remedy)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._terms.setVisible(event.size().height() >= _ROOM_FOR_TERMS)

    def _show(self, epochs: Sequence[Epoch]) -> None:
        points, best = [point_of(epoch) for epoch in epochs], _best_epoch(epochs)
        if self._curves is None:
            if points != self._later.points or not points:
                self._later = _Shown(points, best)
        elif points != list(self._curves.points()) or not points:
            self.setFinding("")
            self._curves.setPoints(points, best=best)

    def _draw(self, epochs: Sequence[Epoch], new: Sequence[Epoch]) -> None:
        """Draws epochs that were added; a zoom stays as it is while they come one by one."""
        if len(new) == 1 and self._curves is not None:
            self._curves.append(point_of(new[0]), best=_best_epoch(epochs))
        else:
            self._show(epochs)

    def _describe_live(self) -> None:
        live = self._live
        if live is None or live.has_ended or not self._shows_live:
            return
        self._terms.setFullText(loss_text(live.epochs[-1]) if live.epochs else "")
        elapsed = f"{duration(live.elapsed_s)} so far"
        self._set_words(_progress_text(live), " · ".join([elapsed, *_remaining_text(live)]))

    def _set_words(self, sentence: str, times: str) -> None:
        self._sentence.setFullText(sentence)
        self._times.setFullText(times)

    def _lay_out(self) -> None:
        self._words = QWidget()
        lines = QVBoxLayout(self._words)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(theme.GRID // 2)
        for line in (self._sentence, self._times, self._terms):
            lines.addWidget(line)
        for line in (self._times, self._terms):
            theme.set_role(line, "muted")
        self._terms.setToolTip(_TERMS)
        self._terms.setAccessibleName("What the loss is the sum of")
        self._foot = QStackedWidget()
        self._foot.addWidget(self._words)
        self._foot.addWidget(self.progress)
        self._foot.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._space = QWidget()
        self._space.setMinimumSize(LossAndAccuracy.LEAST)
        self._column = column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self._space, 1)
        column.addWidget(self._foot)


def _progress_text(live: LiveRun) -> str:
    """Which epoch a live run is in, and what it is doing."""
    paused = "Paused. " if live.paused_s is not None else ""
    if live.started is None:
        return f"{paused}Getting ready"
    done, total = len(live.epochs), live.started.epochs
    work = live.progress
    if work is not None and work.after_training:
        return f"{paused}{work.what}. {_best_text(live.epochs)}"
    is_preparing = work is not None and work.done < work.total and done < total
    if not done or is_preparing:
        doing = f" · {work.what.lower()}: {work.done:,} of {work.total:,} clips" if work and is_preparing else ""
        return f"{paused}Epoch {done + 1} of {total}{doing}"
    return f"{paused}Epoch {done} of {total}. {_best_text(live.epochs)}"


def _remaining_text(live: LiveRun) -> list[str]:
    """How long until there is a model; whatever the epochs have left, it has to be written and evaluated."""
    if live.progress is not None and live.progress.after_training:
        return [f"step {live.progress.done + 1} of {live.progress.total}"]
    remaining_s = live.remaining_s
    if remaining_s is None or live.started is None:
        return []
    if len(live.epochs) < live.started.epochs:
        return [f"{duration(remaining_s)} left at most"]
    return ["writing and evaluating the model" + (f", {duration(remaining_s)} left" if remaining_s >= 1 else "")]


def _best_epoch(epochs: Sequence[Epoch]) -> int | None:
    return next((epoch.epoch for epoch in reversed(epochs) if epoch.best), None)


def _best_text(epochs: Sequence[Epoch]) -> str:
    best = next((epoch for epoch in reversed(epochs) if epoch.best), None)
    return f"Best so far: epoch {best.epoch}, validation accuracy {best.validation_accuracy:.0%}" if best else ""


def loss_text(epoch: Epoch) -> str:
    """For example "While training: loss 0.42 = cross-entropy 0.40 + L2 0.02 (5%)"; empty if no terms were recorded."""
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


def _duration_text(epochs: Sequence[Epoch]) -> str:
    return f"{duration(sum(epoch.seconds for epoch in epochs))} of training" if epochs else ""
