"""Accuracy, precision, recall and confusion of a model file on clips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.clips.clip import LONGEST_CLIP_S, Clip
from kws_engine.clips.trimming import window
from kws_engine.clips.words import SILENCE, SPECIAL, UNKNOWN
from kws_engine.errors import AudioError, ProjectError
from kws_engine.spotting.model_file import SpottingModel

EvaluatedSplit = Literal["validation", "testing"]
"""What a model may be evaluated on: the training clips it has learned."""

_BATCH = 64


@dataclass(frozen=True)
class EvaluatedClip:
    """One clip: its label, the label given to it, that one's posterior, and the word that was said."""

    path: Path
    label: str
    predicted: str
    score: float
    word: str = ""


LeftOut = Literal["cannot be read", "of a word for which the model has no label"]


@dataclass(frozen=True)
class UnreadableClip:
    """A clip that could not be evaluated, why in a sentence, and in a word."""

    path: Path
    reason: str
    kind: LeftOut = "cannot be read"


@dataclass(frozen=True)
class WordQuality:
    """One label's share of right answers among those given (precision) and among its clips (recall).

    All are None where there is no clip of it, since then nothing was measured.
    """

    precision: float | None
    recall: float | None
    f1: float | None
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

    @property
    def clip_counts(self) -> dict[str, int]:
        """How many clips of each label were evaluated."""
        return dict(zip(self.labels, self.counts.sum(axis=1).tolist(), strict=True))

    @property
    def as_unknown(self) -> dict[str, int]:
        """How many clips there were of each word that the model does not know and that counts as `_unknown_`."""
        return dict(Counter(one.word for one in self.evaluated if one.label == UNKNOWN and one.word != UNKNOWN))

    @property
    def left_out(self) -> dict[str, int]:
        """How many clips could not be evaluated, by reason."""
        return dict(Counter(one.kind for one in self.skipped))

    def clips(self, label: str, predicted: str) -> list[EvaluatedClip]:
        """The clips behind a cell of the confusion matrix, the most certain first."""
        cell = [one for one in self.evaluated if one.label == label and one.predicted == predicted]
        return sorted(cell, key=lambda one: -one.score)

    @property
    def of_words(self) -> dict[str, WordQuality]:
        """Quality of every word of the model, heard or not, and of the other labels that were used."""
        used = self.per_word
        return {
            label: used[label] if label in used else WordQuality(None, None, None, 0)
            for label in self.labels
            if label in used or label not in SPECIAL
        }

    def to_dict(self, *, left_out: Mapping[str, int] | None = None) -> dict[str, Any]:
        """As printed by `kws evaluate --json` and stored in evaluation.json.

        Args:
            left_out: How many more clips there were that nothing was asked of, by reason.
        """
        reasons = Counter(self.left_out) + Counter(left_out or {})
        return {
            "accuracy": self.accuracy,
            "clips": len(self.evaluated),
            "per_word": {word: vars(quality) for word, quality in self.of_words.items()},
            "confusion": {"labels": list(self.labels), "counts": self.counts.tolist()},
            "skipped": [{"path": str(one.path), "reason": one.reason} for one in self.skipped],
            "left_out": [{"reason": reason, "clips": count} for reason, count in reasons.items()],
            "as_unknown": self.as_unknown,
        }

    def _quality(self, i: int) -> WordQuality:
        right, given, there = self.counts[i, i], self.counts[:, i].sum(), self.counts[i].sum()
        if not there:
            return WordQuality(None, None, None, 0)
        return WordQuality(
            precision=float(right / max(given, 1)),
            recall=float(right / there),
            f1=float(2 * right / (given + there)),
            clips=int(there),
        )


def evaluate(
    model: SpottingModel,
    clips: Sequence[Clip],
    *,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    each: Callable[[EvaluatedClip, NDArray[np.float32]], None] | None = None,
) -> Evaluation:
    """Gives each clip as a whole to the model; words that it does not know count as `_unknown_`.

    Args:
        model: Gives the answers.
        clips: Those to evaluate it on.
        progress: Called with how many clips of how many are done.
        should_stop: Asked now and then.
        each: Called with each evaluated clip and its posteriors (labels,).

    Raises:
        ProjectError: No clip could be evaluated.
    """
    evaluated: list[EvaluatedClip] = []
    skipped: list[UnreadableClip] = []
    for start in range(0, len(clips), _BATCH):
        if should_stop():
            break
        found, posteriors = _evaluate(model, clips[start : start + _BATCH], skipped)
        evaluated += found
        if each is not None:
            for one, row in zip(found, posteriors, strict=True):
                each(one, row)
        if progress is not None:
            progress(min(start + _BATCH, len(clips)), len(clips))
    if not evaluated:
        raise ProjectError(f"There is no clip to evaluate the model on{_first_reason(skipped)}")
    counts = np.zeros((len(model.labels), len(model.labels)), np.int64)
    for one in evaluated:
        counts[model.labels.index(one.label), model.labels.index(one.predicted)] += 1
    return Evaluation(model.labels, counts, tuple(evaluated), tuple(skipped))


def _evaluate(
    model: SpottingModel, clips: Sequence[Clip], skipped: list[UnreadableClip]
) -> tuple[list[EvaluatedClip], NDArray[np.float32]]:
    """The clips that could be evaluated, and the posteriors of each (N, labels)."""
    sounds, readable = [], []
    for clip in clips:
        if _label(clip.word, model) not in model.labels:
            reason = "has no label for silence"
            if clip.word != SILENCE:
                reason = f"neither knows {clip.word!r} nor has a label for other words"
            skipped.append(
                UnreadableClip(clip.path, f"the model {reason}", "of a word for which the model has no label")
            )
            continue
        try:
            sound = audio.read(clip.path, rate=model.rate, max_seconds=LONGEST_CLIP_S)
        except AudioError as error:
            skipped.append(UnreadableClip(clip.path, str(error)))
            continue
        ends_windows = model.pipeline.ends_windows
        sounds.append(window(sound, model.rate, window_samples=model.window_samples, ends_windows=ends_windows))
        readable.append(clip)
    if not readable:
        return [], np.zeros((0, len(model.labels)), np.float32)
    posteriors = model.posteriors(model.pipeline.batch(np.stack(sounds)))
    best = posteriors.argmax(axis=1)
    evaluated = [
        EvaluatedClip(clip.path, _label(clip.word, model), model.labels[column], float(row[column]), clip.word)
        for clip, column, row in zip(readable, best, posteriors, strict=True)
    ]
    return evaluated, posteriors


def _label(word: str, model: SpottingModel) -> str:
    return word if word in model.labels or word == SILENCE else UNKNOWN


def _first_reason(skipped: Sequence[UnreadableClip]) -> str:
    return f": {skipped[0].reason}" if skipped else ": record or import some, or choose another split"
