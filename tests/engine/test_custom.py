"""Networks built from rows: the notation, the arithmetic held against the real network, and refusals in words."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kws_engine import layer_rows, spec
from kws_engine.errors import SpecError
from kws_engine.export.onnx import to_onnx
from kws_engine.layer_rows import KINDS, LayerRow
from kws_engine.models import MODELS
from kws_engine.models.counting import count
from kws_engine.models.custom import CustomConfig
from kws_engine.models.tracing import first_error, trace
from kws_engine.regularizers import REGULARIZERS
from kws_engine.settings import Settings
from kws_engine.spotting.network_check import CheckedNetwork

SIZE = {"n_features": 10, "n_frames": 23, "n_labels": 5}
CONV = st.sampled_from(["", " stride 2", " stride 1x2", " valid", " dilation 2", " valid stride 3x1", " l1 0.5"])
CELL = st.sampled_from(["1x1", "2x2", "3x1", "1x3", "5x4", "30x2"])
ROW = st.one_of(
    st.tuples(st.sampled_from(["conv2d 3", "conv2d 6"]), CELL, CONV).map(lambda p: f"{p[0]} {p[1]}{p[2]}"),
    st.tuples(st.sampled_from(["3", "4", "9"]), CONV.filter(lambda c: "x" not in c)).map(
        lambda p: f"conv1d 4 {p[0]}{p[1]}"
    ),
    st.tuples(CELL, CONV).map(lambda p: f"depthwise {p[0]}{p[1]}"),
    st.tuples(st.sampled_from(["maxpool", "avgpool", "minpool"]), CELL, st.sampled_from(["", " stride 1"])).map(
        lambda p: f"{p[0]} {p[1]}{p[2]}"
    ),
    st.sampled_from(["bn", "bn", "relu", "dropout 0.2", "spatial_dropout 0.5", "residual", "residual", "end", "end"]),
    st.sampled_from(["gap", "gmp", "flatten", "dense 7", "dense 4"]),
)
STACK = st.tuples(
    st.lists(ROW, max_size=7), st.sampled_from(["gap", "gmp", "flatten"]), st.lists(st.sampled_from(["dense 6", "bn"]))
).map(lambda parts: layer_rows.rows([*parts[0], parts[1], *parts[2]]))


def _build(layers: Any, **size: int) -> torch.nn.Module:
    network: torch.nn.Module = MODELS["custom"].build(spec.changed(CustomConfig(), {"layers": layers}), **(SIZE | size))
    return network


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STACK)
def test_the_arithmetic_says_what_the_network_is(layers: tuple[LayerRow, ...]) -> None:
    infos = trace(layers, **SIZE)
    assert len(infos) == len(layers) + 1
    if problem := first_error(infos):
        with pytest.raises(SpecError) as refused:
            _build(layers)
        assert str(refused.value) == problem
        return
    network = _build(layers)
    cost = count(network, n_frames=SIZE["n_frames"], n_features=SIZE["n_features"])
    assert cost.parameters == sum(info.parameters for info in infos)
    assert cost.macs == sum(info.macs for info in infos)
    assert network.eval()(torch.randn(2, SIZE["n_frames"], SIZE["n_features"])).shape == (2, SIZE["n_labels"])


@given(st.lists(ROW, min_size=1, max_size=12))
def test_rows_survive_text_and_tables(texts: list[str]) -> None:
    layers = layer_rows.rows(texts)
    assert layer_rows.parse(layer_rows.texts(layers)) == layers
    assert layer_rows.rows([layer_rows.to_dict(row) for row in layers]) == layers


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_begins_with_a_row_that_can_be_read(kind: str) -> None:
    made = layer_rows.row(KINDS[kind].start)
    assert made.kind == kind and KINDS[kind].help.endswith(".")
    assert layer_rows.text(made) == KINDS[kind].start


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("conv2d 16 3x3; bnn", "Layers: row 2: There is no layer 'bnn'; did you mean 'bn'?"),
        ("conv2d 16", "Layers: row 1: conv2d: kernel is missing, a size such as 3x3 or 9; write it as in "
         "'conv2d 16 3x3'"),
        ("relu; conv2d 16 big", "Layers: row 2: conv2d: kernel: 'big' is not a size such as 3x3 or 9"),
        ("dropout 1.5", "Layers: row 1: dropout: share: '1.5' is not a number from 0 to 0.9"),
        ("conv2d 0 3x3", "Layers: row 1: conv2d: units: '0' is not a whole number from 1 to 4096"),
        ("bn 3", "Layers: row 1: bn: '3' is one value too many; it takes momentum"),
        ("relu 1", "Layers: row 1: relu: '1' is one value too many; it takes no value"),
        ("conv2d 4 3x3 stride", "Layers: row 1: conv2d: stride needs a size such as 2 or 2x1 after it"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_read_is_named(text: str, said: str) -> None:
    with pytest.raises(SpecError) as refused:
        Settings().with_options(["model.name=custom", f"model.layers={text}"])
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("text", "row", "words"),
    [
        ("conv2d 4 40x3 valid; gap", 0, "its kernel of 40 x 3 is larger than the 23 x 10 values"),
        ("maxpool 4x4; maxpool 4x4; gap", 1, "its cell of 4 x 4 is larger than the 5 x 2 values"),
        (
            "relu; dense 4",
            1,
            "its input is 1 map of 23 x 10, but it takes a vector of values; put gap, gmp or flatten before it",
        ),
        ("gap; conv1d 4 3", 1, "it works on maps, but its input is a vector of values"),
        ("conv2d 4 3x3", 1, "its input is 4 maps of 23 x 10"),
        ("end; gap", 0, "there is no residual start before it"),
        ("residual; relu; gap", 3, "a residual start before it has no end"),
        ("residual; conv2d 2 3x3 valid; end; gap", 2, "no step takes the 23 x 10 values of the start to 21 x 8"),
        ("residual; gap; end", 2, "cannot be added"),
        ("", 0, "its input is 1 map of 23 x 10"),
    ],
)
def test_the_row_that_does_not_fit_says_why(text: str, row: int, words: str) -> None:
    infos = trace(layer_rows.parse(text), **SIZE)
    assert [number for number, info in enumerate(infos) if info.error] == [row]
    assert words in infos[row].error
    assert all(info.reached == (number <= row) for number, info in enumerate(infos))


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("conv2d 2 3x3; conv2d 2 3x3", [(3, 3), (5, 5)]),
        ("conv2d 2 3x3 stride 2; conv2d 2 3x3", [(3, 3), (7, 7)]),
        ("maxpool 2x1; conv2d 2 3x1 dilation 2", [(2, 1), (10, 1)]),
        ("conv1d 4 9; conv1d 4 9", [(9, 10), (17, 10)]),
    ],
)
def test_the_receptive_field_is_what_the_output_depends_on(text: str, fields: list[tuple[int, int]]) -> None:
    layers = layer_rows.parse(text + "; flatten")
    assert [info.field for info in trace(layers, **SIZE)][: len(fields)] == fields
    network = _build(layers)
    frames = torch.zeros(1, SIZE["n_frames"], SIZE["n_features"], requires_grad=True)
    with torch.no_grad():
        for weights in network.parameters():
            weights.abs_().add_(0.01)
    inner = network[:-2](frames)
    inner[0, 0, inner.shape[2] // 2, inner.shape[3] // 2].backward()
    touched = torch.nonzero(frames.grad[0])  # type: ignore[index]
    spans = (touched.max(0).values - touched.min(0).values + 1).tolist()
    if "maxpool" not in text:  # of a pool only the largest value has a gradient
        strided = [
            min(field, side) for field, side in zip(fields[-1], (SIZE["n_frames"], SIZE["n_features"]), strict=True)
        ]
        assert spans == strided


def test_a_rows_own_penalty_counts_that_row_alone() -> None:
    network = _build("conv2d 4 3x3 l1 0.5; gap; dense 3 l2 0.25; relu")
    weights = {name: w for name, w in network.named_parameters() if w.ndim > 1}
    first, second, _ = weights.values()
    l1, l2 = (REGULARIZERS[name].build(REGULARIZERS[name].config())(network) for name in ("l1", "l2"))
    assert l1.item() == pytest.approx(0.5 * first.abs().sum().item())
    assert l2.item() == pytest.approx(0.25 * second.square().sum().item())


def test_layers_are_one_option_of_the_settings_and_tables_in_a_file() -> None:
    chosen = Settings().with_options(["model.name=custom", "model.layers=conv1d 8 9 stride 2; relu; gap"])
    table = chosen.to_dict()["model"]["options"]["layers"]
    assert table[0] == {"kind": "conv1d", "units": 8, "kernel": [9, 1], "stride": [2, 1]}
    assert Settings.from_dict(tomllib.loads(tomli_w.dumps(chosen.to_dict()))) == chosen


def test_tracing_needs_no_torch() -> None:
    code = (
        "import sys; from kws_engine import layer_rows; from kws_engine.models.tracing import trace\n"
        "assert trace(layer_rows.parse('conv2d 4 3x3; gap'), 40, 98, 12)[-1].macs == 48\n"
        "assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert ran.returncode == 0, ran.stderr


EVERY_KIND = (
    "conv2d 8 3x3; conv2d 8 4x2 valid; bn; relu; depthwise 3x3 dilation 2; minpool 2x2; avgpool 2x2 stride 1; "
    "residual; conv2d 16 3x3 stride 2; end; spatial_dropout 0.1; maxpool 3x3 stride 2; conv1d 24 4; {}; dense 8; "
    "dropout 0.3"
)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["gap", "gmp", "flatten"])
def test_a_network_of_every_kind_of_row_is_let_through_again(end: str) -> None:
    layers = EVERY_KIND.format(end)
    used = {row.kind for row in layer_rows.parse(layers)} | {"gap", "gmp", "flatten"}
    assert used == set(KINDS)
    network = _build(layer_rows.parse(layers), n_features=40, n_frames=60).eval()
    graph = to_onnx(network, torch.randn(2, 60, 40), input_name="features", output_name="logits", dynamic={0: "clips"})
    checked = CheckedNetwork(graph, input_name="features", window_shape=(60, 40))
    assert [checked.cost(windows, most_bytes=10**8).output_shape for windows in (1, 5)] == [(1, 5), (5, 5)]
