"""What a detection can do, one file for each kind of action; nothing of it is ever kept in a model file."""

from kws_engine.registry import Registry

ACTIONS = Registry("action", __name__)
