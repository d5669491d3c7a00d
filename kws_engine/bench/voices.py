"""Synthetic voices: how many speakers this machine has, how quickly they speak, and whether what they say is plausible.

`KWS_VOICES_WORDS` (20) says how many of the words are said, five times each.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Final

import numpy as np

from kws_engine import audio
from kws_engine.bench import Row
from kws_engine.synthesis import SYNTHESIZERS
from kws_engine.synthesis.neighbours import neighbours
from kws_engine.synthesis.speaking import Utterance, say_many, voices
from kws_engine.synthesis.voice import SynthesizerConfig

TITLE = "Voices: the synthetic speakers of this machine, how quickly they speak, lengths and levels (a minute)"
_RATE: Final = 16_000
_WORDS: Final = (
    "stop go yes no up down left right on off computer lights seven bed house marvin sheila visual follow backward"
).split()


def rows() -> Iterator[Row]:
    """Everybody together, each synthesizer by itself, and the neighbours of words."""
    words = _WORDS[: int(os.environ.get("KWS_VOICES_WORDS", len(_WORDS)))]
    found = voices()
    yield Row("English voices, accents counted", len(found), "")
    yield Row("English speakers", len({one.speaker for one in found}), "")
    yield from _spoken(words, "all", {})
    engines = sorted({one.engine for one in found})
    for engine in engines if len(engines) > 1 else ():
        configs = {entry.name: entry.config(share=float(entry.name == engine)) for entry in SYNTHESIZERS}
        yield from _spoken(words, SYNTHESIZERS[engine].title, configs)
    start_s = time.perf_counter()
    for word in words:
        neighbours(word, count=30)
    yield Row("30 neighbours of a word", round((time.perf_counter() - start_s) / len(words), 3), "s")


def _spoken(words: list[str], who: str, configs: dict[str, SynthesizerConfig]) -> Iterator[Row]:
    start_s = time.perf_counter()
    said = list(say_many(words, per_word=5, rate=_RATE, configs=configs))
    yield Row(f"{who}: utterances a second", round(len(said) / (time.perf_counter() - start_s), 1), "1/s")
    yield Row(f"{who}: speakers heard", len({one.voice.speaker for one in said}), f"in {len(said)}")
    lengths = [len(one.samples) / _RATE for one in said]
    yield Row(f"{who}: length, 5th to 95th percentile", _span(lengths), "s")
    yield Row(f"{who}: level, 5th to 95th percentile", _span([audio.rms_db(one.samples) for one in said]), "dBFS")
    yield Row(f"{who}: utterances shorter than 0.15 s or longer than 2 s", sum(map(_is_odd, said)), "")


def _span(values: list[float]) -> str:
    low, high = np.percentile(values, [5, 95])
    return f"{low:.2f} to {high:.2f}"


def _is_odd(one: Utterance) -> bool:
    return not 0.15 <= len(one.samples) / _RATE <= 2.0
