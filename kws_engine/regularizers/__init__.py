"""Penalties on the weights of a network, one file each."""

from kws_engine.registry import Registry

REGULARIZERS = Registry("regularizer", __name__)
