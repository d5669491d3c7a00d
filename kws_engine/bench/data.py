"""How long projects of very many clips take to open, and what a clip costs in memory."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from kws_engine import audio
from kws_engine.bench import Row
from kws_engine.bench._process import told_by
from kws_engine.clips.project import Project
from kws_engine.clips.words import clip_name
from kws_engine.errors import KwsError

TITLE = "Data: opening projects of 105,829 and 1,000,000 clips, and the memory of a clip"
SPEECH_COMMANDS: Final = 105_829  # Warden 2018, version 2
MILLION: Final = 1_000_000
WORDS: Final = (
    "backward bed bird cat dog down eight five follow forward four go happy house learn left marvin nine no off on "
    "one right seven sheila six stop three tree two up visual wow yes zero"
).split()
SPEAKERS: Final = 2_618
ASKED_WARM_S: Final = 2.0
_ASKED_BYTES: Final = 150.0  # 150 MB for a million clips
_RATE: Final = 16_000
_MOST_LINKS: Final = 50_000  # of one file; ext4 takes 65,000
_BYTES_ON_DISK: Final = 600  # of a clip: its place in a folder and its row in the index, while both are written
_LEAST_INODES: Final = 1_000


def rows() -> Iterator[Row]:
    """Yields rows for both sizes; the clips are links to a few sounds, in a temporary folder."""
    yield from _rows(SPEECH_COMMANDS, asked_s=ASKED_WARM_S)
    yield from _rows(MILLION, asked_bytes=_ASKED_BYTES)


def _rows(clips: int, *, asked_s: float | None = None, asked_bytes: float | None = None) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="kws-clips-") as folder:
        project = make_project(Path(folder), clips)
        first, warm = opened(project), opened(project)
        of = f"{clips:,} clips"
        yield Row(f"{of}: first open, every header read", first["seconds"], "s")
        yield Row(f"{of}: open again", warm["seconds"], "s", asked=asked_s)
        yield Row(f"{of}: open again, processor time", warm["cpu_seconds"], "s")
        for part, count in warm["parts"].items():
            yield Row(f"{of}: {part} part", count, "clips")
        yield Row(f"{of}: memory of the open project", warm["held_bytes"] / clips, "bytes a clip", asked=asked_bytes)
        yield Row(f"{of}: the most memory while opening again", warm["most_bytes"] / clips, "bytes a clip")
        yield Row(f"{of}: the most memory while opening first", first["most_bytes"] / clips, "bytes a clip")
        yield Row(f"{of}: choose the training part", warm["select_ms"], "ms")
        yield Row(f"{of}: store one more take", warm["take_ms"], "ms")


def opened(project: Path) -> dict[str, Any]:
    """What `_opening` measured in a process of its own.

    Raises:
        KwsError: It ended with an error.
    """
    command = [sys.executable, "-m", "kws_engine.bench._opening", str(project)]
    return told_by(command, failed="The project of the measurement could not be opened")


def speaker_names() -> list[str]:
    """Ids of 2,618 speakers, like those of Speech Commands."""
    return [hashlib.sha1(str(n).encode(), usedforsecurity=False).hexdigest()[:8] for n in range(SPEAKERS)]


def make_project(folder: Path, clips: int, *, words: Sequence[str] = WORDS) -> Path:
    """Makes a project of so many clips of these words and 2,618 speakers: links to a few synthetic sounds.

    Raises:
        KwsError: The disk has too little room, or supports no hard links.
    """
    check_room(folder, clips)
    project = Project.create(folder / "project", words=words).folder
    speakers = speaker_names()
    sounds = _sounds(folder / "sounds", clips)
    try:
        for number in range(clips):
            at = number // len(words)
            name = clip_name(speakers[at % SPEAKERS], at // SPEAKERS)
            os.link(sounds[number % len(sounds)], f"{project}/clips/{words[number % len(words)]}/{name}")
    except OSError as error:
        raise KwsError(
            f"{folder} cannot hold {clips:,} links to files ({error.strerror}): set TMPDIR to a folder on another disk."
        ) from error
    return project


def check_room(folder: Path, clips: int, *, bytes_each: int = _BYTES_ON_DISK) -> None:
    """Checks that the disk of `folder` has room for so many clips; by default, for links and their index.

    Raises:
        KwsError: It has not.
    """
    free, needed = shutil.disk_usage(folder).free, clips * bytes_each
    if free < needed:
        raise KwsError(
            f"{folder} has {free / 1e6:,.0f} MB free and {clips:,} clips need {needed / 1e6:,.0f}: "
            "free some space, or set TMPDIR to a folder on another disk."
        )
    if hasattr(os, "statvfs"):
        disk = os.statvfs(folder)
        if disk.f_files and disk.f_favail < _LEAST_INODES:
            raise KwsError(
                f"The disk of {folder} can hold only {disk.f_favail:,} more files: remove some, "
                "or set TMPDIR to a folder on another disk."
            )


def _sounds(folder: Path, clips: int) -> list[str]:
    """Writes different tones of one second, as many as needed so that none is linked too often."""
    folder.mkdir()
    paths = []
    seconds = np.arange(_RATE) / _RATE
    for number in range(max(4, -(-clips // _MOST_LINKS))):
        path = folder / f"{number}.wav"
        audio.write(path, 0.3 * np.sin(2 * np.pi * (200 + 40 * number) * seconds), rate=_RATE)
        paths.append(str(path))
    return paths
