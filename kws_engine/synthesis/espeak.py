"""espeak-ng: small, quick, a hundred languages, and many voices from one by changing larynx and vocal tract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kws_engine.synthesis import SYNTHESIZERS, _espeak
from kws_engine.synthesis.voice import Samples, Synthesizer, SynthesizerConfig, Voice

_VARIANTS: Final = (
    "f2 m3 klatt2 Alicia max m1 f3 Andy Annie m7 linda Denis steph Gene m5 f5 edward Andrea Hugo belinda m2 "
    "Henrique f1 Lee benjamin Mario klatt4 Diogo f4 Jacky adam Marco boris Mike caleb m4 antonio Nguyen david "
    "m6 Michael Alex klatt6 john m8 paul anika pablo pedro quincy rob robert sandro shelby travis victor zac "
    "norbert ian ed michel miguel gustave marcelo iven klatt3 steph2 aunty grandpa"
).split()  # without whispers, robots, and what stands in for them


@dataclass(frozen=True)
class EspeakConfig(SynthesizerConfig):
    """Options of espeak-ng."""


class _Espeak:
    reads_phonemes = True
    rank = 3

    def __init__(self, config: EspeakConfig) -> None:
        self.share = config.share

    def voices(self, language: str) -> list[Voice]:
        folder = _espeak.data()
        accents = _espeak.accents(language)
        there = {path.name for path in (folder / "voices" / "!v").iterdir()} if folder else set()
        variants = [name for name in _VARIANTS if name in there]
        # Every variant once, with the accents in turn, before any of them in another accent.
        return [
            Voice("espeak", name, accents[(at + turn) % len(accents)])
            for turn in range(len(accents))
            for at, name in enumerate(variants)
        ]

    def speak(self, text: str, voice: Voice, *, pace: float, pitch: float, seconds: float) -> tuple[Samples, int]:
        text = _espeak.checked(text, voice.language, seconds=seconds)
        name = f"{voice.language}+{voice.name}"
        return _espeak.speech(text, name, pace=pace, pitch=pitch, seconds=seconds)


@SYNTHESIZERS.register("espeak", "eSpeak NG", EspeakConfig)
def build(config: EspeakConfig) -> Synthesizer:
    """Computes speech from formants: the quickest, with the most languages and voices, and the least like a person."""
    return _Espeak(config)
