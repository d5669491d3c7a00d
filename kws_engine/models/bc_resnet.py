"""BC-ResNet: residuals along time, broadcast over frequency."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kws_engine.models import MODELS, _options
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import nn

    from kws_engine.models import _layers

_PRESETS: dict[str, dict[str, Any]] = {
    "1": {},
    **{f"{width:g}": {"width": width} for width in (1.5, 2.0, 3.0, 6.0, 8.0)},
}
_BASE = 8
_STAGES = ((1.0, 2, 1), (1.5, 2, 2), (2.0, 4, 2), (2.5, 4, 1))  # channels of the base, blocks, stride in frequency
_LAST_KERNEL = 5


@dataclass(frozen=True)
class BcResNetConfig:
    """Options of BC-ResNet."""

    width: float = option(
        1.0, "Width multiplier", "Scales every channel count, as in the names of Kim et al. 2021.", low=0.5, high=8.0
    )
    bands: int = option(
        5,
        "Sub-bands",
        "Batch norm treats each band of frequencies separately; 1 treats all together.",
        low=1,
        high=20,
        advanced=True,
        shown_when=("batch_norm", True),
    )
    dropout: float = _options.dropout(0.0, "the last layer's inputs")
    spatial_dropout: float = _options.spatial_dropout(0.1)
    batch_norm: bool = _options.batch_norm()
    bn_momentum: float = _options.bn_momentum()


@MODELS.register("bc_resnet", "BC-ResNet (broadcast residual)", BcResNetConfig, presets=_PRESETS)
def build(config: BcResNetConfig, *, n_features: int, n_frames: int, n_labels: int) -> nn.Module:
    """Most work is done on the mean over frequencies and added back to all (Kim et al. 2021).

    Maps (B, T, n_features) to logits (B, n_labels) for any T. Spatial dropout is the paper's, at the end of each
    residual. Where so few features leave fewer rows than bands or than the height of the last kernel, both are reduced
    to the number of rows.

    Parameters include a scale and a shift for each channel and sub-band (sub-spectral norm), as in the paper. Its 3.1M
    to 89.1M operations are more than the multiply-accumulates of the convolutions, 2.4M to 83.4M at 98 frames. Counting
    two more for each output of a norm (scale and shift) and one for each output of a ReLU, as some counters do, gives
    both numbers; the paper does not say, so this is inferred.
    """
    from torch import channels_last, nn

    from kws_engine.models import _layers

    base = max(2, round(_BASE * config.width))
    style, channels, rows = _style(config), 2 * base, _halved(n_features)
    stem = _layers.convolution(1, channels, kernel=(5, 5), stride=(2, 1), padding=(2, 2), style=style)
    layers: list[nn.Module] = [_layers.FrequencyAsRows(), stem]
    for index, (factor, blocks, stride) in enumerate(_STAGES):
        rows = _halved(rows) if stride == 2 else rows
        for block in range(blocks):
            n_out = int(base * factor)
            body = _over_frequency(config, channels, n_out, rows=rows, stride=1 if block else stride)
            along = _along_time(config, n_out, dilation=2**index)
            layers.append(_layers.BroadcastResidual(body, along, around=channels == n_out))
            channels = n_out
    kernel = (min(_LAST_KERNEL, rows), _LAST_KERNEL)
    layers += [
        nn.Conv2d(channels, channels, kernel, padding=(0, _LAST_KERNEL // 2), groups=channels, bias=False),
        _layers.convolution(channels, 4 * base, kernel=(1, 1), style=style),
        *_layers.head(4 * base, n_labels, dropout=config.dropout),
    ]
    return nn.Sequential(*layers).to(memory_format=channels_last)  # type: ignore[call-overload, no-any-return]


def _over_frequency(config: BcResNetConfig, n_in: int, n_out: int, *, rows: int, stride: int) -> nn.Module:
    """3 x 1 over frequency within each channel, then sub-spectral norm of `rows`; before it 1 x 1 to other channels."""
    from torch import nn

    from kws_engine.models import _layers

    style = _style(config)
    layers: list[nn.Module] = []
    if n_in != n_out:
        layers.append(_layers.convolution(n_in, n_out, kernel=(1, 1), style=style))
    bias = not config.batch_norm
    layers.append(nn.Conv2d(n_out, n_out, (3, 1), (stride, 1), (1, 0), groups=n_out, bias=bias))
    if config.batch_norm:
        momentum = config.bn_momentum
        layers.append(_layers.SubSpectralNorm(n_out, rows=rows, bands=config.bands, momentum=momentum))
    return nn.Sequential(*layers)


def _along_time(config: BcResNetConfig, channels: int, *, dilation: int) -> nn.Module:
    """Within each channel of the mean over frequencies, swish, then across channels."""
    from torch import nn

    from kws_engine.models import _layers

    within = _layers.convolution(
        channels,
        channels,
        kernel=(1, 3),
        padding=(0, dilation),
        dilation=(1, dilation),
        depthwise=True,
        style=_style(config),
        relu=False,
    )
    across = nn.Conv2d(channels, channels, 1, bias=False)
    return nn.Sequential(within, nn.SiLU(), across, nn.Dropout2d(config.spatial_dropout))


def _style(config: BcResNetConfig) -> _layers.LayerStyle:
    """Without spatial dropout after every activation: this network has its own place for it."""
    from kws_engine.models import _layers

    return replace(_layers.LayerStyle.from_config(config), spatial_dropout=0.0)


def _halved(rows: int) -> int:
    return (rows + 1) // 2
