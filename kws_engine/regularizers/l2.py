"""L2: the sum of squared weights."""

from __future__ import annotations

from dataclasses import dataclass

from kws_engine.regularizers import REGULARIZERS
from kws_engine.regularizers.layer_weights import LayerWeightsConfig, Penalty, penalty


@dataclass(frozen=True)
class L2Config(LayerWeightsConfig):
    """Options of L2."""


@REGULARIZERS.register("l2", "L2 (squared weights)", L2Config)
def build(config: L2Config) -> Penalty:
    """Keeps weights small, so that none dominates: the sum of squared weights in the loss, not AdamW's weight decay.

    As in Keras. Weight decay shrinks weights apart from the loss (Loshchilov & Hutter 2019); Training explains it.
    """
    return penalty(config, lambda weights: weights.square().sum(), own="own_l2")
