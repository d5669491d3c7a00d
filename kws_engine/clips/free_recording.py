"""Stores free talk as the user's own talk and as clips of other words, and the sound of a room as noise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.clips.clip import Clip
from kws_engine.clips.free_talk import noise_of, other_words
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.own_talk import MINUTE_S, TalkPart, add_talk, part_of_minute
from kws_engine.clips.project import Project
from kws_engine.clips.split import Split
from kws_engine.clips.words import NOISE, UNKNOWN

_SPLITS: Final[dict[TalkPart, Split]] = {"training": "training", "measuring": "testing"}

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class StoredTalk:
    """Where free talk is now, and the clips of other words that were cut out of what was just added."""

    path: Path
    clips: list[Clip]


def store_talk(project: Project, samples: Samples, *, speaker: str, after: Path | None = None) -> StoredTalk:
    """Adds talk (samples,) at the project's rate to the recording `after`, or a new one, and cuts it at its pauses.

    A clip is in the part of its minute: thresholds are set by every other minute, so nothing of it may be learned.

    Raises:
        AudioError: `after` cannot be read.
        ProjectError: The disk is full or cannot be written; talk that was stored by then is kept, clips are not.
    """
    rate = project.rate
    before = round(audio.info(after).seconds * rate) if after is not None else 0
    path = add_talk(ProjectFolder(project.folder).talk, samples, rate=rate, after=after)
    minute, at = round(MINUTE_S * rate), 0
    said: list[tuple[Split, list[Samples]]] = []
    while at < len(samples):  # before the edit, which nobody else can change the project in
        end = min(len(samples), at + minute - (before + at) % minute)
        part = _SPLITS[part_of_minute((before + at) // minute)]
        said.append((part, other_words(samples[at:end], rate, clip_samples=project.clip_samples)))
        at = end
    clips: list[Clip] = []
    with project.edit as edit:
        for part, sounds in said:
            added = [edit.add_take(UNKNOWN, clip, speaker=speaker) for clip in sounds]
            if added:
                edit.set_splits(added, [part] * len(added))
            clips += added
    return StoredTalk(path, clips)


def store_room(project: Project, samples: Samples, *, speaker: str) -> list[Clip]:
    """Adds the sound of a room (samples,) to the background noise, without what is said in it; none where it is all.

    Raises:
        ProjectError: The disk is full or cannot be written; nothing is added.
    """
    pieces = noise_of(samples, project.rate)
    with project.edit as edit:
        return [edit.add_take(NOISE, piece, speaker=speaker) for piece in pieces]
