"""What is said: the sentences and words of the text files beside this module, dealt out to the three parts.

`LANGUAGE-sentences.txt` has a sentence a line, `LANGUAGE-words.txt` words in any number of lines, each line with or
without a `name:` in front. `en-patterns.txt` makes further sentences: `{name}` stands for a word of that line. A text
is in one part only, and so is a word that is said alone.
"""

from __future__ import annotations

import re
from pathlib import Path

from talk.chance import rng_for

FOLDER = Path(__file__).parent
SHARES = {"training": 0.37, "calibration": 0.37, "testing": 0.26}
LANGUAGES = tuple(sorted(path.name.removesuffix("-sentences.txt") for path in FOLDER.glob("*-sentences.txt")))
FOREIGN = tuple(language for language in LANGUAGES if language != "en")
TURNS_OF_A_PATTERN = 7


def sentences(language: str) -> dict[str, list[str]]:
    """The sentences of each part, in an order without meaning."""
    texts = _lines(f"{language}-sentences.txt")
    if language == "en":
        texts += _from_patterns()
    return _dealt(texts, "sentences", language)


def words(language: str) -> dict[str, list[str]]:
    """The words of each part."""
    return _dealt([word for group in _groups(language).values() for word in group], "words", language)


def _lines(name: str) -> list[str]:
    return [line.strip() for line in (FOLDER / name).read_text(encoding="utf-8").splitlines() if line.strip()]


def _groups(language: str) -> dict[str, list[str]]:
    groups = {}
    for number, line in enumerate(_lines(f"{language}-words.txt")):
        name, colon, rest = line.rpartition(":")
        groups[name if colon else str(number)] = rest.split()
    return groups


def _from_patterns() -> list[str]:
    groups, made = _groups("en"), []
    for pattern in _lines("en-patterns.txt"):
        for turn in range(TURNS_OF_A_PATTERN):
            rng = rng_for("pattern", pattern, turn)
            text = re.sub(r"\{(\w+)\}", lambda slot, rng=rng: str(rng.choice(groups[slot[1]])), pattern)
            text = re.sub(r"\b(a|A) (?=[aeiouAEIOU](?!ni|se))", r"\1n ", text)
            made.append(text[0].upper() + text[1:])
    return made


def _dealt(texts: list[str], kind: str, language: str) -> dict[str, list[str]]:
    """Each text once, to a part, in shares as wished."""
    once = {text.casefold(): text for text in texts}
    order = [once[key] for key in sorted(once)]
    rng_for("deal", kind, language).shuffle(order)
    parts, start, share = {}, 0, 0.0
    for part, wished in SHARES.items():
        share += wished
        end = round(share * len(order))
        parts[part], start = order[start:end], end
    return parts
