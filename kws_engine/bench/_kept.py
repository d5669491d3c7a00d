"""Sound of people that is kept for measuring, in four kinds: conversation, single words, other languages and noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.bench._people import Recording, recordings

Samples = NDArray[np.float32]
CATEGORIES: Final = ("conversation", "single words", "other languages", "noise")
_GAP_S: Final = 0.3
_BLOCK_S: Final = 30.0


def category_of(one: Recording) -> str:
    """The kind of sound that a recording counts as."""
    if one.kind == "noise":
        return "noise"
    if one.kind == "word":
        return "single words"
    return "conversation" if one.language == "en" else "other languages"


def kept(folder: Path, *, without: Sequence[str] = (), sources_without: Sequence[str] = ()) -> dict[str, list[Path]]:
    """The files of each kind, without those that say one of the words."""
    found: dict[str, list[Path]] = {name: [] for name in CATEGORIES}
    for one in recordings(folder):
        says_it = any(word.lower() in one.word.lower() for word in without)
        if one.kept and not says_it and one.source not in sources_without:
            found[category_of(one)].append(one.path)
    return found


def blocks_of(paths: Sequence[Path], *, gap_s: float = _GAP_S) -> Callable[[int], Iterator[Samples]]:
    """Opens recordings as one stream, with a short gap behind each."""

    def blocks(rate: int) -> Iterator[Samples]:
        waiting: list[Samples] = []
        for path in paths:
            waiting += [audio.read(path, rate=rate, max_seconds=900), np.zeros(round(gap_s * rate), np.float32)]
            if sum(map(len, waiting)) > _BLOCK_S * rate:
                yield np.concatenate(waiting)
                waiting = []
        if waiting:
            yield np.concatenate(waiting)

    return blocks
