"""What synthetic voices say for a run: its words, and what sounds near them, where this machine has voices."""

from __future__ import annotations

from collections.abc import Sequence

from kws_engine.errors import KwsError
from kws_engine.synthesis.neighbours import neighbours
from kws_engine.synthesis.script import language_of
from kws_engine.synthesis.speaking import say_many
from kws_engine.training.data.laid_batches import Said

_NEIGHBOURS = 24  # different ones of a word


def said_by_voices(words: Sequence[str], *, voices: int, others: int, rate: int, seed: int) -> list[Said]:
    """Each word by so many voices, and so many utterances of what sounds near each; none without voices.

    A word that no voice can say is left out.
    """
    found: list[Said] = []
    for label, word in enumerate(words):
        language = language_of(word, "en")
        near = _near(word, language) if others else []
        for texts, count, learned_as in (([word], voices, label), (near, others, len(words))):
            if not texts or not count:
                continue
            per_text = max(1, round(count / len(texts)))
            try:
                spoken = list(say_many(texts, per_word=per_text, language=language, seed=seed, rate=rate))
            except KwsError:
                continue
            found += [Said(one.samples, learned_as) for one in spoken]
    return found


def _near(word: str, language: str) -> list[str]:
    try:
        return neighbours(word, count=_NEIGHBOURS, language=language)
    except KwsError:
        return []
