"""Peak levels of clips, and the recordings of background noise as clips."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from kws_engine import audio
from kws_engine.clips.clip import Clip
from kws_engine.clips.project import Project
from kws_engine.clips.words import NOISE
from kws_engine.errors import AudioError

_AT_ONCE = 256


def peaks_db(
    project: Project, clips: Sequence[Clip], progress: Callable[[int, int], None], should_stop: Callable[[], bool]
) -> dict[str, float]:
    """The peaks in dBFS by `word/name`, as work for `Latest`; a clip that cannot be read has none."""
    found: dict[str, float] = {}
    for at in range(0, len(clips), _AT_ONCE):
        if should_stop():
            break
        some = clips[at : at + _AT_ONCE]
        try:
            found.update(_levels(project, some))
        except (AudioError, KeyError):  # a clip was removed meanwhile, or cannot be decoded
            for clip in some:
                with contextlib.suppress(AudioError, KeyError):
                    found.update(_levels(project, [clip]))
    return found


def _levels(project: Project, clips: Sequence[Clip]) -> Iterator[tuple[str, float]]:
    return zip((clip.key for clip in clips), (peak for peak, _ in project.levels(clips)), strict=True)


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
