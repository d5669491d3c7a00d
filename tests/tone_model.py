"""A small model file made by hand, without training, which detects a low and a high tone."""

from __future__ import annotations

import dataclasses
import io
import json
import pathlib
import zipfile
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from kws_engine import spec
from kws_engine.features import FEATURES
from kws_engine.spotting.decision import DetectorConfig
from kws_engine.spotting.model_file import Manifest

RATE = 16_000
LABELS = ("low", "high", "_unknown_", "_silence_")
TONES_HZ = {"low": 500.0, "high": 3000.0}
WINDOW_SAMPLES = RATE


def tone(word: str, seconds: float = 0.6, *, peak: float = 0.5) -> np.ndarray:
    """The tone that the model detects as `word`."""
    at = np.arange(round(seconds * RATE))
    return (peak * np.sin(2 * np.pi * TONES_HZ[word] / RATE * at)).astype(np.float32)


def pause(seconds: float = 1.0) -> np.ndarray:
    """Very faint noise."""
    return np.random.default_rng(0).normal(0, 1e-4, round(seconds * RATE)).astype(np.float32)


def manifest(**changes: Any) -> Manifest:
    """The tone model's own manifest with some fields changed."""
    made = Manifest(
        labels=LABELS,
        rate=RATE,
        window_samples=WINDOW_SAMPLES,
        feature={"name": "log_mel", "options": {"bands": 40}},
        network={"name": "fnn", "options": {}},
        detector={**spec.to_dict(DetectorConfig()), "thresholds": {}},
        source={"project": "tones", "run": "by hand", "version": "0", "date": "2026-01-01"},
        quality={"validation_accuracy": 1.0, "validation_clips": 4},
    )
    return dataclasses.replace(made, **changes)


def network(*, n_labels: int = len(LABELS)) -> onnx.ModelProto:
    """Mean over time, then 20 for a band as loud as a tone of half a second, against 0 for silence."""
    entry = FEATURES["log_mel"]
    pipeline = entry.build(spec.from_dict(entry.config, {"bands": 40}), rate=RATE)
    weights = np.zeros((pipeline.n_features, n_labels), np.float32)
    for column, word in enumerate(TONES_HZ):
        weights[int(pipeline.batch(tone(word)).mean(axis=0).argmax()), column] = 10.0
    bias = np.zeros(n_labels, np.float32)
    bias[:2] = 4.0
    nodes = [
        helper.make_node("ReduceMean", ["features", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tones",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["clips", None, pipeline.n_features])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["clips", n_labels])],
        [
            numpy_helper.from_array(array, name)
            for name, array in (("axes", np.array([1], np.int64)), ("weights", weights), ("bias", bias))
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def members() -> dict[str, bytes]:
    """What is in the file."""
    return {"manifest.json": manifest().to_json().encode(), "network.onnx": network().SerializeToString()}


def write(path: pathlib.Path, **changed: bytes | dict[str, Any]) -> pathlib.Path:
    """The model file; `manifest` changes fields of the manifest (None takes one out), `network` is another graph."""
    content = members()
    if "manifest" in changed:
        values = json.loads(content["manifest.json"]) | changed["manifest"]  # type: ignore[operator]
        kept = {name: value for name, value in values.items() if value is not None}
        content["manifest.json"] = json.dumps(kept).encode()
    if "network" in changed:
        content["network.onnx"] = changed["network"]  # type: ignore[assignment]
    path.write_bytes(zipped(content))
    return path


def zipped(content: dict[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return buffer.getvalue()
