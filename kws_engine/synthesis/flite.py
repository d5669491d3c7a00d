"""Flite: four recorded English voices."""

from __future__ import annotations

import functools
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kws_engine import audio
from kws_engine.errors import KwsError
from kws_engine.synthesis import SYNTHESIZERS
from kws_engine.synthesis._program import output_of
from kws_engine.synthesis.script import main_part
from kws_engine.synthesis.voice import Samples, Synthesizer, SynthesizerConfig, Voice

_VOICES: Final = {"slt": "en-us", "rms": "en-us", "awb": "en-gb-scotland", "kal16": "en-us"}


@dataclass(frozen=True)
class FliteConfig(SynthesizerConfig):
    """Options of Flite."""


@functools.cache
def _installed() -> frozenset[str]:
    if shutil.which("flite") is None:
        return frozenset()
    try:
        return frozenset(output_of(["flite", "-lv"], seconds=10).decode(errors="replace").split())
    except KwsError:
        return frozenset()


class _Flite:
    reads_phonemes = False
    rank = 2

    def __init__(self, config: FliteConfig) -> None:
        self.share = config.share

    def voices(self, language: str) -> list[Voice]:
        there = [Voice("flite", name, accent) for name, accent in _VOICES.items() if name in _installed()]
        return [voice for voice in there if language in (voice.language, main_part(voice.language))]

    def speak(self, text: str, voice: Voice, *, pace: float, pitch: float, seconds: float) -> tuple[Samples, int]:
        semitones = 2 ** (pitch / 12)  # a smaller or larger speaker: said slower by as much, then played faster
        with tempfile.TemporaryDirectory(prefix="kws-flite-") as folder:
            said, wav = Path(folder) / "said.txt", Path(folder) / "said.wav"
            said.write_text(text, encoding="utf-8")
            stretch = f"duration_stretch={semitones / pace:.4f}"
            output_of(
                ["flite", "-voice", voice.name, "--setf", stretch, "-f", str(said), "-o", str(wav)], seconds=seconds
            )
            rate = audio.info(wav).rate
            return audio.read(wav, rate=rate), round(rate * semitones)


@SYNTHESIZERS.register("flite", "Flite", FliteConfig)
def build(config: FliteConfig) -> Synthesizer:
    """Computes speech from statistics of recordings, in English; Carnegie Mellon University's small synthesizer."""
    return _Flite(config)
