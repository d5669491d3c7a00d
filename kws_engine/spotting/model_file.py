"""Reads a `.kws` model file and runs its network with onnxruntime; runs no code from it and knows no torch.

A zip of manifest.json, network.onnx, frontend.onnx and weights.safetensors; nothing in it is unpickled or unpacked.
"""

from __future__ import annotations

import dataclasses
import json
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from kws_engine import spec
from kws_engine.errors import KwsError, ModelFileError
from kws_engine.features import FEATURES
from kws_engine.features.pipeline import Pipeline
from kws_engine.spotting.detector import Detector, DetectorConfig

SCHEMA = 1
MEMBERS = {"manifest.json": 1 << 20, "network.onnx": 1 << 29, "frontend.onnx": 1 << 26, "weights.safetensors": 1 << 29}
# A StringStringEntryProto with the key "location": weights that lie in a file outside the model (onnx.proto).
_EXTERNAL_DATA = b"\x0a\x08location"


@dataclass(frozen=True)
class Manifest:
    """What a model file says of itself.

    Attributes:
        labels: In the order of the network's outputs; `_unknown_` and `_silence_` among them.
        rate: Sample rate of the audio it hears, in Hz.
        window_samples: How much audio it judges at once.
        feature: {"name", "options"} of the feature registry.
        network: {"name", "options"} of the model registry, to train on.
        detector: Options of the detector, with "thresholds" by word.
        source: Where it came from: project, run, program version, date.
        quality: Measured on the validation part: accuracy and clips.
    """

    labels: tuple[str, ...]
    rate: int
    window_samples: int
    feature: dict[str, Any]
    network: dict[str, Any]
    detector: dict[str, Any]
    source: dict[str, Any]
    quality: dict[str, Any]
    schema: int = SCHEMA

    def to_json(self) -> str:
        """As written to manifest.json."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False)


class SpottingModel:
    """An open model file.

    Raises:
        ModelFileError: It is missing, damaged, newer than this program, or holds what a model file never holds.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        members = read_members(self.path)
        self.manifest = _manifest(self.path, members["manifest.json"])
        self.labels = self.manifest.labels
        self.rate = self.manifest.rate
        self.window_samples = self.manifest.window_samples
        self.pipeline = self._make_pipeline()
        self._session = self._make_session(members["network.onnx"])

    @property
    def words(self) -> tuple[str, ...]:
        """The labels that are words."""
        return tuple(label for label in self.labels if not label.startswith("_"))

    def posteriors(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features (B, T, F) to posteriors (B, labels), each row summing to 1."""
        logits = self._session.run(None, {"features": np.ascontiguousarray(features, dtype=np.float32)})[0]
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float32)

    def detector(self, config: DetectorConfig | None = None) -> Detector:
        """A detector with the file's own settings and thresholds, or with another config and the file's thresholds."""
        saved = {name: value for name, value in self.manifest.detector.items() if name != "thresholds"}
        chosen = config or spec.from_dict(DetectorConfig, saved)
        return Detector(self, chosen, thresholds=self.manifest.detector.get("thresholds", {}))

    def _make_pipeline(self) -> Pipeline:
        feature = self.manifest.feature
        try:
            entry = FEATURES[feature["name"]]
            pipeline: Pipeline = entry.build(spec.from_dict(entry.config, feature["options"]), rate=self.rate)
        except KwsError as error:
            raise ModelFileError(f"{self.path.name} cannot be used: {error}; export it again") from None
        return pipeline

    def _make_session(self, network: bytes) -> onnxruntime.InferenceSession:
        if _EXTERNAL_DATA in network:
            raise ModelFileError(f"{self.path.name} points at files outside itself: do not use it, get it anew")
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        settings.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(network, settings, providers=["CPUExecutionProvider"])
            frames = self.pipeline.n_frames(self.window_samples)
            zeros = np.zeros((1, frames, self.pipeline.n_features), np.float32)
            shape = session.run(None, {"features": zeros})[0].shape
        except (RuntimeError, ValueError, *_ORT_ERRORS) as error:
            raise ModelFileError(f"The network in {self.path.name} is damaged: get the file anew") from error
        if shape != (1, len(self.labels)):
            raise ModelFileError(f"{self.path.name} names {len(self.labels)} labels but its network gives {shape[-1]}")
        return session


def read_members(path: Path) -> dict[str, bytes]:
    """The parts of a model file as bytes, after every check that needs no parsing.

    Raises:
        ModelFileError: As for `SpottingModel`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive)
            return {name: archive.read(name) for name in archive.namelist()}
    except FileNotFoundError:
        raise ModelFileError(f"There is no model file {path}: check the name, or train one") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        reason = "is not a KWS Studio model or is damaged"
        raise ModelFileError(f"{path.name} {reason}: get it anew, or export it again") from error
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read ({error.strerror}): check the file's permissions") from None


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    for member in archive.infolist():
        if member.filename not in MEMBERS:
            raise ModelFileError(
                f"{path.name} holds {member.filename!r}, which no model file holds: do not use it, get it anew"
            )
        if member.file_size > MEMBERS[member.filename]:
            raise ModelFileError(
                f"{path.name}: {member.filename} claims {member.file_size >> 20} MB, too large to be real"
            )
    missing = [name for name in ("manifest.json", "network.onnx") if name not in archive.namelist()]
    if missing:
        raise ModelFileError(f"{path.name} is not a KWS Studio model: it lacks {missing[0]}")


def _manifest(path: Path, text: bytes) -> Manifest:
    try:
        values = json.loads(text)
        schema = int(values["schema"])
        if schema > SCHEMA:
            newer = f"was made by a newer KWS Studio (schema {schema}, this one reads {SCHEMA})"
            raise ModelFileError(f"{path.name} {newer}: update KWS Studio")
        manifest = Manifest(**{**values, "labels": tuple(str(label) for label in values["labels"])})
        sane = 1000 <= manifest.rate <= 192_000 and 0 < manifest.window_samples <= 60 * manifest.rate
        if not sane or not manifest.labels:
            raise ValueError("rate, window or labels")
        dict(manifest.feature)["name"], dict(manifest.feature)["options"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(
            f"The manifest of {path.name} is damaged: get the file anew, or export it again"
        ) from error
    return manifest


def _ort_errors() -> tuple[type[Exception], ...]:
    state = onnxruntime.capi.onnxruntime_pybind11_state
    names = (
        "Fail",
        "InvalidGraph",
        "InvalidProtobuf",
        "InvalidArgument",
        "NotImplemented",
        "NoSuchFile",
        "RuntimeException",
    )
    return tuple(getattr(state, name) for name in names if hasattr(state, name))


_ORT_ERRORS = _ort_errors()
