"""The user's own talk: long recordings in a project, of which every other minute is kept from training."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.clips.clip import audio_files
from kws_engine.clips.takes import write_audio
from kws_engine.disk import publish, storing, temporary_beside
from kws_engine.errors import AudioError

TalkPart = Literal["training", "measuring"]
MINUTE_S: Final = 60.0
_NAME: Final = "talk-{}.wav"  # of a recording made by this program


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


def seconds_of_talk(folder: Path) -> float:
    """How much talk is in a folder; unreadable recordings do not count."""
    seconds = 0.0
    for entry in audio_files(folder):
        try:
            seconds += audio.info(entry.path).seconds
        except AudioError:
            continue
    return seconds


def add_talk(folder: Path, samples: NDArray[np.float32], *, rate: int, after: Path | None = None) -> Path:
    """Stores talk (N,), at the end of the recording `after` or in a new one, whole or not at all.

    Raises:
        AudioError: `after` cannot be read.
        ProjectError: The folder cannot be written or the disk is full; what was there stays.
    """
    if after is not None:
        samples = np.concatenate((audio.read(after, rate=rate), samples))
    name = after or folder / _NAME.format(1)
    with storing(name):
        folder.mkdir(parents=True, exist_ok=True)
        with temporary_beside(name) as temporary:
            write_audio(temporary, samples, rate=rate, shown=name.name)
            if after is not None:
                os.replace(temporary, after)
                return after
            return publish(temporary, folder, names=(_NAME.format(number) for number in itertools.count(1)))
