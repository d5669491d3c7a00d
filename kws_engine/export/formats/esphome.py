"""ESPHome's micro_wake_word; says why a network from here cannot run there."""

from __future__ import annotations

from dataclasses import dataclass

from kws_engine.errors import KwsError
from kws_engine.export.formats import FORMATS, Exported
from kws_engine.spotting.model_file import SpottingModel


@dataclass(frozen=True)
class EsphomeConfig:
    """No options."""


@FORMATS.register("esphome", "ESPHome (micro_wake_word)", EsphomeConfig)
def build(config: EsphomeConfig, *, model: SpottingModel) -> Exported:
    """Not possible: the device computes features of its own, which no network from here was trained on.

    Raises:
        KwsError: Always; it says what to use.
    """
    raise KwsError(
        f"A microcontroller cannot run {model.path.name}: ESPHome's micro_wake_word computes features of its own (40 "
        f"bands with noise suppression and gain control), and this network was trained on "
        f"{model.manifest.feature['name']}; let the device send its sound to Home Assistant, and run kws serve there"
    )
