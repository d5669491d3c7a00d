"""Checks that a project has the minimum of clips that training needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from kws_engine.clips.clip import Clip
from kws_engine.clips.split import SPLITS, Split
from kws_engine.clips.table import ClipTable
from kws_engine.errors import TrainingError


def check_words(words: Sequence[str]) -> None:
    """Raises a `TrainingError` where there is no word."""
    if not words:
        raise TrainingError("The project has no words yet: add at least one and record it", kind="too_few_clips")


def check_minimum_clips(clips: Sequence[Clip] | Mapping[str, int], words: Sequence[str], split: str) -> None:
    """Refuses a part with too few clips: training takes one of each word, validation one of any.

    Args:
        clips: Those of the part, or how many of them each word has.
        words: The project's.
        split: Which part it is.

    Raises:
        TrainingError: There are fewer; which word has how many.
    """
    counts = _counts(clips)
    for word in words:
        if split == "training" and not counts[word]:
            raise TrainingError(
                f"{word!r} has 0 clips in the training part: record at least 2 takes of it, or move some of its clips "
                "there",
                kind="too_few_clips",
            )
    if split == "validation" and not any(counts[word] for word in words):
        raise TrainingError(
            "No word has a clip in the validation part, so nothing would show overfitting: "
            "record one more take of each word, or move some clips there",
            kind="too_few_clips",
        )


def check_single_takes(
    training: Sequence[Clip] | Mapping[str, int], validation: Sequence[Clip] | Mapping[str, int], words: Sequence[str]
) -> None:
    """Refuses a word that has a single clip to learn from, and none that would show whether it was learned.

    Raises:
        TrainingError: There is one.
    """
    learned, validated = _counts(training), _counts(validation)
    for word in words:
        if learned[word] == 1 and not validated[word]:
            raise TrainingError(
                f"{word!r} has 1 clip to learn from and none to validate it: record at least 2 takes of it",
                kind="too_few_clips",
            )


def missing_clips(clips: Sequence[Clip] | ClipTable, words: Sequence[str]) -> str:
    """Which clips a project needs before it can be trained, in one sentence; empty where none are missing."""
    training, validation = (_of_part(clips, split) for split in SPLITS[:2])
    try:
        check_words(words)
        check_minimum_clips(training, words, "training")
        check_single_takes(training, validation, words)
        check_minimum_clips(validation, words, "validation")
    except TrainingError as error:
        return str(error)
    return ""


def _of_part(clips: Sequence[Clip] | ClipTable, split: Split) -> Sequence[Clip] | Mapping[str, int]:
    if isinstance(clips, ClipTable):
        return clips.word_counts(split)
    return [clip for clip in clips if clip.split == split]


def _counts(clips: Sequence[Clip] | Mapping[str, int]) -> Counter[str]:
    return Counter(clips) if isinstance(clips, Mapping) else Counter(clip.word for clip in clips)
