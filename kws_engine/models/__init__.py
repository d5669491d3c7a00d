"""The networks, one file each; they map feature frames to logits and know neither sound nor training."""

from kws_engine.registry import Registry

MODELS = Registry("model", __name__)
