"""How fast clips are imported beside a plain copy with a hash, and the memory that it takes.

`KWS_SHARED_DATA` names the folder with recordings of people; without it the clips are made of those of the starter
project.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from kws_engine import audio, resources
from kws_engine.bench import Row
from kws_engine.bench._process import told_by
from kws_engine.bench.data import SPEAKERS, SPEECH_COMMANDS, WORDS, check_room, speaker_names
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.words import clip_name
from kws_engine.errors import KwsError

TITLE = "Import: 20,000 and 105,829 clips beside a plain copy with a hash, and the memory (a quarter of an hour, 8 GB)"
_SMALL: Final = 20_000
_TURNS: Final = 3
_ASKED_SPEED: Final = 0.6
_RATE: Final = 16_000
_MOST_RECORDINGS: Final = 2_000
_BYTES_A_CLIP: Final = 2 * 33_000
_MB: Final = 1e6


def rows() -> Iterator[Row]:
    """Yields rows for both sizes; copy and import take turns, each in a process of its own and to a new folder.

    Raises:
        KwsError: The disk has too little room, or one of them ended with an error.
    """
    small = yield from _rows(_SMALL, turns=_TURNS)
    large = yield from _rows(SPEECH_COMMANDS, turns=1)
    each = (large - small) / (SPEECH_COMMANDS - _SMALL)
    yield Row("What each further clip adds to the memory", each, "bytes", against="32,044 bytes of its file")


def _rows(clips: int, *, turns: int) -> Generator[Row, None, float]:
    """Yields the rows of one size, and returns the most memory of an import in bytes."""
    with tempfile.TemporaryDirectory(prefix="kws-import-") as name:
        folder = Path(name)
        source = make_clips(folder / "source", clips)
        found: dict[str, list[dict[str, Any]]] = {"copy": [], "import": []}
        for turn in range(turns):
            for way in ("copy", "import"):
                target = folder / f"{way}-{turn}"
                found[way].append(brought(way, source, target))
                shutil.rmtree(target)
    copy_s, import_s = (statistics.median(one["seconds"] for one in found[way]) for way in ("copy", "import"))
    of = f"{clips:,} clips"
    yield Row(f"{of}: a plain copy with a hash, median of {turns}", copy_s, "s")
    yield Row(
        f"{of}: imported, median of {turns}",
        import_s,
        "s",
        ratio=copy_s / import_s,
        against="the speed of a plain copy with a hash",
        asked=_ASKED_SPEED,
        at_least=True,
    )
    most = max(one["most_bytes"] for one in found["import"])
    yield Row(f"{of}: the most memory that an import adds", most / _MB, "MB")
    return float(most)


def brought(way: str, source: Path, target: Path) -> dict[str, Any]:
    """What `_importing` measured in a process of its own, which brought every clip.

    Raises:
        KwsError: It ended with an error, or clips are missing.
    """
    command = [sys.executable, "-m", "kws_engine.bench._importing", way, str(source), str(target)]
    values = told_by(command, failed=f"The clips of the measurement could not be brought by {way}")
    there = sum(len(files) for _, _, files in os.walk(source))
    if values["clips"] != there:
        raise KwsError(f"Only {values['clips']:,} of {there:,} clips came in by {way}: report this.")
    return values


def make_clips(folder: Path, clips: int) -> Path:
    """Writes so many clips of one second, no two alike, of 35 words and 2,618 speakers.

    Raises:
        KwsError: The disk has too little room.
    """
    check_room(folder.parent, clips, bytes_each=_BYTES_A_CLIP)
    sounds = [_second(path) for path in _recordings()]
    speakers = speaker_names()
    for word in WORDS:
        (folder / word).mkdir(parents=True)
    for number in range(clips):
        at, round_number = number // len(WORDS), number // len(sounds)
        sound = np.roll(sounds[number % len(sounds)], 7 * round_number)
        name = clip_name(speakers[at % SPEAKERS], at // SPEAKERS)
        path = folder / WORDS[number % len(WORDS)] / name
        path.write_bytes(audio.encode(sound, rate=_RATE))
    return folder


def _recordings() -> list[Path]:
    shared = os.environ.get("KWS_SHARED_DATA")
    folder = Path(shared) / "speech_commands" if shared else ProjectFolder(resources.path("starter")).clips
    paths = [path for path in sorted(folder.glob("*/*.*")) if not path.parent.name.startswith("_")]
    return paths[:: max(1, len(paths) // _MOST_RECORDINGS)]


def _second(path: Path) -> np.ndarray:
    samples = audio.read(path, rate=_RATE)[:_RATE]
    return np.pad(samples, (0, _RATE - len(samples)))
