"""Peak levels of clips, and the recordings of background noise as clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from kws_engine import audio
from kws_engine.clips.clip import Clip
from kws_engine.clips.project import Project
from kws_engine.clips.words import NOISE
from kws_engine.errors import AudioError

_AT_ONCE = 32


def peaks_db(
    project: Project, clips: Sequence[Clip], progress: Callable[[int, int], None], should_stop: Callable[[], bool]
) -> dict[Path, float]:
    """The peaks in dBFS by path, as work for `Latest`; a clip that cannot be read has none."""
    found: dict[Path, float] = {}
    for at in range(0, len(clips), _AT_ONCE):
        if should_stop():
            break
        some = clips[at : at + _AT_ONCE]
        try:
            found.update(zip((c.path for c in some), (peak for peak, _ in project.levels(some)), strict=True))
        except (AudioError, KeyError):  # a clip was removed meanwhile, or cannot be decoded
            continue
    return found


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
