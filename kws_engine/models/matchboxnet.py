"""MatchboxNet: residual blocks of time-channel separable convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kws_engine.models import MODELS, _options
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import nn

_PRESETS: dict[str, dict[str, Any]] = {
    "3x1x64": {},
    "3x2x64": {"repeats": 2},
    "6x2x64": {"blocks": 6, "repeats": 2},
}
_ENDS_CHANNELS = 128
_FIRST_KERNEL, _BLOCK_KERNEL, _LAST_KERNEL, _LAST_DILATION = 11, 13, 29, 2


@dataclass(frozen=True)
class MatchboxNetConfig:
    """Options of MatchboxNet."""

    blocks: int = option(
        3, "Blocks", "Residual blocks; the kernel grows by 2 frames from 13 with each.", low=1, high=12
    )
    repeats: int = option(1, "Layers per block", "Separable convolutions within each block.", low=1, high=6)
    channels: int = option(64, "Channels", "Of the blocks; more learns more and overfits sooner.", low=8, high=512)
    dropout: float = _options.dropout(0.0, "the last layer's inputs")
    spatial_dropout: float = _options.spatial_dropout()
    batch_norm: bool = _options.batch_norm()
    bn_momentum: float = _options.bn_momentum()


@MODELS.register("matchboxnet", "MatchboxNet (time-channel separable)", MatchboxNetConfig, presets=_PRESETS)
def build(config: MatchboxNetConfig, *, n_features: int, n_frames: int, n_labels: int) -> nn.Module:
    """Long kernels along time, one channel at a time, then channels mixed (Majumdar & Ginsburg 2020).

    Maps (B, T, n_features) to logits (B, n_labels) for any T. Presets are named blocks x repeats x channels.

    The paper's 77k, 93k and 140k parameters are with 64 MFCCs and 30 labels (its version 1 task); with 40 features
    and 12 labels the first and the last layer are smaller by 5,658.
    """
    from torch import channels_last, nn

    from kws_engine.models import _layers

    style = _layers.LayerStyle.from_config(config)
    layers: list[nn.Module] = [_layers.FeaturesAsChannels(along_rows=True)]
    layers.append(_separable(n_features, _ENDS_CHANNELS, _FIRST_KERNEL, style=style))
    channels = _ENDS_CHANNELS
    for index in range(config.blocks):
        layers.append(_block(config, channels, _BLOCK_KERNEL + 2 * index))
        channels = config.channels
    layers.append(_separable(channels, _ENDS_CHANNELS, _LAST_KERNEL, dilation=_LAST_DILATION, style=style))
    layers.append(_layers.convolution(_ENDS_CHANNELS, _ENDS_CHANNELS, kernel=(1, 1), style=style))
    layers += _layers.head(_ENDS_CHANNELS, n_labels, dropout=config.dropout)
    return nn.Sequential(*layers).to(memory_format=channels_last)  # type: ignore[call-overload, no-any-return]


def _block(config: MatchboxNetConfig, n_in: int, kernel: int) -> nn.Module:
    """Separable convolutions with a 1 x 1 convolution as their shortcut, added before the last ReLU."""
    from torch import nn

    from kws_engine.models import _layers

    style, channels = _layers.LayerStyle.from_config(config), config.channels
    body: list[nn.Module] = []
    for index in range(config.repeats):
        last = index == config.repeats - 1
        body.append(_separable(channels if index else n_in, channels, kernel, style=style, relu=not last))
    around = _layers.convolution(n_in, channels, kernel=(1, 1), style=style, relu=False)
    return nn.Sequential(_layers.Residual(nn.Sequential(*body), around), *style.spatial_dropouts())


def _separable(n_in: int, n_out: int, kernel: int, *, style: Any, dilation: int = 1, relu: bool = True) -> nn.Module:
    """A convolution along time within each channel, then one across channels; one norm (or bias) after both."""
    from torch import nn

    from kws_engine.models import _layers

    along = _layers.DepthwiseAlongRows(n_in, kernel, dilation=dilation)
    return nn.Sequential(along, _layers.convolution(n_in, n_out, kernel=(1, 1), style=style, relu=relu))
