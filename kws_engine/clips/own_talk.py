"""The user's own talk: long recordings in a project, of which every other minute is kept from training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.clips.clip import audio_files
from kws_engine.errors import AudioError

TalkPart = Literal["training", "measuring"]
MINUTE_S: Final = 60.0


@dataclass(frozen=True)
class OwnTalk:
    """One minute of a recording, or the rest at its end: samples (N,) in -1..1, and where in the file they begin."""

    path: Path
    start_s: float
    samples: NDArray[np.float32]


@dataclass(frozen=True)
class Unreadable:
    """A recording that cannot be read, or only up to here, and why."""

    path: Path
    error: AudioError


def part_of_minute(minute: int) -> TalkPart:
    """Even minutes of each recording, from 0 on, are for training; odd ones for thresholds and reports."""
    return "measuring" if minute % 2 else "training"


def own_talk(folder: Path, part: TalkPart, *, rate: int) -> Iterator[OwnTalk | Unreadable]:
    """The minutes of one part of every recording in `folder`, in the order of their names; none where it is missing.

    One minute is in memory at a time.
    """
    for entry in audio_files(folder):
        path = Path(entry.path)
        try:
            for minute, block in enumerate(audio.blocks(path, rate=rate, block_seconds=MINUTE_S)):
                if part_of_minute(minute) == part:
                    yield OwnTalk(path, minute * MINUTE_S, block)
        except AudioError as error:
            yield Unreadable(path, error)
