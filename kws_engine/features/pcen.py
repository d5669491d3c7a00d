"""PCEN: mel band energies divided by their own running level."""

from __future__ import annotations

from dataclasses import dataclass

from kws_engine.features import FEATURES
from kws_engine.features.mel import MelConfig, mel_pipeline
from kws_engine.features.pipeline import Pipeline
from kws_engine.features.temporal import Pcen
from kws_engine.spec import option


@dataclass(frozen=True)
class PcenConfig(MelConfig):
    """Options of PCEN, named as in the paper."""

    floor: float = option(
        1e-6,
        "Noise floor",
        "Power added to the running level before it divides; raise it to ignore faint sound.",
        low=1e-10,
        high=1.0,
        log=True,
        advanced=True,
    )
    smoothing: float = option(
        0.025,
        "Smoothing",
        "A frame's share in the running level (s); larger follows the loudness faster and flattens words.",
        low=0.001,
        high=0.5,
        log=True,
    )
    gain: float = option(
        0.98,
        "Gain control",
        "How much of the running level is divided out (alpha); 0 keeps the loudness, 1 removes it.",
        low=0.0,
        high=1.0,
    )
    bias: float = option(
        2.0,
        "Bias",
        "Added before the root (delta); larger suppresses what hardly stands out.",
        low=0.01,
        high=100,
        log=True,
    )
    power: float = option(
        0.5, "Power", "The exponent that compresses what is left (r); smaller compresses more.", low=0.05, high=1.0
    )


@FEATURES.register("pcen", "PCEN (normalised mel energies)", PcenConfig)
def build(config: PcenConfig, *, rate: int) -> Pipeline:
    """Automatic gain control for every band: what changes stands out, whether near or far (Wang et al. 2017).

    The running level starts with the window that is classified, in training and live alike (see `features.temporal`).

    Raises:
        SpecError: Frequencies that do not fit each other or the sample rate.
    """
    pcen = Pcen(config.smoothing, config.gain, config.bias, config.power, config.floor)
    return mel_pipeline(config, rate=rate, pcen=pcen)
