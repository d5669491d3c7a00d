"""What training found out about each clip, from tensors to rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kws_engine.evaluation.finding import LearnedClip, ValidatedClip
from kws_engine.runs.clip_list import path_in
from kws_engine.runs.loading import Data

if TYPE_CHECKING:
    from torch import Tensor

    from kws_engine.training.training_dynamics import TrainingDynamics


def learned_clips(dynamics: TrainingDynamics, data: Data, project: Path) -> Iterator[LearnedClip]:
    """Every recorded training clip that was trained on."""
    seen, margin, own, predicted = (column.tolist() for column in dynamics.rows())
    for at, (label, count) in enumerate(zip(data.training.labels.tolist(), seen, strict=True)):
        if count:
            yield LearnedClip(
                path=path_in(project, data.training.paths[at]),
                label=data.labels[label],
                seen=count,
                margin=margin[at],
                own_probability=own[at],
                predicted=data.labels[predicted[at]] if predicted[at] >= 0 else "",
            )


def validated_clips(
    clips: Tensor, labels: Tensor, logits: Tensor, *, data: Data, project: Path
) -> Iterator[ValidatedClip]:
    """Every validation clip, with the answer to it.

    Args:
        clips: (N,) indices into the validation part, below 0 for generated silence.
        labels: (N,).
        logits: (N, n_labels).
        data: Whose labels and validation part.
        project: Paths become relative to this folder.
    """
    probabilities = logits.float().softmax(1).cpu()
    best, predicted = probabilities.max(1)
    own = probabilities.gather(1, labels.cpu().unsqueeze(1)).squeeze(1)
    columns = (clips.tolist(), labels.tolist(), predicted.tolist(), best.tolist(), own.tolist())
    for clip, label, answer, probability, own_probability in zip(*columns, strict=True):
        yield ValidatedClip(
            path=path_in(project, data.validation.paths[clip]) if clip >= 0 else "",
            label=data.labels[label],
            predicted=data.labels[answer],
            probability=probability,
            own_probability=own_probability,
        )
