"""TC-ResNet: residual blocks of convolutions along time, features as channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kws_engine.errors import SpecError
from kws_engine.layer_rows import Size
from kws_engine.models import MODELS, _options, tracing
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import nn

_STEM_CHANNELS, _STEM_KERNEL = 16, 3
_BLOCK_CHANNELS = {"8": (24, 32, 48), "14": (24, 24, 32, 32, 48, 48)}
_IMAGE_KERNEL: Size = (3, 3)
_POOL: Size = (4, 4)
_PRESETS: dict[str, dict[str, Any]] = {
    "8": {},
    "8 x1.5": {"width": 1.5},
    "14": {"blocks": "14"},
    "14 x1.5": {"blocks": "14", "width": 1.5},
    "2D 8": {"convolutions": "time and frequency"},
    "2D 8 pool": {"convolutions": "time and frequency, pooled"},
}


@dataclass(frozen=True)
class TcResNetConfig:
    """Options of TC-ResNet."""

    blocks: Literal["8", "14"] = option(
        "8", "Depth", "Weight layers, as in Choi et al. 2019; 14 for many similar words."
    )
    width: float = _options.width()
    convolutions: Literal["time", "time and frequency", "time and frequency, pooled"] = option(
        "time",
        "Convolutions over",
        "Time, with all frequencies at once; or for comparison 3 x 3 over the spectrogram as an image: as many "
        "weights, twelve times the work.",
    )
    kernel: int = option(
        9,
        "Kernel",
        "Frames that a convolution in a block sees, an odd number; longer sees more of the word.",
        low=1,
        high=31,
        unit="frames",
        shown_when=("convolutions", "time"),
    )
    dropout: float = _options.dropout(0.5, "the last layer's inputs")
    spatial_dropout: float = _options.spatial_dropout()
    batch_norm: bool = _options.batch_norm()
    bn_momentum: float = _options.bn_momentum()


@MODELS.register("tc_resnet", "TC-ResNet (temporal convolutions)", TcResNetConfig, presets=_PRESETS)
def build(config: TcResNetConfig, *, n_features: int, n_frames: int, n_labels: int) -> nn.Module:
    """Small, fast and accurate: every convolution sees all frequencies at once (Choi et al. 2019).

    Maps (B, T, n_features) to logits (B, n_labels) for any T (four or more when pooled). The 2-D variants are the
    paper's 2D-ResNet8 and 2D-ResNet8-Pool: 3 x 3 kernels everywhere, and a first layer with as many maps as make the
    parameters equal to the temporal network's. The paper gives operations, two to a multiply-accumulate.

    Raises:
        SpecError: An even kernel, which has no middle frame.
    """
    from torch import channels_last, nn

    from kws_engine.models import _layers

    if config.kernel % 2 == 0:
        raise SpecError(f"Kernel: {config.kernel} frames have no middle; use an odd number", option="kernel")
    layers, channels = _stem(config, n_features, n_frames)
    for block_channels in _BLOCK_CHANNELS[config.blocks]:
        width = _layers.scale_channels(block_channels, config.width)
        layers.append(_block(config, channels, width))
        channels = width
    layers += _layers.head(channels, n_labels, dropout=config.dropout)
    return nn.Sequential(*layers).to(memory_format=channels_last)  # type: ignore[call-overload, no-any-return]


def _stem(config: TcResNetConfig, n_features: int, n_frames: int) -> tuple[list[nn.Module], int]:
    """The layers before the blocks, and their number of output channels."""
    from torch import nn

    from kws_engine.models import _layers

    style = _layers.LayerStyle.from_config(config)
    channels = _layers.scale_channels(_STEM_CHANNELS, config.width)
    if config.convolutions == "time":
        kernel: Size = (1, _STEM_KERNEL)
        first = _layers.convolution(n_features, channels, kernel=kernel, padding=_half(kernel), style=style)
        return [_layers.FeaturesAsChannels(), first], channels
    after = _layers.scale_channels(_BLOCK_CHANNELS[config.blocks][0], config.width)
    channels = max(1, (3 * n_features * channels + 10 * channels * after) // (9 + 10 * after))
    kernel = _IMAGE_KERNEL
    first = _layers.convolution(1, channels, kernel=kernel, padding=_half(kernel), style=style)
    layers: list[nn.Module] = [_layers.FeaturesAsImage(), first]
    if config.convolutions == "time and frequency, pooled":
        tracing.check_fits(
            "The first layer: its pooling cell", _POOL, (n_frames, n_features), options=("convolutions", "convolutions")
        )
        layers.append(nn.AvgPool2d(_POOL))
    return layers, channels


def _block(config: TcResNetConfig, n_in: int, n_out: int) -> nn.Module:
    """Two convolutions with a shortcut; halves the frames where the number of channels changes."""
    from torch import nn

    from kws_engine.models import _layers

    along_time = config.convolutions == "time"
    kernel = (1, config.kernel) if along_time else _IMAGE_KERNEL
    step = (1, 1) if n_in == n_out else (1, 2) if along_time else (2, 2)
    padding, style = _half(kernel), _layers.LayerStyle.from_config(config)
    body = nn.Sequential(
        _layers.convolution(n_in, n_out, kernel=kernel, stride=step, padding=padding, style=style),
        _layers.convolution(n_out, n_out, kernel=kernel, padding=padding, style=style, relu=False),
    )
    if n_in == n_out:
        return _layers.Residual(body)
    return _layers.Residual(body, _layers.convolution(n_in, n_out, kernel=(1, 1), stride=step, style=style))


def _half(kernel: Size) -> Size:
    return kernel[0] // 2, kernel[1] // 2
