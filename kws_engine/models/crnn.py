"""CRNN: a convolution, then recurrent layers along time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kws_engine.models import MODELS, _options, tracing
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import nn

_PRESETS: dict[str, dict[str, Any]] = {"229k": {}}


@dataclass(frozen=True)
class CrnnConfig:
    """Options of the convolutional recurrent network."""

    maps: int = option(32, "Feature maps", "Patterns that the convolution looks for.", low=1, high=512)
    kernel_time: int = option(20, "Kernel in time", "Frames a pattern spans.", low=1, high=100, unit="frames")
    kernel_freq: int = option(5, "Kernel in frequency", "Features a pattern spans.", low=1, high=80)
    stride_time: int = option(
        8, "Stride in time", "Frames between two steps of the recurrent layers.", low=1, high=32, unit="frames"
    )
    stride_freq: int = option(2, "Stride in frequency", "Steps of the kernel.", low=1, high=32)
    gru_layers: int = option(2, "Recurrent layers", "Gated recurrent units (GRU) on top of each other.", low=1, high=6)
    gru_units: int = option(
        32, "Recurrent units", "Of each layer and direction: what is remembered from frame to frame.", low=1, high=512
    )
    both_ways: bool = option(
        True, "Both ways", "A second GRU reads backwards from the end of the clip; off halves the recurrent layers."
    )
    dense: int = option(64, "Dense layer", "Units of the fully connected layer before the labels.", low=1, high=1024)
    dropout: float = _options.dropout(0.3, "each dense layer's inputs")
    spatial_dropout: float = _options.spatial_dropout()
    batch_norm: bool = _options.batch_norm(False)
    bn_momentum: float = _options.bn_momentum()


@MODELS.register("crnn", "CRNN (convolution and recurrence)", CrnnConfig, presets=_PRESETS)
def build(config: CrnnConfig, *, n_features: int, n_frames: int, n_labels: int) -> nn.Module:
    """A convolution finds patterns, which are read as a sequence, forwards and backwards (Arik et al. 2017).

    Maps (B, n_frames, n_features) to logits (B, n_labels). The paper has no batch norm here.

    Its 229k parameters are with 151 frames x 40 features (1.5 s) and 2 labels, and one bias for each gate of the GRU;
    torch has two, which is 384 more. At 98 frames the dense layer sees 13 steps instead of 19.

    Raises:
        SpecError: The kernel is larger than the clip.
    """
    from torch import nn

    from kws_engine.models import _layers

    kernel, stride = (config.kernel_time, config.kernel_freq), (config.stride_time, config.stride_freq)
    tracing.check_fits(
        "The convolution: its kernel", kernel, (n_frames, n_features), options=("kernel_time", "kernel_freq")
    )
    style = _layers.LayerStyle.from_config(config)
    steps, rows = -(-n_frames // stride[0]), -(-n_features // stride[1])
    remembered = config.gru_units * (2 if config.both_ways else 1)
    return nn.Sequential(
        _layers.FeaturesAsImage(),
        _layers.same_padding(kernel),
        _layers.convolution(1, config.maps, kernel=kernel, stride=stride, style=style),
        _layers.Recurrent(config.maps * rows, config.gru_units, layers=config.gru_layers, both_ways=config.both_ways),
        nn.Flatten(),
        nn.Dropout(config.dropout),
        *_layers.dense(steps * remembered, config.dense, style=style),
        nn.Dropout(config.dropout),
        nn.Linear(config.dense, n_labels),
    )
