"""The talk that a run learns from as other words: the user's own, then the program's without the words to learn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.own_talk import Unreadable, own_talk
from kws_engine.clips.project import Project
from kws_engine.errors import AudioError
from kws_engine.talk import TalkFile, shipped_talk
from kws_engine.training.events import Skipped

T = TypeVar("T")
Samples = NDArray[np.float32]
_BLOCK_S = 10.0


def talk_to_learn(project: Project, words: Sequence[str]) -> Iterator[Samples | Skipped]:
    """Stretches of talk (N,) at the project's rate, and the recordings that cannot be read."""
    for own in own_talk(ProjectFolder(project.folder).talk, "training", rate=project.rate):
        yield Skipped(str(own.path), str(own.error)) if isinstance(own, Unreadable) else own.samples
    files = [file for file in shipped_talk("training") if file.kind != "noise"]
    yield from in_turns([_readable(words, file, rate=project.rate) for file in files])


def in_turns(sources: Sequence[Iterator[T]]) -> Iterator[T]:
    """One item of each source after another until all have ended, so that the first ones are of every kind."""
    going = list(sources)
    while going:
        for source in list(going):
            try:
                yield next(source)
            except StopIteration:
                going.remove(source)


def _readable(words: Sequence[str], file: TalkFile, *, rate: int) -> Iterator[Samples | Skipped]:
    try:
        yield from stretches_without(words, file, rate=rate)
    except AudioError as error:
        yield Skipped(str(file.path), str(error))


def stretches_without(words: Iterable[str], file: TalkFile, *, rate: int) -> Iterator[Samples]:
    """What is before, between and behind the spans in which one of the words is said, at most ten seconds at a time.

    Raises:
        AudioError: The file is damaged.
    """
    spans = [(round(start_s * rate), round(end_s * rate)) for start_s, end_s in file.spans_with(words)]
    at = 0
    for block in file.blocks(rate=rate, block_seconds=_BLOCK_S):
        is_kept = np.ones(len(block), bool)
        for start, end in spans:
            is_kept[max(0, start - at) : max(0, end - at)] = False
        at += len(block)
        if is_kept.all():
            yield block
            continue
        edges = np.flatnonzero(np.diff(np.concatenate(([False], is_kept, [False])).astype(np.int8)))
        for start, end in edges.reshape(-1, 2).tolist():
            yield block[start:end]
