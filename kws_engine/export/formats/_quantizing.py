"""Quantizes a network with onnxruntime, and takes the clips that this needs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from kws_engine.clips.clip import Clip, layout_clips
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.errors import KwsError
from kws_engine.evaluation.metrics import evaluate
from kws_engine.export.formats._silent import silent
from kws_engine.features.pipeline import FeaturePipeline
from kws_engine.spotting.model_file import SpottingModel
from kws_engine.spotting.running_network import softmax

Floats = NDArray[np.float32]
CALIBRATED_ON: Final = 400
"""Windows of talk, and as many clips."""
_MOST_CLIPS: Final = 2000


@dataclass(frozen=True)
class _Variant:
    """The same model with other answers."""

    labels: tuple[str, ...]
    rate: int
    window_samples: int
    pipeline: FeaturePipeline
    posteriors: Callable[[Floats], Floats]


def clips(folder: Path) -> tuple[Sequence[Clip], Sequence[Clip]]:
    """Those that set the ranges, and the others."""
    if ProjectFolder(folder).is_project:
        every: Sequence[Clip] = Project.open(folder).clips()
    else:
        every = layout_clips(folder, with_silence=True)
    training = [clip for clip in every if clip.split == "training"]
    testing = [clip for clip in every if clip.split != "training"]
    if not every:
        raise KwsError(f"{folder} holds no clip: name a project, or a folder that has one for each word")
    return _some(training or testing, CALIBRATED_ON), _some(testing or training, _MOST_CLIPS)


def _some(every: Sequence[Clip], most: int) -> Sequence[Clip]:
    return every[:: max(1, -(-len(every) // most))]


def windows_of(model: SpottingModel, some: Sequence[Clip]) -> list[Floats]:
    """The windows (B, T, F) of clips, as evaluation cuts and pads them."""
    found: list[Floats] = []

    def note(features: Floats) -> Floats:
        found.append(features)
        return model.posteriors(features)

    if some:
        evaluate(answering(model, note), some)
    return found


def answering(model: SpottingModel, posteriors: Callable[[Floats], Floats]) -> Any:
    """The same model with other answers."""
    return _Variant(model.labels, model.rate, model.window_samples, model.pipeline, posteriors)


class _Windows(CalibrationDataReader):  # type: ignore[misc]
    """Hands out one window (1, T, F) after another."""

    def __init__(self, features: Floats) -> None:
        self._windows = iter(features)

    def get_next(self) -> dict[str, Floats] | None:
        window = next(self._windows, None)
        return None if window is None else {"features": window[None]}


def quantized(network: bytes, features: Floats) -> bytes:
    """The network in 8 bits, with ranges of numbers as these windows (N, T, F) have them.

    Raises:
        KwsError: Nothing in it can be quantized.
    """
    with tempfile.TemporaryDirectory(prefix="kws-export-") as folder, silent():
        whole, prepared, small = (Path(folder) / name for name in ("whole.onnx", "prepared.onnx", "small.onnx"))
        whole.write_bytes(network)
        quant_pre_process(whole, prepared)
        quantize_static(
            prepared,
            small,
            _Windows(features),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
        )
        content = small.read_bytes()
    if len(content) >= len(network):
        raise KwsError("Nothing in this network can be had in 8 bits: export it with --to onnx")
    return content


def answers_of(network: bytes) -> Callable[[Floats], Floats]:
    """Features (B, T, F) to posteriors (B, labels) by a network."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(network, settings, providers=["CPUExecutionProvider"])

    def answer(features: Floats) -> Floats:
        return softmax(session.run(None, {"features": features})[0])

    return answer
