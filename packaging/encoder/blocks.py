"""Blocks to train on: the same words by several voices, each voice at a microphone of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import soundfile
from encoder.sounds import RATE, Background, played_faster, session, trimmed
from encoder.speaking import ESPEAK_RATE, Espeak, Spoken
from encoder.vocabulary import pseudo_words

from kws_engine.bench._people import Recording

WORDS, VOICES, SEGMENTS = 16, 6, 14
LOCAL: Final = "?"
"""How a label starts that holds within its block only."""
_ONE_VOICE = ("gcin_voice", "asterisk-core-sounds-it-wav")
_Sounds = list[np.ndarray | None]
_Session = tuple[_Sounds, list[str]]


@dataclass(frozen=True)
class Block:
    """Windows (n, 148, 32), the label of each, and the number of its session."""

    windows: np.ndarray
    labels: list[str]
    sessions: list[int]


class People:
    """Recordings of people that may train what ships, in memory."""

    def __init__(self, recordings: Iterable[Recording]) -> None:
        self.background = Background(speech=[], noise=[])
        self.takes: dict[str, dict[str, dict[str, list[np.ndarray]]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(list))
        )
        for one in recordings:
            if one.kept:
                continue
            sound, rate = soundfile.read(one.path, dtype="float32", always_2d=True)
            if rate != RATE:
                raise SystemExit(f"{one.path} is at {rate} Hz, and all of these recordings have {RATE} Hz")
            if one.kind == "noise":
                self.background.noise.append(sound[:, 0])
            elif one.kind == "speech" and len(sound) > 3 * RATE:
                self.background.speech.append(sound[:, 0])
            elif one.kind == "word" and (word := trimmed(sound[:, 0])) is not None and len(word) < 2 * RATE:
                speaker = one.speaker if one.source == "dspspeech20" else ""
                self.takes[one.source][speaker][one.word].append(word)


class BlockMaker:
    """Makes blocks by chance: real words and synthetic ones, real sentences in pieces, and words that do not exist."""

    def __init__(self, people: People, spoken: list[Spoken], words: dict[str, list[str]], *, seed: int) -> None:
        self._people, self._spoken, self._words = people, spoken, words
        self._rng = np.random.default_rng(seed)
        self._espeak = Espeak()
        self._espeak.choose_voice("en", self._rng)
        sounds = {word: self._espeak.phonemes(word) for word in words["en"]}
        # Neighbours start alike in one and end alike in the other.
        self._orders = [
            sorted(sounds, key=lambda word: sounds[word]), sorted(sounds, key=lambda word: sounds[word][::-1])
        ]  # fmt: skip

    def make(self) -> Block:
        """The next one, about a hundred windows."""
        kinds: dict[Callable[[], list[_Session]], float] = {
            self._english: 0.30, self._foreign: 0.12, self._no_words: 0.12, self._by_kokoro: 0.20,
            self._speech_commands: 0.10, self._dspspeech: 0.06, self._precise: 0.02, self._one_voice: 0.03,
            self._segments: 0.05,
        }  # fmt: skip
        while True:
            kind = list(kinds)[self._rng.choice(len(kinds), p=list(kinds.values()))]
            windows, labels, numbers = [], [], []
            for number, (sounds, names) in enumerate(kind()):
                if all(sound is None for sound in sounds):
                    continue
                found, names = session(sounds, names, self._people.background, self._rng)
                windows += found
                labels += names
                numbers += [number] * len(found)
            if len(windows) >= 20:
                return Block(np.stack(windows), labels, numbers)

    def _english(self) -> list[_Session]:
        run = int(self._rng.choice([1, 4, 8]))
        words: list[str] = []
        while len(words) < WORDS:
            order = self._orders[self._rng.integers(2)]
            start = self._rng.integers(len(order) - run)
            words += [word for word in order[start : start + run] if word not in words]
        return self._by_espeak("en", words[:WORDS])

    def _foreign(self) -> list[_Session]:
        language = str(self._rng.choice([language for language in self._words if language != "en"]))
        return self._by_espeak(language, self._chosen(self._words[language], WORDS))

    def _no_words(self) -> list[_Session]:
        words = pseudo_words(WORDS, self._rng)
        return [(self._say("en", words), [LOCAL + word for word in words]) for _ in range(VOICES)]

    def _by_kokoro(self) -> list[_Session]:
        group = self._spoken[self._rng.integers(len(self._spoken))]
        words = sorted(next(iter(group.sounds.values())))
        labels = [f"{group.language}:{word}" for word in words]
        sessions: list[_Session] = [
            (self._faster([trimmed(sounds[word]) for word in words]), labels) for sounds in group.sounds.values()
        ]
        return sessions + self._by_espeak(group.language, words, voices=3)

    def _by_espeak(self, language: str, words: list[str], *, voices: int = VOICES) -> list[_Session]:
        return [(self._say(language, words), [f"{language}:{word}" for word in words]) for _ in range(voices)]

    def _say(self, language: str, words: list[str]) -> _Sounds:
        """By one voice, in a vocal tract up to a tenth longer or shorter than espeak-ng's."""
        self._espeak.choose_voice(language, self._rng)
        factor = ESPEAK_RATE / RATE * self._rng.uniform(0.9, 1.12)
        return [trimmed(played_faster(said, factor)) if len(said := self._espeak.say(word)) else None for word in words]

    def _speech_commands(self) -> list[_Session]:
        return [self._takes("speech_commands", "", language="en") for _ in range(9)]

    def _dspspeech(self) -> list[_Session]:
        speakers = self._chosen(sorted(self._people.takes["dspspeech20"]), 8)
        return [self._takes("dspspeech20", speaker, language="d") for speaker in speakers]

    def _precise(self) -> list[_Session]:
        return [self._takes("precise_community", "", language="p") for _ in range(5)]

    def _takes(self, source: str, speaker: str, *, language: str) -> _Session:
        """One take of each word."""
        takes = self._people.takes[source][speaker]
        words = sorted(takes)
        return self._faster([takes[word][self._rng.integers(len(takes[word]))] for word in words]), [
            f"{language}:{word}" for word in words
        ]

    def _one_voice(self) -> list[_Session]:
        source = str(self._rng.choice(_ONE_VOICE))
        takes = self._people.takes[source][""]
        words = self._chosen(sorted(takes), WORDS)
        return [
            (self._faster([takes[word][0] for word in words], most=1.22), [f"{source}:{word}" for word in words])
            for _ in range(5)
        ]

    def _segments(self) -> list[_Session]:
        """Pieces of one recording, each as its own word: same voice and microphone, other sounds."""
        speech = self._people.background.speech[self._rng.integers(len(self._people.background.speech))]
        pieces: _Sounds = []
        for _ in range(SEGMENTS):
            samples = int(self._rng.uniform(0.4, 0.9) * RATE)
            start = self._rng.integers(len(speech) - samples)
            pieces.append(trimmed(speech[start : start + samples]))
        labels = [f"{LOCAL}{number}" for number in range(SEGMENTS)]
        return [(self._faster(pieces, most=1.22), labels) for _ in range(5)]

    def _faster(self, sounds: _Sounds, *, most: float = 1.17) -> _Sounds:
        factor = self._rng.uniform(1 / most, most)
        return [None if sound is None else played_faster(sound, factor) for sound in sounds]

    def _chosen(self, texts: list[str], count: int) -> list[str]:
        return [str(text) for text in self._rng.choice(texts, count, replace=False)]
