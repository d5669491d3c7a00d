"""What sounds almost like a word: other words for it to be told from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final

from kws_engine.synthesis import _espeak
from kws_engine.synthesis.script import language_of
from kws_engine.synthesis.speaking import speakable
from kws_engine.synthesis.voice import is_phonemic

_CONSONANTS: Final = {
    "p": "t k f b", "b": "d g v p", "t": "k p s d", "d": "b g D t", "k": "t p g", "g": "d b k", "f": "T s p v",
    "v": "b D w f", "T": "f s t D", "D": "d v z T", "s": "S T f z", "z": "Z D v s", "S": "s tS Z", "Z": "z dZ S",
    "tS": "S t dZ", "dZ": "d Z tS", "m": "n b", "n": "m N l", "N": "n m", "l": "r w n", "r": "l w", "w": "r v l",
    "j": "w l", "h": "f k",
}  # fmt: skip
_VOWELS: Final = {
    "a": "E V e o", "aa": "E V", "E": "a I eI", "I": "E i:", "i:": "I eI", "0": "E V O: a", "V": "a 0", "U": "u: V",
    "u:": "U oU", "@": "E a", "3:": "O: A: E", "A:": "0 V a", "O:": "0 oU", "eI": "aI E i:", "aI": "eI oI aU",
    "oI": "aI O:", "oU": "O: u: aU", "aU": "oU a", "e": "a i E", "i": "e I", "o": "u a O", "u": "o U", "O": "o 0",
}  # fmt: skip
_SIMILAR: Final = _CONSONANTS | _VOWELS
"""Phonemes in espeak-ng's mnemonics -> those that are taken for them, with or without voice last."""
_VOICED: Final = {"p": "b", "t": "d", "k": "g", "f": "v", "T": "D", "s": "z", "S": "Z", "tS": "dZ"}
_VOICELESS: Final = {voiced: voiceless for voiceless, voiced in _VOICED.items()}
_ADDED: Final = ("s", "t", "n", "l", "r", "k", "m", "d")
_LETTERS: Final = {
    "a": "e o u", "b": "p d v", "c": "g k t", "d": "t b", "e": "a i", "f": "v th", "g": "k d", "h": "f", "i": "e ee y",
    "j": "ch g", "k": "g t", "l": "r w", "m": "n", "n": "m l", "o": "a u oo", "p": "b t", "q": "g", "r": "l w",
    "s": "sh z f", "t": "d p k", "u": "o a", "v": "f b", "w": "v r", "x": "s", "y": "i", "z": "s", "th": "f s d",
    "sh": "s ch", "ch": "sh j", "ph": "v", "st": "sh t s", "ee": "i ay", "oo": "u o",
}  # fmt: skip
_STRESS: Final = "',%="
_NEAREST, _FARTHEST = 0.5, 1.5  # edits of a spelling: nearer is how the word itself is said, too


def neighbours(word: str, *, count: int, language: str = "en") -> list[str]:
    """At most `count` texts that sound near a word or phrase, none of them twice, each for `say_many`.

    In turn `[[...]]`, which only synthesizers that read phonemes say: its halves, then its phonemes with one replaced
    by one that is taken for it, dropped or added; and spellings that are read about so. Of a phrase, its words and
    their other order come first. What differs by an unstressed vowel alone is the word itself and left out. Without
    espeak-ng all this goes by letters.

    Raises:
        KwsError: The word cannot be said, or espeak-ng failed.
    """
    text = speakable(word)
    words = text.split(" ")
    found: list[str] = []
    if len(words) > 1:
        found += [
            *words,
            " ".join(reversed(words)),
            *(" ".join(words[:at] + words[at + 1 :]) for at in range(len(words))),
        ]
    accents = _espeak.accents(language_of(text, language))
    kinds = [_by_sound(text, accents[0]), _spelled(text, accents[0])] if accents else [_by_letters(text)]
    found += [one for row in zip_longest(*kinds) for one in row if one is not None]
    return [one for one in dict.fromkeys(found) if one.casefold() != text.casefold()][:count]


def _by_letters(text: str) -> list[str]:
    middle = max(1, len(text) // 2)
    halves = [text[:middle].strip(), text[middle:].strip()] if len(text) > 3 else []
    return [*halves, *_edited_letters(text)]


def _spelled(text: str, voice: str) -> list[str]:
    """Spellings that are read with about one phoneme changed."""
    if is_phonemic(text) or not any(map(str.isalpha, text)):
        return []
    candidates = list(dict.fromkeys(_edited_letters(text.lower())))
    own, *others = (_split(read) for read in _espeak.phonemes([text, *candidates], voice, style="mnemonics"))
    far = {candidate: _distance(own, sounds) for candidate, sounds in zip(candidates, others, strict=True) if sounds}
    seen: dict[tuple[str, ...], str] = {}
    for candidate, sounds in zip(candidates, others, strict=True):
        if _NEAREST <= far.get(candidate, 0) <= _FARTHEST:
            seen.setdefault(tuple(map(_plain, sounds)), candidate)
    return list(seen.values())


def _by_sound(text: str, voice: str) -> list[str]:
    """Halves and changed phonemes as `[[...]]`; only what espeak-ng reads as it was meant."""
    checked = _espeak.checked(text, voice)
    (read,) = _espeak.phonemes([checked], voice, style="mnemonics")
    sounds = _split(read)
    if not sounds:
        return []
    wanted = [*_halves(sounds), *_changed(sounds)]
    texts = [f"[[{'|'.join(one)}]]" for one in wanted]
    meant = [[_plain(sound) for sound in one] for one in wanted]
    heard = [[_plain(sound) for sound in _split(one)] for one in _espeak.phonemes(texts, voice, style="mnemonics")]
    return [one for one, is_so in zip(texts, (a == b for a, b in zip(meant, heard, strict=True)), strict=True) if is_so]


def _split(read: str) -> list[str]:
    pieces = re.split(r"[_\s|]+", _espeak.SWITCH.sub("_", read))
    return [sound for sound in pieces if _plain(sound) and sound != ":"]  # `_:` is a pause


def _halves(sounds: Sequence[str]) -> list[list[str]]:
    """Two parts, each with a vowel, which both may have where there is only one."""
    vowels = [at for at, sound in enumerate(sounds) if _is_vowel(sound)]
    if not vowels or len(sounds) < 3:
        return []
    middle = (len(sounds) + 1) // 2
    parts = [list(sounds[: max(middle, vowels[0] + 1)]), list(sounds[min(middle, vowels[-1]) :])]
    return [part for part in parts if len(part) < len(sounds)]


def _is_vowel(sound: str) -> bool:
    return _plain(sound)[:1] in tuple("aeiouyAEIOUVY@03&")


def _plain(sound: str) -> str:
    """A phoneme without stress and without what tells its variants apart: `t` of `t2`, `0` of `'0`."""
    bare = sound.strip(_STRESS)
    if bare == "t#":
        return "d"  # as in "water", by Americans
    return re.sub(r"(?<=[^\d])[\d#-]+$|(?<=\d)[\d#-]+$", "", bare)


def _stressed(like: str, sound: str) -> str:
    """A sound with the stress of another."""
    return like[: len(like) - len(like.lstrip(_STRESS))] + sound


def _is_stressed(sound: str) -> bool:
    return sound[:1] in ("'", ",")


def _changed(sounds: Sequence[str]) -> list[list[str]]:
    """The likeliest confusion of each place, then the second of each, and so on."""
    places = [*(_replaced(sounds, at) for at in range(len(sounds))), _dropped(sounds)]
    return [*(one for row in zip_longest(*places) for one in row if one is not None), *_longer(sounds)]


def _replaced(sounds: Sequence[str], at: int) -> Iterator[list[str]]:
    if _is_vowel(sounds[at]) and not _is_stressed(sounds[at]):
        return  # it is said in more ways than one
    for other in _SIMILAR.get(_plain(sounds[at]), "").split():
        yield [*sounds[:at], _stressed(sounds[at], other), *sounds[at + 1 :]]


def _dropped(sounds: Sequence[str]) -> Iterator[list[str]]:
    """Without one consonant, the first and the last before those between."""
    places = sorted(range(len(sounds)), key=lambda at: min(at, len(sounds) - 1 - at))
    for at in places:
        if len(sounds) > 2 and _plain(sounds[at]) in _CONSONANTS:
            yield [*sounds[:at], *sounds[at + 1 :]]


def _longer(sounds: Sequence[str]) -> Iterator[list[str]]:
    for other in _ADDED:
        if other != _plain(sounds[-1]):
            yield [*sounds, other]
        if other != _plain(sounds[0]):
            yield [other, *sounds]


def _edited_letters(text: str) -> Iterator[str]:
    """Spellings with one letter or pair of letters replaced or dropped, the places in turn; then with one more."""
    for row in zip_longest(*(_edited_letter(text, at) for at in range(len(text)))):
        yield from (one for one in row if one is not None)
    for other in _ADDED if re.search("[A-Za-z]", text) else ():
        yield text + other
        yield other + text


def _edited_letter(text: str, at: int) -> Iterator[str]:
    if text[at].isalpha() and len(text) > 2:
        yield (text[:at] + text[at + 1 :]).strip()
    for size in (2, 1):
        for other in _LETTERS.get(text[at : at + size].lower(), "").split():
            yield text[:at] + other + text[at + size :]


def _distance(one: Sequence[str], other: Sequence[str]) -> float:
    """Edits from a word to another: 1 for a phoneme more, less, or another, and less for one that is taken for it."""
    row = [float(at) for at in range(len(other) + 1)]
    for at, sound in enumerate(one, start=1):
        last, row = row, [float(at)]
        for to, there in enumerate(other, start=1):
            row.append(min(last[to] + 1, row[-1] + 1, last[to - 1] + _change(sound, there)))
    return row[-1]


def _change(one: str, other: str) -> float:
    sound, there = _plain(one), _plain(other)
    if sound == there or (_is_vowel(one) and _is_vowel(other) and not _is_stressed(one)):
        return 0.0
    if there in (_VOICED.get(sound), _VOICELESS.get(sound)):
        return 0.25
    return 0.5 if there in _SIMILAR.get(sound, "").split() else 1.0
