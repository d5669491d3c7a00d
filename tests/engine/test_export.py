"""From a trained network to a file: the graphs answer as torch does, and the file holds what it should."""

from __future__ import annotations

import dataclasses
import io
import pathlib
import zipfile

import numpy as np
import onnx
import onnxruntime
import pytest
import tone_model
import torch
from safetensors.torch import load as load_weights

from kws_engine import spec
from kws_engine.errors import TrainingError
from kws_engine.export import model_file
from kws_engine.export.onnx import to_onnx
from kws_engine.features import FEATURES
from kws_engine.models import MODELS
from kws_engine.spotting.model_file import MEMBERS, SECOND, Manifest, SpottingModel

FEATURE, NETWORK = FEATURES["mfcc"], MODELS["fnn"]
PIPELINE = FEATURE.build(FEATURE.config(), rate=16_000)


def manifest() -> Manifest:
    return dataclasses.replace(
        tone_model.manifest(),
        feature={"name": "mfcc", "options": spec.to_dict(FEATURE.config())},
        network={"name": "fnn", "options": spec.to_dict(NETWORK.config())},
    )


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    built: torch.nn.Module = NETWORK.build(
        NETWORK.config(), n_features=PIPELINE.n_features, n_frames=PIPELINE.n_frames(16_000), n_labels=4
    )
    with torch.no_grad():
        for weight in built.parameters():
            weight.mul_(3.0)  # logits far from zero, as of a trained network
    return built


@pytest.fixture(scope="module")
def written(network: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("export") / "fnn.kws"
    model_file.write(path, network, PIPELINE, manifest())
    return path


@pytest.mark.slow
def test_a_written_file_opens_with_the_same_scores(written: pathlib.Path, network: torch.nn.Module) -> None:
    model = SpottingModel(written)
    assert model.manifest == manifest() and model.labels == tone_model.LABELS
    sound = 0.1 * np.random.default_rng(0).standard_normal((5, 16_000)).astype(np.float32)
    features = model.pipeline.batch(sound)
    with torch.no_grad():
        expected = torch.softmax(network.eval()(torch.from_numpy(features)), dim=1).numpy()
    assert np.abs(model.posteriors(features) - expected).max() <= 1e-4


def test_the_front_end_in_the_file_gives_the_features(written: pathlib.Path) -> None:
    with zipfile.ZipFile(written) as archive:
        assert set(archive.namelist()) == set(MEMBERS) - {SECOND}
        session = onnxruntime.InferenceSession(archive.read("frontend.onnx"), providers=["CPUExecutionProvider"])
    for count, samples in ((1, 16_000), (3, 20_480)):
        sound = 0.1 * np.random.default_rng(1).standard_normal((count, samples)).astype(np.float32)
        (features,) = session.run(None, {"samples": sound})
        assert np.abs(features - PIPELINE.batch(sound)).max() < 1e-3


def test_the_weights_in_the_file_are_the_networks(written: pathlib.Path, network: torch.nn.Module) -> None:
    with zipfile.ZipFile(written) as archive:
        weights = load_weights(archive.read("weights.safetensors"))
    assert all(torch.equal(weights[name], value) for name, value in network.state_dict().items())


class Chancy(torch.nn.Module):
    """Answers anew each time, so that no graph can answer as it does."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features + torch.rand_like(features)


@pytest.mark.slow
def test_a_graph_that_answers_otherwise_is_refused() -> None:
    with pytest.raises(TrainingError, match="differs from the trained one by"):
        to_onnx(Chancy(), torch.zeros(2, 3), input_name="features", output_name="logits", dynamic={0: "clips"})


class Large(torch.nn.Module):
    """Answers in the thousands, where a float has a thousandth left."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(64, 3)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return 1e5 * torch.sin(self.layer(features))


def test_large_answers_are_held_to_their_size_and_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    module = Large().train()
    graph = to_onnx(module, torch.randn(2, 64), input_name="x", output_name="y", dynamic={0: "clips"})
    sound = np.random.default_rng(0).standard_normal((7, 64)).astype(np.float32)
    (answer,) = onnxruntime.InferenceSession(io.BytesIO(graph).getvalue()).run(None, {"x": sound})
    assert answer.shape == (7, 3) and np.abs(answer - module(torch.from_numpy(sound)).detach().numpy()).max() < 10
    assert capsys.readouterr() == ("", "")


def test_a_committee_is_written_as_one_network_with_its_answers() -> None:
    torch.manual_seed(0)
    entry = MODELS["vector_cnn"]
    for options in ({}, {"convolutions": 1, "kernel": 5}, {"heads": 1}):
        network = entry.build(entry.config(**options), n_features=96, n_frames=10, n_labels=4)
        network(torch.randn(32, 10, 96) * 3 + 1)  # norms with statistics of their own
        network.eval()
        graph = to_onnx(network, torch.randn(2, 10, 96), input_name="features", output_name="logits", dynamic={0: "n"})
        session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        vectors = torch.randn(9, 10, 96)
        found = session.run(None, {"features": vectors.numpy()})[0]
        np.testing.assert_allclose(found, network(vectors).detach().numpy(), atol=1e-5)
        if "heads" not in options:
            operators = [node.op_type for node in onnx.load_from_string(graph).graph.node]
            assert operators.count("Gemm") == 1 and len(network.members) == 6
