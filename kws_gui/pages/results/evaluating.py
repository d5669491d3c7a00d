"""What to evaluate, and how, in the background."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kws_engine.clips.clip import Clip
from kws_engine.clips.split import Split

if TYPE_CHECKING:
    from kws_engine.evaluation.metrics import Evaluation


@dataclass(frozen=True)
class EvaluationRequest:
    """A model file, and the part of the clips, as they are now, that it is to be evaluated on."""

    model: Path
    part: Split
    clips: Sequence[Clip]


def evaluate_model(
    request: EvaluationRequest, progress: Callable[[int, int], None], should_stop: Callable[[], bool]
) -> Evaluation:
    """The evaluation, as work for `Latest`; an incomplete one when stopped."""
    from kws_engine.evaluation.metrics import evaluate  # onnxruntime loads here, in the thread, at first use
    from kws_engine.spotting.model_file import SpottingModel

    return evaluate(SpottingModel(request.model), request.clips, progress=progress, should_stop=should_stop)
