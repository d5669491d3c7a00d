"""What exports leave out, whatever the format."""

from __future__ import annotations

from kws_engine.spotting.model_file import SpottingModel


def notes_on(model: SpottingModel) -> tuple[str, ...]:
    """Sentences on what a graph of sound to scores does not hold of a model."""
    notes = ["Thresholds, re-arming and the pause after a detection are up to the program that takes the scores."]
    if model.second is not None:
        notes.append(
            "The second look is left out, and the thresholds are not meant for that: it fires falsely more often. "
            "--to openwakeword exports the second look instead."
        )
    return tuple(notes)
