"""Whether a project has enough clips to train on, in words; knows no training and loads no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from kws_engine.clips.clip import Clip
from kws_engine.errors import TrainingError


def check_words(words: Sequence[str]) -> None:
    """Raises a `TrainingError` where there is no word."""
    if not words:
        raise TrainingError("The project has no words yet: add at least one and record it")


def check_enough(clips: Sequence[Clip], words: Sequence[str], split: str) -> None:
    """The clips of one part: two of each word to train on, one of any word to validate on.

    Raises:
        TrainingError: There are fewer; which word lacks how many.
    """
    counts = Counter(clip.word for clip in clips)
    for word in words:
        if split == "training" and counts[word] < 2:
            raise TrainingError(
                f"{word!r} has {_clips(counts[word])} in the training part: record at least 5 takes of it"
            )
    if split == "validation" and not any(counts[word] for word in words):
        raise TrainingError(
            "No word has a clip in the validation part, so nothing would show overfitting: "
            "record at least 3 takes of each word, or import recordings of more speakers"
        )


def lack(clips: Sequence[Clip], words: Sequence[str]) -> str:
    """What a project's clips lack for a run, in one sentence; empty where nothing does."""
    try:
        check_words(words)
        for split in ("training", "validation"):
            check_enough([clip for clip in clips if clip.split == split], words, split)
    except TrainingError as error:
        return str(error)
    return ""


def _clips(count: int) -> str:
    return "1 clip" if count == 1 else f"{count} clips"
