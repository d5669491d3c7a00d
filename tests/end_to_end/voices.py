"""Synthetic people for the end-to-end tests: an espeak-ng voice each, and streams of what they say."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from kws_engine import audio

RATE = 16_000
WORDS = ("robot", "banana", "garage")
OTHER_WORDS = ("mountain", "pencil", "elephant", "holiday")  # nor are they among the other words that ship
# Words a minute and pitch of every take, as a person says a word: never twice the same.
TAUGHT = ((140, 46), (150, 50), (160, 54), (145, 56), (155, 44), (165, 48), (135, 52), (170, 50))
HELD_OUT = ((147, 47), (162, 52))
PEAK = 0.35

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Spoken:
    """An utterance in a stream; `word` is empty where no taught word is said."""

    word: str
    what: str
    from_s: float
    to_s: float


def missing() -> list[str]:
    """The programs this needs and the machine lacks."""
    return [] if shutil.which("espeak-ng") else ["espeak-ng"]


def say(text: str, voice: str, *, words_a_minute: int, pitch: int) -> Samples:
    """One utterance (N,) at 16 kHz without the silence around it."""
    with tempfile.TemporaryDirectory(prefix="kws-voice-") as folder:
        file = Path(folder) / "said.wav"
        subprocess.run(
            ["espeak-ng", "-v", voice, "-s", str(words_a_minute), "-p", str(pitch), "-w", str(file), text], check=True
        )
        sound = audio.read(file, rate=RATE)
    loud = np.flatnonzero(np.abs(sound) > 0.01 * np.abs(sound).max())
    sound = sound[loud[0] : loud[-1] + 1]
    return np.asarray(PEAK / np.abs(sound).max() * sound, np.float32)


def take(word: str, voice: str, number: int) -> Samples:
    """Take `number` of a word, with a breath before and after it, in a quiet room."""
    speed, pitch = TAUGHT[number % len(TAUGHT)]
    return in_room(
        np.concatenate([quiet(0.3), say(word, voice, words_a_minute=speed, pitch=pitch), quiet(0.9)]), number
    )


def quiet(seconds: float) -> Samples:
    """Digital silence."""
    return np.zeros(round(seconds * RATE), np.float32)


def in_room(sound: Samples, seed: int, *, level: float = 0.001) -> Samples:
    """The sound with the faint noise of a room below it."""
    noise = np.random.default_rng(seed).standard_normal(len(sound))
    return np.asarray(sound + level * noise, np.float32)


def held_out(voice: str) -> list[tuple[str, str, Samples]]:
    """What was never recorded: (taught word or "", what, sound), the taught words twice, others and noise between."""
    said = []
    for at, (speed, pitch) in enumerate(HELD_OUT):
        said += [(word, word, say(word, voice, words_a_minute=speed, pitch=pitch)) for word in WORDS]
        said += [
            ("", other, say(other, voice, words_a_minute=speed, pitch=pitch))
            for other in OTHER_WORDS[2 * at : 2 * at + 2]
        ]
        said.append(("", "noise", rumble(1.5, seed=at)))
    return said


def rumble(seconds: float, *, seed: int, level: float = 0.05) -> Samples:
    """Noise of a passing car at a moderate level: white noise through a gentle low-pass."""
    noise = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    smooth = np.convolve(noise, np.hanning(15), mode="same")
    return np.asarray(level * smooth / smooth.std() * np.hanning(len(smooth)), np.float32)


def stream(
    said: Sequence[tuple[str, str, Samples]], *, gap_s: float = 1.4, lead_s: float = 1.0
) -> tuple[Samples, list[Spoken]]:
    """One sound of everything said with pauses between, and when what was said."""
    parts, spoken, at_s = [quiet(lead_s)], [], lead_s
    for word, what, sound in said:
        length_s = len(sound) / RATE
        spoken.append(Spoken(word, what, at_s, at_s + length_s))
        parts += [sound, quiet(gap_s)]
        at_s += length_s + gap_s
    return in_room(np.concatenate(parts), 99), spoken


def seconds(path: Path) -> float:
    """How long a sound file lasts."""
    return audio.info(path).seconds


def write(path: Path, sound: Samples, *, rate: int = RATE) -> Path:
    """A 16-bit WAV that `paplay` takes."""
    audio.write(path, sound if rate == RATE else soxr.resample(sound, RATE, rate), rate=rate)
    return path
