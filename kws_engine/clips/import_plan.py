"""Which files of a folder an import takes, and as which word, speaker and take, by their names alone."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from kws_engine.clips.clip import EXPECTED, SUFFIXES
from kws_engine.clips.layout import CLIPS_FOLDER, PROJECT_FILE
from kws_engine.clips.project import Project
from kws_engine.clips.split import speakers_fill_parts
from kws_engine.clips.words import NOISE, UNKNOWN, check_word, parse_clip_name, speaker_id
from kws_engine.errors import ProjectError

# Recordings of phones and browsers that libsndfile cannot read: named with a reason rather than passed over.
_TRIED: Final = SUFFIXES | {".m4a", ".aac", ".wma", ".amr", ".3gp", ".webm", ".mka", ".mp4"}


@dataclass(frozen=True)
class SkippedFile:
    """A file or folder that is not imported, and why, in a sentence."""

    path: Path
    reason: str


@dataclass(frozen=True)
class ImportFile:
    """One file to import; the take is None where its name has none."""

    path: Path
    word: str
    speaker: str
    take: int | None


@dataclass(frozen=True)
class Plan:
    """The files to import, and those known to be skipped."""

    root: Path
    files: list[ImportFile]
    skipped: list[SkippedFile]
    expected: str = EXPECTED


def plan_import(project: Project, folder: Path, *, words: Iterable[str] | None, rest_unknown: bool) -> Plan:
    """Plans the import of a folder.

    Raises:
        ProjectError: The folder is missing, is the project itself, has nothing that could be a clip, or lacks a word.
    """
    root = _root(project, folder)
    inside = _folders_with_audio(root)
    chosen = None if words is None else {unicodedata.normalize("NFC", word) for word in words}
    loose = _audio_in(root)
    skipped: list[SkippedFile] = []
    if not inside:
        inside = [root] if loose else []
        loose = []
    if not inside:
        raise ProjectError(f"{folder} holds no readable clip: it takes {EXPECTED}.")
    _check_chosen(chosen, inside, folder)
    skipped += [
        SkippedFile(path, f"{path.name} lies beside the folders of words: move it into one of them.") for path in loose
    ]
    files: list[ImportFile] = []
    known = {word.casefold(): word for word in project.words}
    for path in inside:
        word, reason = _word_of(path, chosen, known, rest_unknown)
        if reason:
            skipped.append(SkippedFile(path, reason))
        elif word:
            files += [_import_file(file, word) for file in _audio_in(path)]
    files.sort(key=lambda file: file.word == NOISE)  # long noise must not fill the disk before the words
    return Plan(root, _with_takes_of_one_speaker(project, files, root), skipped)


def _root(project: Project, folder: Path) -> Path:
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        raise ProjectError(f"{folder} {what}: choose a folder that holds {EXPECTED}.")
    root = folder / CLIPS_FOLDER if (folder / PROJECT_FILE).is_file() else folder
    own = project.folder.resolve()
    if root.resolve() == own or own in root.resolve().parents:
        raise ProjectError(f"{folder} is part of this project: choose a folder with other recordings.")
    return root


def _folders_with_audio(root: Path) -> list[Path]:
    try:
        inside = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
        return [path for path in inside if _audio_in(path)]
    except OSError as error:
        raise ProjectError(f"{root} cannot be read ({error.strerror}): check that you may open it.") from error


def _audio_in(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if not e.name.startswith(".") and e.is_file()]
    return [folder / name for name in sorted(names) if os.path.splitext(name)[1].lower() in _TRIED]


def _check_chosen(chosen: set[str] | None, inside: list[Path], folder: Path) -> None:
    names = [unicodedata.normalize("NFC", path.name) for path in inside]
    for word in sorted(chosen or ()):
        if word not in names:
            there = ", ".join(name for name in names if not name.startswith("_"))
            shown = there if len(there) < 200 else there[:200] + " …"
            raise ProjectError(f'{folder} has no clips of "{word}": choose among {shown}.')


def _word_of(
    path: Path, chosen: set[str] | None, known: dict[str, str], rest_unknown: bool
) -> tuple[str | None, str | None]:
    """The word that a folder's files become, or None to leave it out; and the reason why it cannot be imported, if any.

    `known` maps the caseless form of the words there are to the words; a new word is added to it.
    """
    name = unicodedata.normalize("NFC", path.name)
    if name in (NOISE, UNKNOWN):
        return name, None
    if chosen is not None and name not in chosen:
        if not rest_unknown:
            return None, None
        return known.get(name.casefold(), UNKNOWN), None
    if name.startswith("_"):
        return None, f"{name} starts with _, so it is not a word: rename the folder to import it."
    try:
        word = check_word(name)
    except ProjectError as error:
        return None, str(error)
    return known.setdefault(word.casefold(), word), None


def _import_file(path: Path, word: str) -> ImportFile:
    speaker, take = parse_clip_name(unicodedata.normalize("NFC", path.stem))
    if "_nohash_" not in path.stem:
        take = 0
    return ImportFile(path, word, speaker_id(speaker), take)


def _with_takes_of_one_speaker(project: Project, files: list[ImportFile], root: Path) -> list[ImportFile]:
    """Makes first clips the takes of one speaker where they name none and could not be split by their names."""
    clips = [file for file in files if file.word != NOISE]
    nameless = all("_nohash_" not in file.path.stem for file in clips)
    if project.is_split_settled or not nameless or speakers_fill_parts(file.speaker for file in clips):
        return files
    speaker = speaker_id(root.name)
    return [file if file.word == NOISE else replace(file, speaker=speaker, take=None) for file in files]
