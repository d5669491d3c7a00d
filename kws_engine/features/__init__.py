"""What the network sees of the sound: one definition for batch, stream and exported graph; knows no network."""

from kws_engine.registry import Registry

FEATURES = Registry("feature", __name__)
