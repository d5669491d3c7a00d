"""What is done to training sound and spectrograms, one file each; knows no network and no clip's word."""

from kws_engine.registry import Registry

AUGMENTATIONS = Registry("augmentation", __name__)
