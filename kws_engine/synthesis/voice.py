"""What all synthesizers have in common: voices, options, and what is asked of one that speaks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kws_engine.spec import option

Samples = NDArray[np.float32]
_PHONEMIC = re.compile(r"\[\[[^\[\]\s]+\]\](?: \[\[[^\[\]\s]+\]\])*")


@dataclass(frozen=True)
class SynthesizerConfig:
    """Options that every synthesizer has."""

    share: float = option(
        1.0, "Share", "How often its voices speak, against those of the others; 0 is never.", low=0.0, high=100.0
    )


@dataclass(frozen=True, order=True)
class Voice:
    """One synthetic speaker.

    Attributes:
        engine: The synthesizer's name in the registry.
        name: The synthesizer's name for the speaker.
        language: The language or accent that is spoken, such as `en-gb`.
    """

    engine: str
    name: str
    language: str = "en"

    def __str__(self) -> str:
        return f"{self.engine}:{self.language}+{self.name}"

    @property
    def speaker(self) -> str:
        """Who speaks, whatever the accent."""
        return f"{self.engine}:{self.name}"


class Synthesizer(Protocol):
    """A program or library that speaks, where it is installed.

    Attributes:
        share: As in its config.
        reads_phonemes: Whether it speaks `[[...]]`, the phonemes of espeak-ng.
        rank: Its place among the others; 0 is the one most like a person.
    """

    share: float
    reads_phonemes: bool
    rank: int

    def voices(self, language: str) -> list[Voice]:
        """Its voices for a language, best first; none where it is not installed. Never raises."""

    def speak(self, text: str, voice: Voice, *, pace: float, pitch: float, seconds: float) -> tuple[Samples, int]:
        """Samples (samples,) and their rate in Hz, at the voice's own level, with what silence there is around them.

        Args:
            text: A word or phrase on one line.
            voice: One of `voices()`.
            pace: 1 is the voice's own pace, 2 twice as fast.
            pitch: In semitones up.
            seconds: For how long at most.

        Raises:
            KwsError: It failed, or did not answer in time.
        """


def is_phonemic(text: str) -> bool:
    """Whether text is `[[...]]`, phonemes as espeak-ng writes them, one pair of brackets for each word."""
    return _PHONEMIC.fullmatch(text) is not None
