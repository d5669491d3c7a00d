"""One recording of one word, and folders of them in Speech Commands layout."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from kws_engine import audio
from kws_engine.clips.split import Split, which_set
from kws_engine.clips.words import NOISE, SILENCE, UNKNOWN, parse_clip_name
from kws_engine.errors import AudioError, ProjectError

SUFFIXES: Final = frozenset(
    ".wav .wave .bwf .rf64 .w64 .flac .ogg .oga .opus .spx .mp3 .mp2 .mpga .aif .aiff .aifc .au .snd .caf .m4a .m4b"
    " .mp4 .mov .qta .3gp .3g2 .3ga .aac .wma .asf .amr .awb .webm .weba .mka .mkv .ac3 .eac3 .wv .tta .ape .voc"
    " .dss".split()
)
LONGEST_CLIP_S: Final = 30.0
EXPECTED: Final = "one folder per word, with WAV, FLAC, OGG, MP3 or M4A files in it"


@dataclass(frozen=True)
class Clip:
    """One recording of one word; `take` counts a speaker's recordings of that word from 0."""

    path: Path
    word: str
    speaker: str
    take: int
    split: Split
    seconds: float
    excluded: bool = False

    @property
    def key(self) -> str:
        """`word/name`, by which the project's lists and tables name it."""
        return f"{self.word}/{self.path.name}"


def moved_with_word(clip: Clip, word: str) -> Clip:
    """The clip where its word has another name."""
    return replace(clip, path=clip.path.parent.parent / word / clip.path.name, word=word)


def file_at(path: Path) -> Clip:
    """A clip of which nothing but its file counts, as where it is deleted."""
    return Clip(path, path.parent.name, "", 0, "training", 0.0)


def key_at(path: Path) -> str:
    """`word/name` of the clip with this file."""
    return f"{path.parent.name}/{path.name}"


def word_of(key: str) -> str:
    """The word in `word/name`."""
    return key.partition("/")[0]


def name_of(key: str) -> str:
    """The file's name in `word/name`."""
    return key.partition("/")[2]


@dataclass(frozen=True)
class WordSummary:
    """How much of a word there is: clips per part, speakers, seconds."""

    training: int
    validation: int
    testing: int
    speakers: int
    seconds: float


def is_audio_name(name: str) -> bool:
    """Whether a file of this name counts as a clip; hidden files do not."""
    return not name.startswith(".") and (name.endswith(".wav") or os.path.splitext(name)[1].lower() in SUFFIXES)


def audio_files(folder: Path) -> list[os.DirEntry[str]]:
    """The audio files directly in a folder, sorted by name; none where the folder is missing."""
    try:
        with os.scandir(folder) as entries:
            return sorted((e for e in entries if is_audio_name(e.name) and e.is_file()), key=lambda e: e.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ProjectError(f"{folder} cannot be read ({error.strerror}): check that you may open it.") from error


def word_folders(folder: Path) -> list[Path]:
    """The folders of words in Speech Commands layout, with `_unknown_` but without other `_folders` and hidden ones."""
    try:
        inside = sorted(path for path in folder.iterdir() if path.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ProjectError(f"{folder} cannot be read ({error.strerror}): choose a folder of clips.") from error
    return [path for path in inside if path.name == UNKNOWN or not path.name.startswith(("_", "."))]


def layout_clips(folder: Path, *, with_unreadable: bool = False, with_silence: bool = False) -> list[Clip]:
    """The clips of a folder in Speech Commands layout, split by the speakers' hashes.

    Unreadable files are left out, or come with 0 seconds. A folder `_silence_` counts only where it is asked for.

    Raises:
        ProjectError: The folder is missing or holds no readable clip.
    """
    if not folder.is_dir():
        raise ProjectError(f"There is no folder {folder}: choose one that holds {EXPECTED}.")
    words = word_folders(folder)
    if with_silence and (folder / SILENCE).is_dir():
        words.append(folder / SILENCE)
    clips = [clip for word in words for clip in _clips_of(word)]
    readable = [clip for clip in clips if clip.seconds > 0]
    if not readable:
        deeper = [word for word in words if any(map(audio_files, word_folders(word)))]
        if deeper:
            choice = " or ".join(str(one) for one in deeper[:3])
            raise ProjectError(
                f"The recordings in {folder} lie two folders deep, but one folder per word is expected: choose "
                f"{choice}, or import them into a project."
            )
        raise ProjectError(f"{folder} holds no readable clip: it takes {EXPECTED} ({NOISE} is not counted).")
    return clips if with_unreadable else readable


def _clips_of(folder: Path) -> Iterator[Clip]:
    for entry in audio_files(folder):
        path = Path(entry.path)
        try:
            frames, rate = audio.measure(path, max_seconds=LONGEST_CLIP_S)
            seconds = frames / rate
        except AudioError:
            seconds = 0.0
        speaker, take = parse_clip_name(path.stem)
        yield Clip(path, folder.name, speaker, take or 0, which_set(speaker), seconds)
