"""CNN: convolutions over time and frequency, in any number of layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kws_engine.errors import SpecError
from kws_engine.layer_rows import Size
from kws_engine.models import MODELS, _options, tracing
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import nn

_PER_LAYER = "One number per layer; the last one applies to all further layers."
_PRESETS: dict[str, dict[str, Any]] = {
    "small": {},
    "trad-fpool3": {
        "maps": (64, 64),
        "kernel_time": (20, 10),
        "kernel_freq": (8, 4),
        "padding": "valid",
        "pool_time": (1,),
        "pool_freq": (3, 1),
        "linear": 32,
        "dense": (128,),
    },
    "one-fstride4": {
        "maps": (186,),
        "kernel_time": (0,),
        "kernel_freq": (8,),
        "stride_freq": (4,),
        "padding": "valid",
        "pool_time": (1,),
        "pool_freq": (1,),
        "linear": 32,
        "dense": (128, 128),
    },
}


@dataclass(frozen=True)
class CnnConfig:
    """Options of the convolutional network."""

    maps: tuple[int, ...] = option(
        (16, 32, 64), "Feature maps", "Patterns each layer looks for; one layer per number.", low=1, high=1024
    )
    kernel_time: tuple[int, ...] = option(
        (3,),
        "Kernel in time",
        f"Frames a pattern spans, 0 for all there are. {_PER_LAYER}",
        low=0,
        high=200,
        unit="frames",
    )
    kernel_freq: tuple[int, ...] = option(
        (3,), "Kernel in frequency", f"Features a pattern spans, 0 for all. {_PER_LAYER}", low=0, high=128
    )
    stride_time: tuple[int, ...] = option(
        (1,), "Stride in time", f"Steps of the kernel. {_PER_LAYER}", low=1, high=32, unit="frames", advanced=True
    )
    stride_freq: tuple[int, ...] = option(
        (1,), "Stride in frequency", f"Steps of the kernel. {_PER_LAYER}", low=1, high=32, advanced=True
    )
    padding: Literal["same", "valid"] = option(
        "same", "Padding", "Same keeps the size with zeros at the edges; valid adds none."
    )
    pooling: Literal["max", "average", "min"] = option(
        "max", "Pooling", "Which value is kept of each cell; a cell of 1 x 1 pools nothing."
    )
    pool_time: tuple[int, ...] = option(
        (2,), "Pool in time", f"Frames of a cell. {_PER_LAYER}", low=1, high=64, unit="frames"
    )
    pool_freq: tuple[int, ...] = option((2,), "Pool in frequency", f"Features of a cell. {_PER_LAYER}", low=1, high=64)
    linear: int = option(
        0,
        "Low-rank layer",
        "Units of a linear layer before the dense ones, which saves weights; 0 for none.",
        low=0,
        high=1024,
        advanced=True,
    )
    dense: tuple[int, ...] = option(
        (128,), "Dense layers", "Units of each fully connected layer before the labels.", low=1, high=4096
    )
    dropout: float = _options.dropout(0.3, "each dense layer's inputs")
    spatial_dropout: float = _options.spatial_dropout()
    batch_norm: bool = _options.batch_norm()
    bn_momentum: float = _options.bn_momentum()


@MODELS.register("cnn", "CNN (convolutions in time and frequency)", CnnConfig, presets=_PRESETS)
def build(config: CnnConfig, *, n_features: int, n_frames: int, n_labels: int) -> nn.Module:
    """Looks for local patterns in the spectrogram, wherever they are (Sainath & Parada 2015).

    Maps (B, n_frames, n_features) to logits (B, n_labels).

    Raises:
        SpecError: A layer, named by its number, has no input values left.
    """
    from torch import nn

    from kws_engine.models import _layers

    if not config.maps:
        raise SpecError("Feature maps: there is no layer; give at least one number, such as 16", option="maps")
    layers: list[nn.Module] = [_layers.FeaturesAsImage()]
    size, channels = (n_frames, n_features), 1
    for index, maps in enumerate(config.maps):
        layer, size = _layer(config, index, channels=channels, size=size)
        layers.append(layer)
        channels = maps
    layers += [nn.Flatten(), *_head(config, channels * size[0] * size[1], n_labels)]
    return nn.Sequential(*layers)


def _layer(config: CnnConfig, index: int, *, channels: int, size: Size) -> tuple[nn.Module, Size]:
    """Layer `index` for input maps of `size` (frames, features), and the size of its output."""
    from torch import nn

    from kws_engine.models import _layers

    kernel = _at(config.kernel_time, index) or size[0], _at(config.kernel_freq, index) or size[1]
    stride = _at(config.stride_time, index), _at(config.stride_freq, index)
    cell = _at(config.pool_time, index), _at(config.pool_freq, index)
    same = config.padding == "same"
    padded = (size[0] + kernel[0] - 1, size[1] + kernel[1] - 1) if same else size
    tracing.check_fits(f"Layer {index + 1}: its kernel", kernel, padded, options=("kernel_time", "kernel_freq"))
    size = (padded[0] - kernel[0]) // stride[0] + 1, (padded[1] - kernel[1]) // stride[1] + 1
    tracing.check_fits(f"Layer {index + 1}: its pooling cell", cell, size, options=("pool_time", "pool_freq"))
    layers: list[nn.Module] = [_layers.same_padding(kernel)] if same else []
    layers.append(
        _layers.convolution(
            channels, config.maps[index], kernel=kernel, stride=stride, style=_layers.LayerStyle.from_config(config)
        )
    )
    if cell != (1, 1):
        pools = {"max": nn.MaxPool2d, "average": nn.AvgPool2d, "min": _layers.MinPool2d}
        layers.append(pools[config.pooling](cell))
    return nn.Sequential(*layers), (size[0] // cell[0], size[1] // cell[1])


def _head(config: CnnConfig, n_in: int, n_labels: int) -> list[nn.Module]:
    """Flattened maps to logits."""
    from torch import nn

    from kws_engine.models import _layers

    layers: list[nn.Module] = []
    if config.linear:
        layers.append(nn.Linear(n_in, config.linear))
        n_in = config.linear
    for units in config.dense:
        layers += [
            nn.Dropout(config.dropout),
            *_layers.dense(n_in, units, style=_layers.LayerStyle.from_config(config)),
        ]
        n_in = units
    return [*layers, nn.Dropout(config.dropout), nn.Linear(n_in, n_labels)]


def _at(per_layer: tuple[int, ...], index: int) -> int:
    """Layer `index`'s number, the last one for all further layers; 1 for an empty list."""
    return per_layer[min(index, len(per_layer) - 1)] if per_layer else 1
