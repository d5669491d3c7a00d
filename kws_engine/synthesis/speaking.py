"""Says words by the synthetic voices that this machine has: one voice, or as many different ones as there are."""

from __future__ import annotations

import functools
import unicodedata
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

import numpy as np

from kws_engine import audio
from kws_engine.errors import KwsError, quoted
from kws_engine.processors import cores
from kws_engine.synthesis import SYNTHESIZERS
from kws_engine.synthesis.script import language_of, main_part
from kws_engine.synthesis.voice import Samples, Synthesizer, SynthesizerConfig, Voice, is_phonemic

MOST_CHARACTERS: Final = 200
_PER_PHONEME: Final = 4
PACES: Final = (0.5, 2.0)
PITCHES: Final = (-12.0, 12.0)
PEAK: Final = 0.9
_DRAWN_PACES, _DRAWN_PITCHES = (0.8, 1.25), (-2.5, 2.5)
_SPEECH_DB, _MARGIN_MS = -45.0, 20
_VOICES_TO_TRY: Final = 3
NO_VOICE: Final = "This machine has no voice for {}: install espeak-ng, or the extra voices of KWS Studio"


@dataclass(frozen=True)
class Utterance:
    """A text said once.

    Attributes:
        text: What was to be said.
        voice: Who said it.
        pace: How fast, against the voice's own pace.
        pitch: How much higher, in semitones.
        samples: Speech (samples,) with its peak at 0.9.
    """

    text: str
    voice: Voice
    pace: float
    pitch: float
    samples: Samples


def voices(language: str = "en", *, configs: Mapping[str, SynthesizerConfig] | None = None) -> list[Voice]:
    """All voices of this machine for a language or accent, best first, with the synthesizers in turn.

    Args:
        language: As in `en` or `en-gb`.
        configs: Options of synthesizers by name; the others have their defaults, and a share of 0 leaves one out.
    """
    per_engine = [one.voices(language) for one in synthesizers(configs).values()]
    return [voice for row in zip_longest(*per_engine) for voice in row if voice is not None]


def synthesizers(configs: Mapping[str, SynthesizerConfig] | None = None) -> dict[str, Synthesizer]:
    """Those that are to speak, the best first; they need not be installed."""
    made = {entry.name: entry.build((configs or {}).get(entry.name, entry.config())) for entry in SYNTHESIZERS}
    return {name: made[name] for name in sorted(made, key=lambda name: made[name].rank) if made[name].share > 0}


def speak(
    text: str, voice: Voice, *, rate: int = 16_000, pace: float = 1.0, pitch: float = 0.0, seconds: float = 20.0
) -> Samples:
    """A word or phrase as float32 samples (samples,) at `rate` Hz, cut to the speech, with its peak at 0.9.

    Args:
        text: At most 200 characters; `[[...]]` are phonemes as espeak-ng writes them, for synthesizers that read them.
        voice: One of `voices()`.
        rate: In Hz.
        pace: 0.5 to 2; 1 is the voice's own.
        pitch: -12 to 12 semitones. Of Flite, Piper and Kokoro the formants move with it, as of a smaller speaker.
        seconds: For how long to wait at most.

    Raises:
        KwsError: The text has nothing that can be said, or is not in a script of the voice's language; the voice is not
            there, failed, or took too long.
    """
    said = speakable(text)
    for name, value, (low, high) in (("pace", pace, PACES), ("pitch", pitch, PITCHES)):
        if not low <= value <= high:
            raise KwsError(f"A {name} of {value:g} is outside {low:g} to {high:g}.")
    needed = language_of(said, voice.language)
    if not is_phonemic(said) and main_part(needed) != main_part(voice.language):
        raise KwsError(f"{voice} does not read {quoted(said)}: take a voice for {needed}.")
    if voice.engine not in SYNTHESIZERS or voice not in _known(voice.engine, voice.language):
        raise KwsError(f"{voice} is not installed: choose one of the voices that are.")
    if is_phonemic(said) and not _built(voice.engine).reads_phonemes:
        raise KwsError(f"{voice} does not read phonemes: take a voice of espeak-ng.")
    samples, from_rate = _built(voice.engine).speak(said, voice, pace=pace, pitch=pitch, seconds=seconds)
    return _cut(audio.resample(samples, from_rate, rate), rate, f"{voice} said nothing for {quoted(said)}.")


@functools.cache
def _built(engine: str) -> Synthesizer:
    entry = SYNTHESIZERS[engine]
    synthesizer: Synthesizer = entry.build(entry.config())
    return synthesizer


@functools.cache
def _known(engine: str, language: str) -> frozenset[Voice]:
    return frozenset(_built(engine).voices(language))


def speakable(text: str) -> str:
    """The text on one line, without what no voice says: control characters and symbols such as emoji.

    Raises:
        KwsError: Nothing is left, or it is too long.
    """
    most = MOST_CHARACTERS * (_PER_PHONEME if is_phonemic(text) else 1)
    if len(text) > most:
        raise KwsError(f"{len(text)} characters are too many for a word or phrase: write at most {most}.")
    if is_phonemic(text):
        return text
    kept = (" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in unicodedata.normalize("NFC", text))
    said = " ".join("".join(sign for sign in kept if unicodedata.category(sign) not in ("So", "Sk")).split())
    if not any(unicodedata.category(sign)[0] in "LN" for sign in said):
        raise KwsError(f"{quoted(text)} has nothing that a voice could say: write a word.")
    return said


def _cut(samples: Samples, rate: int, silence: str) -> Samples:
    """What is within 45 dB of the loudest 10 ms, with a margin that is faded."""
    if not len(samples):
        raise KwsError(silence)
    window = rate // 100
    power = np.convolve(np.square(samples, dtype=np.float64), np.full(window, 1 / window), mode="same")
    loud = np.flatnonzero(power > power.max(initial=0.0) * 10 ** (_SPEECH_DB / 10))
    if not len(loud) or not np.isfinite(power).all():
        raise KwsError(silence)
    margin = _MARGIN_MS * rate // 1000
    cut = samples[max(0, loud[0] - margin) : loud[-1] + margin].copy()
    ramp = np.linspace(0, 1, min(margin, len(cut) // 4), dtype=np.float32)
    cut[: len(ramp)] *= ramp
    cut[len(cut) - len(ramp) :] *= ramp[::-1]
    return np.asarray(cut * (PEAK / np.abs(cut).max()), np.float32)


@dataclass(frozen=True)
class _Plan:
    text: str
    voices: tuple[Voice, ...]  # the next one speaks where one fails
    pace: float
    pitch: float


def say_many(
    words: Sequence[str],
    *,
    per_word: int,
    language: str = "en",
    seed: int = 0,
    rate: int = 16_000,
    configs: Mapping[str, SynthesizerConfig] | None = None,
) -> Iterator[Utterance]:
    """Every word so many times, by as many different voices as there are, paces and pitches; in order of the words.

    Who says what how depends on the seed, the word and the machine's voices alone; what is noise in the voices of
    Kokoro, Piper and espeak-ng's library is new each time. A word in another script than the language's is read in a
    language of that script.

    Raises:
        KwsError: A word cannot be said, there is no voice for it, or three voices failed. Before anything is said, but
            for the last.
    """
    plans = [plan for word in words for plan in _plans(word, per_word, language, seed, configs)]
    return _said(plans, rate)


def _plans(
    word: str, count: int, language: str, seed: int, configs: Mapping[str, SynthesizerConfig] | None
) -> Iterator[_Plan]:
    text = speakable(word)
    language = language_of(text, language)
    rng = np.random.default_rng([seed, *text.encode()])
    speakers = {
        name: _shuffled(found, rng)
        for name, one in synthesizers(configs).items()
        if (one.reads_phonemes or not is_phonemic(text)) and (found := one.voices(language))
    }
    if not speakers:
        raise KwsError(NO_VOICE.format(language) + ".")
    # One voice is not to say as much as sixty, and four recorded speakers are not to be lost among sixty computed ones.
    shares = {
        name: synthesizers(configs)[name].share * len({one.speaker for one in found}) ** 0.5
        for name, found in speakers.items()
    }
    taken = dict.fromkeys(speakers, 0)
    for engine in _in_turn(shares, count, rng):
        others = [name for name in reversed(speakers) if name != engine]
        chosen = [speakers[name][(taken[name] + at) % len(speakers[name])] for at, name in enumerate([engine, *others])]
        own = speakers[engine]
        chosen += [own[(taken[engine] + at) % len(own)] for at in range(1, _VOICES_TO_TRY)]
        taken[engine] += 1
        pace = float(np.exp(rng.uniform(*np.log(_DRAWN_PACES))))
        yield _Plan(text, tuple(chosen[:_VOICES_TO_TRY]), pace, float(rng.uniform(*_DRAWN_PITCHES)))


def _shuffled(found: Sequence[Voice], rng: np.random.Generator) -> list[Voice]:
    """In random order, each speaker once, in a random accent, before any of them again."""
    accents: dict[str, list[Voice]] = {}
    for voice in found:
        accents.setdefault(voice.speaker, []).append(voice)
    rows = [[voices[at] for at in rng.permutation(len(voices))] for voices in accents.values()]
    rows = [rows[at] for at in rng.permutation(len(rows))]
    return [voice for column in zip_longest(*rows) for voice in column if voice is not None]


def _in_turn(shares: Mapping[str, float], count: int, rng: np.random.Generator) -> list[str]:
    """`count` names, each as often as its share, and mixed."""
    total = sum(shares.values())
    wanted = {name: count * share / total for name, share in shares.items()}
    counts = {name: int(value) for name, value in wanted.items()}
    by_rest = sorted(wanted, key=lambda name: counts[name] - wanted[name])
    for name in by_rest[: count - sum(counts.values())]:
        counts[name] += 1
    names = [name for name, times in counts.items() for _ in range(times)]
    return [names[at] for at in rng.permutation(len(names))]


def _said(plans: Sequence[_Plan], rate: int) -> Iterator[Utterance]:
    waiting: deque[Future[Utterance]] = deque()
    pool = ThreadPoolExecutor(cores(), thread_name_prefix="synthesis")
    try:
        for plan in plans:
            waiting.append(pool.submit(_utterance, plan, rate))
            if len(waiting) >= 8 * cores():
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _utterance(plan: _Plan, rate: int) -> Utterance:
    for at, voice in enumerate(plan.voices):
        try:
            samples = speak(plan.text, voice, rate=rate, pace=plan.pace, pitch=plan.pitch)
        except KwsError:
            if at == len(plan.voices) - 1:
                raise
        else:
            return Utterance(plan.text, voice, plan.pace, plan.pitch, samples)
    raise AssertionError("a plan without a voice")
