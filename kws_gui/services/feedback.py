"""What a person says of a detection: it becomes a clip of another word, or a take, and the words are taught again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from kws_engine import audio
from kws_engine.clips.clip import Clip
from kws_engine.clips.project import Project
from kws_engine.clips.recording import Take, evaluate_take
from kws_engine.clips.utterances import UtteranceFinder
from kws_engine.clips.words import UNKNOWN
from kws_engine.errors import KwsError
from kws_engine.runs.job import Job, settings_of
from kws_engine.runs.teaching import teach_settings
from kws_engine.settings import Settings
from kws_engine.training.events import Finished
from kws_gui.bridges.training import training_threads
from kws_gui.services import remembered
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.recordings import Recordings
from kws_gui.services.training import Ending, Training

WRONG, MISSED = "That was wrong", "You missed one"
_MARGIN_S = 0.5  # around a detection's window, so that the cut can be moved
_ANSWER_S = 1.0  # a detection comes at most so long after its word

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Heard:
    """Sound (N,) at `rate` that was listened to just now; `at_sample` is where it begins on the detector's clock."""

    samples: Samples
    at_sample: int
    rate: int


class Feedback(QObject):
    """Nothing of the sound is kept unless `wrong` or `missed` is called.

    Signals:
        kept(Clip, str): A clip was stored, and what it is in one sentence.
        refused(str): There is nothing to store, it could not be stored, or teaching again failed.
        taught(str): A model was taught again.
        changed(): There are more or fewer corrections that no model was taught with.
    """

    kept = Signal(object, str)
    refused = Signal(str)
    taught = Signal(str)
    changed = Signal()

    def __init__(
        self, project: ProjectModel, recordings: Recordings, training: Training, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._project = project
        self._recordings = recordings
        self._training = training
        self._paths: list[Path] = []
        self._taught: list[Path] = []  # by the run that is going on
        self._job: Job | None = None
        training.ended.connect(self._on_ended)
        project.opened.connect(self._on_opened)
        project.clipsChanged.connect(self.changed)

    @property
    def count(self) -> int:
        """How many corrections no model was taught with."""
        return sum(path.is_file() for path in self._paths)

    @property
    def is_teaching(self) -> bool:
        """Whether the words are being taught again."""
        return self._job is not None

    @property
    def can_undo(self) -> bool:
        """Whether the newest change is one of these."""
        return self._project.undo_stack.undoText() in (WRONG, MISSED)

    def wrong(self, heard: Heard, word: str, *, at_sample: int, window_samples: int) -> bool:
        """Keeps what the detector took for `word` at `at_sample` as a clip of another word."""
        project = self._project.project
        if project is None:
            return False
        margin = round(_MARGIN_S * heard.rate)
        stop = at_sample - heard.at_sample
        start = stop - window_samples
        raw = heard.samples[max(0, start - margin) : max(0, stop + margin)]
        raw, rate = _at(project.rate, raw, heard.rate)
        length = project.clip_samples
        if len(raw) < length:
            self.refused.emit("That was too long ago: its sound is no longer in memory.")
            return False
        take = evaluate_take(raw, rate, clip_samples=length)
        if take.bounds is None or take.bounds[1] - take.bounds[0] > length:  # in the midst of talk
            end = round((stop - max(0, start - margin)) * rate / heard.rate)
            take = _cut(take, min(max(0, end - length), len(raw) - length), length)
        return self._keep(UNKNOWN, take, WRONG, f"Kept as something that is not “{word}”.")

    def missed(self, heard: Heard, word: str, *, detected_at: Sequence[int] = ()) -> bool:
        """Keeps the newest utterance as a take of `word`, unless a detection followed it at one of these samples."""
        project = self._project.project
        if project is None:
            return False
        samples, rate = _at(project.rate, heard.samples, heard.rate)
        finder = UtteranceFinder(rate, clip_samples=project.clip_samples)
        found = [one for one in finder.feed(samples) if not one.is_cut]
        answered = [round((at - heard.at_sample) * rate / heard.rate) for at in detected_at]
        reach = round(_ANSWER_S * rate)
        unheard = [one for one in found if not any(one.start < at <= one.stop + reach for at in answered)]
        if not unheard:
            every = "every word in them was heard" if found else "no word was found in them"
            self.refused.emit(f"Of the last ten seconds {every}: say it again, pause, then press this.")
            return False
        take = evaluate_take(unheard[-1].samples, rate, clip_samples=project.clip_samples)
        if take.no_speech:
            self.refused.emit(take.advice)
            return False
        return self._keep(word, take, MISSED, f"Kept as a take of “{word}”.")

    def undo(self) -> None:
        """Takes the newest correction back."""
        if self.can_undo:
            self._project.undo_stack.undo()

    def teach_again(self, model: Path | None) -> bool:
        """Trains as the model was trained, with the corrections, now or after what is running."""
        project = self._project.project
        if project is None:
            return False
        try:
            settings = self._settings(project, model)
        except KwsError as error:
            self.refused.emit(str(error))
            return False
        job = Job(project.folder, settings.to_dict(), threads=training_threads())
        self._taught, self._paths, self._job = self._paths, [], job
        self._training.start_or_queue(job)
        self.changed.emit()
        return True

    def _settings(self, project: Project, model: Path | None) -> Settings:
        if model is not None and model.is_relative_to(project.runs_folder):
            try:
                return settings_of(model.parent)
            except KwsError:  # a run of another version
                pass
        return teach_settings()

    def _keep(self, word: str, take: Take, what: str, sentence: str) -> bool:
        saved: list[Clip] = []
        self._recordings.saved.connect(saved.append)
        stored = self._recordings.save(word, take, speaker=remembered.speaker(), what=what)
        self._recordings.saved.disconnect(saved.append)
        if not stored or not saved:
            self.refused.emit("It could not be stored: it waits in memory, and the Words page saves it again.")
            return False
        self._paths.append(saved[0].path)
        self.kept.emit(saved[0], sentence)
        self.changed.emit()
        return True

    def _on_ended(self, ending: Ending) -> None:
        if self._job is None or ending.run.job.settings != self._job.settings:
            return
        self._job = None
        taught, self._taught = self._taught, []
        if isinstance(ending.event, Finished):
            self.taught.emit("Taught again: it listens with the new model.")
        else:
            self._paths = [*taught, *self._paths]
            self.refused.emit(f"It was not taught again. {ending.event.message}")
        self.changed.emit()

    def _on_opened(self) -> None:
        self._paths.clear()
        self._taught, self._job = [], None
        self.changed.emit()


def _at(rate: int, samples: Samples, from_rate: int) -> tuple[Samples, int]:
    return (samples if rate == from_rate else audio.resample(samples, from_rate, rate)), rate


def _cut(take: Take, start: int, length: int) -> Take:
    """The take with another cut: what the detector heard last before it fired."""
    return Take(
        raw=take.raw,
        clip=take.raw[start : start + length],
        start=start,
        bounds=take.bounds,
        peak_db=take.peak_db,
        clipped=take.clipped,
        too_quiet=take.too_quiet,
        no_speech=take.no_speech,
        advice="",
    )
