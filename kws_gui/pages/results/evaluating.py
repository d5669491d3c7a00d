"""A model judged on clips off the window's thread, one judgement at a time; shows nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from kws_engine.clips.split import Split
from kws_gui.bridges.jobs import LongJob

if TYPE_CHECKING:
    from kws_engine.evaluation.metrics import Evaluation


@dataclass(frozen=True)
class Judgement:
    """What is asked for, or was answered: this file on this part of the clips as they were."""

    model: Path
    part: Split
    clips: Sequence[Any]


class Judging(QObject):
    """What runs for something else is cancelled when it is asked for another.

    Signals:
        progressed(done, total): Clips.
        finished(judgement, evaluation), failed(judgement, sentence, details): Exactly one of them, also if cancelled.
    """

    progressed = Signal(int, int)
    finished = Signal(object, object)
    failed = Signal(object, str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job: LongJob | None = None
        self.working: Judgement | None = None

    def is_running(self) -> bool:
        """Whether something is being judged."""
        return self._job is not None

    def begin(self, wanted: Judgement) -> bool:
        """Judges now; False while another is being judged, whose end is near."""
        if self._job is not None:
            if wanted != self.working:
                self._job.cancel()
            return False
        self.working = wanted
        self._job = LongJob(lambda progress, stop: _evaluated(wanted, progress, stop), self)
        self._job.progressed.connect(self.progressed)
        self._job.finished.connect(lambda evaluation: self.finished.emit(self._end(), evaluation))
        self._job.failed.connect(lambda sentence, details: self.failed.emit(self._end(), sentence, details))
        self._job.start()
        return True

    def cancel(self) -> None:
        """Ends soon."""
        if self._job is not None:
            self._job.cancel()

    def shutdown(self) -> None:
        """Ends the thread."""
        if self._job is not None:
            self._job.wait()

    def _end(self) -> Judgement | None:
        assert self._job is not None
        self._job.deleteLater()
        self._job = None
        judged, self.working = self.working, None
        return judged


def _evaluated(wanted: Judgement, progress: Any, should_stop: Any) -> Evaluation:
    from kws_engine.evaluation.metrics import evaluate  # onnxruntime loads here, in the worker, at first use
    from kws_engine.spotting.model_file import SpottingModel

    return evaluate(SpottingModel(wanted.model), wanted.clips, progress=progress, should_stop=should_stop)
