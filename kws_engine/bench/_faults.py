"""Small projects of real clips, each made to have one fault or none.

Every choice that a fault leaves open (which words, which clips, how strong, in which of several ways) is drawn from the
seed, so that other seeds give other runs.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kws_engine import audio
from kws_engine.augment import AUGMENTATIONS
from kws_engine.clips.clip import audio_files
from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.project import Project
from kws_engine.clips.split import which_set
from kws_engine.clips.words import NOISE, UNKNOWN
from kws_engine.errors import ProjectError
from kws_engine.runs.job import Job
from kws_engine.settings import Settings

HEALTHY = "healthy"
WORDS = ("right", "left", "up", "down", "go", "eight", "one", "zero", "five")
_OTHERS = ("bed", "bird", "cat", "dog", "four", "happy", "house", "marvin", "nine", "no", "off", "on", "seven", "six",
           "sheila", "stop", "three", "tree", "two", "wow", "yes")  # fmt: skip
_BASE = {
    "training.epochs": "24", "training.batch_size": "32", "training.clips_per_epoch": "600", "training.device": "cpu",
    "training.made_up_share": "0.05", "feature.hop_ms": "20", "model.dropout": "0.1",
}  # fmt: skip
_NO_AUGMENTATION = {f"augment.{entry.name}.probability": "0" for entry in AUGMENTATIONS}
RATE = 16_000


@dataclass
class _Plan:
    """A project before it is written.

    Attributes:
        generator: Draws every choice.
        clips: Source, word and file name of each.
        by_hand: The split of clips, as word/name, that is set by hand.
        options: Those of the run.
        emptied: Clips, as word/name, whose speech is replaced with room noise.
    """

    generator: np.random.Generator
    clips: list[tuple[Path, str, str]] = field(default_factory=list)
    by_hand: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=lambda: dict(_BASE))
    emptied: list[str] = field(default_factory=list)

    def part(self, split: str, word: str | None = None) -> list[tuple[Path, str, str]]:
        """The clips of one part, of all words of the project or of one."""
        return [one for one in self.clips if which_set(one[2]) == split and one[1] in (word, None if word else one[1])]

    @property
    def words(self) -> list[str]:
        return sorted({word for _, word, _ in self.clips} - {UNKNOWN})


def speech_commands() -> Path:
    """The folder of real recordings: `$KWS_SHARED_DATA/speech_commands`, or beside the program's own folder.

    Raises:
        ProjectError: It is not there.
    """
    shared = os.environ.get("KWS_SHARED_DATA")
    root = Path(shared) if shared else Path(__file__).parents[2].parent / "shared" / "data"
    folder = root / "speech_commands"
    if not (folder / WORDS[0]).is_dir():
        raise ProjectError(
            f"There are no recordings in {folder}: put folders of Google Speech Commands there "
            f"({', '.join(WORDS)} and others), or name another place in KWS_SHARED_DATA."
        )
    return folder


def make(fault: str, seed: int, folder: Path) -> Job:
    """Writes a project with this fault, or a healthy one, into a new folder; returns the run that shows it."""
    number = list(FAULTS).index(fault)
    plan = _healthy(np.random.default_rng([seed, number]), speech_commands())
    FAULTS[fault](plan)
    return Job(_write(plan, folder).folder, settings_of_options(plan.options), seed=seed, threads=1)


def settings_of_options(options: Mapping[str, str]) -> dict[str, object]:
    parts_first = sorted(options.items(), key=lambda option: not option[0].endswith(".name"))
    return Settings().with_options(f"{path}={value}" for path, value in parts_first).to_dict()


def _healthy(generator: np.random.Generator, source: Path) -> _Plan:
    """Four words with 150 clips to train on and at most 60 to validate on, other words, the defaults."""
    plan = _Plan(generator)
    for word in sorted(generator.choice(WORDS, 4, replace=False).tolist()):
        plan.clips += _drawn(generator, source, word, training=150, validation=60)
    for word in _OTHERS:
        plan.clips += [(one, UNKNOWN, name) for one, _, name in _drawn(generator, source, word, validation=20)]
    return plan


def _drawn(
    generator: np.random.Generator, source: Path, word: str, *, training: int = 20, validation: int
) -> list[tuple[Path, str, str]]:
    found: dict[str, list[tuple[Path, str, str]]] = {"training": [], "validation": [], "testing": []}
    paths = [Path(entry.path) for entry in audio_files(source / word)]
    for at in generator.permutation(len(paths)):
        name = paths[at].name if word in WORDS else paths[at].name.replace("_nohash_", f"_nohash_{word}")
        found[which_set(name)].append((paths[at], word, name))
    return found["training"][:training] + found["validation"][:validation]


def _keep(plan: _Plan, count: int, *, split: str, word: str) -> None:
    """Drops all but so many clips of one part of a word."""
    dropped = {id(one) for one in plan.part(split, word)[count:]}
    plan.clips = [one for one in plan.clips if id(one) not in dropped]


def _overfitting(plan: _Plan) -> None:
    """Few clips, nothing that regularizes, a steady rate for long."""
    for word in (*plan.words, UNKNOWN):
        _keep(plan, int(plan.generator.integers(20, 36)), split="training", word=word)
    plan.options |= _NO_AUGMENTATION | {
        "model.dropout": "0", "training.weight_decay": "0", "training.made_up_share": "0",
        "training.early_stopping": "no", "training.shipped_unknown": "no",
        "training.schedule": str(plan.generator.choice(["constant", "one_cycle", "cosine"])),
        "model.width": str(plan.generator.choice(["1.0", "2.0"])),
    }  # fmt: skip


def _underfitting(plan: _Plan) -> None:
    """Too small a network, features too coarse to tell words apart, or too strong a regularizer."""
    ways: list[dict[str, str]] = [
        {"model.name": "fnn", "model.layers": "2", "model.dropout": "0"},
        {"feature.name": "mfcc", "feature.coefficients": "4", "feature.hop_ms": "20", "model.width": "0.25"},
        {"model.dropout": "0.9", "model.width": "0.25"},
        {"regularizers.l2.weight": "0.1", "training.optimizer": "sgd", "training.learning_rate": "0.1"},
    ]
    plan.options |= ways[int(plan.generator.integers(len(ways)))]


def _not_converged(plan: _Plan) -> None:
    """Too few epochs, or steps too small to arrive."""
    ways: list[dict[str, str]] = [
        {"training.epochs": "3"},
        {"training.epochs": "5", "training.schedule": "constant", "training.learning_rate": "0.0005"},
        {"training.epochs": "20", "training.schedule": "constant", "training.learning_rate": "0.0001"},
        {"training.epochs": "15", "training.schedule": "one_cycle", "training.learning_rate": "0.0003"},
    ]
    plan.options |= ways[int(plan.generator.integers(len(ways)))]


def _diverging(plan: _Plan) -> None:
    """Twenty-five to a hundred times the rate that works (ten times still does), with or without averaging."""
    factor = float(10 ** plan.generator.uniform(1.4, 2))
    plan.options |= {"training.schedule": str(plan.generator.choice(["constant", "one_cycle", "cosine"]))}
    if plan.generator.random() < 0.5:
        plan.options |= {"training.learning_rate": f"{0.008 * factor:.3g}"}
    else:
        rate = f"{min(0.1 * factor, 10.0):.3g}"
        plan.options |= {"training.optimizer": "sgd", "training.learning_rate": rate, "training.weight_decay": "0.001"}
    if plan.generator.random() < 0.5:
        plan.options |= {"training.averaging": "0"}


def _noisy_validation(plan: _Plan) -> None:
    """Twelve clips to validate on, in all."""
    for word in plan.words:
        _keep(plan, 3, split="validation", word=word)
    _keep(plan, 0, split="validation", word=UNKNOWN)
    plan.options |= {"training.shipped_unknown": "no"}


def _few_clips(plan: _Plan) -> None:
    """One word has three to six clips, or a few more by a single speaker."""
    word = str(plan.generator.choice(plan.words))
    if plan.generator.random() < 0.5:
        _keep(plan, int(plan.generator.integers(3, 7)), split="training", word=word)
        return
    ones = plan.part("training", word)[: int(plan.generator.integers(6, 12))]
    speaker = ones[0][2].partition("_nohash_")[0]
    renamed = {one[2]: f"{speaker}_nohash_{take}.wav" for take, one in enumerate(ones)}
    _keep(plan, len(ones), split="training", word=word)
    plan.clips = [(path, of, renamed.get(name, name) if of == word else name) for path, of, name in plan.clips]


def _few_speakers(plan: _Plan) -> None:
    """Five people say every word in four or five takes; three of them are learned from, two validate."""
    takes = {word: _by_speaker(speech_commands() / word) for word in plan.words}
    able = sorted(set.intersection(*({name for name, paths in of.items() if len(paths) > 3} for of in takes.values())))
    people = [able[at] for at in plan.generator.permutation(len(able))[:5]]
    for word in plan.words:
        plan.clips = [one for one in plan.clips if one[1] != word]
        for number, person in enumerate(people):
            for path in takes[word][person]:
                plan.clips.append((path, word, path.name))
                plan.by_hand[f"{word}/{path.name}"] = "training" if number < 3 else "validation"


def _by_speaker(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(Path(entry.path) for entry in audio_files(folder)):
        found.setdefault(path.name.partition("_nohash_")[0], []).append(path)
    return found


def _confused_words(plan: _Plan) -> None:
    """A word in two folders: half of its clips under a second name."""
    word = str(plan.generator.choice(plan.words))
    mine = [one for one in plan.clips if one[1] == word]
    second = {id(mine[at]) for at in plan.generator.permutation(len(mine))[: len(mine) // 2]}
    plan.clips = [
        (path, f"{of}-2" if id(one) in second else of, name) for one in plan.clips for path, of, name in [one]
    ]


def _label_errors(plan: _Plan) -> None:
    """A tenth to a seventh of the words' clips lie in another word's folder, in both parts."""
    share = plan.generator.uniform(0.10, 0.15)
    words = plan.words
    moved = []
    for path, word, name in plan.clips:
        if word in words and plan.generator.random() < share:
            word = str(plan.generator.choice([other for other in words if other != word]))
            name = name.replace("_nohash_", "_nohash_9")  # a number that no other clip of the speaker has there
        moved.append((path, word, name))
    plan.clips = moved


def _leakage(plan: _Plan) -> None:
    """Copies of training recordings under other names, or speakers put into both parts by hand."""
    ones = [one for one in plan.part("training") if one[1] != UNKNOWN]
    chosen = [ones[at] for at in plan.generator.permutation(len(ones))[: int(plan.generator.integers(20, 60))]]
    if plan.generator.random() < 0.5:
        names = (f"copy{number}_nohash_0.wav" for number in range(100_000))
        free = (name for name in names if which_set(name) == "validation")
        plan.clips += [(path, word, next(free)) for path, word, _ in chosen]
        return
    takes: dict[str, list[tuple[Path, str, str]]] = {}
    for one in ones:
        takes.setdefault(one[2].partition("_nohash_")[0], []).append(one)
    several = [takes_of for takes_of in takes.values() if len(takes_of) > 1]
    plan.by_hand = {
        f"{one[1]}/{one[2]}": "validation" for takes_of in several for one in takes_of[: len(takes_of) // 2]
    }


def _silence_learned(plan: _Plan) -> None:
    """A quarter to two thirds of one or two words' recordings hold room noise and no speech."""
    words = plan.generator.permutation(plan.words)[: int(plan.generator.integers(1, 3))].tolist()
    share = plan.generator.uniform(0.25, 0.67)
    plan.emptied = [f"{of}/{name}" for _, of, name in plan.clips if of in words and plan.generator.random() < share]


FAULTS: Mapping[str, Callable[[_Plan], None]] = {
    HEALTHY: lambda plan: None,
    "overfitting": _overfitting,
    "underfitting": _underfitting,
    "not_converged": _not_converged,
    "diverging": _diverging,
    "noisy_validation": _noisy_validation,
    "few_clips": _few_clips,
    "confused_words": _confused_words,
    "label_errors": _label_errors,
    "leakage": _leakage,
    "silence_learned": _silence_learned,
    "few_speakers": _few_speakers,
}


def _write(plan: _Plan, folder: Path) -> Project:
    Project.create(folder, words=plan.words)
    noises = [Path(entry.path) for entry in audio_files(speech_commands() / NOISE)]
    emptied = set(plan.emptied)
    for path, word, name in plan.clips:
        target = ProjectFolder(folder).clips / word / name
        if f"{word}/{name}" in emptied:
            audio.write(target, room(plan.generator, noises), rate=RATE)
        else:
            shutil.copyfile(path, target)
    for path in noises:
        shutil.copyfile(path, ProjectFolder(folder).clips / NOISE / path.name)
    project = Project.open(folder)
    planned = {clip: plan.by_hand.get(clip.key, which_set(clip.path.name)) for clip in project.clips()}
    moved = {clip: part for clip, part in planned.items() if clip.split != part}
    project.edit.set_splits(list(moved), list(moved.values()))  # type: ignore[arg-type]
    return project


def room(generator: np.random.Generator, noises: list[Path]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """A second of quiet noise (16000,), as where the microphone ran and nobody spoke."""
    path = noises[int(generator.integers(len(noises)))]
    sound = audio.read(path, rate=RATE, max_seconds=600.0)
    start = int(generator.integers(len(sound) - RATE))
    piece = sound[start : start + RATE]
    level = 10 ** (generator.uniform(-60, -35) / 20)
    return np.asarray(piece * (level / max(float(np.sqrt(np.mean(np.square(piece)))), 1e-6)), np.float32)
