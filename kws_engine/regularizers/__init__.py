"""Penalties on the weights, one file each; they read a network's weights and know no data."""

from kws_engine.registry import Registry

REGULARIZERS = Registry("regularizer", __name__)
