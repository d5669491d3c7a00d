"""L1: the sum of absolute weights."""

from __future__ import annotations

from dataclasses import dataclass

from kws_engine.regularizers import REGULARIZERS
from kws_engine.regularizers.layer_weights import LayerWeightsConfig, Penalty, penalty


@dataclass(frozen=True)
class L1Config(LayerWeightsConfig):
    """Options of L1."""


@REGULARIZERS.register("l1", "L1 (absolute weights)", L1Config)
def build(config: L1Config) -> Penalty:
    """Pulls weights to exactly zero, so that few remain: the sum of absolute weights, as in Keras."""
    return penalty(config, lambda weights: weights.abs().sum(), own="own_l1")
