"""Who speaks in a file: by what a person said, by a known pattern of its name, or not known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from kws_engine.clips.import_tree import Found
from kws_engine.clips.words import parse_clip_name
from kws_engine.errors import ProjectError

_NOHASH: Final = "_nohash_"
# The Free Spoken Digit Dataset, 7_jackson_32.wav, and AudioMNIST, 7_01_32.wav in the speaker's folder 01.
_DIGIT: Final = re.compile(r"(\d)_([^\W\d_]+|\d+)_(\d{1,9})")
_SPOKEN: Final = re.compile(r"([^\W\d_]+)_(.+)_(\d{1,9})")
_FIELDS: Final = {"word": r"[^/]+?", "speaker": r"[^/]+?", "take": r"\d{1,9}", "any": r"[^/]*?"}
_FIELD: Final = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True)
class Named:
    """What a name says; empty or None where it says nothing."""

    word: str = ""
    speaker: str = ""
    take: int | None = None


@dataclass(frozen=True)
class SpeakerRule:
    """How speakers are found, as a person asked for it; all empty leaves it to the known patterns.

    Attributes:
        everyone: One speaker for all files.
        source: `file`, each file is a speaker; `folder`, each folder that files lie in; or a pattern such as
            `{word}_{speaker}_{take}`, in which `{any}` stands for anything and a slash for a folder.
    """

    everyone: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if self.everyone and self.source:
            raise ProjectError("The speakers are given twice: name one for all, or say where they are read from.")
        if self.source and not self.has_pattern and self.source not in ("file", "folder"):
            raise ProjectError(
                f'Speakers cannot be read from "{self.source[:200]}": use file, folder, or a pattern with {{speaker}}, '
                "such as {speaker}_{take} or {word}_{speaker}_{take}."
            )
        if self.has_pattern:
            self._check_fields()

    @property
    def has_pattern(self) -> bool:
        return "{" in self.source

    @property
    def gives_word(self) -> bool:
        """Whether the pattern says the word, so that folders do not."""
        return "{word}" in self.source

    def fields(self, found: Found) -> Named | None:
        """What the pattern reads in a file's name, and in the folders above it where the pattern has slashes."""
        depth = self.source.count("/")
        name = "/".join((*found.folders[len(found.folders) - depth :], found.stem))
        match = re.fullmatch(self._expression(), name) if depth <= len(found.folders) else None
        if match is None:
            return None
        parts = match.groupdict()
        take = parts.get("take")
        return Named(parts.get("word", ""), parts.get("speaker", ""), None if take is None else int(take))

    def _expression(self) -> str:
        at, parts = 0, []
        for field in _FIELD.finditer(self.source):
            parts.append(re.escape(self.source[at : field.start()]))
            name = field[1] or "any"
            parts.append(f"(?P<{name}>{_FIELDS[name]})" if name != "any" else _FIELDS[name])
            at = field.end()
        return "".join((*parts, re.escape(self.source[at:])))

    def _check_fields(self) -> None:
        names = [name or "any" for name in _FIELD.findall(self.source)]
        unknown = [name for name in names if name not in _FIELDS]
        twice = [name for name in set(names) - {"any"} if names.count(name) > 1]
        if unknown or twice or ("speaker" not in names and "word" not in names):
            fault = f"has {{{(unknown or twice)[0]}}} {'twice' if twice else 'in it'}" if unknown or twice else ""
            raise ProjectError(
                f'The pattern "{self.source[:200]}" {fault or "has no {speaker}"}: use {{word}}, {{speaker}}, {{take}} '
                "and {any}, each of the first three once, as in {word}_{speaker}_{take}."
            )


def by_known_pattern(found: Found) -> Named:
    """Speaker and take by the name of a file in the folder of a word, where the name follows a known pattern."""
    if _NOHASH in found.stem[1:]:
        speaker, take = parse_clip_name(found.stem)
        return Named("", speaker, take)
    named = digit_name(found)
    inner = found.folders[-1] if found.folders else ""
    return named if named is not None and inner in (named.word, named.speaker) else Named()


def digit_name(found: Found) -> Named | None:
    """A spoken digit, its speaker and take, as in `7_jackson_32.wav`."""
    match = _DIGIT.fullmatch(found.stem)
    if match is None or (match[2].isdigit() and match[2] not in found.folders):  # a date is no speaker
        return None
    return Named(match[1], match[2], int(match[3]))


def looks_like_word_speaker_take(names: list[str]) -> bool:
    """Whether names without an ending look as if each began with its word, as in `yes_anna_3`."""
    words = {match[1] for name in names if (match := _SPOKEN.fullmatch(name))}
    return len(words) > 1 and all(map(_SPOKEN.fullmatch, names))
