"""Which files of a folder would come into a project, as which word, speaker and take; reads names, no sound."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from kws_engine.clips.clip import EXPECTED, SUFFIXES
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.clips.split import speakers_fill_parts
from kws_engine.clips.words import NOISE, UNKNOWN, check_word, parse_clip_name, speaker_id
from kws_engine.errors import ProjectError

# Recordings of phones and browsers that libsndfile cannot read: named with a reason rather than passed over.
_TRIED: Final = SUFFIXES | {".m4a", ".aac", ".wma", ".amr", ".3gp", ".webm", ".mka", ".mp4"}


@dataclass(frozen=True)
class Skipped:
    """A file or folder that did not come in, and why, in a sentence."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Source:
    """One file to take in; the take is None where its name gives none."""

    path: Path
    word: str
    speaker: str
    take: int | None


@dataclass(frozen=True)
class Plan:
    """The files to take in, and what is known to stay out."""

    root: Path
    sources: list[Source]
    skipped: list[Skipped]
    expected: str = EXPECTED


def plan_import(project: Project, folder: Path, *, words: Iterable[str] | None, rest_unknown: bool) -> Plan:
    """Look through a folder by names alone.

    Raises:
        ProjectError: the folder is missing, is the project itself, has nothing that could be a clip, or lacks a word.
    """
    root = _root(project, folder)
    inside = _folders_with_audio(root)
    chosen = None if words is None else {unicodedata.normalize("NFC", word) for word in words}
    loose = _audio_in(root)
    skipped: list[Skipped] = []
    if not inside:
        inside, loose = [root] if loose else [], []
    if not inside:
        raise ProjectError(f"{folder} holds no readable clip: it takes {EXPECTED}.")
    _check_chosen(chosen, inside, folder)
    skipped += [
        Skipped(path, f"{path.name} lies beside the folders of words: move it into one of them.") for path in loose
    ]
    sources: list[Source] = []
    known = {word.casefold(): word for word in project.words}
    for path in inside:
        word, reason = _word_of(path, chosen, known, rest_unknown)
        if reason:
            skipped.append(Skipped(path, reason))
        elif word:
            sources += [_source(file, word) for file in _audio_in(path)]
    sources.sort(key=lambda source: source.word == NOISE)  # long noise must not fill the disk before the words
    return Plan(root, _with_takes_of_one_speaker(project, sources, root), skipped)


def _root(project: Project, folder: Path) -> Path:
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        raise ProjectError(f"{folder} {what}: choose a folder that holds {EXPECTED}.")
    root = ProjectFolder(folder).clips if ProjectFolder(folder).is_project else folder
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
    """The word that a folder's files become, None to pass it over; or the reason why it cannot be taken.

    `known` has the words there are by their caseless form; a new word is added to it.
    """
    name = unicodedata.normalize("NFC", path.name)
    if name in (NOISE, UNKNOWN):
        return name, None
    if chosen is not None and name not in chosen:
        if not rest_unknown:
            return None, None
        return known.get(name.casefold(), UNKNOWN), None
    if name.startswith("_"):
        return None, f"{name} starts with _, so it is no word: rename the folder to import it."
    try:
        word = check_word(name)
    except ProjectError as error:
        return None, str(error)
    return known.setdefault(word.casefold(), word), None


def _source(path: Path, word: str) -> Source:
    speaker, take = parse_clip_name(unicodedata.normalize("NFC", path.stem))
    if "_nohash_" not in path.stem:
        take = 0
    return Source(path, word, speaker_id(speaker), take)


def _with_takes_of_one_speaker(project: Project, sources: list[Source], root: Path) -> list[Source]:
    """First clips that name no speakers, and too few to be split by their names, are the takes of one speaker."""
    clips = [source for source in sources if source.word != NOISE]
    nameless = all("_nohash_" not in source.path.stem for source in clips)
    if project.is_split_settled or not nameless or speakers_fill_parts(source.speaker for source in clips):
        return sources
    speaker = speaker_id(root.name)
    return [s if s.word == NOISE else replace(s, speaker=speaker, take=None) for s in sources]
