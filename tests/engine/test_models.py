"""Networks, every registered one: shape, size, learning, export; and what the sources say of their presets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from kws_engine import spec
from kws_engine.errors import SpecError
from kws_engine.export.onnx import to_onnx
from kws_engine.models import MODELS
from kws_engine.models.cnn import CnnConfig
from kws_engine.models.counting import Cost, count
from kws_engine.models.tc_resnet import TcResNetConfig

FRAMES, FEATURES, LABELS = 98, 40, 12
SIZE = {"n_frames": FRAMES, "n_features": FEATURES, "n_labels": LABELS}
ENTRIES = [pytest.param(entry, id=entry.name) for entry in MODELS]
PRESETS = [pytest.param(entry, name, id=f"{entry.name}-{name}") for entry in MODELS for name in entry.presets]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small only wait for each other's threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _build(name: str, **changes: Any) -> nn.Module:
    entry = MODELS[name]
    network: nn.Module = entry.build(spec.changed(entry.config(), changes), **SIZE)
    return network


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_first_preset_is_the_default(entry: Any) -> None:
    assert entry.preset(next(iter(entry.presets))) == entry.config()


@pytest.mark.parametrize(("entry", "preset"), PRESETS)
def test_every_preset_maps_frames_to_logits(entry: Any, preset: str) -> None:
    network = entry.build(entry.preset(preset), **SIZE).eval()
    with torch.no_grad():
        one, many = network(torch.zeros(1, FRAMES, FEATURES)), network(torch.randn(5, FRAMES, FEATURES))
    assert one.shape == (1, LABELS) and many.shape == (5, LABELS)
    assert torch.isfinite(many).all()


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("batch_norm", [True, False], ids=["batch norm", "biases"])
def test_every_network_learns_eight_clips_by_heart(entry: Any, batch_norm: bool) -> None:
    torch.manual_seed(0)
    names = {option.name for option in spec.options(entry.config)}
    changes = {"batch_norm": batch_norm} if "batch_norm" in names else {}
    network = entry.build(spec.changed(entry.config(), changes), n_frames=40, n_features=20, n_labels=4)
    clips, labels = torch.randn(8, 40, 20), torch.arange(8) % 4
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(20):
        _steps(network, optimizer, clips, labels)
        if (network.eval()(clips).argmax(1) == labels).all():
            return
    pytest.fail("200 steps are enough for eight clips")


def _steps(network: nn.Module, optimizer: torch.optim.Optimizer, clips: torch.Tensor, labels: torch.Tensor) -> None:
    """Ten steps of training."""
    network.train()
    for _ in range(10):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(clips), labels).backward()
        optimizer.step()


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_exported_network_gives_the_same_scores(entry: Any) -> None:
    torch.manual_seed(0)
    network = entry.build(entry.config(), n_frames=40, n_features=20, n_labels=4)
    network(torch.randn(16, 40, 20))  # batch norm has seen data
    graph = to_onnx(network, torch.randn(2, 40, 20), input_name="features", output_name="logits", dynamic={0: "clips"})
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    for clips in (1, 7):
        features = torch.randn(clips, 40, 20)
        scores = session.run(None, {"features": features.numpy()})[0]
        np.testing.assert_allclose(scores, network(features).detach().numpy(), atol=1e-4)


@pytest.mark.parametrize(
    ("preset", "parameters", "macs"),
    [
        ("8", 65_200, 1_520_000),
        ("8 x1.5", 144_300, 3_280_000),
        ("14", 135_900, 3_030_000),
        ("14 x1.5", 303_000, 6_680_000),
    ],
)
def test_tc_resnet_is_as_large_as_the_source_says(preset: str, parameters: int, macs: int) -> None:
    network = MODELS["tc_resnet"].build(MODELS["tc_resnet"].preset(preset), **SIZE)
    cost = count(network, n_frames=FRAMES, n_features=FEATURES)
    assert cost.parameters == pytest.approx(parameters, rel=0.01)
    assert cost.macs == pytest.approx(macs, rel=0.01)


def test_tc_resnet_takes_clips_of_any_length() -> None:
    network = _build("tc_resnet").eval()
    for frames in (1, 50, 300):
        assert network(torch.zeros(2, frames, FEATURES)).shape == (2, LABELS)


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(SpecError, match="Kernel: 8 frames have no middle; use an odd number"):
        MODELS["tc_resnet"].build(TcResNetConfig(kernel=8), **SIZE)


@pytest.mark.parametrize("name", ["tc_resnet", "cnn", "fnn"])
def test_without_batch_norm_every_layer_has_a_bias(name: str) -> None:
    layers = [layer for layer in _build(name, batch_norm=False).modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert all(layer.bias is not None for layer in layers)
    norms = [layer for layer in _build(name).modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert norms and not any(
        isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in _build(name, batch_norm=False).modules()
    )


@pytest.mark.parametrize("name", ["tc_resnet", "cnn", "fnn"])
def test_dropout_acts_in_training_only(name: str) -> None:
    torch.manual_seed(0)
    clips = torch.randn(2, FRAMES, FEATURES)
    network = _build(name, dropout=0.5, batch_norm=False).train()
    assert not torch.equal(network(clips), network(clips))
    network.eval()
    assert torch.equal(network(clips), network(clips))
    assert torch.equal(*(_build(name, dropout=0.0, batch_norm=False).train().apply(_fill)(clips) for _ in range(2)))


def _fill(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.constant_(layer.weight, 0.01)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def test_the_first_convolutions_are_those_of_sainath_and_parada() -> None:
    def weights(preset: str) -> list[tuple[int, ...]]:
        network = MODELS["cnn"].build(MODELS["cnn"].preset(preset), **SIZE)
        return [tuple(layer.weight.shape) for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]

    # 79 x 33 after 20 x 8, 79 x 11 pooled by 3 in frequency, 70 x 8 after 10 x 4.
    assert weights("trad-fpool3") == [(64, 1, 20, 8), (64, 64, 10, 4), (32, 64 * 70 * 8), (128, 32), (LABELS, 128)]
    # All frames at once, 9 places in frequency.
    assert weights("one-fstride4") == [(186, 1, 98, 8), (32, 186 * 9), (128, 32), (128, 128), (LABELS, 128)]


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"maps": (4,), "pool_time": (1,), "pool_freq": (1,)}, (98, 40)),
        ({"maps": (4,), "kernel_time": (4,), "kernel_freq": (6,), "pool_time": (1,), "pool_freq": (1,)}, (98, 40)),
        ({"maps": (4,), "stride_time": (3,), "stride_freq": (7,), "pool_time": (1,), "pool_freq": (1,)}, (33, 6)),
        ({"maps": (4,), "padding": "valid", "kernel_time": (5,), "pool_time": (2,), "pool_freq": (4,)}, (47, 9)),
        ({"maps": (4, 4), "pool_time": (2, 3), "pool_freq": (2, 1)}, (16, 20)),
    ],
)
def test_kernel_stride_padding_and_pooling_shape_the_maps(changes: dict[str, Any], left: tuple[int, int]) -> None:
    network = _build("cnn", dense=(), **changes)
    assert list(network.modules())[-1].weight.shape == (LABELS, 4 * left[0] * left[1])
    assert network.eval()(torch.zeros(1, FRAMES, FEATURES)).shape == (1, LABELS)


@pytest.mark.parametrize(("pooling", "kept"), [("max", 4.0), ("average", 2.5), ("min", 1.0)])
def test_pooling_keeps_what_it_says(pooling: str, kept: float) -> None:
    config = spec.changed(
        CnnConfig(),
        {"maps": (1,), "kernel_time": (1,), "kernel_freq": (1,), "pooling": pooling, "dense": (), "batch_norm": False},
    )
    network = MODELS["cnn"].build(config, n_frames=2, n_features=2, n_labels=1).eval()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
    assert network(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])).item() == pytest.approx(kept)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"maps": (4, 4, 4), "pool_freq": (8,)},
            r"Layer 2: its pooling cell of 2 x 8 is larger than the 49 x 5 values \(time x frequency\) that are left",
        ),
        (
            {"padding": "valid", "kernel_time": (3, 60)},
            r"Layer 2: its kernel of 60 x 3 is larger than the 48 x 19 values",
        ),
        ({"maps": ()}, "Feature maps: there is no layer; give at least one number, such as 16"),
    ],
)
def test_a_stack_that_shrinks_to_nothing_is_refused_by_layer(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        _build("cnn", **changes)


def test_without_hidden_layers_the_fnn_is_linear() -> None:
    network = _build("fnn", layers=())
    assert count(network, n_frames=FRAMES, n_features=FEATURES) == Cost(
        parameters=FRAMES * FEATURES * LABELS + LABELS, macs=FRAMES * FEATURES * LABELS
    )


def test_counting_leaves_the_network_as_it_was() -> None:
    network = _build("cnn").train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    count(network, n_frames=FRAMES, n_features=FEATURES)
    assert network.training and all(layer.training for layer in network.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not any(layer._forward_hooks for layer in network.modules())
