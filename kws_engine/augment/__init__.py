"""Augmentations of training sound and spectrograms, one file each."""

from kws_engine.registry import Registry

AUGMENTATIONS = Registry("augmentation", __name__)
