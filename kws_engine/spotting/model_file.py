"""Reads a `.kws` model file and runs its network with onnxruntime; runs no code from it.

A zip of manifest.json, network.onnx, frontend.onnx and weights.safetensors; nothing in it is unpickled or unpacked.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import struct
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from kws_engine import spec
from kws_engine.clips.words import SILENCE, UNKNOWN
from kws_engine.errors import KwsError, ModelFileError, has_controls, quoted, shortened
from kws_engine.features import FEATURES
from kws_engine.features.pipeline import FeaturePipeline
from kws_engine.spotting.decision import DetectorConfig
from kws_engine.spotting.detector import Detector
from kws_engine.spotting.network_check import CheckedNetwork, NetworkCost
from kws_engine.spotting.onnx_bytes import NetworkRefused

SCHEMA = 1
MEMBERS = {"manifest.json": 1 << 20, "network.onnx": 3 << 24, "frontend.onnx": 1 << 24, "weights.safetensors": 3 << 24}
"""What a model file may hold, and how many bytes of each: a network of twelve million weights."""
_LARGEST_FILE = 1 << 26
_LARGEST_AT_LOAD = 180_000_000  # bytes of weights and of all tensors of one answer; the program itself takes 75 MB
_LARGEST_BATCH = 1 << 28  # bytes of all tensors of the answers to many windows
_LONGEST_LOOK_S = 1.0  # estimated for a slow core; the longest of our own networks has 0.2 and takes 0.013
_MOST_FEATURES = 1 << 20  # frames times bands in one window
_MOST_CPU_S = 10.0  # for each second of sound
_PATIENCE_S = 1.0  # of processor time, before that is judged
_LONGEST_WINDOW_S = 10
_LOWEST_RATE, _HIGHEST_RATE = 1_000, 96_000
_BOMB_RATIO, _BOMB_BYTES = 100, 1 << 22  # weights hardly shrink when packed
_MOST_TOLD = 100  # fields
_LABELS, _LABEL_CHARACTERS = 1_000, 100
_DAMAGED: tuple[type[Exception], ...] = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    LookupError,
    ValueError,
    OverflowError,
    struct.error,
)
_OBJECTS = ("feature", "network", "detector", "source", "quality")


@dataclass(frozen=True)
class Manifest:
    """The manifest of a model file.

    Attributes:
        labels: In the order of the network's outputs; `_unknown_` and `_silence_` among them.
        rate: Sample rate of the audio it hears, in Hz.
        window_samples: How much audio it classifies at once.
        feature: {"name", "options"} of the feature registry.
        network: {"name", "options"} of the model registry, to continue training.
        detector: Options of the detector, with "thresholds" by word.
        source: Where it comes from: project, run, program version, date.
        quality: On the validation split: accuracy and number of clips.
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
        """The content of manifest.json."""
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
        try:
            self.pipeline = self._make_pipeline()
            self.detector_config = self._make_config()
            self._check_window()
        except KwsError as error:
            reason = shortened(str(error))
            raise ModelFileError(f"{self.path.name} cannot be used: {reason}; export it again") from None
        self._network = self._checked(members.pop("network.onnx"))
        self._session = self._make_session(self._network.content)
        self._network.forget_content()
        self._budget = _Budget(self.path.name, self.detector_config.hop_ms / 1000)
        self._at_once: dict[int, int] = {}

    @property
    def words(self) -> tuple[str, ...]:
        """The labels that are words."""
        return tuple(label for label in self.labels if label not in (UNKNOWN, SILENCE))

    @property
    def thresholds(self) -> dict[str, float]:
        """The file's own thresholds of words; the other words have that of `detector_config`."""
        thresholds: dict[str, float] = self.manifest.detector.get("thresholds", {})
        return dict(thresholds)

    def posteriors(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features (B, T, F) to posteriors (B, labels), each row summing to 1, or not a number where a feature is none.

        Raises:
            ModelFileError: The network fails on these features, takes too long, or does not return a row of numbers
                for each.
        """
        at_once = self._windows_at_once(len(features))
        parts = np.split(features, range(at_once, len(features), at_once))
        logits = np.concatenate([self._logits(part) for part in parts])
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float32)

    def detector(self, config: DetectorConfig | None = None) -> Detector:
        """A detector with the file's own settings and thresholds, or with another config and the file's thresholds."""
        config = config or self.detector_config
        self._budget = _Budget(self.path.name, config.hop_ms / 1000)
        return Detector(self, config, thresholds=self.thresholds)

    def _logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            with self._budget.looking(len(features)):
                answer = self._session.run(None, {"features": np.ascontiguousarray(features, dtype=np.float32)})[0]
            is_right = answer.dtype == np.float32 and answer.shape == (len(features), len(self.labels))
            is_finite = is_right and bool(np.isfinite(answer[np.isfinite(features).all(axis=(1, 2))]).all())
        except _NETWORK_ERRORS as error:
            raise ModelFileError(f"The network in {self.path.name} failed while it ran: export it again") from error
        if not is_right:
            raise ModelFileError(f"The network in {self.path.name} does not answer each window: export it again")
        if not is_finite:  # though the sound was
            raise ModelFileError(f"The network in {self.path.name} no longer answers with numbers: train it again")
        logits: NDArray[np.float32] = answer
        return logits

    def _windows_at_once(self, count: int) -> int:
        """How many of so many windows the network answers at once: as many as fit, one where it answers no batch."""
        if count not in self._at_once:
            most = max(1, min(count, _LARGEST_BATCH // max(1, self._cost(1).tensor_bytes)))
            sizes = {most, count % most} - {0, 1}
            self._at_once[count] = most if all(map(self._answers, sizes)) else 1
        return self._at_once[count]

    def _answers(self, windows: int) -> bool:
        """Whether the network answers each of so many windows, at no more than so many times the cost of one."""
        one = self._cost(1)
        try:
            many = self._network.cost(windows, most_bytes=2 * _LARGEST_BATCH)
            is_fair = max(many.operations / one.operations, many.tensor_bytes / one.tensor_bytes) <= 1.1 * windows
            if not is_fair or many.output_shape != (windows, len(self.labels)):
                return False
            self._logits(np.repeat(self._silence(), windows, axis=0))
        except (NetworkRefused, ModelFileError):
            return False
        return True

    def _make_pipeline(self) -> FeaturePipeline:
        feature = self.manifest.feature
        entry = FEATURES[feature["name"]]
        pipeline: FeaturePipeline = entry.build(spec.from_dict(entry.config, feature["options"]), rate=self.rate)
        frames = pipeline.n_frames(self.window_samples)
        if frames == 0:
            raise ModelFileError(f"{self.window_samples} samples hold no feature frame")
        if frames * pipeline.n_features > _MOST_FEATURES:
            raise ModelFileError(f"{frames} frames of {pipeline.n_features} bands are more than a window may have")
        return pipeline

    def _check_window(self) -> None:
        """Refuses features that take too long: all frames of a window are looked at anew each time."""
        frames = np.zeros((self.pipeline.n_frames(self.window_samples), self.pipeline.n_static), np.float32)
        began = time.thread_time()
        self.pipeline.features(frames)
        if time.thread_time() - began > _MOST_CPU_S / 2 * self.detector_config.hop_ms / 1000:
            raise ModelFileError(f"{len(frames)} frames are more than can be listened to")

    def _make_config(self) -> DetectorConfig:
        """The file's own detector settings; its thresholds are checked, too."""
        saved = {name: value for name, value in self.manifest.detector.items() if name != "thresholds"}
        config = spec.from_dict(DetectorConfig, saved)
        Detector(self, config, thresholds=self.thresholds)
        return config

    def _make_session(self, network: bytes) -> onnxruntime.InferenceSession:
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        settings.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(network, settings, providers=["CPUExecutionProvider"])
            answer = session.run(None, {"features": self._silence()})[0]
            is_sane = answer.dtype == np.float32 and bool(np.isfinite(answer).all())
        except _NETWORK_ERRORS as error:
            raise ModelFileError(f"The network in {self.path.name} is damaged: get the file anew") from error
        if not is_sane:
            raise ModelFileError(f"The network in {self.path.name} does not answer with numbers: train it again")
        return session

    def _checked(self, network: bytes) -> CheckedNetwork:
        """Refuses, before any of it is loaded, a network that our own never look like or that would cost too much."""
        shape = (self.pipeline.n_frames(self.window_samples), self.pipeline.n_features)
        try:
            self._network = CheckedNetwork(network, input_name="features", window_shape=shape)
            cost = self._cost(1)
            if cost.bytes_at_load > _LARGEST_AT_LOAD:
                raise NetworkRefused(f"it asks for more than {_LARGEST_AT_LOAD // 1_000_000} MB")
        except NetworkRefused as refused:
            if refused.damaged:
                raise ModelFileError(f"The network in {self.path.name} is damaged: get the file anew") from refused
            raise ModelFileError(
                f"The network in {self.path.name} is not used because {refused}: do not use this file, get it anew"
            ) from refused
        if cost.operations / 1e9 > _LONGEST_LOOK_S:
            raise ModelFileError(
                f"The network in {self.path.name} would take longer than {_MOST_CPU_S:g} s for each second of sound: "
                "do not use this file, or train a smaller network"
            )
        if cost.output_shape != (1, len(self.labels)):
            answers = cost.output_shape[-1] if cost.output_shape else 1
            raise ModelFileError(
                f"{self.path.name} names {len(self.labels)} labels but its network gives {answers}: export it again"
            )
        return self._network

    def _cost(self, windows: int) -> NetworkCost:
        return self._network.cost(windows, most_bytes=_LARGEST_AT_LOAD)

    def _silence(self) -> NDArray[np.float32]:
        return self.pipeline.batch(np.zeros((1, self.window_samples), np.float32))


class _Budget:
    """Ends a network that takes more processor time than it may for the sound that it has heard."""

    def __init__(self, name: str, hop_s: float) -> None:
        self._name = name
        self._hop_s = hop_s
        self._spent_s = 0.0
        self._heard_s = 0.0

    @contextlib.contextmanager
    def looking(self, windows: int) -> Iterator[None]:
        """While the network looks at so many windows.

        Raises:
            ModelFileError: It has taken too long.
        """
        began = time.thread_time()
        yield
        self._spent_s += time.thread_time() - began
        self._heard_s += windows * self._hop_s
        if self._spent_s > max(_PATIENCE_S, _MOST_CPU_S * self._heard_s):
            raise ModelFileError(
                f"The network in {self._name} takes longer than {_MOST_CPU_S:g} s for each second of sound: "
                "do not use this file, or set a larger hop"
            )


def read_members(path: Path) -> dict[str, bytes]:
    """The manifest and the network as bytes, after every check that needs no parsing.

    The other parts are for training on and for other programs; they are only checked, so that they take no memory.

    Raises:
        ModelFileError: As for `SpottingModel`.
    """
    _check_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive)
            return {name: archive.read(name) for name in ("manifest.json", "network.onnx")}
    except _DAMAGED as error:
        raise ModelFileError(
            f"{path.name} is not a KWS Studio model or is damaged: get it anew, or export it again"
        ) from error
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read ({error.strerror}): check the file's permissions") from None


def _check_file(path: Path) -> None:
    try:
        if path.exists() and not path.is_file():
            raise ModelFileError(f"{path} is no file: choose a file that ends in .kws")
        if path.stat().st_size > _LARGEST_FILE:
            raise ModelFileError(f"{path.name} is larger than any model file ({_LARGEST_FILE >> 20} MB): get it anew")
    except FileNotFoundError:
        raise ModelFileError(f"There is no model file {path}: check the name, or train one") from None
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read ({error.strerror}): check the file's permissions") from None


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    names = archive.namelist()
    for member in archive.infolist():
        if member.filename not in MEMBERS or names.count(member.filename) > 1:
            held = f"{quoted(member.filename)}, which no model file holds"
            if member.filename in MEMBERS:
                held = f"{member.filename!r} twice"
            raise ModelFileError(f"{path.name} holds {held}: do not use it, get it anew")
        bomb = member.file_size > max(_BOMB_BYTES, _BOMB_RATIO * member.compress_size)
        if member.file_size > MEMBERS[member.filename] or bomb:
            claimed = f"claims {member.file_size >> 20} MB, too large to be real"
            raise ModelFileError(f"{path.name}: {member.filename} {claimed}: do not use it, get it anew")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("a packing that no model file uses")
    missing = [name for name in ("manifest.json", "network.onnx") if name not in names]
    if missing:
        raise ModelFileError(f"{path.name} is not a KWS Studio model: it lacks {missing[0]}; choose another file")


def _manifest(path: Path, text: bytes) -> Manifest:
    try:
        values = json.loads(text)
        schema = values["schema"]
        if type(schema) is not int or schema < 1:
            raise ValueError("schema")
        if schema > SCHEMA:
            newer = f"was made by a newer KWS Studio (schema {schema}, this one reads {SCHEMA})"
            raise ModelFileError(f"{path.name} {newer}: update KWS Studio")
        _check_manifest(values)
        told = {name: _told(values[name]) for name in ("source", "quality")}
        return Manifest(**{**values, **told, "labels": tuple(values["labels"])})
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ModelFileError(
            f"The manifest of {path.name} is damaged: get the file anew, or export it again"
        ) from error


def _told(values: dict[str, Any]) -> dict[str, Any]:
    """What the file tells of itself, as far as it can be shown: numbers and short lines of text."""
    kinds = (str, int, float, bool, type(None))
    fit = [(name, value) for name, value in values.items() if isinstance(value, kinds)][:_MOST_TOLD]
    return {shortened(name): shortened(value) if isinstance(value, str) else value for name, value in fit}


def _check_manifest(values: dict[str, Any]) -> None:
    """Checks the type and range of every field; options are checked where they are used."""
    labels, rate, window_samples = values["labels"], values["rate"], values["window_samples"]
    if not isinstance(labels, list) or not 2 <= len(labels) <= _LABELS or len(set(labels)) < len(labels):
        raise ValueError("labels")
    if not all(isinstance(label, str) and 0 < len(label) <= _LABEL_CHARACTERS for label in labels):
        raise ValueError("labels")
    if any(map(has_controls, labels)):
        raise ValueError("a label with control characters")
    "".join(labels).encode()  # refuses what is no Unicode
    if type(rate) is not int or type(window_samples) is not int:
        raise TypeError("rate or window_samples")
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE or not 0 < window_samples <= _LONGEST_WINDOW_S * rate:
        raise ValueError("rate or window_samples")
    if not all(isinstance(values[name], dict) for name in _OBJECTS):
        raise TypeError("an object")
    for part in (values["feature"], values["network"]):
        if not isinstance(part["name"], str) or not isinstance(part["options"], dict):
            raise TypeError("feature or network")
    if not isinstance(values["detector"].get("thresholds", {}), dict):
        raise TypeError("thresholds")


def _ort_errors() -> tuple[type[Exception], ...]:
    """All exceptions of onnxruntime, each a direct subclass of Exception."""
    state = vars(onnxruntime.capi.onnxruntime_pybind11_state).values()
    return tuple(kind for kind in state if isinstance(kind, type) and issubclass(kind, Exception))


_NETWORK_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError,
    ValueError,
    AttributeError,
    IndexError,
    TypeError,
    *_ort_errors(),
)
