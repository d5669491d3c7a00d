"""Healthy projects of the sizes that people have: one voice's first takes, the starter project, nine words."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.bench._faults import WORDS, settings_of_options, speech_commands
from kws_engine.clips.clip import audio_files
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.project import Project, copy_starter
from kws_engine.clips.words import NOISE
from kws_engine.runs.job import Job

_RATE = 16_000
_REAL = 5  # takes of a word, which the chosen speakers have
_VOICES = ("099d52ad", "264f471d", "229978fd", "0132a06d", "21832144", "471a0925")
"""Speakers with four or five takes of most words."""
_QUICK = {"training.device": "cpu"}


@dataclass(frozen=True)
class Size:
    """One kind of healthy run.

    Attributes:
        write: Writes the project into a new folder, drawing from a generator.
        networks: Options of each run on such a project.
        seeds: How many of each.
    """

    write: Callable[[np.random.Generator, Path], object]
    networks: Mapping[str, Mapping[str, str]]
    seeds: int


def names() -> Iterator[tuple[str, int]]:
    """Every healthy run: its name, of size and network, and its seed."""
    for size, one in SIZES.items():
        for network in one.networks:
            for seed in range(one.seeds):
                yield f"{size}, {network}", seed


def make(name: str, seed: int, folder: Path) -> Job:
    """Writes the project of a healthy run into a new folder; returns the run."""
    size, _, network = name.rpartition(", ")
    SIZES[size].write(np.random.default_rng([seed, list(SIZES).index(size)]), folder)
    options = {**_QUICK, **SIZES[size].networks[network]}
    return Job(folder, settings_of_options(options), seed=seed, threads=1)


def write_one_voice(takes: int) -> Callable[[np.random.Generator, Path], object]:
    """Three words by one person, in so many takes."""

    def write(generator: np.random.Generator, folder: Path) -> object:
        voice = str(generator.choice(_VOICES))
        of_word = {word: sorted((speech_commands() / word).glob(f"{voice}_nohash_*.wav")) for word in WORDS}
        spoken = [word for word, paths in of_word.items() if len(paths) >= _REAL - 1]
        words = sorted(generator.choice(spoken, 3, replace=False).tolist())
        Project.create(folder, words=words)
        for word in words:
            for take in range(takes):
                target = ProjectFolder(folder).clips / word / f"me_nohash_{take}.wav"
                if take < len(of_word[word]):
                    shutil.copyfile(of_word[word][take], target)
                else:
                    audio.write(target, _said_again(generator, of_word[word]), rate=_RATE)
        return Project.open(folder)

    return write


def write_voices(count: int) -> Callable[[np.random.Generator, Path], object]:
    """Three words by so many people, in four or five takes each."""

    def write(generator: np.random.Generator, folder: Path) -> object:
        words = sorted(generator.choice(WORDS, 3, replace=False).tolist())
        Project.create(folder, words=words)
        speakers = list(_with_takes(words))
        chosen = [speakers[at] for at in generator.permutation(len(speakers))[:count]]
        for word in words:
            for speaker in chosen:
                for path in (speech_commands() / word).glob(f"{speaker}_nohash_*.wav"):
                    shutil.copyfile(path, ProjectFolder(folder).clips / word / path.name)
        return Project.open(folder)

    return write


def _with_takes(words: list[str]) -> Iterator[str]:
    """The speakers with three takes or more of each word."""
    found = [
        {path.name.partition("_nohash_")[0] for path in (speech_commands() / word).glob("*_nohash_3.wav")}
        for word in words
    ]
    yield from sorted(set.intersection(*found))


def _write_starter(generator: np.random.Generator, folder: Path) -> object:
    return copy_starter(folder)


def _write_nine_words(generator: np.random.Generator, folder: Path) -> object:
    """All there is of the nine words, with other words and noise."""
    project = Project.create(folder, words=WORDS)
    for place in sorted(path for path in speech_commands().iterdir() if path.is_dir()):
        is_own = place.name in (*WORDS, NOISE)
        for entry in audio_files(place):
            name = entry.name if is_own else entry.name.replace("_nohash_", f"_nohash_{place.name}")
            shutil.copyfile(entry.path, ProjectFolder(folder).clips / (place.name if is_own else "_unknown_") / name)
    return project


def _said_again(generator: np.random.Generator, takes: list[Path]) -> NDArray[np.float32]:
    """A second (16000,) of one of these takes faster or slower, louder or softer, earlier or later, in a quiet room."""
    sound = audio.read(takes[int(generator.integers(len(takes)))], rate=_RATE, max_seconds=2.0)
    pace = generator.uniform(0.88, 1.14)
    at = np.arange(_RATE) * pace + generator.uniform(-0.08, 0.08) * _RATE
    said = np.interp(at, np.arange(len(sound)), sound, left=0.0, right=0.0) * 10 ** (generator.uniform(-8, 3) / 20)
    room = 10 ** (generator.uniform(-65, -50) / 20) * generator.standard_normal(_RATE)
    return np.asarray(np.clip(said + room, -1, 1), np.float32)


_DEFAULT: Mapping[str, str] = {}
_CRNN = {"model.name": "crnn"}
_DENSE = {"model.name": "fnn"}
_DEEP = {"model.blocks": "14"}
SIZES: Mapping[str, Size] = {
    "3 words, 8 takes of one voice": Size(write_one_voice(8), {"tc_resnet": _DEFAULT, "crnn": _CRNN, "fnn": _DENSE}, 3),
    "3 words, 20 takes of one voice": Size(
        write_one_voice(20), {"tc_resnet": _DEFAULT, "crnn": _CRNN, "fnn": _DENSE}, 3
    ),
    "starter": Size(_write_starter, {"tc_resnet": _DEFAULT, "crnn": _CRNN, "tc_resnet 14": _DEEP}, 2),
    "nine words": Size(_write_nine_words, {"tc_resnet": {"training.epochs": "20"}}, 2),
}
