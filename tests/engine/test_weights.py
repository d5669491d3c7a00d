"""The spread of a network's weights after training, and what each penalty drove to near zero."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from kws_engine.models import MODELS
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.weights import NEAR_ZERO_BELOW, acting, describe, write_weights
from kws_engine.settings import Settings

SIZE = {"n_features": 10, "n_frames": 20, "n_labels": 4}


def _network(settings: Settings) -> torch.nn.Module:
    torch.manual_seed(0)
    network: torch.nn.Module = MODELS[settings.model.name].build(settings.model.config, **SIZE)
    return network


def _custom(*options: str) -> Settings:
    rows = "conv2d 40 3x3; bn; relu; conv2d 40 3x3 l1 0.01; relu; gap; dense 50; relu"
    return Settings().with_options(["model.name=custom", f"model.layers={rows}", *options])


def test_a_fresh_network_has_one_weight_in_a_hundred_near_zero() -> None:
    said = describe(_network(_custom()), _custom())
    rows = said["layers"]
    assert [row["title"] for row in rows] == [
        "1. convolution, 40 maps, 3 x 3", "2. convolution, 40 maps, 3 x 3", "3. dense, 50 units", "4. dense, 4 units",
    ]  # fmt: skip
    assert [row["weights"] for row in rows] == [40 * 9, 40 * 40 * 9, 2000, 200]
    assert all(sum(row["counts"]) == row["weights"] for row in rows)
    assert rows[1]["near_zero"] / rows[1]["weights"] == pytest.approx(NEAR_ZERO_BELOW, rel=0.25)


def test_each_penalty_tells_of_the_layers_it_acts_on() -> None:
    settings = _custom("regularizers.l2.dense=1e-3")
    network = _network(settings)
    assert acting(settings, network) == ["l1", "l2"]
    with torch.no_grad():
        list(network.modules())[-1].weight[:2] = 0.0  # type: ignore[index]
    said = describe(network, settings)
    assert [row["penalties"] for row in said["layers"]] == [{}, {"l1": 0.01}, {"l2": 1e-3}, {"l2": 1e-3}]
    assert said["penalties"]["l1"]["weights"] == 40 * 40 * 9
    assert said["penalties"]["l2"]["weights"] == 2200 and said["penalties"]["l2"]["near_zero"] >= 100
    assert acting(Settings(), _network(Settings())) == []


@pytest.mark.parametrize("content", ["", "[]", '{"layers": [{}]}', '{"layers": [], "penalties": 3}'])
def test_what_was_written_is_read_and_damage_is_none(tmp_path: Path, content: str) -> None:
    settings = _custom()
    network = _network(settings)
    assert list(write_weights(RunFolder(tmp_path), network, settings)) == []
    said: Any = RunFolder(tmp_path).weights.read()
    assert said == json.loads(json.dumps(describe(network, settings)))
    RunFolder(tmp_path).weights.path.write_text(content, encoding="utf-8")
    assert RunFolder(tmp_path).weights.read() is None
    assert [skipped.path for skipped in write_weights(RunFolder(tmp_path / "none"), network, settings)] != []
