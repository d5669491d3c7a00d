"""FNN: fully connected layers over the whole clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kws_engine.models import MODELS, _options
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import nn

_PRESETS: dict[str, dict[str, Any]] = {"3 x 128": {}, "3 x 512": {"layers": (512, 512, 512)}}


@dataclass(frozen=True)
class FnnConfig:
    """Options of the fully connected network."""

    layers: tuple[int, ...] = option(
        (128, 128, 128),
        "Hidden layers",
        "Units of each hidden layer; none makes a linear classifier.",
        low=1,
        high=4096,
    )
    dropout: float = _options.dropout(0.3, "each hidden layer's outputs")
    batch_norm: bool = _options.batch_norm()
    bn_momentum: float = _options.bn_momentum()


@MODELS.register("fnn", "FNN (fully connected)", FnnConfig, presets=_PRESETS)
def build(config: FnnConfig, *, n_features: int, n_frames: int, n_labels: int) -> nn.Module:
    """The first networks that spotted keywords; every frame has weights of its own (Chen et al. 2014).

    Maps (B, n_frames, n_features) to logits (B, n_labels).
    """
    from torch import nn

    from kws_engine.models import _layers

    layers: list[nn.Module] = [nn.Flatten()]
    n_in = n_frames * n_features
    for units in config.layers:
        layers += [
            *_layers.dense(n_in, units, style=_layers.LayerStyle.from_config(config)),
            nn.Dropout(config.dropout),
        ]
        n_in = units
    return nn.Sequential(*layers, nn.Linear(n_in, n_labels))
