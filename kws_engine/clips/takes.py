"""New files of clips under numbers that were never used; knows nothing of splits or of the index."""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.clips import trash
from kws_engine.clips.layout import CLIPS
from kws_engine.clips.words import clip_name, parse_clip_name, parse_name
from kws_engine.disk import publish, storing, temporary_beside
from kws_engine.errors import AudioError, ProjectError


class TakeNumbers:
    """The numbers used in the folder of one word, those of deleted takes among them."""

    def __init__(self, project_folder: Path, word: str) -> None:
        folder = Path(CLIPS) / word
        self._present: set[tuple[str, int]] = set()
        self._next: dict[str, int] = defaultdict(int)
        for name in os.listdir(project_folder / folder) if (project_folder / folder).is_dir() else ():
            self.use(name)
        for name in trash.trashed_names(project_folder, folder):
            self._pass(name)

    def is_present(self, speaker: str, take: int) -> bool:
        """Whether a file of this speaker and take stands in the folder."""
        return (speaker, take) in self._present

    def next(self, speaker: str) -> int:
        """The number after the highest that the speaker ever used for this word."""
        return self._next[speaker]

    def use(self, name: str) -> None:
        """Note a file's name as present."""
        self._present.add(self._pass(name))

    def _pass(self, name: str) -> tuple[str, int]:
        speaker, take = parse_name(name)
        self._next[speaker] = max(self._next[speaker], take + 1)
        return speaker, take


def publish_take(temporary: Path, folder: Path, *, speaker: str, first: int) -> Path:
    """Give a finished file the speaker's first free number from `first` on; another program may be doing the same."""
    return publish(temporary, folder, names=(clip_name(speaker, take) for take in itertools.count(first)))


def wav_in_place_of(path: Path, project_folder: Path) -> Path:
    """Where a WAV belongs that replaces the clip at `path`: beside another take of that very name it gets a new one."""
    target = path.with_suffix(".wav")
    if target == path or not target.exists():
        return target
    speaker, _ = parse_clip_name(path.stem)
    return target.with_name(clip_name(speaker, TakeNumbers(project_folder, path.parent.name).next(speaker)))


def write_take(samples: NDArray[np.float32], folder: Path, *, speaker: str, first: int, rate: int) -> Path:
    """Write a recording (samples,) under the speaker's first free number; it appears whole or not at all.

    Raises:
        ProjectError: the folder cannot be written or the disk is full.
    """
    name = folder / clip_name(speaker, first)
    with storing(name):
        folder.mkdir(parents=True, exist_ok=True)
        with temporary_beside(name) as temporary:
            write_audio(temporary, samples, rate=rate, shown=name.name)
            return publish_take(temporary, folder, speaker=speaker, first=first)


def replace_take(samples: NDArray[np.float32], path: Path, project_folder: Path, *, rate: int) -> Path:
    """Put a recording (samples,) in the place of a clip and the old one into the trash; gives where the new one is.

    The old file stands until the new one does: a crash in between loses neither.

    Raises:
        ProjectError: the folder cannot be written or the disk is full; the old recording is where it was.
    """
    target = wav_in_place_of(path, project_folder)
    with storing(target), temporary_beside(target) as temporary:
        write_audio(temporary, samples, rate=rate, shown=target.name)
        with trash.second_name(project_folder, path.relative_to(project_folder)):
            os.replace(temporary, target)
            if target != path:
                _give_way(path, target)
    return target


def _give_way(path: Path, target: Path) -> None:
    try:
        path.unlink()
    except OSError:  # Windows removes no file that somebody has open
        target.unlink()
        raise


def write_audio(path: Path, samples: NDArray[np.float32], *, rate: int, shown: str) -> None:
    """Write audio at a temporary path and name the file that it shall be when that fails.

    Raises:
        ProjectError: as `audio.write`.
    """
    try:
        audio.write(path, samples, rate=rate)
    except AudioError as error:
        raise ProjectError(str(error).replace(path.name, shown)) from error
