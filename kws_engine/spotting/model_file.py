"""Reads a `.kws` model file and runs its network with onnxruntime; runs no code from it.

A zip of manifest.json, network.onnx, frontend.onnx and weights.safetensors, and second.onnx where it has a second look;
nothing in it is unpickled or unpacked.
"""

from __future__ import annotations

import dataclasses
import json
import os
import struct
import time
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws_engine import spec
from kws_engine.clips.words import SILENCE, UNKNOWN
from kws_engine.errors import KwsError, ModelFileError, SpecError, has_controls, quoted, shortened
from kws_engine.features import FEATURES
from kws_engine.features.pipeline import FeaturePipeline
from kws_engine.spotting.decision import DetectorConfig
from kws_engine.spotting.detector import Detector
from kws_engine.spotting.running_network import MOST_CPU_S, RunningNetwork
from kws_engine.spotting.second_look import SecondLook, SecondLookPart, embedding

SCHEMA = 2
"""The newest; files without a second look are of schema 1, which older programs read, too."""
SECOND = "second.onnx"
MEMBERS = {
    "manifest.json": 1 << 20,
    "network.onnx": 3 << 24,
    "frontend.onnx": 1 << 24,
    "weights.safetensors": 3 << 24,
    SECOND: 1 << 22,
}
"""What a model file may hold, and how many bytes of each: a network of twelve million weights."""
_LARGEST_FILE = 1 << 26
_LARGEST_SECOND = 40_000_000  # bytes that a second look takes at most; ours take 2 MB
_MOST_FEATURES = 1 << 20  # frames times bands in one window
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
        second: Of the second look, as `SecondLookPart`; None where there is none.
    """

    labels: tuple[str, ...]
    rate: int
    window_samples: int
    feature: dict[str, Any]
    network: dict[str, Any]
    detector: dict[str, Any]
    source: dict[str, Any]
    quality: dict[str, Any]
    schema: int = 1
    second: dict[str, Any] | None = None

    def to_json(self) -> str:
        """The content of manifest.json."""
        values = dataclasses.asdict(self)
        if self.second is None:
            del values["second"]
        return json.dumps(values, indent=2, ensure_ascii=False)

    def with_second(self, part: SecondLookPart) -> Manifest:
        """With a second look, which is used."""
        detector = {**self.detector, "second_look": True}
        return dataclasses.replace(self, schema=SCHEMA, detector=detector, second=dataclasses.asdict(part))


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
        self._network = RunningNetwork(
            members.pop("network.onnx"),
            self._silence(),
            file=self.path.name,
            n_labels=len(self.labels),
            hop_s=self.detector_config.hop_ms / 1000,
        )
        self.second = self._make_second(members.get(SECOND))
        if self.second is None:
            self.detector_config = dataclasses.replace(self.detector_config, second_look=False)

    @property
    def words(self) -> tuple[str, ...]:
        """The labels that are words."""
        return tuple(label for label in self.labels if label not in (UNKNOWN, SILENCE))

    @property
    def quiet(self) -> NDArray[np.float32]:
        """Its posteriors (labels,) for digital silence."""
        return self._network.example_posteriors

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
        return self._network.posteriors(features)

    def detector(self, config: DetectorConfig | None = None) -> Detector:
        """A detector with the file's own settings and thresholds, or with another config and the file's thresholds.

        Raises:
            SpecError: A second look is asked for, and the file has none.
        """
        config = config or self.detector_config
        if config.second_look and self.second is None:
            raise SpecError(
                f"{self.path.name} has no second look: train it again with detector.second_look=yes",
                option="detector.second_look",
            )
        self._network.begin(config.hop_ms / 1000)
        return Detector(self, config, thresholds=self.thresholds)

    def _make_pipeline(self) -> FeaturePipeline:
        feature = self.manifest.feature
        entry = FEATURES[feature["name"]]
        pipeline: FeaturePipeline = entry.build(spec.from_file(entry.config, feature["options"]), rate=self.rate)
        frames = pipeline.n_frames(self.window_samples)
        if frames == 0:
            raise ModelFileError(f"{self.window_samples} samples hold no feature frame")
        if frames * pipeline.n_features > _MOST_FEATURES:
            raise ModelFileError(f"{frames} frames of {pipeline.n_features} bands are more than a window may have")
        return pipeline

    def _make_second(self, network: bytes | None) -> SecondLook | None:
        part = self.manifest.second
        if part is None and network is None:
            return None
        try:
            if part is None or network is None:
                raise ValueError("one without the other")
            checked = SecondLookPart.checked(part, self.words)
            pipeline = embedding(checked.feature, rate=self.rate)
            if self.pipeline.ends_windows or pipeline.n_frames(checked.window_samples) == 0:
                raise ValueError("second")
        except (KwsError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise ModelFileError(
                f"The second look of {self.path.name} is damaged: get the file anew, or train it again"
            ) from error
        running = RunningNetwork(
            network,
            pipeline.batch(np.zeros((1, checked.window_samples), np.float32)),
            file=self.path.name,
            n_labels=len(self.labels),
            hop_s=pipeline.hop_s,
            most_bytes=_LARGEST_SECOND,
        )
        return SecondLook(checked, self.labels, pipeline, running)

    def _check_window(self) -> None:
        """Refuses features that take too long: all frames of a window are looked at anew each time."""
        frames = np.zeros((self.pipeline.n_frames(self.window_samples), self.pipeline.n_static), np.float32)
        began = time.thread_time()
        self.pipeline.features(frames)
        if time.thread_time() - began > MOST_CPU_S / 2 * self.detector_config.hop_ms / 1000:
            raise ModelFileError(f"{len(frames)} frames are more than can be listened to")

    def _make_config(self) -> DetectorConfig:
        """The file's own detector settings; its thresholds are checked, too."""
        saved = {name: value for name, value in self.manifest.detector.items() if name != "thresholds"}
        config = spec.from_dict(DetectorConfig, saved)
        Detector(self, config, thresholds=self.thresholds)
        return config

    def _silence(self) -> NDArray[np.float32]:
        return self.pipeline.batch(np.zeros((1, self.window_samples), np.float32))


def read_members(path: Path) -> dict[str, bytes]:
    """The manifest and the networks as bytes, after every check that needs no parsing.

    The other parts are for training on and for other programs; they are only checked, so that they take no memory.

    Raises:
        ModelFileError: As for `SpottingModel`.
    """
    _check_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive)
            wanted = ("manifest.json", "network.onnx", SECOND)
            return {name: archive.read(name) for name in wanted if name in archive.namelist()}
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
    """What the file tells of itself, as far as it can be shown: numbers, short lines of text, and curves."""
    kinds = (str, int, float, bool, type(None))
    fit = [(name, value) for name, value in values.items() if isinstance(value, kinds) or _are_curves(value)]
    del fit[_MOST_TOLD:]
    return {shortened(name): shortened(value) if isinstance(value, str) else value for name, value in fit}


def _are_curves(value: object) -> bool:
    """Whether this is numbers in lists by name, by word."""
    return isinstance(value, dict) and all(
        isinstance(of_word, dict)
        and all(
            isinstance(numbers, list) and all(type(one) in (int, float) for one in numbers)
            for numbers in of_word.values()
        )
        for of_word in value.values()
    )


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
    if not isinstance(values.get("second"), dict | None):
        raise TypeError("second")
    if not isinstance(values["detector"].get("thresholds", {}), dict):
        raise TypeError("thresholds")
