"""Names of words and speakers, and the file names of clips."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from kws_engine.errors import ProjectError, has_controls

UNKNOWN: Final = "_unknown_"
SILENCE: Final = "_silence_"
NOISE: Final = "_background_noise_"
SPECIAL: Final = (UNKNOWN, SILENCE, NOISE)

MAX_NAME_LENGTH: Final = 60
_WINDOWS_DEVICES: Final = frozenset(
    ["con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))]
)
_FORBIDDEN: Final = '/\\:*?"<>|'
_BEFORE_TAKE: Final = "_nohash_"
_SYNTHETIC: Final = "synthetic-"
_STARTER_VOICE: Final = re.compile("(espeak|flite)[a-z]+[0-9]+")


def check_word(name: str, *, noun: str = "word") -> str:
    """The word in its stored form (Unicode NFC), valid as a folder's name on every system.

    `_unknown_`, `_silence_` and `_background_noise_` pass; every other `_name_` is refused.

    Raises:
        ProjectError: One sentence that names the word and what is wrong with it.
    """
    word = unicodedata.normalize("NFC", name)
    if fault := _fault(word):
        shown = word if len(word) <= MAX_NAME_LENGTH else word[: MAX_NAME_LENGTH - 1] + "…"
        raise ProjectError(f'The {noun} "{_printable(shown)}" {fault}.')
    return word


def _fault(word: str) -> str | None:
    if not word.strip():
        return "has no letters: type a name"
    if len(word) > MAX_NAME_LENGTH:
        return f"has {len(word)} characters: use at most {MAX_NAME_LENGTH}"
    if has_controls(word) or any(unicodedata.category(c) in ("Cc", "Cs") for c in word):
        return "holds a control character: use letters, digits, spaces and hyphens"
    if bad := next((c for c in word if c in _FORBIDDEN), None):
        return f"holds {bad}, which no folder can have in its name: leave it out"
    return _fault_at_the_ends(word)


def _fault_at_the_ends(word: str) -> str | None:
    if word.startswith("."):
        return "starts with a dot, which hides a folder: leave the dot out"
    if word != word.strip() or word.endswith("."):
        return "starts or ends with a space, or ends with a dot: leave that out"
    if word.startswith("_") and word not in SPECIAL:
        return "starts with _, which is reserved for _unknown_, _silence_ and _background_noise_: choose another name"
    if word.partition(".")[0].rstrip().casefold() in _WINDOWS_DEVICES:
        return "is the name of a device on Windows: choose another name"
    return None


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in text)


@lru_cache(maxsize=4096)
def speaker_id(text: str) -> str:
    """A speaker's id from any text: letters, digits, `-`, `_` and `.` stay, everything else becomes `-`."""
    cleaned = re.sub(r"[^\w.-]+", "-", unicodedata.normalize("NFC", text.strip()))
    cleaned = cleaned.replace("_nohash_", "-").strip("-.")[:MAX_NAME_LENGTH]
    return cleaned or "speaker"


def synthetic_speaker(voice: str) -> str:
    """The speaker's id of clips that a synthetic voice has said: the mark that they are synthetic, in every copy."""
    return speaker_id(_SYNTHETIC + voice)


def is_synthetic(speaker: str) -> bool:
    """Whether a speaker is a synthetic voice, by its id."""
    return speaker.startswith(_SYNTHETIC)


def is_machine(speaker: str) -> bool:
    """Whether a synthetic voice spoke: one of those, or of the starter project's, which are in all of its parts."""
    return is_synthetic(speaker) or _STARTER_VOICE.fullmatch(speaker) is not None


def clip_name(speaker: str, take: int) -> str:
    """The file name of a clip, as in Speech Commands: `<speaker>_nohash_<take>.wav`."""
    return f"{speaker}_nohash_{take}.wav"


def parse_clip_name(stem: str) -> tuple[str, int | None]:
    """Speaker and take of a file name without its suffix; the take is None where the name has none."""
    at = stem.find(_BEFORE_TAKE, 1)
    if at < 0:
        return speaker_id(stem), None
    take = stem[at + len(_BEFORE_TAKE) :]
    # more digits than this are not a take number, and int() refuses thousands of them
    is_number = take.isascii() and take.isdigit() and len(take) <= 9
    return speaker_id(stem[:at]), int(take) if is_number else None


def parse_name(name: str) -> tuple[str, int]:
    """Speaker and take of a clip's file name; a name without a take is take 0."""
    speaker, take = parse_clip_name(name.rpartition(".")[0])
    return speaker, take or 0


def check_new_word(name: str, others: Iterable[str]) -> str:
    """The word in its stored form, valid beside `others`.

    Raises:
        ProjectError: An invalid or special name, or one that differs from another at most in capitals.
    """
    word = check_word(name)
    if word in SPECIAL:
        what = "is made from noise while training" if word == SILENCE else "is part of every project"
        raise ProjectError(f'"{word}" {what}: choose another name.')
    for other in others:
        if other == word:
            raise ProjectError(f'The word "{word}" is there already: choose another name.')
        if other.casefold() == word.casefold():
            raise ProjectError(f'The word "{word}" differs from "{other}" only in capitals: choose another name.')
    return word


def clip_ms_for(words: Iterable[str], *, least: int) -> int:
    """How long a clip has to be for the longest of these words or phrases, in ms: 400 more for each further word."""
    return max([least, *(1000 + 400 * (min(len(word.split()), 4) - 1) for word in words)])
