"""Penalties on the weights: the sums they say, of the layers they say, and nothing of biases or batch norm."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from kws_engine import spec
from kws_engine.models import MODELS
from kws_engine.regularizers import REGULARIZERS

ENTRIES = [pytest.param(entry, id=entry.name) for entry in REGULARIZERS]


def _network() -> nn.Sequential:
    """A convolution of four times -2, a dense layer of six times 3; biases and batch norm of 100."""
    network = nn.Sequential(
        nn.Conv2d(1, 1, 2), nn.BatchNorm2d(1), nn.Conv1d(1, 1, 1), nn.Flatten(), nn.Linear(3, 2), nn.BatchNorm1d(2)
    )
    for parameter in network.parameters():
        nn.init.constant_(parameter, 100.0)
    nn.init.constant_(network[0].weight, -2.0)
    nn.init.zeros_(network[2].weight)
    nn.init.constant_(network[4].weight, 3.0)
    return network


def _penalty(name: str, **changes: float) -> torch.Tensor:
    entry = REGULARIZERS[name]
    penalty: torch.Tensor = entry.build(spec.changed(entry.config(), changes))(_network())
    return penalty


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_penalty_is_off_by_default(entry: Any) -> None:
    penalty = entry.build(entry.config())(_network())
    assert penalty.shape == () and penalty.item() == 0.0


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_penalty_shrinks_the_weights_of_every_model(entry: Any) -> None:
    weights = {o.name: 0.5 for o in spec.options(entry.config) if o.kind == "float" and o.default == 0.0}
    penalise = entry.build(spec.changed(entry.config(), weights))
    for model in MODELS:
        network = model.build(model.config(), n_features=20, n_frames=40, n_labels=4)
        before = penalise(network)
        before.backward()
        with torch.no_grad():
            for parameter in network.parameters():
                if parameter.grad is not None:
                    parameter -= 1e-5 * parameter.grad
        assert 0 < penalise(network).item() < before.item()


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("l1", {"weight": 0.1}, 0.1 * (4 * 2 + 6 * 3)),
        ("l1", {"conv": 0.1}, 0.1 * 4 * 2),
        ("l1", {"dense": 0.1}, 0.1 * 6 * 3),
        ("l1", {"weight": 0.1, "dense": 0.2}, 0.1 * 4 * 2 + 0.3 * 6 * 3),
        ("l2", {"weight": 0.1}, 0.1 * (4 * 4 + 6 * 9)),
        ("l2", {"conv": 0.1}, 0.1 * 4 * 4),
        ("l2", {"dense": 0.1}, 0.1 * 6 * 9),
    ],
)
def test_the_penalty_is_the_sum_of_its_layers(name: str, changes: dict[str, float], expected: float) -> None:
    assert _penalty(name, **changes).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["l1", "l2"])
def test_biases_and_batch_norm_have_no_gradient(name: str) -> None:
    entry, network = REGULARIZERS[name], _network()
    entry.build(spec.changed(entry.config(), {"weight": 1.0, "conv": 1.0, "dense": 1.0}))(network).backward()
    assert network[0].weight.grad is not None and network[4].weight.grad is not None
    for parameter in (network[0].bias, network[4].bias, *network[1].parameters(), *network[5].parameters()):
        assert parameter.grad is None
