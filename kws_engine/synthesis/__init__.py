"""Words spoken by synthetic voices, one file for each synthesizer."""

from kws_engine.registry import Registry

SYNTHESIZERS = Registry("synthesizer", __name__)
