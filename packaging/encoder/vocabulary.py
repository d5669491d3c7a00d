"""What is said to train the encoder: words and phrases by language, and words that do not exist.

`words/LANGUAGE.txt` has them between commas; the words of the shipped talk's training part and of its English sentences
come on top. Left out is what the encoder is measured by.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from talk.texts import sentences, words

FOLDER = Path(__file__).parent / "words"
KEPT = frozenset(
    "computer computers backward backwards bed bird birds cat cats dog dogs forward four happy house houses marvin "
    "nine no off on seven sheila six stop stops three tree trees two wow yes open signal signals".split()
)
LANGUAGES = tuple(sorted(path.stem for path in FOLDER.glob("*.txt")))
_CONSONANTS = "p b t d k g f v s z S Z T D tS dZ m n N l r w j h".split()
_VOWELS = "a: I E aI eI oU u: i: 0 V 3: aU U O: @".split()


def vocabulary() -> dict[str, list[str]]:
    """Words and phrases of each language, sorted."""
    found = {}
    for language in LANGUAGES:
        texts = re.split(r"\s*,\s*", (FOLDER / f"{language}.txt").read_text(encoding="utf-8").strip(" ,\n"))
        texts += words(language)["training"]
        if language == "en":
            texts += re.findall(r"[a-z]{4,}", " ".join(sentences("en")["training"]).lower())
        found[language] = sorted({text.lower() for text in texts if not KEPT & set(re.findall(r"\w+", text.lower()))})
    return found


def pseudo_words(count: int, rng: np.random.Generator) -> list[str]:
    """Words of no language as espeak-ng's phonemes in [[ ]]: each with three that differ in one phoneme."""
    found: list[str] = []
    while len(found) < count:
        word = _syllables(rng)
        for family in (word, *(_changed(word, rng) for _ in range(3))):
            text = f"[[{''.join(family)}]]"
            if text not in found and len(found) < count:
                found.append(text)
    return found


def _syllables(rng: np.random.Generator) -> list[str]:
    word = []
    for number in range(rng.integers(1, 4)):
        word += [str(rng.choice(_CONSONANTS)) for share in (0.85, 0.15) if rng.random() < share]
        word.append(("'" if number == 0 else "") + str(rng.choice(_VOWELS)))
        word += [str(rng.choice(_CONSONANTS)) for share in (0.35,) if rng.random() < share]
    return word


def _changed(word: list[str], rng: np.random.Generator) -> list[str]:
    at = int(rng.integers(len(word)))
    if "'" not in word[at] and len(word) > 2 and rng.random() < 0.2:
        return [*word[:at], *word[at + 1 :]]
    stress = "'" if "'" in word[at] else ""
    signs = _CONSONANTS if word[at] in _CONSONANTS else _VOWELS
    return [*word[:at], stress + str(rng.choice(signs)), *word[at + 1 :]]
