"""Whole runs of one epoch on 100,000 and on 1,000,000 clips: their time and memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kws_engine.bench import Row
from kws_engine.bench.data import MILLION
from kws_engine.bench.train import measured

TITLE = "Training on a million clips: time and memory beside those of a tenth (half an hour, 20 GB of disk)"
_TENTH: Final = 100_000
_MB: Final = 1e6


def rows() -> Iterator[Row]:
    """Yields rows for both sizes; the clips are links to a few synthetic sounds."""
    most = {}
    for clips in (_TENTH, MILLION):
        found = measured("whole", clips=clips)
        of = f"{clips:,} clips"
        yield Row(f"{of}: until the run is set up, every clip's place known", found["started_s"], "s")
        yield Row(f"{of}: the first epoch, every clip read and its features cached", found["epoch_s"], "s")
        yield Row(f"{of}: the whole run, to its model file", found["seconds"], "s")
        for moment in ("started", "epoch"):
            yield Row(f"{of}: most memory until {moment}", found[f"{moment}_bytes"] / _MB, "MB")
        most[clips] = found["bytes"]
        yield Row(f"{of}: most memory of the run", found["bytes"] / _MB, "MB")
    each = (most[MILLION] - most[_TENTH]) / (MILLION - _TENTH)
    yield Row("What each further clip adds to it", each, "bytes", against="32,000 bytes of its sound")
