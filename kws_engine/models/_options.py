"""The options that networks share. Does not import torch, so that forms can be built without it."""

from __future__ import annotations

from typing import Any

from kws_engine.spec import option

DROPOUT_HIGH = 0.9


def dropout(default: float, what: str) -> Any:
    """Dropout of single values; `what` names them, as in "the last layer's inputs"."""
    return option(
        default,
        "Dropout",
        f"Share of {what} dropped in training, against overfitting.",
        low=0.0,
        high=DROPOUT_HIGH,
    )


def spatial_dropout(default: float = 0.0) -> Any:
    """Dropout of whole feature maps, after the activation of each convolution."""
    return option(
        default,
        "Spatial dropout",
        "Share of each convolution's feature maps dropped whole in training: neighbouring values carry much the same "
        "information, so that dropping single ones regularises little.",
        low=0.0,
        high=DROPOUT_HIGH,
        advanced=True,
    )


def batch_norm(default: bool = True) -> Any:
    """Batch norm, or a bias for each layer."""
    return option(default, "Batch norm", "Normalises each layer over the batch; off gives each layer a bias.")


def bn_momentum() -> Any:
    """Momentum as in Keras: 1 minus that of torch."""
    return option(
        0.9,
        "Batch norm momentum",
        "Share of the running mean and variance that each training step keeps (as in Keras); lower it when a run has "
        "few steps.",
        low=0.0,
        high=0.999,
        advanced=True,
        shown_when=("batch_norm", True),
    )


def width() -> Any:
    """A factor for every channel count; scaled counts are at least 1."""
    return option(
        1.0, "Width multiplier", "Scales every channel count; more learns more and overfits sooner.", low=0.25, high=4.0
    )
