"""Which language a text is read in, by the script that it is written in."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Final

_LANGUAGES: Final = {
    "CYRILLIC": "ru uk bg be sr mk kk ky tt ba cv uz mn",
    "GREEK": "el grc",
    "ARABIC": "ar fa ur sd ug ps",
    "HEBREW": "he",
    "DEVANAGARI": "hi mr ne kok sa",
    "BENGALI": "bn as bpy",
    "GURMUKHI": "pa",
    "GUJARATI": "gu",
    "TAMIL": "ta",
    "TELUGU": "te",
    "KANNADA": "kn",
    "MALAYALAM": "ml",
    "SINHALA": "si",
    "THAI": "th",
    "GEORGIAN": "ka",
    "ARMENIAN": "hy hyw",
    "ETHIOPIC": "am ti",
    "MYANMAR": "my",
    "HANGUL": "ko",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "CJK": "cmn zh yue hak ja",
}
"""The first word of the letters' Unicode names -> the languages that are written so; the first is taken by default."""


def language_of(text: str, language: str = "en") -> str:
    """The language itself where it is written in the script of most of the text's letters, else one that is.

    Text in Latin letters or with none, such as digits, is read in any language.
    """
    names = (unicodedata.name(letter, "").partition(" ")[0] for letter in text if letter.isalpha())
    counted = Counter(name for name in names if name)
    if not counted:
        return language
    if counted.keys() & {"HIRAGANA", "KATAKANA"}:
        return "ja"  # mixed with Chinese characters as a rule
    readers = _LANGUAGES.get(counted.most_common(1)[0][0], "").split()
    return language if not readers or main_part(language) in readers else readers[0]


def main_part(language: str) -> str:
    """The language without the country or accent: `en` of `en-gb`."""
    return language.lower().replace("_", "-").partition("-")[0]
