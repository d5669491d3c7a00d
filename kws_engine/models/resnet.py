"""ResNet: deep residual networks over the spectrogram as an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kws_engine.models import MODELS, _options, tracing
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import nn

_NARROW = {"maps": 19}
_RES15 = {"layers": 13, "pool_time": 1, "pool_freq": 1, "dilated": True}
_RES26 = {"layers": 24, "pool_time": 2, "pool_freq": 2}
_PRESETS: dict[str, dict[str, Any]] = {
    "res8": {},
    "res15": _RES15,
    "res26": _RES26,
    "res8-narrow": _NARROW,
    "res15-narrow": {**_RES15, **_NARROW},
    "res26-narrow": {**_RES26, **_NARROW},
}
_LAYERS_PER_DILATION, _DILATION_HIGH = 3, 5


@dataclass(frozen=True)
class ResNetConfig:
    """Options of the residual networks."""

    maps: int = option(
        45, "Feature maps", "Of every layer; 19 in the narrow presets; more overfits sooner.", low=4, high=256
    )
    layers: int = option(
        6, "Layers", "Convolutions after the first one; every second one ends a residual block.", low=1, high=50
    )
    pool_time: int = option(
        4, "Pool in time", "Frames averaged after the first layer; 1 for none.", low=1, high=16, unit="frames"
    )
    pool_freq: int = option(
        3, "Pool in frequency", "Features averaged after the first layer; 1 for none.", low=1, high=16
    )
    dilated: bool = option(
        False, "Dilated", "Kernels reach twice as far every third layer, to see more without pooling."
    )
    dropout: float = _options.dropout(0.0, "the last layer's inputs")
    spatial_dropout: float = _options.spatial_dropout()
    batch_norm: bool = _options.batch_norm()
    bn_momentum: float = _options.bn_momentum()


@MODELS.register("resnet", "ResNet (deep residual)", ResNetConfig, presets=_PRESETS)
def build(config: ResNetConfig, *, n_features: int, n_frames: int, n_labels: int) -> nn.Module:
    """Many 3 x 3 layers, each pair learning what to add to its input (Tang & Lin 2018, He et al. 2016).

    Maps (B, T, n_features) to logits (B, n_labels) for any T that fills a pooling cell. As in the paper's own code,
    ReLU comes before each sum, and batch norm after it on the way into the next pair of layers only. Its norms have no
    scale and shift, its convolutions no bias: neither counts in the paper's 110k to 438k parameters. The paper counts
    multiplies on maps that lose their edges (99 x 38 in res15), the network keeps them: 7% more there.

    Raises:
        SpecError: The pooling cell is larger than the clip.
    """
    from torch import channels_last, nn

    from kws_engine.models import _layers

    cell = (config.pool_time, config.pool_freq)
    tracing.check_fits(
        "The first layer: its pooling cell", cell, (n_frames, n_features), options=("pool_time", "pool_freq")
    )
    layers: list[nn.Module] = [_layers.FeaturesAsImage(), _conv(config, 0)]
    if cell != (1, 1):
        layers.append(nn.AvgPool2d(cell))
    for number in range(1, config.layers, 2):
        before = _norm(config) if number > 1 else []
        layers.append(
            _layers.Residual(
                nn.Sequential(*before, _conv(config, number), *_norm(config), _conv(config, number + 1)), relu=False
            )
        )
    if config.layers > 1:
        layers += _norm(config)
    if config.layers % 2:
        layers += [_conv(config, config.layers), *_norm(config)]
    layers += _layers.head(config.maps, n_labels, dropout=config.dropout)
    return nn.Sequential(*layers).to(memory_format=channels_last)  # type: ignore[call-overload, no-any-return]


def _conv(config: ResNetConfig, number: int) -> nn.Module:
    """relu(conv(x)) without norm; `number` counts from 0, the first layer."""
    from kws_engine.models import _layers

    dilation = 2 ** min(number // _LAYERS_PER_DILATION, _DILATION_HIGH) if config.dilated else 1
    return _layers.convolution(
        config.maps if number else 1,
        config.maps,
        kernel=(3, 3),
        padding=(dilation, dilation),
        dilation=(dilation, dilation),
        style=_layers.LayerStyle(batch_norm=False, spatial_dropout=config.spatial_dropout),
        bias=not config.batch_norm,
    )


def _norm(config: ResNetConfig) -> list[nn.Module]:
    from kws_engine.models import _layers

    return _layers.LayerStyle.from_config(config, affine=False).norm(config.maps)
