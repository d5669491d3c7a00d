"""`kws evaluate`: a model file evaluated on clips."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from kws_engine.clips.clip import Clip
from kws_engine.clips.project import folder_clips
from kws_engine.clips.split import SPLITS
from kws_engine.commands.output import Output, table
from kws_engine.errors import ProjectError
from kws_engine.evaluation.metrics import Evaluation, evaluate


def add(add_command: Any) -> None:
    command = add_command("evaluate", _evaluate, help="evaluate a model on a project or a folder of clips")
    command.add_argument("model", type=Path, help="a .kws file")
    command.add_argument("folder", type=Path, help="a project, or a folder per word as in Google Speech Commands")
    command.add_argument("--split", choices=(*SPLITS, "all"), default="testing", help="which part (testing)")


def clips_of(folder: Path, *, split: str) -> list[Clip]:
    """The clips of a project or of a folder in Speech Commands layout, unreadable ones too: they shall be named.

    Raises:
        ProjectError: There are none in that part.
    """
    chosen = [clip for clip in folder_clips(folder, with_unreadable=True) if split in ("all", clip.split)]
    if not chosen:
        raise ProjectError(f"{folder} has no clip in the {split} part: choose another with --split, as in --split all")
    return chosen


def _evaluate(arguments: argparse.Namespace, output: Output) -> None:
    from kws_engine.spotting.model_file import SpottingModel

    model = SpottingModel(arguments.model)
    evaluation = evaluate(model, clips_of(arguments.folder, split=arguments.split))
    for one in evaluation.skipped:
        output.message(f"left out {one.path}: {one.reason}")
    output.result(evaluation.to_dict(), report(evaluation))


def report(evaluation: Evaluation) -> str:
    """Accuracy and a row per word."""
    rows = [
        [word, f"{one.precision:.1%}", f"{one.recall:.1%}", f"{one.f1:.1%}", str(one.clips)]
        for word, one in evaluation.per_word.items()
    ]
    quality = table(rows, header=["word", "precision", "recall", "F1", "clips"])
    return f"{evaluation.accuracy:.1%} of {len(evaluation.evaluated)} clips right\n\n{quality}"
