"""Clips of words and phrases by this machine's synthetic voices, and of what sounds almost like them."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws_engine.clips import trimming
from kws_engine.clips.clip import key_at
from kws_engine.clips.parts import of_synthetic_voices, shared_out
from kws_engine.clips.project import Project
from kws_engine.clips.split import SPLITS
from kws_engine.clips.takes import TakeNumbers, write_take
from kws_engine.clips.words import UNKNOWN, check_new_word, clip_ms_for, synthetic_speaker
from kws_engine.errors import KwsError, ProjectError
from kws_engine.spec import checked, option
from kws_engine.synthesis.neighbours import neighbours
from kws_engine.synthesis.speaking import Utterance, say_many, speakable, voices

Samples = NDArray[np.float32]
Progress = Callable[[int, int], None]

_LOUDEST_DB, _SOFTEST_DB = -2.0, -18.0
_ROOM_DB = -75.0  # digital silence around every word would tell these clips from recordings


@dataclass(frozen=True)
class SynthesisConfig:
    """Options of synthetic clips."""

    clips: int = option(50, "Clips of each word", "By as many different voices as there are.", low=1, high=10_000)
    neighbours: int = option(
        0,
        "Sound-alikes",
        "Texts that sound almost like each word, said as often in all as the word itself: examples of other words.",
        low=0,
        high=100,
    )
    language: str = option("en", "Language", "Or an accent: en, en-gb, de; words in other scripts have their own.")
    all_parts: bool = option(
        False, "Validate and test with them", "Else synthetic clips are only learned from, as figures are to be real."
    )
    seed: int = option(0, "Seed", "Of voices, paces and pitches.", low=0, high=2**31 - 1)


@dataclass(frozen=True)
class Synthesized:
    """What was made.

    Attributes:
        words: New clips by word; those of neighbours are under `_unknown_`.
        clips: Their paths.
        voices: How many different voices spoke.
        neighbours: The texts that sound almost like the words.
        new_words: The words that the project did not have.
        stopped: Whether it was cancelled; the clips made by then are whole and stay.
    """

    words: dict[str, int]
    clips: tuple[Path, ...]
    voices: int
    neighbours: tuple[str, ...] = ()
    new_words: tuple[str, ...] = ()
    stopped: bool = False


def synthesize(
    project: Project,
    words: Sequence[str],
    config: SynthesisConfig | None = None,
    *,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Synthesized:
    """Lets synthetic voices say words and phrases, each so many times, and stores the clips in a project.

    Their speakers are called `synthetic-…`, which marks them in every copy; the split's rule lets them be learned only,
    unless `all_parts` asks for more. Words that the project lacks are added, and clips are made longer for phrases.
    Called again, it draws other voices, paces and pitches. Each clip appears whole or not at all.

    Args:
        project: Refreshed before and afterwards, also when an error ends it.
        words: Words or phrases.
        config: How many, and of what.
        progress: Called with (clips made, clips in all).
        should_stop: Called before each clip.

    Raises:
        SpecError: An option is outside its limits.
        KwsError: A word cannot be said or is unfit as one, there is no voice, or the project cannot be written.
    """
    config = checked(config or SynthesisConfig())
    if not words:
        raise ProjectError("There is no word to say: name one at least.")
    if not voices(config.language):
        raise KwsError(f"This machine has no voice for {config.language}: install espeak-ng, or choose a language.")
    project.refresh()
    run = _Making(project, config, should_stop or (lambda: False), progress)
    texts = run.prepare(words)
    try:
        run.make(texts)
    finally:
        run.finish()
    return run.result()


@dataclass(frozen=True)
class _Text:
    """What is said so many times, and the word whose folder it belongs in."""

    text: str
    word: str
    count: int
    seed: int


@dataclass
class _Making:
    """Clips being made."""

    project: Project
    config: SynthesisConfig
    should_stop: Callable[[], bool]
    progress: Progress | None
    paths: list[Path] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    new_words: list[str] = field(default_factory=list)
    near: list[str] = field(default_factory=list)
    stopped: bool = False

    def __post_init__(self) -> None:
        self._voices: set[str] = set()
        self._takes: dict[str, TakeNumbers] = {}

    def prepare(self, words: Sequence[str]) -> list[_Text]:
        """What is to be said; makes the words and the clips' length fit for it."""
        known = {word.casefold(): word for word in self.project.words}
        wanted: list[str] = []
        for typed in words:
            word = known.get(typed.casefold()) or check_new_word(typed, (*self.project.words, *self.new_words))
            speakable(word)
            if word not in (*self.project.words, *self.new_words):
                self.new_words.append(word)
                known[word.casefold()] = word
            if word not in wanted:
                wanted.append(word)
        texts = [text for word in wanted for text in self._texts(word, known)]
        with self.project.edit as edit:
            for word in self.new_words:
                edit.add_word(word)
            edit.lengthen_clips(clip_ms_for(wanted, least=self.project.clip_ms))
        return texts

    def make(self, texts: Sequence[_Text]) -> None:
        total = sum(text.count for text in texts)
        for text in texts:
            for said in self._said(text):
                self._store(said, text)
                if self.progress is not None:
                    self.progress(len(self.paths), total)
            if self.stopped:
                return

    def finish(self) -> None:
        """Makes the clips part of the project."""
        self.project.refresh()
        if self.config.all_parts and self.paths:
            table = self.project.table()
            rows = [table.row(key_at(path)) for path in self.paths]
            there = np.array([row for row in rows if row is not None], np.int64)
            splits = [SPLITS[code] for code in shared_out(table, there).tolist()]
            self.project.edit.set_splits([table.clip(row) for row in there.tolist()], splits)

    def result(self) -> Synthesized:
        return Synthesized(
            dict(self.counts),
            tuple(self.paths),
            len(self._voices),
            tuple(self.near),
            tuple(self.new_words),
            self.stopped,
        )

    def _texts(self, word: str, known: dict[str, str]) -> Iterator[_Text]:
        config = self.config
        yield _Text(word, word, config.clips, config.seed + self._made_before(word))
        if not config.neighbours:
            return
        found = neighbours(word, count=config.neighbours + len(known), language=config.language)
        near = [text for text in found if text.casefold() not in known][: config.neighbours]
        self.near += near
        seed = config.seed + self._made_before(UNKNOWN)
        for at, text in enumerate(near):
            count = config.clips * (at + 1) // len(near) - config.clips * at // len(near)
            if count:
                yield _Text(text, UNKNOWN, count, seed)

    def _made_before(self, word: str) -> int:
        table = self.project.table()
        rows = table.select(word=word, include_excluded=True) if word in table.words else np.zeros(0, np.int64)
        return int(of_synthetic_voices(table)[rows].sum())

    def _said(self, text: _Text) -> Iterator[Utterance]:
        speaking = say_many(
            [text.text],
            per_word=text.count,
            language=self.config.language,
            seed=text.seed,
            rate=self.project.rate,
        )
        for said in speaking:
            if self.should_stop():
                self.stopped = True
                return
            yield said

    def _store(self, said: Utterance, text: _Text) -> None:
        project = self.project
        speaker = synthetic_speaker(said.voice.speaker)
        takes = self._takes.setdefault(text.word, TakeNumbers(project.folder, text.word))
        number = len(self.paths) + 1
        clip = as_clip(
            said.samples, project.rate, clip_samples=project.clip_samples, seed=_seed(text.text, text.seed, number)
        )
        folder = project.clips_folder / text.word
        path = write_take(clip, folder, speaker=speaker, first=takes.next(speaker), rate=project.rate)
        takes.use(path.name)
        self.paths.append(path)
        self.counts[text.word] += 1
        self._voices.add(said.voice.speaker)


def _seed(*parts: object) -> int:
    return zlib.crc32(repr(parts).encode())


def as_clip(samples: Samples, rate: int, *, clip_samples: int, seed: int) -> Samples:
    """Speech (N,) as a clip (clip_samples,) at one of the levels of recordings, with the faint noise of a quiet room.

    Of speech longer than the clip, the loudest stretch is taken, as of recordings.
    """
    generator = np.random.default_rng(seed)
    clip, _ = trimming.cut(samples, rate, clip_samples=clip_samples, bounds=(0, len(samples)))
    peak = float(np.abs(clip).max()) or 1.0
    level = 10 ** (generator.uniform(_SOFTEST_DB, _LOUDEST_DB) / 20) / peak
    room = generator.standard_normal(clip_samples, np.float32) * np.float32(10 ** (_ROOM_DB / 20))
    return np.asarray(clip * level + room, np.float32)
