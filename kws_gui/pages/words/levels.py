"""Peak levels of clips, and the recordings of background noise as clips."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.clips.clip import Clip
from kws_engine.clips.project import Project
from kws_engine.clips.table import ClipList, ClipTable
from kws_engine.clips.words import NOISE
from kws_engine.errors import AudioError

_AT_ONCE = 256


def peaks_db(
    project: Project, clips: ClipList, progress: Callable[[int, int], None], should_stop: Callable[[], bool]
) -> tuple[ClipTable, NDArray[np.float32]]:
    """The table of the clips and their peaks (N,) in dBFS in it, as work for `Latest`; NaN for all others."""
    found = np.full(len(clips.table), np.nan, np.float32)
    for at in range(0, len(clips), _AT_ONCE):
        if should_stop():
            break
        some = clips[at : at + _AT_ONCE]
        try:
            found[some.indices] = [peak for peak, _ in project.levels(some)]
        except (AudioError, KeyError):  # a clip was removed meanwhile, or cannot be decoded
            for row, clip in zip(some.indices.tolist(), some, strict=True):
                with contextlib.suppress(AudioError, KeyError):
                    found[row] = project.levels([clip])[0][0]
    return clips.table, found


def noise_clips(project: Project) -> list[Clip]:
    """The recordings of background noise as rows of the table; unreadable ones are left out."""
    rows = []
    for path in project.noises():
        try:
            seconds = audio.info(path).seconds
        except AudioError:
            continue
        rows.append(Clip(path, NOISE, "", 0, "training", seconds))
    return rows
