"""Makes and runs ExecuTorch programs. Imports torch."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from kws_engine import spec
from kws_engine.errors import KwsError, shortened
from kws_engine.export.formats._silent import silent
from kws_engine.export.stream_modules import StreamFrontend, StreamSpotter
from kws_engine.models import MODELS
from kws_engine.spotting.looks import Looks
from kws_engine.spotting.model_file import SpottingModel

Floats = NDArray[np.float32]


def spotter_of(model: SpottingModel) -> StreamSpotter:
    """The network of a model file as a module again, with its front end and smoothing.

    Raises:
        KwsError: The file holds no weights that fit.
    """
    looks = Looks.of(model, model.detector_config)
    frontend = StreamFrontend(model.pipeline, looks)
    spotter = StreamSpotter(frontend, _network(model, looks), smoothed=looks.smoothed, n_labels=len(model.labels))
    for tensor in (*spotter.parameters(), *spotter.buffers()):  # the exporter takes no other order of numbers
        tensor.data = tensor.data.clone(memory_format=torch.contiguous_format)
    return spotter.eval()


def program_of(spotter: StreamSpotter, model: SpottingModel) -> bytes:
    """The program; its method "forward" takes the samples of one look and the states.

    Raises:
        KwsError: ExecuTorch cannot hold the network.
    """
    with silent():
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower

    examples = (_zeros((1, Looks.of(model, model.detector_config).look_samples)), *map(_zeros, spotter.states.values()))
    try:
        with silent():
            exported = torch.export.export(spotter, examples)
            lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
            return bytes(lowered.to_executorch().buffer)
    except Exception as error:
        network = model.manifest.network["name"]
        raise KwsError(
            f"ExecuTorch cannot hold the network {network} ({shortened(error)}): use --to onnx, or another network"
        ) from error


def scores_of(program: bytes, shapes: Mapping[str, tuple[int, ...]], sound: Floats, *, model: SpottingModel) -> Floats:
    """The smoothed scores (L, labels) of a stream (N,), by ExecuTorch's runtime."""
    with silent():
        from executorch.runtime import Runtime

        method = Runtime.get().load_program(program).load_method("forward")
    look = Looks.of(model, model.detector_config).look_samples
    states, found = list(map(_zeros, shapes.values())), []
    for at in range(0, len(sound) - look + 1, look):
        scores, *states = method.execute([torch.from_numpy(sound[None, at : at + look].copy()), *states])
        states = [state.clone() for state in states]  # the runtime uses their memory again
        found.append(scores[0].numpy().copy())
    return np.stack(found)


def _network(model: SpottingModel, looks: Looks) -> nn.Module:
    told = model.manifest.network
    entry = MODELS[told["name"]]
    config = spec.from_dict(entry.config, told["options"])
    network: nn.Module = entry.build(
        config, n_features=model.pipeline.n_features, n_frames=looks.window_frames, n_labels=len(model.labels)
    )
    try:
        with zipfile.ZipFile(model.path) as archive:
            network.load_state_dict(load(archive.read("weights.safetensors")))
    except (KeyError, RuntimeError, SafetensorError, zipfile.BadZipFile, OSError) as error:
        raise KwsError(f"{model.path.name} holds no weights of its network: train it again") from error
    return network


def _zeros(shape: tuple[int, ...]) -> Tensor:
    return torch.zeros(shape)
