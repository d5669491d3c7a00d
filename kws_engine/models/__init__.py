"""The networks, one file each; each maps feature frames to logits."""

from kws_engine.registry import Registry

MODELS = Registry("model", __name__)
