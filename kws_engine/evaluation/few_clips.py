"""Says of a share of right answers, before the share itself, that it rests on very few clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kws_engine.clips.words import SPECIAL

FEW: Final = 8
"""Of fewer clips, even if all are right, the 95% interval (Wilson 1927) leaves more than a third of the scale open:
of 2 it goes down to 34%, of 7 to 65%, of 8 to 68%."""


def caution(clips: Mapping[str, int]) -> str:
    """What comes before a percentage, as "on 2 clips only: "; empty where each label has clips enough.

    Args:
        clips: How many clips each label was evaluated on; labels without clips do not count.
    """
    total = sum(clips.values())
    few = {word: count for word, count in clips.items() if 0 < count < FEW and word not in SPECIAL}
    if 0 < total < FEW:
        return f"on {_clips(total)} only: "
    if not few:
        return ""
    fewest = min(few.values())
    return f"on {_clips(fewest)} of {f'“{next(iter(few))}”' if len(few) == 1 else 'a word'} only: "


def _clips(count: int) -> str:
    return "1 clip" if count == 1 else f"{count} clips"
