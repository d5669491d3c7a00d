"""A small head for vectors of the speech embedding: convolutions over time, then a dense layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kws_engine.errors import SpecError
from kws_engine.models import MODELS, _options
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class VectorCnnConfig:
    """Options of the head on vectors."""

    channels: int = option(64, "Channels", "Of each convolution.", low=4, high=512)
    convolutions: int = option(2, "Convolutions", "Over time, one after another.", low=1, high=4)
    kernel: int = option(3, "Kernel", "Vectors that each convolution sees.", low=1, high=9)
    hidden: int = option(32, "Hidden units", "Of the dense layer.", low=4, high=512)
    dropout: float = _options.dropout(0.3, "the dense layer's inputs")


@MODELS.register("vector_cnn", "Head for the speech embedding (CNN)", VectorCnnConfig)
def build(config: VectorCnnConfig, *, n_features: int, n_frames: int, n_labels: int) -> nn.Module:
    """What is left to learn on a speech embedding: which vectors, in which order, make the word.

    Maps (B, n_frames, n_features) to logits (B, n_labels).

    Raises:
        SpecError: The convolutions need more frames than there are.
    """
    from torch import nn

    from kws_engine.models import _layers

    left = n_frames - config.convolutions * (config.kernel - 1)
    if left < 1:
        raise SpecError(
            f"Kernel: {config.convolutions} convolutions over {config.kernel} vectors need more than the {n_frames} "
            "there are; lower the kernel, or the number of convolutions",
            option="kernel",
        )
    layers: list[nn.Module] = [_layers.TimeLast(), nn.BatchNorm1d(n_features)]
    channels = n_features
    for _ in range(config.convolutions):
        layers += [
            nn.Conv1d(channels, config.channels, config.kernel, bias=False),
            nn.BatchNorm1d(config.channels),
            nn.ReLU(),
        ]
        channels = config.channels
    dense = [nn.Linear(channels * left, config.hidden), nn.ReLU(), nn.Dropout(config.dropout)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(config.dropout), *dense, nn.Linear(config.hidden, n_labels))
