"""KWT, the Keyword Transformer: self-attention between the frames of a clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kws_engine.errors import SpecError
from kws_engine.models import MODELS, _options
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import nn

_PRESETS: dict[str, dict[str, Any]] = {
    "1": {},
    "2": {"size": 128, "heads": 2},
    "3": {"size": 192, "heads": 3},
}
_INITIAL_STD = 0.02
_HIDDEN = 4


@dataclass(frozen=True)
class KwtConfig:
    """Options of the Keyword Transformer."""

    size: int = option(64, "Size", "Numbers that represent a frame within the network.", low=8, high=512)
    layers: int = option(12, "Layers", "Transformer layers; fewer overfit less.", low=1, high=24)
    heads: int = option(
        1, "Heads", "Ways in which each frame attends to the others; the size must be a multiple of it.", low=1, high=16
    )
    norm_first: bool = option(
        False,
        "Norm first",
        "Layer norm before each part, not after it as in the paper: trains with fewer clips and larger steps.",
        advanced=True,
    )
    dropout: float = _options.dropout(0.1, "what each part of a layer adds")


@MODELS.register("kwt", "KWT (Keyword Transformer)", KwtConfig, presets=_PRESETS)
def build(config: KwtConfig, *, n_features: int, n_frames: int, n_labels: int) -> nn.Module:
    """Every frame attends to all others instead of a few neighbours; needs much data (Berg et al. 2021).

    Maps (B, n_frames, n_features) to logits (B, n_labels); the position of every frame is learned, so that the
    length of clips is fixed. No convolution and no batch norm: the architecture uses layer norm. The paper's 607k
    (2,394k, 5,361k) parameters are at 98 frames x 40 features: queries, keys and values have no bias.

    Raises:
        SpecError: The heads do not divide the size.
    """
    from torch import nn

    from kws_engine.models import _attention

    if config.size % config.heads:
        raise SpecError(
            f"Heads: {config.heads} do not divide the size {config.size}; choose a number that does", option="heads"
        )
    network = nn.Sequential(
        nn.Linear(n_features, config.size),
        _attention.WithClassToken(n_frames, config.size),
        *(_layer(config) for _ in range(config.layers)),
        *([nn.LayerNorm(config.size)] if config.norm_first else []),
        _attention.FirstToken(),
        nn.Linear(config.size, n_labels),
    )
    _initialise(network)
    return network


def _layer(config: KwtConfig) -> nn.Module:
    from kws_engine.models import _attention

    return _attention.TransformerLayer(
        config.size,
        _HIDDEN * config.size,
        heads=config.heads,
        dropout=config.dropout,
        norm_first=config.norm_first,
    )


def _initialise(network: nn.Module) -> None:
    """As in the paper: weights and positions normal with std 0.02, truncated at two std; biases 0."""
    from torch import nn

    for name, parameter in network.named_parameters():
        if parameter.ndim > 1:
            nn.init.trunc_normal_(parameter, std=_INITIAL_STD, a=-2 * _INITIAL_STD, b=2 * _INITIAL_STD)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
