"""MFCC: the cosine transform of log mel band energies."""

from __future__ import annotations

from dataclasses import dataclass

from kws_engine.errors import SpecError
from kws_engine.features import FEATURES
from kws_engine.features.mel import MelConfig, mel_pipeline
from kws_engine.features.pipeline import Pipeline
from kws_engine.spec import option


@dataclass(frozen=True)
class MfccConfig(MelConfig):
    """Options of MFCC."""

    bands: int = option(
        80,
        "Mel bands",
        "Frequency bands before the cosine transform; at least as many as coefficients.",
        low=4,
        high=128,
    )
    coefficients: int = option(
        40, "Coefficients", "Values per frame; fewer keep only the coarse shape of the spectrum.", low=4, high=128
    )


@FEATURES.register("mfcc", "MFCC (mel cepstrum)", MfccConfig)
def build(config: MfccConfig, *, rate: int) -> Pipeline:
    """Compact spectral shape, the usual input of keyword spotters (40 coefficients in Choi et al. 2019).

    Raises:
        SpecError: More coefficients than bands, or frequencies that do not fit the sample rate.
    """
    if config.coefficients > config.bands:
        raise SpecError(
            f"Coefficients: {config.coefficients} are more than the {config.bands} mel bands they are computed from; "
            "use fewer coefficients or more bands",
            option="coefficients",
        )
    return mel_pipeline(config, rate=rate, coefficients=config.coefficients)
