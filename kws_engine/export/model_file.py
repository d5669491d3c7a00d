"""Writes `.kws` model files from trained networks, atomically."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kws_engine.disk import write_atomically
from kws_engine.export.onnx import to_onnx
from kws_engine.features.pipeline import FeaturePipeline
from kws_engine.spotting.model_file import Manifest
from kws_engine.spotting.rewriting import packed

if TYPE_CHECKING:
    from torch import nn


def write(path: Path, network: nn.Module, pipeline: FeaturePipeline, manifest: Manifest) -> None:
    """Replaces `path` atomically; `network` maps (B, T, F) features to (B, labels) logits.

    Raises:
        ProjectError: The disk is full or the folder cannot be written; an old file stays in place.
        TrainingError: The output of the graph differs from the network's.
    """
    import torch
    from safetensors.torch import save

    from kws_engine.features.batch import frontend_graph

    frames = pipeline.n_frames(manifest.window_samples)
    members = {
        "manifest.json": manifest.to_json().encode(),
        "network.onnx": to_onnx(
            network,
            torch.randn(2, frames, pipeline.n_features),
            input_name="features",
            output_name="logits",
            dynamic={0: "clips"},
        ),
        "frontend.onnx": to_onnx(
            frontend_graph(pipeline),
            0.1 * torch.randn(2, manifest.window_samples),
            input_name="samples",
            output_name="features",
            dynamic={0: "clips", 1: "samples"},
        ),
        "weights.safetensors": save({name: tensor.contiguous() for name, tensor in network.state_dict().items()}),
    }
    write_atomically(path, packed(members))
