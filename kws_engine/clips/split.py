"""Which part, training, validation or testing, a clip belongs to; knows neither files nor projects."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal, get_args

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

    The same speaker always comes out in the same part, and a new file never moves an old one.
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
