"""The log mel spectrogram."""

from __future__ import annotations

from dataclasses import dataclass

from kws_engine.features import FEATURES
from kws_engine.features.mel import MelConfig, mel_pipeline
from kws_engine.features.pipeline import Pipeline


@dataclass(frozen=True)
class LogMelConfig(MelConfig):
    """Options of the log mel spectrogram."""


@FEATURES.register("log_mel", "Log mel spectrogram", LogMelConfig)
def build(config: LogMelConfig, *, rate: int) -> Pipeline:
    """What a spectrogram shows; suits networks that look for local patterns (Sainath & Parada 2015).

    Raises:
        SpecError: Frequencies that do not fit each other or the sample rate.
    """
    return mel_pipeline(config, rate=rate)
