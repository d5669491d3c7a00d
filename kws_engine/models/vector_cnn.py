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
    heads: int = option(
        6,
        "Heads",
        "So many of these side by side, each trained on its own share of every batch; their mean answers. What only "
        "one of them takes for a word is seldom one.",
        low=1,
        high=16,
    )


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

    def head() -> nn.Module:
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
        last = nn.Linear(config.hidden, n_labels)
        return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(config.dropout), *dense, last)

    return head() if config.heads == 1 else _layers.Committee(head() for _ in range(config.heads))
