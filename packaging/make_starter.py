"""Speaks the starter project (six words, other words, noise) with espeak-ng and flite.

Run it from the repository root, with espeak-ng and flite installed, to write ``resources/starter`` anew:

    .venv/bin/python packaging/make_starter.py [--output resources/starter]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr

from kws_engine.clips import project_file
from kws_engine.clips.split import Split, which_set

SAMPLE_RATE = project_file.SAMPLE_RATE
CLIP_SAMPLES = SAMPLE_RATE * project_file.CLIP_MS // 1000
LONGEST_SPEECH_SAMPLES = int(0.90 * SAMPLE_RATE)
MARGIN_SAMPLES = int(0.015 * SAMPLE_RATE)
FLOOR_DBFS = -88.0

WORDS = ("lights", "music", "stop", "computer", "window", "coffee")
# These begin, end or rhyme like one of the six: the network has to hear the whole word.
SOUND_ALIKES = ("nights", "lamps", "museum", "step", "stock", "commuter", "winter", "office", "copy")
OTHER_WORDS = (
    "yes", "no", "house", "garden", "river", "seven", "bird", "yellow", "kitchen", "morning", "telephone",
    "paper", "please", "water", "door", "hello",
)  # fmt: skip
UNKNOWN_TAKES = 5
# An ending that changes the tune of the word, a factor on the pace and one on the pitch: one row a take.
TAKES = ((".", 1.0, 1.0), ("!", 1.14, 1.05), ("?", 0.9, 0.96))


@dataclass(frozen=True)
class Voice:
    """One synthetic speaker: what the speaker id calls it, and its engine's own name for it.

    ``words_per_minute`` and ``pitch`` (0 to 99) are espeak-ng's. ``throat`` moves pitch and formants of a flite
    voice together, as a smaller (above 1) or larger throat would: flite has few voices.
    """

    called: str
    engine: Literal["espeak", "flite"]
    name: str
    split: Split
    words_per_minute: int = 150
    pitch: int = 50
    throat: float = 1.0

    @property
    def speaker(self) -> str:
        """The speaker id, ending in the first number whose hash falls into the wanted split."""
        numbered = (f"{self.engine}{self.called}{number}" for number in range(1000))
        return next(speaker for speaker in numbered if which_set(speaker) == self.split)


VOICES = (
    Voice("adam", "espeak", "en-us+m3", "training", 150, 45),
    Voice("fiona", "espeak", "en-gb+f2", "training", 160, 55),
    Voice("ian", "espeak", "en-gb-scotland+m1", "training", 145, 40),
    Voice("flora", "espeak", "en-gb-x-rp+f4", "training", 150, 50),
    Voice("linda", "espeak", "en-gb-x-gbclan+linda", "training", 150, 60),
    Voice("max", "espeak", "en-us-nyc+max", "training", 160, 45),
    Voice("steph", "espeak", "en-029+steph", "training", 145, 50),
    Voice("annie", "espeak", "en-us+Annie", "validation", 155, 55),
    Voice("belinda", "espeak", "en-us+belinda", "testing", 150, 55),
    Voice("michael", "espeak", "en-gb+Michael", "testing", 150, 45),
    Voice("kal", "flite", "kal16", "training"),
    Voice("kallow", "flite", "kal16", "training", throat=0.88),
    Voice("kalhigh", "flite", "kal16", "training", throat=1.16),
    Voice("rms", "flite", "rms", "training"),
    Voice("rmslow", "flite", "rms", "training", throat=0.92),
    Voice("rmshigh", "flite", "rms", "training", throat=1.2),
    Voice("awb", "flite", "awb", "validation"),
    Voice("slt", "flite", "slt", "testing"),
)


def rng_for(*key: object) -> np.random.Generator:
    """A generator that depends on the key alone, so that a word added later changes no other clip."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def synthesize(voice: Voice, text: str, *, pace: float, pitch: float) -> np.ndarray:
    """Speech of any length at 16 kHz, float in -1..1, by the voice's own engine."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        if voice.engine == "espeak":
            height = round(np.clip(voice.pitch + 200 * (pitch - 1), 0, 99))
            speed = round(voice.words_per_minute * pace)
            options = ["-v", voice.name, "-s", str(speed), "-p", str(height), "-w", str(path), text]
            subprocess.run(["espeak-ng", *options], check=True)
        else:
            # The statistical voices ignore a wished pitch, so reading at another rate changes it; the stretch makes
            # good the pace.
            pitch *= voice.throat
            stretch = ["--setf", f"duration_stretch={pitch / pace:.4f}"]
            subprocess.run(["flite", "-voice", voice.name, *stretch, "-t", text, "-o", str(path)], check=True)
        speech, rate = soundfile.read(path, dtype="float64")
    return soxr.resample(speech, rate * (pitch if voice.engine == "flite" else 1), SAMPLE_RATE)


def trim(speech: np.ndarray) -> np.ndarray:
    """The stretch whose 10 ms level is within 42 dB of the loudest, a margin on each side, ends faded."""
    window = SAMPLE_RATE // 100
    level = np.sqrt(np.convolve(speech**2, np.full(window, 1 / window), mode="same"))
    loud = np.flatnonzero(level > level.max() * 10 ** (-42 / 20))
    padded = np.pad(speech, MARGIN_SAMPLES)
    cut = padded[loud[0] : loud[-1] + 1 + 2 * MARGIN_SAMPLES].copy()
    fade = np.linspace(0, 1, MARGIN_SAMPLES)
    cut[:MARGIN_SAMPLES] *= fade
    cut[-MARGIN_SAMPLES:] *= fade[::-1]
    return cut


def speak(voice: Voice, text: str, *, pace: float, pitch: float) -> np.ndarray:
    """Trimmed speech of at most 0.9 s: a voice that takes longer says it again, faster."""
    for hurry in (1.0, 1.12, 1.25, 1.4, 1.6):
        speech = trim(synthesize(voice, text, pace=pace * hurry, pitch=pitch))
        if len(speech) <= LONGEST_SPEECH_SAMPLES:
            return speech
    raise ValueError(f"{voice.called} cannot say {text!r} within 0.9 s: choose a shorter word.")


def speech_clip(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Exactly one second: the speech near the middle, -25 dBFS give or take 5 dB, over a faint room floor."""
    slack = CLIP_SAMPLES - len(speech)
    offset = rng.integers(-min(slack // 3, SAMPLE_RATE // 12), min(slack // 3, SAMPLE_RATE // 12) + 1)
    start = slack // 2 + int(offset)
    clip = coloured_noise(CLIP_SAMPLES, rng, slope=0.5) * 10 ** (FLOOR_DBFS / 20)
    gain = 10 ** (rng.uniform(-30, -20) / 20) / np.sqrt(np.mean(speech**2))
    gain = min(gain, 0.85 / np.abs(speech).max())
    clip[start : start + len(speech)] += gain * speech
    return clip


def coloured_noise(samples: int, rng: np.random.Generator, *, slope: float) -> np.ndarray:
    """Noise of RMS 1 whose amplitude falls with frequency to the ``slope``: 0 white, 0.5 pink, 1 brown."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency_hz = np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE), 20.0)
    noise = np.fft.irfft(spectrum / frequency_hz**slope, samples)
    return noise / np.sqrt(np.mean(noise**2))


def hum(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Mains hum with its overtones, swelling slowly, and some hiss."""
    t = np.arange(samples) / SAMPLE_RATE
    tones = sum(np.sin(2 * np.pi * 50 * k * t + rng.uniform(0, 6.28)) / k**0.8 for k in range(1, 13))
    swell = 1 + 0.3 * np.sin(2 * np.pi * 0.21 * t)
    return tones * swell + 0.1 * coloured_noise(samples, rng, slope=0.5)


def fan(samples: int, rng: np.random.Generator) -> np.ndarray:
    """A fan: low noise that beats with the blades."""
    t = np.arange(samples) / SAMPLE_RATE
    return coloured_noise(samples, rng, slope=0.9) * (1 + 0.35 * np.sin(2 * np.pi * 23 * t))


def babble(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Eight training voices at once, each saying words that are neither one of the six nor like one."""
    voices = [voice for voice in VOICES if voice.split == "training"]
    total = np.zeros(samples)
    for number in rng.choice(len(voices), 8, replace=False):
        at = 0
        while at < samples:
            speech = speak(voices[number], str(rng.choice(OTHER_WORDS)), pace=rng.uniform(0.9, 1.2), pitch=1.0)
            room = min(len(speech), samples - at)
            total[at : at + room] += speech[:room] / np.sqrt(np.mean(speech**2))
            at += len(speech) + int(rng.integers(400, 2400))
    return total


# Name, maker, seconds, level.
NOISES = (
    ("white", lambda samples, rng: coloured_noise(samples, rng, slope=0.0), 10, -44.0),
    ("pink", lambda samples, rng: coloured_noise(samples, rng, slope=0.5), 10, -40.0),
    ("hum", hum, 10, -38.0),
    ("fan", fan, 10, -38.0),
    ("babble", babble, 12, -36.0),
)


def keyword_clips() -> Iterator[tuple[str, np.ndarray]]:
    """Every voice says every word once a take: (path below clips/, one second of samples)."""
    for word in WORDS:
        for voice in VOICES:
            for take, (ending, pace, pitch) in enumerate(TAKES):
                rng = rng_for("word", word, voice.called, take)
                wobble = rng.uniform(0.96, 1.04, size=2)
                speech = speak(voice, word + ending, pace=pace * wobble[0], pitch=pitch * wobble[1])
                yield f"{word}/{voice.speaker}_nohash_{take}.flac", speech_clip(speech, rng)


def unknown_takes() -> Iterator[tuple[str, int, int, str]]:
    """Every voice says five other words, two of them sound-alikes: (file name, voice's number, take, word)."""
    for voice_number, voice in enumerate(VOICES):
        for take in range(UNKNOWN_TAKES):
            pool = SOUND_ALIKES if take % 2 else OTHER_WORDS
            word = pool[(voice_number * (3 - take % 2) + take // 2) % len(pool)]
            yield f"{voice.speaker}_nohash_{take}.flac", voice_number, take, word


def unknown_clips() -> Iterator[tuple[str, np.ndarray]]:
    """The other words, spoken."""
    for name, voice_number, take, word in unknown_takes():
        voice = VOICES[voice_number]
        rng = rng_for("unknown", word, voice.called, take)
        ending, pace, pitch = TAKES[(voice_number + take) % len(TAKES)]
        speech = speak(voice, word + ending, pace=pace, pitch=pitch)
        yield f"_unknown_/{name}", speech_clip(speech, rng)


def unknown_words() -> str:
    """Which word each file of _unknown_ says, as JSON: a project that teaches the word must not learn it as unknown."""
    return json.dumps({name: word for name, _, _, word in unknown_takes()}, indent=0) + "\n"


def noise_clips() -> Iterator[tuple[str, np.ndarray]]:
    """The five noises, each at its level."""
    for name, make, seconds, level_dbfs in NOISES:
        noise = make(seconds * SAMPLE_RATE, rng_for("noise", name))
        noise *= 10 ** (level_dbfs / 20) / np.sqrt(np.mean(noise**2))
        yield f"_background_noise_/{name}.flac", noise


def write_flac(path: Path, samples: np.ndarray) -> None:
    """16-bit FLAC at level 8; refuses what would clip or what is silent."""
    peak = np.abs(samples).max()
    if not 0.001 < peak < 0.99:
        raise ValueError(f"{path}: peak {peak:.4f} is outside 0.001 to 0.99")
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16", compression_level=1.0)


def readme() -> str:
    """What README.txt says: that all is synthetic, who speaks, how to make it again."""
    rows = "\n".join(
        f"  {voice.speaker:<20}{voice.engine:<8}{voice.name:<22}{voice.throat:<8}{voice.split}" for voice in VOICES
    )
    return f"""\
Starter words: a project to try KWS Studio with.

Nobody recorded this. Every clip was spoken by a speech synthesizer (espeak-ng or flite), and every file in
clips/_background_noise_ was computed. It is good for a first look at training and listening; a model trained
on it alone has never heard a person. Record your own voice, or import real recordings, before you rely on one.

Words: {", ".join(WORDS)}
clips/_unknown_: words that sound like one of them ({", ".join(SOUND_ALIKES)})
  and words that do not ({", ".join(OTHER_WORDS)})
clips/_background_noise_: {", ".join(name for name, *_ in NOISES)}

Format: FLAC, 16 bit, {SAMPLE_RATE} Hz, one channel; a clip lasts {project_file.CLIP_MS} ms.
Names: <speaker>_nohash_<take>.flac. The number at the end of a speaker id was chosen so that Speech Commands'
hash of the id puts the voice into the part named here. Throat: the factor by which pitch and formants were moved.

  {"speaker":<20}{"engine":<8}{"voice":<22}{"throat":<8}part
{rows}

To make it again (espeak-ng and flite installed), from the root of the repository:

  .venv/bin/python packaging/make_starter.py

The wording, pace, pitch, level and place of every clip follow from fixed seeds; other versions of the
synthesizers speak a little differently. Licence: as the rest of KWS Studio, see LICENSE and NOTICE.
"""


def main() -> int:
    """Write the whole project, replacing what is there."""
    parser = argparse.ArgumentParser(description="Speak the starter project with espeak-ng and flite.")
    default = Path(__file__).resolve().parents[1] / "resources" / "starter"
    parser.add_argument("--output", type=Path, default=default, help="folder of the project")
    output: Path = parser.parse_args().output
    missing = [program for program in ("espeak-ng", "flite") if shutil.which(program) is None]
    if missing:
        print(f"Missing: {' '.join(missing)}. Run: apt-get install {' '.join(missing)}", file=sys.stderr)
        return 1
    shutil.rmtree(output / "clips", ignore_errors=True)
    for clips in (keyword_clips(), unknown_clips(), noise_clips()):
        for name, samples in clips:
            write_flac(output / "clips" / name, samples)
    project_file.write(output, project_file.new_content("Starter words", WORDS))
    (output / "README.txt").write_text(readme(), encoding="utf-8")
    (output / "unknown_words.json").write_text(unknown_words(), encoding="utf-8")
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    print(f"{output}: {len(list(output.rglob('*.flac')))} files, {size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
