"""The features that networks see of sound; each is defined once for batch, stream and exported graph."""

from kws_engine.registry import Registry

FEATURES = Registry("feature", __name__)
