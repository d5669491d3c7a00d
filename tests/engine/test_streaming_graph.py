"""A network in steps answers as the whole network does for each window, for every registered network."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch

from kws_engine.export.streaming import streaming_network, to_streaming, why_whole, window_network
from kws_engine.models import MODELS

SHAPES = {"vector_cnn": (10, 96)}  # frames, features
INCREMENTAL = {"vector_cnn"}
LABELS = 4


def built(name: str, **options: object) -> tuple[torch.nn.Module, int, int]:
    """A network with weights and statistics as of a trained one."""
    entry = MODELS[name]
    frames, features = SHAPES.get(name, (98, 40))
    torch.manual_seed(0)
    network = entry.build(entry.config(**options), n_features=features, n_frames=frames, n_labels=LABELS)
    network(torch.randn(8, frames, features))
    return network.eval(), frames, features


def differences(
    network: torch.nn.Module, n_frames: int, n_features: int, frames: int, *, is_whole: bool
) -> list[float]:
    """Of the answers of all whole windows, in steps of so many frames."""
    make = window_network if is_whole else streaming_network
    stepping, shapes = make(network, n_frames=n_frames, n_features=n_features, frames=frames)
    states = [torch.zeros(shape) for shape in shapes]
    sound, found = torch.randn(1, n_frames + 12 * frames, n_features), []
    for end in range(frames, sound.shape[1] + 1, frames):
        with torch.no_grad():
            logits, *states = stepping(sound[:, end - frames : end], *states)
            if end >= n_frames:
                found.append(float((logits - network(sound[:, end - n_frames : end])).abs().max()))
    return found


@pytest.mark.all_parts
@pytest.mark.parametrize("name", [entry.name for entry in MODELS])
def test_steps_answer_as_the_whole_network(name: str) -> None:
    network, n_frames, n_features = built(name)
    reason = why_whole(network)
    assert (reason == "") == (name in INCREMENTAL), reason
    found = differences(network, n_frames, n_features, 2, is_whole=bool(reason))
    assert len(found) >= 12 and max(found) < 1e-4


@pytest.mark.parametrize(
    "options", [{"heads": 1}, {"kernel": 1}, {"convolutions": 3, "kernel": 2}, {"convolutions": 4}]
)
@pytest.mark.parametrize("frames", [1, 2])
def test_heads_of_other_shapes_go_in_steps(options: dict[str, int], frames: int) -> None:
    network, n_frames, n_features = built("vector_cnn", **options)
    assert why_whole(network) == ""
    assert max(differences(network, n_frames, n_features, frames, is_whole=False)) < 1e-4


def test_what_cannot_go_in_steps_says_why() -> None:
    assert "beyond the window's edges" in why_whole(built("tc_resnet")[0])
    assert "anew in each window" in why_whole(built("crnn")[0])
    assert "whole window" in why_whole(built("fnn")[0])
    padded = torch.nn.Sequential(torch.nn.Conv1d(4, 4, 3, padding=1), torch.nn.Flatten(), torch.nn.Linear(40, 4))
    strided = torch.nn.Sequential(torch.nn.Conv1d(4, 4, 3, stride=2), torch.nn.Flatten(), torch.nn.Linear(16, 4))
    assert "beyond the window's edges" in why_whole(padded) and "skip frames" in why_whole(strided)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vector_cnn", "tc_resnet"])
def test_the_graph_has_states_and_answers_as_the_network(name: str) -> None:
    network, n_frames, n_features = built(name)
    graph = to_streaming(network, n_frames=n_frames, n_features=n_features, frames=2)
    session = onnxruntime.InferenceSession(graph.content, providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_inputs()] == ["features", *graph.states]
    states, sound = (
        graph.silence(),
        np.random.default_rng(1).normal(size=(1, n_frames + 6, n_features)).astype(np.float32),
    )
    for end in range(2, sound.shape[1] + 1, 2):
        logits, *found = session.run(None, {"features": sound[:, end - 2 : end], **states})
        states = dict(zip(states, found, strict=True))
    expected = network(torch.from_numpy(sound[:, -n_frames:])).detach().numpy()
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    assert (graph.why_whole == "") == (name in INCREMENTAL)
