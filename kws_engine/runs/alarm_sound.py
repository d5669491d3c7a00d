"""The sound that a model fired on falsely, with some of what came before and after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws_engine.clips.project import Project
from kws_engine.errors import AudioError
from kws_engine.operating.report import FiredOn
from kws_engine.operating.talk_hearing import Sound, talk_of
from kws_engine.runs.promising import sound_of_project
from kws_engine.spotting.model_file import SpottingModel

MARGIN_S = 1.0
"""So much is heard before and after what fired."""


def alarm_sound(path: Path, project: Path, alarm: FiredOn, *, rate: int) -> NDArray[np.float32]:
    """Samples (n,) at `rate`: the window that the model looked at, and `MARGIN_S` on both sides.

    Raises:
        ModelFileError: The model cannot be used.
        AudioError: The sound is no longer there, as when clips moved to another part since.
        ProjectError: The project's folder cannot be opened.
    """
    model = SpottingModel(path)
    sound = next((one for one in _sounds(model, project) if one.name == alarm.stream), None)
    start_s = max(0.0, alarm.at_s - model.window_samples / model.rate - MARGIN_S)
    start, stop = round(start_s * rate), round((alarm.at_s + MARGIN_S) * rate)
    at, pieces = 0, [np.zeros(0, np.float32)]
    for block in sound.blocks(rate) if sound is not None else ():
        pieces.append(block[max(0, start - at) : max(0, stop - at)])
        at += len(block)
        if at >= stop:
            break
    samples = np.concatenate(pieces)
    if not len(samples):
        raise AudioError(f"{alarm.stream} has no sound at {alarm.at_s:.1f} s any more: measure again")
    return samples


def _sounds(model: SpottingModel, project: Path) -> Iterator[Sound]:
    """What a model is tried on; the project is opened only where the shipped talk does not have it."""
    yield from talk_of("testing", model.words)
    yield from sound_of_project(Project.open(project), model, "testing")
