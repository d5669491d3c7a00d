"""Custom networks, built layer by layer from a list of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kws_engine import layer_rows
from kws_engine.errors import SpecError
from kws_engine.layer_rows import LayerRow
from kws_engine.models import MODELS, tracing
from kws_engine.spec import option

if TYPE_CHECKING:
    from torch import nn

_START = (
    "conv2d 16 3x3; bn; relu; maxpool 2x2; conv2d 32 3x3; bn; relu; maxpool 2x2; "
    "residual; conv2d 32 3x3; bn; relu; conv2d 32 3x3; bn; end; relu; gap; dropout 0.3"
)
_PRESETS: dict[str, dict[str, Any]] = {
    "pictures": {},
    "along time": {
        "layers": "conv1d 16 3; bn; relu; residual; conv1d 24 9 stride 2; bn; relu; conv1d 24 9; bn; end; relu; "
        "residual; conv1d 32 9 stride 2; bn; relu; conv1d 32 9; bn; end; relu; gap; dropout 0.5"
    },
    "separable": {
        "layers": "conv2d 32 5x5 stride 2; bn; relu; depthwise 3x3; bn; relu; conv2d 32 1x1; bn; relu; "
        "depthwise 3x3; bn; relu; conv2d 32 1x1; bn; relu; gap; dropout 0.2"
    },
    "dense only": {"layers": "avgpool 4x2; flatten; dense 64; bn; relu; dropout 0.3; dense 64; relu"},
}


@dataclass(frozen=True)
class CustomConfig:
    """Options of the custom network."""

    layers: tuple[LayerRow, ...] = option(
        layer_rows.parse(_START),
        "Layers",
        "From the features to the labels, one layer per row; the last layer to the labels is added automatically.",
    )


@MODELS.register("custom", "Own layers (a list of rows)", CustomConfig, presets=_PRESETS)
def build(config: CustomConfig, *, n_features: int, n_frames: int, n_labels: int) -> nn.Module:
    """Your own network, layer by layer: convolutions, pooling, norms, dropout, dense and residual rows.

    Maps (B, n_frames, n_features) to logits (B, n_labels). A row's own L1 and L2 become attributes of its layer,
    `own_l1` and `own_l2`, for the regularizers to read.

    Raises:
        SpecError: A row, named by its number, does not fit.
    """
    from torch import channels_last, nn

    from kws_engine.models import _layers, _rows

    infos = tracing.trace(config.layers, n_features, n_frames, n_labels)
    if problem := tracing.first_error(infos):
        raise SpecError(problem, option="layers")
    last = infos[-2].shape.maps if config.layers else 0
    body = _rows.build_body(config.layers, n_features=n_features, n_frames=n_frames)
    network = nn.Sequential(_layers.FeaturesAsImage(), *body, nn.Linear(last, n_labels))
    return network.to(memory_format=channels_last)  # type: ignore[call-overload, no-any-return]
