"""Accuracy, precision, recall and confusion of a model file on clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.clips.clip import LONGEST_CLIP_S, Clip
from kws_engine.clips.trimming import fitted
from kws_engine.clips.words import UNKNOWN
from kws_engine.errors import AudioError, ProjectError
from kws_engine.spotting.model_file import SpottingModel

EvaluatedSplit = Literal["validation", "testing"]
"""What a model may be evaluated on: the training clips it has learned."""

_BATCH = 64


@dataclass(frozen=True)
class EvaluatedClip:
    """One clip: its label, the label given to it, and that one's posterior."""

    path: Path
    label: str
    predicted: str
    score: float


@dataclass(frozen=True)
class UnreadableClip:
    """A clip that could not be read, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class WordQuality:
    """One label's share of right answers among those given (precision) and among its clips (recall)."""

    precision: float
    recall: float
    f1: float
    clips: int


@dataclass(frozen=True)
class Evaluation:
    """A model evaluated on clips; `counts[i, j]` clips of label i were taken for label j."""

    labels: tuple[str, ...]
    counts: NDArray[np.int64]
    evaluated: tuple[EvaluatedClip, ...]
    skipped: tuple[UnreadableClip, ...]

    @property
    def accuracy(self) -> float:
        """Share of the clips whose label was given, 0..1."""
        return float(np.trace(self.counts) / max(self.counts.sum(), 1))

    @property
    def per_word(self) -> dict[str, WordQuality]:
        """Quality of every label that has a clip or was given to one."""
        used = [i for i in range(len(self.labels)) if self.counts[i].sum() or self.counts[:, i].sum()]
        return {self.labels[i]: self._quality(i) for i in used}

    def clips(self, label: str, predicted: str) -> list[EvaluatedClip]:
        """The clips behind a cell of the confusion matrix, the most certain first."""
        cell = [one for one in self.evaluated if one.label == label and one.predicted == predicted]
        return sorted(cell, key=lambda one: -one.score)

    def to_dict(self) -> dict[str, Any]:
        """As printed by `kws evaluate --json` and stored in evaluation.json."""
        return {
            "accuracy": self.accuracy,
            "clips": len(self.evaluated),
            "per_word": {word: vars(quality) for word, quality in self.per_word.items()},
            "confusion": {"labels": list(self.labels), "counts": self.counts.tolist()},
            "skipped": [{"path": str(one.path), "reason": one.reason} for one in self.skipped],
        }

    def _quality(self, i: int) -> WordQuality:
        right, given, there = self.counts[i, i], self.counts[:, i].sum(), self.counts[i].sum()
        return WordQuality(
            precision=float(right / max(given, 1)),
            recall=float(right / max(there, 1)),
            f1=float(2 * right / max(given + there, 1)),
            clips=int(there),
        )


def evaluate(
    model: SpottingModel,
    clips: Sequence[Clip],
    *,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Evaluation:
    """Gives each clip as a whole to the model; words that it does not know count as `_unknown_`.

    Raises:
        ProjectError: No clip could be evaluated.
    """
    evaluated: list[EvaluatedClip] = []
    skipped: list[UnreadableClip] = []
    for start in range(0, len(clips), _BATCH):
        if should_stop():
            break
        evaluated += _evaluate(model, clips[start : start + _BATCH], skipped)
        if progress is not None:
            progress(min(start + _BATCH, len(clips)), len(clips))
    if not evaluated:
        raise ProjectError(f"There is no clip to evaluate the model on{_first_reason(skipped)}")
    counts = np.zeros((len(model.labels), len(model.labels)), np.int64)
    for one in evaluated:
        counts[model.labels.index(one.label), model.labels.index(one.predicted)] += 1
    return Evaluation(model.labels, counts, tuple(evaluated), tuple(skipped))


def _evaluate(model: SpottingModel, clips: Sequence[Clip], skipped: list[UnreadableClip]) -> list[EvaluatedClip]:
    sounds, readable = [], []
    for clip in clips:
        if _label(clip.word, model) not in model.labels:
            skipped.append(
                UnreadableClip(clip.path, f"the model neither knows {clip.word!r} nor has a label for other words")
            )
            continue
        try:
            sound = audio.read(clip.path, rate=model.rate, max_seconds=LONGEST_CLIP_S)
        except AudioError as error:
            skipped.append(UnreadableClip(clip.path, str(error)))
            continue
        sounds.append(fitted(sound, model.rate, clip_samples=model.window_samples))
        readable.append(clip)
    if not readable:
        return []
    posteriors = model.posteriors(model.pipeline.batch(np.stack(sounds)))
    best = posteriors.argmax(axis=1)
    return [
        EvaluatedClip(clip.path, _label(clip.word, model), model.labels[column], float(row[column]))
        for clip, column, row in zip(readable, best, posteriors, strict=True)
    ]


def _label(word: str, model: SpottingModel) -> str:
    return word if word in model.labels else UNKNOWN


def _first_reason(skipped: Sequence[UnreadableClip]) -> str:
    return f": {skipped[0].reason}" if skipped else ": record or import some, or choose another split"
