"""`kws evaluate`: a model file evaluated on clips."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws_engine.clips.clip import Clip, is_audio_name, layout_clips
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.clips.split import SPLITS
from kws_engine.clips.words import NOISE, SILENCE, UNKNOWN
from kws_engine.commands.output import Output, table
from kws_engine.errors import ProjectError
from kws_engine.evaluation.few_clips import FEW, caution
from kws_engine.evaluation.metrics import EvaluatedClip, Evaluation, evaluate
from kws_engine.operating.quality import figures_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kws_engine.spotting.model_file import SpottingModel


@dataclass(frozen=True)
class Chosen:
    """The clips to evaluate a model on, unreadable ones too: they shall be named; and how many are not among them."""

    clips: Sequence[Clip]
    left_out: Mapping[str, int]


def add(add_command: Any) -> None:
    command = add_command("evaluate", _evaluate, help="evaluate a model on a project or a folder of clips")
    command.add_argument("model", type=Path, help="a .kws file")
    command.add_argument("folder", type=Path, help="a project, or a folder per word as in Google Speech Commands")
    command.add_argument(
        "--split", choices=(*SPLITS, "all"), help="which part (testing in a project, all of any other folder)"
    )
    command.add_argument("--clips", action="store_true", help="give each clip's scores first")


def clips_of(folder: Path, *, split: str | None = None) -> Chosen:
    """The clips of a project, the testing part unless another is named, or all of a folder in Speech Commands layout.

    Raises:
        ProjectError: There are none in that part.
    """
    if ProjectFolder(folder).is_project:
        split = split or "testing"
        project = Project.open(folder)
        every = [*project.clips(include_excluded=True), *project.unreadable]
        if not every:
            raise ProjectError(f"The project {folder} holds no readable clip: record or import some first.")
        left_out = Counter({"left out of training and evaluation": sum(clip.excluded for clip in every)})
        every = [clip for clip in every if not clip.excluded]
    else:
        every = layout_clips(folder, with_unreadable=True, with_silence=True)
        left_out = Counter(_not_taken(folder))
    chosen = [clip for clip in every if split in (None, "all", clip.split)]
    if not chosen:
        raise ProjectError(f"{folder} has no clip in the {split} part: choose another with --split, as in --split all")
    left_out.update(f"in the {clip.split} part" for clip in every if split not in (None, "all", clip.split))
    return Chosen(chosen, +left_out)


def _not_taken(folder: Path) -> Iterable[str]:
    """The reason for each file of a foreign folder that is no clip by where it lies or how it is called."""
    for above, _, names in os.walk(folder):
        place = Path(above).relative_to(folder).parts
        if any(part.startswith(".") for part in place):
            continue
        for name in names:
            if not name.startswith(".") and (reason := _fault(place, name)):
                yield reason


def _fault(place: Sequence[str], name: str) -> str:
    if place and place[0] == NOISE:
        return f"in {NOISE}, which is no word" if is_audio_name(name) else ""
    if not place:
        return "beside the folders of words" if is_audio_name(name) else ""
    if len(place) > 1:
        return "in a folder within that of a word: name the folder above it" if is_audio_name(name) else ""
    if place[0].startswith("_") and place[0] not in (UNKNOWN, SILENCE):
        return f"in {place[0]}, which is no word" if is_audio_name(name) else ""
    return "" if is_audio_name(name) else "not called like a sound"


def _evaluate(arguments: argparse.Namespace, output: Output) -> None:
    from kws_engine.spotting.model_file import SpottingModel

    model = SpottingModel(arguments.model)
    chosen = clips_of(arguments.folder, split=arguments.split)
    evaluation = evaluate(model, chosen.clips, each=_teller(model, output) if arguments.clips else None)
    for one in evaluation.skipped:
        output.message(f"left out {one.path}: {one.reason}")
    figures = figures_of(model.manifest.quality)
    values = {**evaluation.to_dict(left_out=chosen.left_out), "promise": figures.to_dict() if figures else None}
    promise = f"\n\nAs its file tells: {figures.told()}" if figures else ""
    output.result(values, report(evaluation, left_out=chosen.left_out) + promise)


def _teller(model: SpottingModel, output: Output) -> Callable[[EvaluatedClip, NDArray[np.float32]], None]:
    def tell(clip: EvaluatedClip, posteriors: NDArray[np.float32]) -> None:
        scores = {label: round(float(score), 6) for label, score in zip(model.labels, posteriors, strict=True)}
        values = {"event": "clip", "path": str(clip.path), "word": clip.word, "predicted": clip.predicted}
        output.result({**values, "scores": scores}, f"{clip.path}: {clip.predicted} {clip.score:.1%}")

    return tell


def report(evaluation: Evaluation, *, left_out: Mapping[str, int] | None = None) -> str:
    """Accuracy, what it rests on, and a row per word."""
    rows = [
        [word, *map(_share, (one.precision, one.recall, one.f1)), str(one.clips)]
        for word, one in evaluation.of_words.items()
    ]
    quality = table(rows, header=["word", "precision", "recall", "F1", "clips"])
    count = len(evaluation.evaluated)
    warning = caution(evaluation.clip_counts)
    lines = [f"{warning}{evaluation.accuracy:.1%} {'' if count < FEW else f'of {count} clips '}right"]
    reasons = Counter(evaluation.left_out) + Counter(left_out or {})
    if reasons:
        lines.append("left out: " + ", ".join(f"{number} {reason}" for reason, number in reasons.items()))
    if evaluation.as_unknown:
        words = ", ".join(f"{word} {number}" for word, number in evaluation.as_unknown.items())
        lines.append(f"counted as {UNKNOWN}, since the model does not know them: {words}")
    return "\n".join((*lines, "", quality))


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"
