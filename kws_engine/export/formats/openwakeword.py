"""openWakeWord's: a head on the vectors of the speech encoder that both programs use, one file for each word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from kws_engine import extras
from kws_engine.export.formats import FORMATS, Exported
from kws_engine.spec import option
from kws_engine.spotting.model_file import SpottingModel

_UNFIT: Final = re.compile(r"[^\w-]+")  # for a file's name


@dataclass(frozen=True)
class OpenWakeWordConfig:
    """Options of the heads."""

    runtime: Literal["onnx", "tflite"] = option(
        "onnx",
        "Runtime",
        "Which of openWakeWord's two is to run it; Home Assistant's add-on has TensorFlow Lite alone.",
    )
    word: str = option("", "Word", "Only this one; otherwise one file for each word of the model.")


@FORMATS.register("openwakeword", "openWakeWord", OpenWakeWordConfig)
def build(config: OpenWakeWordConfig, *, model: SpottingModel) -> Exported:
    """Vectors (1, 16, 96) in, the smoothed score (1, 1) of one word out, as openWakeWord and livekit-wakeword load it.

    Raises:
        KwsError: The model has no network on the speech embedding or does not know the word, or the package
            ai-edge-litert is missing.
    """
    if config.runtime == "tflite":
        extras.require("ai_edge_litert", extra="tflite")
    from kws_engine.export.formats import _head

    head = _head.head_of(model)
    words = [config.word] if config.word else list(model.words)
    files: dict[str, bytes] = {}
    difference = 0.0
    for number, word in enumerate(words, start=1):
        if config.runtime == "tflite":
            from kws_engine.export.formats import _tflite

            content = _head.tflite_of(head, model, word)
            answer = _tflite.answers_of(content)
        else:
            content = _head.graph_of(head, model, word)
            answer = _head.onnx_answers_of(content)
        difference = max(difference, _head.difference(answer, head, model, word))
        name = f"-{re.sub(_UNFIT, '_', word)}.{config.runtime}"
        name = name if name not in files else f"-{number}{name}"
        files[name if len(words) > 1 else ""] = content
    thresholds = {f"threshold of {word}": model.thresholds.get(word, model.detector_config.threshold) for word in words}
    return Exported(
        files,
        {"difference": difference, "vectors": head.vectors, **thresholds},
        _head.notes_on(head, is_tflite=config.runtime == "tflite", first_share=model.detector_config.first_share),
    )
