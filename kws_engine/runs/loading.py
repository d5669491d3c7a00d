"""A project's clips brought into memory for a run, with the program's own where some are lacking; knows no network."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from kws_engine import audio, resources
from kws_engine.clips.clip import Clip, layout_clips
from kws_engine.clips.project import Project
from kws_engine.clips.words import SILENCE, UNKNOWN
from kws_engine.errors import AudioError
from kws_engine.runs.enough import check_enough, check_words
from kws_engine.settings import Settings
from kws_engine.training.batches import Part, load_noise, load_part
from kws_engine.training.events import Progress, Skipped

Result = TypeVar("Result")
Loading = Generator[Progress | Skipped, None, Result]


@dataclass(frozen=True)
class Data:
    """What is learned from: both parts in memory, and the noises in one row (N,)."""

    labels: tuple[str, ...]
    training: Part
    validation: Part
    noises: Tensor


def load(project: Project, settings: Settings) -> Loading[Data]:
    """Yields how far it is and every file left out, and returns what was read.

    Raises:
        TrainingError: There are too few clips, or too few that can be read.
    """
    check_words(project.words)
    yield from _unreadable(project)
    training = yield from _load_split("training", project, settings)
    validation = yield from _load_split("validation", project, settings)
    noises = yield from _last(load_noise(project.noises() or shipped_noises(), rate=project.rate))
    return Data((*project.words, UNKNOWN, SILENCE), training, validation, noises)


def shipped_noises() -> list[Path]:
    """The noises that ship with the program, for projects that have recorded none."""
    return sorted(resources.path("starter", "clips", "_background_noise_").iterdir())


def _unreadable(project: Project) -> Iterator[Skipped]:
    """The project's clips whose very header cannot be read."""
    for clip in project.unreadable:
        try:
            audio.info(clip.path)
        except AudioError as error:
            yield Skipped(str(clip.path), str(error))


def _load_split(split: str, project: Project, settings: Settings) -> Loading[Part]:
    clips = [clip for clip in project.clips() if clip.split == split]
    if settings.training.shipped_unknown:
        clips += _shipped_unknown(clips, project.words, split)
    check_enough(clips, project.words, split)
    labels = (*project.words, UNKNOWN)
    pairs = [(clip.path, labels.index(clip.word)) for clip in clips]
    loading = load_part(pairs, rate=project.rate, clip_samples=project.clip_samples, what=f"Reading {split} clips")
    skipped, part = yield from _skipped_and_last(loading)
    check_enough([clip for clip in clips if str(clip.path) not in skipped], project.words, split)
    return part


def _shipped_unknown(clips: Sequence[Clip], words: Sequence[str], split: str) -> list[Clip]:
    """The program's own recordings of other words, where the project has fewer of them than of a word."""
    counts = Counter(clip.word for clip in clips)
    if counts[UNKNOWN] >= max(counts[word] for word in words):
        return []
    taken = {word.casefold() for word in words}
    says = json.loads(resources.path("starter", "unknown_words.json").read_text(encoding="utf-8"))
    shipped = [clip for clip in layout_clips(resources.path("starter", "clips")) if clip.split == split]
    said = [(clip, says[clip.path.name] if clip.word == UNKNOWN else clip.word) for clip in shipped]
    return [replace(clip, word=UNKNOWN) for clip, word in said if word.casefold() not in taken]


def _last(events: Iterator[Progress | Skipped | Result]) -> Loading[Result]:
    _, last = yield from _skipped_and_last(events)
    return last


def _skipped_and_last(events: Iterator[Progress | Skipped | Result]) -> Loading[tuple[set[str], Result]]:
    """Passes the events on; returns the paths left out, and the last item, which is none."""
    skipped: set[str] = set()
    for item in events:
        if isinstance(item, Skipped):
            skipped.add(item.path)
        elif not isinstance(item, Progress):
            return skipped, item
        yield item
    raise AssertionError("a loader ends with what it loaded")
