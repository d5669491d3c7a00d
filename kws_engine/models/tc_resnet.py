"""TC-ResNet: residual blocks of convolutions along time, features as channels; knows no sound and no training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kws_engine.errors import SpecError
from kws_engine.models import MODELS
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import nn

_STEM_CHANNELS, _STEM_KERNEL = 16, 3
_BLOCK_CHANNELS = {"8": (24, 32, 48), "14": (24, 24, 32, 32, 48, 48)}
_PRESETS: dict[str, dict[str, Any]] = {
    "8": {},
    "8 x1.5": {"width": 1.5},
    "14": {"blocks": "14"},
    "14 x1.5": {"blocks": "14", "width": 1.5},
}


@dataclass(frozen=True)
class TcResNetConfig:
    """Options of TC-ResNet."""

    blocks: Literal["8", "14"] = option(
        "8", "Depth", "Weight layers, as in Choi et al. 2019; 14 for many similar words."
    )
    width: float = option(
        1.0, "Width multiplier", "Scales every channel count; more learns more and overfits sooner.", low=0.25, high=4.0
    )
    kernel: int = option(
        9,
        "Kernel",
        "Frames a convolution in a block sees; odd, longer sees more of the word.",
        low=1,
        high=31,
        unit="frames",
    )
    dropout: float = option(
        0.5, "Dropout", "Share of the last layer's inputs dropped in training, against overfitting.", low=0.0, high=0.95
    )
    batch_norm: bool = option(True, "Batch norm", "Normalises each layer over the batch; off gives each layer a bias.")


@MODELS.register("tc_resnet", "TC-ResNet (temporal convolutions)", TcResNetConfig, presets=_PRESETS)
def build(config: TcResNetConfig, *, n_features: int, n_frames: int, n_labels: int) -> nn.Module:
    """Small, fast and accurate: every convolution sees all frequencies at once (Choi et al. 2019).

    Maps (B, T, n_features) to logits (B, n_labels) for any T.

    Raises:
        SpecError: An even kernel, which has no middle frame.
    """
    from torch import channels_last, nn

    from kws_engine.models import _layers

    if config.kernel % 2 == 0:
        raise SpecError(f"Kernel: {config.kernel} frames have no middle; use an odd number")
    channels = int(_STEM_CHANNELS * config.width)
    layers: list[nn.Module] = [_layers.FeaturesAsChannels(), _along_time(config, n_features, channels, _STEM_KERNEL)]
    for block_channels in _BLOCK_CHANNELS[config.blocks]:
        layers.append(_block(config, channels, int(block_channels * config.width)))
        channels = int(block_channels * config.width)
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(config.dropout), nn.Linear(channels, n_labels)]
    return nn.Sequential(*layers).to(memory_format=channels_last)  # type: ignore[call-overload, no-any-return]


def _block(config: TcResNetConfig, n_in: int, n_out: int) -> nn.Module:
    """Two convolutions and a way around them; halves the frames where the channels change."""
    from torch import nn

    from kws_engine.models import _layers

    stride = 1 if n_in == n_out else 2
    body = nn.Sequential(
        _along_time(config, n_in, n_out, config.kernel, stride=stride),
        _along_time(config, n_out, n_out, config.kernel, relu=False),
    )
    around = nn.Identity() if n_in == n_out else _along_time(config, n_in, n_out, 1, stride=stride)
    return _layers.Residual(body, around)


def _along_time(
    config: TcResNetConfig, n_in: int, n_out: int, kernel: int, *, stride: int = 1, relu: bool = True
) -> nn.Module:
    from kws_engine.models import _layers

    return _layers.convolution(
        n_in,
        n_out,
        kernel=(1, kernel),
        stride=(1, stride),
        padding=(0, kernel // 2),
        batch_norm=config.batch_norm,
        relu=relu,
    )
