"""Who says what: every utterance of the three parts, decided before a sound is made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from talk import texts
from talk.chance import rng_for
from talk.voices import Utterance, Voice, voices_of

# By how many voices each sentence of English and of other languages, each word alone of English and of others, is said.
# Only the first of them may be one of Kokoro's, which takes a second of a core for a sentence, unless ALL_SPEAK.
TIMES = {("sentence", True): 2.2, ("sentence", False): 1.6, ("word", True): 1.0, ("word", False): 1.0}
ALL_SPEAK = False
# How many of the words of a part are said alone: there are more of them in the files than time for them.
SHARE_OF_WORDS = {True: 0.5, False: 0.62}


def utterances() -> list[Utterance]:
    """All of them, by part, kind and language."""
    return [
        utterance
        for part in texts.SHARES
        for kind, dealt in (("sentence", texts.sentences), ("word", texts.words))
        for language in texts.LANGUAGES
        for utterance in _said(part, kind, language, dealt(language)[part])
    ]


def by_a_quick_voice(utterance: Utterance) -> Utterance:
    """The same, by one of espeak-ng's voices of that part."""
    quick = [voice for voice in voices_of(utterance.part) if voice.engine == "espeak"]
    return replace(utterance, voice=quick[rng_for("quick", utterance.key).integers(len(quick))])


def _said(part: str, kind: str, language: str, said: list[str]) -> list[Utterance]:
    is_english = language == "en"
    if kind == "word":
        said = said[: round(SHARE_OF_WORDS[is_english] * len(said))]
    voices, made = voices_of(part), []
    for text in said:
        rng = rng_for(part, kind, language, text)
        times = int(TIMES[kind, is_english] + rng.random())
        for place, voice in enumerate(_voices(voices, language, times, rng)):
            pace = float(np.round(rng.uniform(0.85, 1.2), 2))
            if place == 0 or ALL_SPEAK or voice.engine != "kokoro":
                made.append(Utterance(part, kind, language, voice, text, pace))
    return made


def _voices(voices: list[Voice], language: str, times: int, rng: np.random.Generator) -> list[Voice]:
    """Different voices, chosen by weight: most of the time Kokoro's, and those of native speakers where there are."""
    kokoro = [voice for voice in voices if voice.engine == "kokoro"]
    natives = sum(voice.speaks_natively(language) for voice in kokoro)
    weights = []
    for voice in voices:
        if voice.engine == "kokoro":
            is_native = voice.speaks_natively(language)
            share = 0.78 / len(kokoro) if not natives else (0.62 / natives if is_native else 0.16 / len(kokoro))
        elif voice.engine == "espeak":
            share = 0.14 / sum(other.engine == "espeak" for other in voices)
        else:
            share = 0.04 if language == "en" else 0.0
        weights.append(share)
    chances = np.array(weights) / sum(weights)
    return [voices[at] for at in rng.choice(len(voices), size=times, replace=False, p=chances)]
