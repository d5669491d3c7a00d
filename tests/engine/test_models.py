"""Networks, every registered one: shape, size, learning, export; and what the sources say of their presets."""

from __future__ import annotations

import re
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
from kws_engine.models import MODELS, _layers
from kws_engine.models.cnn import CnnConfig
from kws_engine.models.counting import Cost, count
from kws_engine.models.tc_resnet import TcResNetConfig
from kws_engine.spotting.network_check import CheckedNetwork

FRAMES, FEATURES, LABELS = 98, 40, 12
KINDS = (nn.Conv2d, nn.Linear)
SIZE = {"n_frames": FRAMES, "n_features": FEATURES, "n_labels": LABELS}
ENTRIES = [pytest.param(entry, id=entry.name) for entry in MODELS]


def _with_option(option: str) -> list[str]:
    """The networks that have this option."""
    return [entry.name for entry in MODELS if option in {o.name for o in spec.options(entry.config)}]


CONVOLUTIONAL = _with_option("spatial_dropout")
NORMED = _with_option("batch_norm")
WITH_PRESETS = [pytest.param(entry, id=entry.name) for entry in MODELS if entry.presets]
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


@pytest.mark.parametrize("entry", WITH_PRESETS)
def test_the_first_preset_is_the_default(entry: Any) -> None:
    assert entry.preset(next(iter(entry.presets))) == entry.config()


@pytest.mark.parametrize(("entry", "preset"), PRESETS)
def test_every_preset_maps_frames_to_logits(entry: Any, preset: str) -> None:
    network = entry.build(entry.preset(preset), **SIZE).eval()
    with torch.no_grad():
        one, many = network(torch.zeros(1, FRAMES, FEATURES)), network(torch.randn(5, FRAMES, FEATURES))
    assert one.shape == (1, LABELS) and many.shape == (5, LABELS)
    assert torch.isfinite(many).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        *((name, {"batch_norm": on}) for name in NORMED for on in (True, False)),
        *((name, {}) for name in MODELS.names() if name not in NORMED),
        ("kwt", {"norm_first": True, "layers": 3}),
    ],
)
def test_every_network_learns_eight_clips_by_heart(name: str, changes: dict[str, Any]) -> None:
    torch.manual_seed(0)
    entry = MODELS[name]
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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize(("entry", "preset"), PRESETS)
def test_every_exported_network_is_let_through_again(entry: Any, preset: str) -> None:
    """What is trained can be listened to: no check of a stranger's network refuses one of ours, alone or in a batch."""
    network = entry.build(entry.preset(preset), n_frames=98, n_features=40, n_labels=12).eval()
    graph = to_onnx(network, torch.randn(2, 98, 40), input_name="features", output_name="logits", dynamic={0: "clips"})
    checked = CheckedNetwork(graph, input_name="features", window_shape=(98, 40))
    one, many = (checked.cost(windows, most_bytes=10**9) for windows in (1, 7))
    assert one.operations < 0.4e9 and one.bytes_at_load < 120_000_000, "less than half of what is let through"
    assert many.output_shape == (7, 12) and many.operations < 7.7 * one.operations
    session = onnxruntime.InferenceSession(checked.content, providers=["CPUExecutionProvider"])
    features = torch.randn(3, 98, 40)
    with torch.no_grad():
        np.testing.assert_allclose(session.run(None, {"features": features.numpy()})[0], network(features), atol=1e-3)


AS_PAPER = {"frames": 98, "features": 40, "labels": 12}
SAINATH = {"frames": 32, "features": 40, "labels": 4, "batch_norm": False}  # its networks see 32 frames at a time
ZHANG = {"frames": 49, "features": 10, "labels": 12, "batch_norm": False}  # folded into one bias a map
MAJUMDAR = {"frames": 128, "features": 64, "labels": 30}
ARIK = {"frames": 151, "features": 40, "labels": 2}
POINTWISE = {"each_value_of": {nn.BatchNorm2d: 2, nn.ReLU: 1}}  # counted as so many operations more

FIGURES: dict[str, tuple[float, float | None, dict[str, Any]]] = {
    # name:preset -> parameters, multiply-accumulates, what they are counted on
    # Sainath & Parada 2015, tables 1 and 3
    "cnn:trad-fpool3": (244.2e3, 9.7e6, SAINATH),
    "cnn:one-fstride4": (122.2e3, 503e3, SAINATH),
    # Zhang et al. 2017: KB less the two largest neighbouring outputs; (operations - biases) / 2
    "ds_cnn:S": (38.6e3 - 2 * 125 * 64, (5.4e6 - 9 * 125 * 64) / 2, ZHANG),
    "ds_cnn:M": (189.2e3 - (250 + 65) * 172, (19.8e6 - (250 + 8 * 65) * 172) / 2, ZHANG),
    "ds_cnn:L": (497.6e3 - (250 + 65) * 276, (56.9e6 - (250 + 10 * 65) * 276) / 2, ZHANG),
    # Tang & Lin 2018, table 2
    "resnet:res8": (110e3, None, AS_PAPER),
    "resnet:res15": (238e3, None, AS_PAPER),
    "resnet:res26": (438e3, None, AS_PAPER),
    "resnet:res8-narrow": (19.9e3, None, AS_PAPER),
    "resnet:res15-narrow": (42.6e3, None, AS_PAPER),
    "resnet:res26-narrow": (78.4e3, None, AS_PAPER),
    # Choi et al. 2019; 35.8M and 4.0M operations of the 2-D variants, which have the temporal network's parameters
    "tc_resnet:8": (65.2e3, 1.52e6, AS_PAPER),
    "tc_resnet:8 x1.5": (144.3e3, 3.28e6, AS_PAPER),
    "tc_resnet:14": (135.9e3, 3.03e6, AS_PAPER),
    "tc_resnet:14 x1.5": (303e3, 6.68e6, AS_PAPER),
    "tc_resnet:2D 8": (65.2e3, 35.8e6 / 2, AS_PAPER),
    "tc_resnet:2D 8 pool": (65.2e3, 3.95e6 / 2, AS_PAPER),
    # Majumdar & Ginsburg 2020, 64 MFCCs and 30 labels
    "matchboxnet:3x1x64": (77e3, None, MAJUMDAR),
    "matchboxnet:3x2x64": (93e3, None, MAJUMDAR),
    "matchboxnet:6x2x64": (140e3, None, MAJUMDAR),
    # Kim et al. 2021
    "bc_resnet:1": (9.2e3, 3.1e6, AS_PAPER | POINTWISE),
    "bc_resnet:1.5": (17.2e3, None, AS_PAPER),
    "bc_resnet:2": (27.3e3, None, AS_PAPER),
    "bc_resnet:3": (54.2e3, None, AS_PAPER),
    "bc_resnet:6": (188e3, None, AS_PAPER),
    "bc_resnet:8": (321e3, 89.1e6, AS_PAPER | POINTWISE),
    # Arik et al. 2017
    "crnn:229k": (229e3, None, ARIK),
    # Berg et al. 2021, table 1
    "kwt:1": (607e3, None, AS_PAPER),
    "kwt:2": (2_394e3, None, AS_PAPER),
    "kwt:3": (5_361e3, None, AS_PAPER),
}


@pytest.mark.parametrize("preset", FIGURES)
def test_networks_are_as_large_as_their_sources_say(preset: str) -> None:
    parameters, macs, counted = FIGURES[preset]
    entry = MODELS[preset.partition(":")[0]]
    changes = {"batch_norm": False} if counted.get("batch_norm") is False else {}
    config = spec.changed(entry.preset(preset.partition(":")[2]), changes)
    size = {"n_frames": counted["frames"], "n_features": counted["features"]}
    network = entry.build(config, **size, n_labels=counted["labels"])
    assert sum(weights.numel() for weights in network.parameters()) == pytest.approx(parameters, rel=0.01)
    if macs is not None:
        cost = count(network, **size)
        assert cost.parameters == pytest.approx(parameters, rel=0.01)
        values = _values_of(network, counted.get("each_value_of", {}), **size)
        assert cost.macs + values == pytest.approx(macs, rel=0.01)


def _values_of(network: nn.Module, kinds: dict[type[nn.Module], int], *, n_frames: int, n_features: int) -> int:
    """How many values the layers of these kinds give for one clip, each as often as it says."""
    counts: list[int] = []
    for layer in network.modules():
        if type(layer) in kinds:
            layer.register_forward_hook(lambda this, _inputs, output: counts.append(kinds[type(this)] * output.numel()))
    network.eval()(torch.zeros(1, n_frames, n_features))
    return sum(counts)


@pytest.mark.all_parts
def test_every_preset_of_a_published_network_is_in_the_table() -> None:
    published = {name.partition(":")[0] for name in FIGURES}
    presets = {f"{name}:{preset}" for name in published for preset in MODELS[name].presets}
    assert presets - {"cnn:small"} == set(FIGURES)


TAKE_ANY_CLIP = {
    name.partition(":")[0] for name in (*FIGURES, "fnn", "custom") if not name.startswith("cnn:")
}  # presets of cnn are made for one size of clip, without padding


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize(("n_frames", "n_features"), [(20, 10), (33, 13), (21, 39), (40, 80)])
def test_any_clip_is_taken_or_refused_by_layer(entry: Any, n_frames: int, n_features: int) -> None:
    for config in [entry.config(), *map(entry.preset, entry.presets)]:
        try:
            network = entry.build(config, n_frames=n_frames, n_features=n_features, n_labels=3)
        except SpecError as error:
            assert re.match(r"(Layer \d+|The first layer|The convolution): its", str(error))
            assert entry.name not in TAKE_ANY_CLIP
            continue
        logits = network(torch.randn(3, n_frames, n_features))
        logits.sum().backward()
        assert logits.shape == (3, 3) and torch.isfinite(logits).all()


@pytest.mark.parametrize("name", ["tc_resnet", "ds_cnn", "resnet", "matchboxnet", "bc_resnet"])
def test_networks_that_average_over_time_take_clips_of_any_length(name: str) -> None:
    network = _build(name).eval()
    for frames in (4, 51, 200):
        assert network(torch.zeros(2, frames, FEATURES)).shape == (2, LABELS)


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(SpecError, match="Kernel: 8 frames have no middle; use an odd number"):
        MODELS["tc_resnet"].build(TcResNetConfig(kernel=8), **SIZE)


@pytest.mark.parametrize("name", NORMED)
def test_without_batch_norm_there_are_biases(name: str) -> None:
    norms = (nn.BatchNorm1d, nn.BatchNorm2d)
    with_norm, without = _build(name, batch_norm=True), _build(name, batch_norm=False)
    assert any(isinstance(layer, norms) for layer in with_norm.modules())
    assert not any(isinstance(layer, norms) for layer in without.modules())
    assert _biases(without) > _biases(with_norm)


def _biases(network: nn.Module) -> int:
    return sum(getattr(layer, "bias", None) is not None for layer in network.modules() if isinstance(layer, KINDS))


@pytest.mark.parametrize("name", NORMED)
def test_batch_norm_keeps_the_share_of_its_statistics_that_is_set(name: str) -> None:
    clips = torch.randn(4, FRAMES, FEATURES)
    network = _build(name, batch_norm=True, bn_momentum=0.25, dropout=0.0)
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert all(layer.momentum == pytest.approx(0.75) for layer in norms)
    seen: list[torch.Tensor] = []
    norms[0].register_forward_pre_hook(lambda _layer, inputs: seen.append(inputs[0].detach()))
    network.train()(clips)
    mean = seen[0].transpose(0, 1).flatten(1).mean(1)
    torch.testing.assert_close(norms[0].running_mean, 0.75 * mean)  # it starts at 0


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_spatial_dropout_drops_whole_maps_in_training_only(name: str) -> None:
    torch.manual_seed(0)
    network = _build(name, spatial_dropout=0.5, dropout=0.0)
    kinds = [layer for layer in network.modules() if isinstance(layer, nn.Dropout2d)]
    assert kinds and all(layer.p == 0.5 for layer in kinds)
    maps: list[torch.Tensor] = []
    kinds[0].register_forward_hook(lambda _layer, _inputs, output: maps.append(output))
    network.train()(torch.randn(8, FRAMES, FEATURES))
    alive = (maps[0] != 0).flatten(2).any(2).float().mean()
    assert 0.2 < alive < 0.8
    network.eval()
    clips = torch.randn(2, FRAMES, FEATURES)
    assert torch.equal(network(clips), network(clips))
    none = _build(name, spatial_dropout=0.0).modules()
    assert not any(isinstance(layer, nn.Dropout2d) and layer.p for layer in none)


@pytest.mark.parametrize("name", _with_option("dropout"))
def test_dropout_acts_in_training_only(name: str) -> None:
    torch.manual_seed(0)
    clips = torch.randn(2, FRAMES, FEATURES)
    still = {"spatial_dropout": 0.0} if name in CONVOLUTIONAL else {}
    network = _build(name, dropout=0.5, **still).train()
    assert not torch.allclose(network(clips), network(clips))
    network.eval()
    assert torch.equal(network(clips), network(clips))
    network = _build(name, dropout=0.0, **still).train()
    torch.testing.assert_close(network(clips), network(clips))


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


def test_a_gru_costs_its_matrices_for_every_frame_and_direction() -> None:
    network = _build("crnn", maps=1, kernel_time=1, kernel_freq=1, stride_time=1, stride_freq=1, gru_layers=1, dense=1)
    matrices = 3 * 32 * (FEATURES + 32)  # three gates from the inputs and from the state
    convolution, dense = FRAMES * FEATURES, FRAMES * 64 + LABELS
    cost = count(network, n_frames=FRAMES, n_features=FEATURES)
    assert cost.macs == convolution + 2 * FRAMES * matrices + dense


@pytest.mark.parametrize("heads", [1, 4])
def test_attention_costs_the_square_of_the_tokens(heads: int) -> None:
    tokens, size = FRAMES + 1, 16
    network = _build("kwt", layers=1, size=size, heads=heads)
    projections = 4 * size * size + 2 * 4 * size * size
    expected = FRAMES * FEATURES * size + tokens * projections + 2 * tokens * tokens * size + size * LABELS
    assert count(network, n_frames=FRAMES, n_features=FEATURES).macs == expected


@pytest.mark.parametrize(("rows", "bands"), [(20, [4, 4, 4, 4, 4]), (7, [1, 1, 2, 1, 2]), (3, [1, 1, 1])])
def test_sub_spectral_norm_is_batch_norm_of_each_band(rows: int, bands: list[int]) -> None:
    from kws_engine.models._layers import SubSpectralNorm

    torch.manual_seed(0)
    values = 3 * torch.randn(6, 2, rows, 11) + torch.arange(rows)[:, None]
    norm = SubSpectralNorm(2, rows=rows, bands=5, momentum=0.9)
    assert norm.heights == bands
    assert sum(weights.numel() for weights in norm.parameters()) == 2 * 2 * len(bands)
    for band in norm(values).split(bands, dim=2):
        means, spreads = band.mean((0, 2, 3)), band.var((0, 2, 3), unbiased=False)
        torch.testing.assert_close(means, torch.zeros(2), atol=1e-5, rtol=0)
        torch.testing.assert_close(spreads, torch.ones(2), atol=1e-3, rtol=0)


@pytest.mark.parametrize("frames", [98, 99, 30])
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_frames_dealt_into_columns_are_convolved_as_with_dilation(frames: int, dilation: int) -> None:
    from kws_engine.models._layers import DepthwiseAlongRows

    fast = DepthwiseAlongRows(4, 29, dilation=dilation)
    plain = nn.Conv2d(4, 4, (29, 1), padding=(14 * dilation, 0), dilation=(dilation, 1), groups=4, bias=False)
    plain.weight = fast.each.weight
    values = torch.randn(2, 4, frames, 1)
    torch.testing.assert_close(fast(values), plain(values))


def test_res15_reaches_twice_as_far_every_third_layer() -> None:
    network = MODELS["resnet"].build(MODELS["resnet"].preset("res15"), **SIZE)
    dilations = [layer.dilation[0] for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert dilations == [1, 1, 1, 2, 2, 2, 4, 4, 4, 8, 8, 8, 16, 16]


@pytest.mark.parametrize(
    ("name", "changes", "sentence"),
    [
        ("ds_cnn", {"kernel_freq": 40}, "The first layer: its kernel of 10 x 40 is larger than the 30 x 12 values"),
        ("resnet", {"pool_freq": 16}, "The first layer: its pooling cell of 4 x 16 is larger than the 30 x 12 values"),
        ("crnn", {"kernel_time": 31}, "The convolution: its kernel of 31 x 5 is larger than the 30 x 12 values"),
        ("kwt", {"heads": 3}, "Heads: 3 do not divide the size 64; choose a number that does"),
    ],
)
def test_settings_that_cannot_work_are_refused_in_words(name: str, changes: dict[str, Any], sentence: str) -> None:
    config = spec.changed(MODELS[name].config(), changes)
    with pytest.raises(SpecError, match=sentence):
        MODELS[name].build(config, n_frames=30, n_features=12, n_labels=3)


@pytest.mark.parametrize(("entry", "preset"), PRESETS)
def test_no_network_has_a_strided_1_x_1_convolution(entry: Any, preset: str) -> None:
    """Its backward pass writes outside its memory (oneDNN, torch 2.13, 2 threads): use `_layers.Subsample`."""
    network = entry.build(entry.preset(preset), **SIZE)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv1d | nn.Conv2d)]
    assert not [layer for layer in layers if max(layer.kernel_size) == 1 and max(layer.stride) > 1]


@pytest.mark.parametrize("steps", [(1, 2), (2, 2), (3, 1)])
def test_every_nth_frame_is_the_same_in_training_with_a_gradient_that_lies_as_the_maps_do(
    steps: tuple[int, int],
) -> None:
    maps = torch.randn(3, 4, 7, 9).contiguous(memory_format=torch.channels_last).requires_grad_()
    every = _layers.Subsample(*steps)
    taken, weights = every.train()(maps), torch.randn(every.eval()(maps).shape)
    assert torch.equal(taken, every.eval()(maps)) and torch.equal(taken, maps[:, :, :: steps[0], :: steps[1]])
    (gradient,) = torch.autograd.grad((taken * weights).sum(), maps)
    (plain,) = torch.autograd.grad((every.eval()(maps) * weights).sum(), maps)
    assert torch.equal(gradient, plain)
    assert gradient.is_contiguous(memory_format=torch.channels_last)
