"""Which part a clip belongs to by rule: training, validation or testing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Split = Literal["training", "validation", "testing"]
SPLITS: Final[tuple[Split, ...]] = get_args(Split)

MAX_NUM_WAVS_PER_CLASS: Final = 2**27 - 1
VALIDATION_PERCENT: Final = 10.0
TESTING_PERCENT: Final = 10.0


@lru_cache(maxsize=65536)
def which_set(
    file_name: str, *, validation_percent: float = VALIDATION_PERCENT, testing_percent: float = TESTING_PERCENT
) -> Split:
    """The part of a file by the hash of what stands before `_nohash_` in its name (Warden 2018, Speech Commands).

    A speaker is always in the same part, and a new file never moves an old one.
    """
    base = re.split(r"[/\\]", file_name)[-1]
    speaker = re.sub(r"_nohash_.*$", "", base)
    digest = int(hashlib.sha1(speaker.encode(), usedforsecurity=False).hexdigest(), 16)
    percent = (digest % (MAX_NUM_WAVS_PER_CLASS + 1)) * (100.0 / MAX_NUM_WAVS_PER_CLASS)
    if percent < validation_percent:
        return "validation"
    return "testing" if percent < validation_percent + testing_percent else "training"


def split_by_take(take: int) -> Split:
    """The part of one take of a speaker who is in all parts: of eight takes one validates and one tests."""
    return {2: "validation", 6: "testing"}.get(take % 8, "training")  # type: ignore[return-value]


def speakers_fill_parts(speakers: Iterable[str]) -> bool:
    """Whether splitting by the speakers' hashes leaves neither training nor validation empty."""
    return {"training", "validation"} <= {which_set(speaker) for speaker in speakers}


def split_codes(
    speakers: Sequence[str], speaker: NDArray[np.int32], takes: NDArray[np.int32], *, by_take: Iterable[str]
) -> NDArray[np.int8]:
    """The part of each clip (N,) by rule, as an index into `SPLITS`.

    Args:
        speakers: All there are.
        speaker: Who speaks in each clip (N,), an index into `speakers`.
        takes: The take of each clip (N,).
        by_take: The speakers who are in all parts; all others go by hash.
    """
    by_hash = np.array([SPLITS.index(which_set(name)) for name in speakers], np.int8)
    codes = by_hash[speaker] if len(speaker) else np.zeros(0, np.int8)
    in_all = set(by_take)
    if in_all:
        mixed = np.array([name in in_all for name in speakers], bool)[speaker] if len(speaker) else np.zeros(0, bool)
        cycle = np.array([SPLITS.index(split_by_take(take)) for take in range(8)], np.int8)
        codes[mixed] = cycle[takes[mixed] % 8]
    return codes
