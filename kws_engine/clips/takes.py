"""New takes, written under numbers that were never used before."""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.clips import trash
from kws_engine.clips.layout import CLIPS_FOLDER
from kws_engine.clips.trash import Deletion
from kws_engine.clips.words import clip_name, parse_clip_name, parse_name
from kws_engine.disk import publish, storing, temporary_beside
from kws_engine.errors import AudioError, ProjectError


class TakeNumbers:
    """The take numbers used for one word, deleted takes included."""

    def __init__(self, project_folder: Path, word: str) -> None:
        folder = Path(CLIPS_FOLDER) / word
        self._present: set[tuple[str, int]] = set()
        self._next: dict[str, int] = defaultdict(int)
        for name in os.listdir(project_folder / folder) if (project_folder / folder).is_dir() else ():
            self.use(name)
        for name in trash.trashed_names(project_folder, folder):
            self._pass(name)

    def is_present(self, speaker: str, take: int) -> bool:
        """Whether the folder has a file of this speaker and take."""
        return (speaker, take) in self._present

    def next(self, speaker: str) -> int:
        """The number after the highest that the speaker ever used for this word."""
        return self._next[speaker]

    def use(self, name: str) -> None:
        """Notes a file as present."""
        self._present.add(self._pass(name))

    def __len__(self) -> int:
        return len(self._present)

    def _pass(self, name: str) -> tuple[str, int]:
        speaker, take = parse_name(name)
        self._next[speaker] = max(self._next[speaker], take + 1)
        return speaker, take


def take_names(speaker: str, first: int, suffix: str = ".wav") -> Iterator[str]:
    """The names of a speaker's takes, from number `first` on."""
    for take in itertools.count(first):
        yield str(Path(clip_name(speaker, take)).with_suffix(suffix))


def publish_take(temporary: Path, folder: Path, *, speaker: str, first: int) -> Path:
    """Gives a finished file the speaker's first free number from `first` on; another program may be doing the same."""
    return publish(temporary, folder, names=take_names(speaker, first))


def wav_in_place_of(path: Path, project_folder: Path) -> Path:
    """The path of a WAV that replaces the clip at `path`; it gets a new name where another take has that very one."""
    target = path.with_suffix(".wav")
    if target == path or not target.exists():
        return target
    speaker, _ = parse_clip_name(path.stem)
    return target.with_name(clip_name(speaker, TakeNumbers(project_folder, path.parent.name).next(speaker)))


def write_take(samples: NDArray[np.float32], folder: Path, *, speaker: str, first: int, rate: int) -> Path:
    """Writes a recording (samples,) under the speaker's first free number; it appears whole or not at all.

    Raises:
        ProjectError: The folder cannot be written or the disk is full.
    """
    name = folder / clip_name(speaker, first)
    with storing(name):
        folder.mkdir(parents=True, exist_ok=True)
        with temporary_beside(name) as temporary:
            write_audio(temporary, samples, rate=rate, shown=name.name)
            return publish_take(temporary, folder, speaker=speaker, first=first)


def replace_take(samples: NDArray[np.float32], path: Path, project_folder: Path, *, rate: int) -> tuple[Path, Deletion]:
    """Puts a recording (samples,) in the place of a clip and the old one into the trash.

    The old file stays until the new one is complete: a crash in between loses neither.

    Returns:
        Where the new recording is, and the deletion of the old one.

    Raises:
        ProjectError: The folder cannot be written or the disk is full; the old recording is where it was.
    """
    target = wav_in_place_of(path, project_folder)
    with storing(target), temporary_beside(target) as temporary:
        write_audio(temporary, samples, rate=rate, shown=target.name)
        with trash.kept_copy(project_folder, path.relative_to(project_folder)) as deletion:
            os.replace(temporary, target)
            if target != path:
                _give_way(path, target)
    return target, deletion


def _give_way(path: Path, target: Path) -> None:
    try:
        path.unlink()
    except OSError:  # Windows does not remove open files
        target.unlink()
        raise


def write_audio(path: Path, samples: NDArray[np.float32], *, rate: int, shown: str) -> None:
    """Writes audio at a temporary path; an error names the file as it would have been called.

    Raises:
        ProjectError: As `audio.write`.
    """
    try:
        audio.write(path, samples, rate=rate)
    except AudioError as error:
        raise ProjectError(str(error).replace(path.name, shown)) from error
