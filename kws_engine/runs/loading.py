"""Loads a project's clips for a run, with the program's own where some are missing."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
import torch
from torch import Tensor

from kws_engine import audio, resources
from kws_engine.clips.clip import LONGEST_CLIP_S, layout_clips
from kws_engine.clips.project import Project
from kws_engine.clips.table import ClipTable
from kws_engine.clips.words import SILENCE, UNKNOWN
from kws_engine.errors import AudioError
from kws_engine.runs.clip_list import ClipListFile, located
from kws_engine.runs.minimum_clips import check_minimum_clips, check_single_takes, check_words
from kws_engine.runs.talk_to_learn import talk_to_learn
from kws_engine.settings import Settings
from kws_engine.training.data.clips import Clips, UnreadClips, load_clips, load_noise
from kws_engine.training.data.talk import NO_TALK, Talk
from kws_engine.training.events import Progress, Skipped

Result = TypeVar("Result")
Loading = Generator[Progress | Skipped, None, Result]


@dataclass(frozen=True)
class Data:
    """What is learned from: both parts, the noises in one row (N,), and talk."""

    labels: tuple[str, ...]
    training: Clips
    validation: Clips
    noises: Tensor
    talk: Talk = NO_TALK


@dataclass(frozen=True)
class Listed:
    """Clips of one part before they are read: N files, and labels (N,) int64."""

    paths: Sequence[Path]
    labels: Tensor


class Paths(Sequence[Path]):
    """The files of some rows of a table, made on demand, followed by some more."""

    def __init__(self, table: ClipTable, rows: np.ndarray, more: Sequence[Path] = ()) -> None:
        self._table = table
        self._rows = rows
        self._more = more

    def __len__(self) -> int:
        return len(self._rows) + len(self._more)

    @overload
    def __getitem__(self, at: int) -> Path: ...
    @overload
    def __getitem__(self, at: slice) -> list[Path]: ...
    def __getitem__(self, at: int | slice) -> Path | list[Path]:
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(len(self)))]
        if at < len(self._rows):
            return self._table.path(int(self._rows[at]))
        return self._more[at - len(self._rows)]


def load(project: Project, settings: Settings, *, only: Path | None = None, to_learn: bool = True) -> Loading[Data]:
    """Yields progress and every skipped file, and returns what was read.

    Args:
        project: Whose clips.
        settings: Whether the program's own other words are added.
        only: A clips.csv: exactly the clips in it, with their parts and labels.
        to_learn: Whether anything is learned from the training part; otherwise its clips are not read.

    Raises:
        TrainingError: There are too few clips, or too few that can be read.
    """
    words, listed = _from_list(project, only) if only else _from_project(project, settings)
    check_words(words)
    yield from _unreadable(project)
    parts: dict[str, Clips] = {}
    check_minimum_clips(_counts(listed["training"].labels, words), words, "training")
    check_single_takes(*_learned_and_validated(listed, words), words)
    for split in ("training", "validation"):
        if split == "training" and not to_learn:
            parts[split] = UnreadClips(listed[split].paths, listed[split].labels, clip_samples=project.clip_samples)
        else:
            parts[split] = yield from _load_split(split, listed[split], project, words)
    check_single_takes(*_learned_and_validated(parts, words), words)
    noises = yield from _last(load_noise(project.noises() or shipped_noises(), rate=project.rate))
    talk = NO_TALK
    if to_learn and settings.training.talk_share > 0:
        talk = Talk(talk_to_learn(project, words), rate=project.rate, clip_samples=project.clip_samples)
    return Data((*words, UNKNOWN, SILENCE), parts["training"], parts["validation"], noises, talk)


def shipped_noises() -> list[Path]:
    """The noises that ship with the program, for projects that have recorded none."""
    return sorted(resources.path("starter", "clips", "_background_noise_").iterdir())


def _from_project(project: Project, settings: Settings) -> tuple[tuple[str, ...], dict[str, Listed]]:
    table, words = project.table(), project.words
    labels = torch.from_numpy(table.labels.astype(np.int64))
    listed = {}
    for split in ("training", "validation"):
        rows = table.select(split=split)
        more: list[Path] = []
        if settings.training.shipped_unknown and words:
            more = _shipped_unknown(_counts(labels[rows], words), words, split)
        known = torch.cat([labels[rows], torch.full((len(more),), len(words))])
        listed[split] = Listed(Paths(table, rows, more), known)
    return words, listed


def _from_list(project: Project, only: Path) -> tuple[tuple[str, ...], dict[str, Listed]]:
    found: dict[str, tuple[list[Path], list[str]]] = {"training": ([], []), "validation": ([], [])}
    for row in ClipListFile(only).read():
        if row.split in found:
            found[row.split][0].append(located(row, project.folder))
            found[row.split][1].append(row.label)
    named = {label for _, labels in found.values() for label in labels} - {UNKNOWN}
    words = (*(word for word in project.words if word in named), *sorted(named - set(project.words)))
    number = {label: at for at, label in enumerate((*words, UNKNOWN))}
    listed = {
        split: Listed(paths, torch.tensor([number[label] for label in labels], dtype=torch.int64))
        for split, (paths, labels) in found.items()
    }
    return words, listed


def _unreadable(project: Project) -> Iterator[Skipped]:
    """The files among the project's clips that cannot be read."""
    for clip in project.unreadable:
        try:
            audio.measure(clip.path, max_seconds=LONGEST_CLIP_S)
        except AudioError as error:
            yield Skipped(str(clip.path), str(error))


def _load_split(split: str, listed: Listed, project: Project, words: Sequence[str]) -> Loading[Clips]:
    check_minimum_clips(_counts(listed.labels, words), words, split)
    loading = load_clips(
        listed.paths,
        listed.labels,
        rate=project.rate,
        clip_samples=project.clip_samples,
        what=f"Reading {split} clips",
    )
    part: Clips = yield from _last(loading)
    check_minimum_clips(_counts(part.labels, words), words, split)
    return part


def _learned_and_validated(
    parts: Mapping[str, Clips] | Mapping[str, Listed], words: Sequence[str]
) -> tuple[dict[str, int], dict[str, int]]:
    """How many clips each word has in both parts."""
    return _counts(parts["training"].labels, words), _counts(parts["validation"].labels, words)


def _counts(labels: Tensor, words: Sequence[str]) -> dict[str, int]:
    counts = torch.bincount(labels, minlength=len(words) + 1).tolist()
    return dict(zip((*words, UNKNOWN), counts, strict=True))


def _shipped_unknown(counts: Mapping[str, int], words: Sequence[str], split: str) -> list[Path]:
    """The program's own recordings of other words, where the project has fewer of them than of a word."""
    if counts[UNKNOWN] >= max(counts[word] for word in words):
        return []
    taken = {word.casefold() for word in words}
    spoken = json.loads(resources.path("starter", "unknown_words.json").read_text(encoding="utf-8"))
    shipped = [clip for clip in layout_clips(resources.path("starter", "clips")) if clip.split == split]
    words_of = [(clip.path, spoken[clip.path.name] if clip.word == UNKNOWN else clip.word) for clip in shipped]
    return [path for path, word in words_of if word.casefold() not in taken]


def _last(events: Iterable[Any]) -> Loading[Any]:
    """Yields the events; returns the last item, which is not one."""
    for item in events:
        if not isinstance(item, Progress | Skipped):
            return item
        yield item
    raise AssertionError("a loader ends with what it loaded")
