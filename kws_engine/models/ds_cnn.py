"""DS-CNN: depthwise separable convolutions over time and frequency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kws_engine.errors import SpecError
from kws_engine.models import MODELS, _options
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import nn

_PRESETS: dict[str, dict[str, Any]] = {
    "S": {},
    "M": {"maps": 172, "stem_stride_freq": 1, "block_stride": 2},
    "L": {"maps": 276, "stem_stride_freq": 1, "block_stride": 2, "blocks": 5},
}


@dataclass(frozen=True)
class DsCnnConfig:
    """Options of DS-CNN."""

    blocks: int = option(4, "Blocks", "Depthwise separable convolutions after the first layer.", low=1, high=16)
    maps: int = option(64, "Feature maps", "Of every layer; more learns more and overfits sooner.", low=4, high=512)
    kernel_time: int = option(
        10, "First kernel in time", "Frames that the first layer sees at once.", low=1, high=50, unit="frames"
    )
    kernel_freq: int = option(4, "First kernel in frequency", "Features that it sees at once.", low=1, high=40)
    stem_stride_time: int = option(
        2, "First stride in time", "Steps of the first kernel.", low=1, high=8, unit="frames", advanced=True
    )
    stem_stride_freq: int = option(
        2, "First stride in frequency", "Steps of the first kernel.", low=1, high=8, advanced=True
    )
    block_stride: int = option(
        1,
        "Stride of the first block",
        "Steps of its 3 x 3 kernels in time and frequency.",
        low=1,
        high=4,
        advanced=True,
    )
    dropout: float = _options.dropout(0.2, "the last layer's inputs")
    spatial_dropout: float = _options.spatial_dropout()
    batch_norm: bool = _options.batch_norm()
    bn_momentum: float = _options.bn_momentum()


@MODELS.register("ds_cnn", "DS-CNN (depthwise separable)", DsCnnConfig, presets=_PRESETS)
def build(config: DsCnnConfig, *, n_features: int, n_frames: int, n_labels: int) -> nn.Module:
    """Each map is filtered separately, then maps are mixed: made for microcontrollers (Zhang et al. 2017).

    Maps (B, T, n_features) to logits (B, n_labels) for any T.

    The paper counts at 49 frames x 10 MFCCs (window 40 ms, hop 20 ms): 38.6, 189.2 and 497.6 KB for S, M and L are one
    byte for each weight and for the outputs of the two largest neighbouring layers, with batch norm folded into one
    bias per map. That leaves 22,604, 135,032 and 410,700 parameters, as with batch norm off here; unfolded, each map
    has one more. Its 5.4, 19.8 and 56.9 million operations are two for each multiply-accumulate and one for each bias.

    Raises:
        SpecError: The first kernel is longer than the clip.
    """
    from torch import channels_last, nn

    from kws_engine.models import _layers

    kernel = (config.kernel_time, config.kernel_freq)
    if kernel[0] > n_frames or kernel[1] > n_features:
        raise SpecError(
            f"The first layer: its kernel of {kernel[0]} x {kernel[1]} is larger than the {n_frames} x {n_features} "
            "values (time x frequency) of a clip; make it smaller",
            option="kernel_time" if kernel[0] > n_frames else "kernel_freq",
        )
    style = _layers.LayerStyle.from_config(config)
    stride = (config.stem_stride_time, config.stem_stride_freq)
    layers: list[nn.Module] = [
        _layers.FeaturesAsImage(),
        _layers.same_padding(kernel),
        _layers.convolution(1, config.maps, kernel=kernel, stride=stride, style=style),
    ]
    for index in range(config.blocks):
        layers.append(_block(config.maps, stride=config.block_stride if index == 0 else 1, style=style))
    layers += _layers.head(config.maps, n_labels, dropout=config.dropout)
    return nn.Sequential(*layers).to(memory_format=channels_last)  # type: ignore[call-overload, no-any-return]


def _block(maps: int, *, stride: int, style: Any) -> nn.Module:
    """3 x 3 within each map, then 1 x 1 across them, each with norm and ReLU."""
    from torch import nn

    from kws_engine.models import _layers

    return nn.Sequential(
        _layers.convolution(
            maps, maps, kernel=(3, 3), stride=(stride, stride), padding=(1, 1), depthwise=True, style=style
        ),
        _layers.convolution(maps, maps, kernel=(1, 1), style=style),
    )
