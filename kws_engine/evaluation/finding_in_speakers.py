"""The fault of too few people: a network that knows their voices and not the words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kws_engine.clips.words import SPECIAL
from kws_engine.evaluation.finding import Finding, Remedy, UsedClip
from kws_engine.evaluation.finding_in_curves import Curves, overfits

FEW = 8
"""Fewer people to learn from are named as the cause of a gap."""
ENOUGH = 12


@dataclass(frozen=True)
class Voices:
    """How many people say the words.

    Attributes:
        training: In the training part.
        new: In the validation part, and not in the training part.
    """

    training: int
    new: int


def voices_of(clips: Iterable[UsedClip]) -> Voices | None:
    """Counts those who say the words; None where somebody is not known, or no clip is."""
    speakers: dict[str, set[str]] = {"training": set(), "validation": set()}
    for clip in clips:
        if clip.label in SPECIAL:
            continue
        if not clip.speaker:
            return None
        speakers[clip.split].add(clip.speaker)
    training, validation = speakers["training"], speakers["validation"]
    return Voices(len(training), len(validation - training)) if training else None


def few_speakers(curves: Curves, voices: Voices | None, *, running: bool = False) -> Finding | None:
    """New people are understood worse than the few whose clips were learned.

    A person who trains a network for their own voice is in both parts, and no new one is: nothing is found then.
    """
    if voices is None or voices.training >= FEW or not voices.new:
        return None
    if not (evidence := overfits(curves, running=running)):
        return None
    people = "a single person" if voices.training == 1 else f"{voices.training} people"
    others = "another person" if voices.new == 1 else f"{voices.new} other people"
    share = curves.best.validation_accuracy
    more = ENOUGH - voices.training
    return Finding(
        "few_speakers",
        "Too few speakers",
        "The network learns the voices of the few who speak instead of what the words have in common.",
        f"The training clips are by {people}, the validation clips by {others}. {evidence.text}",
        evidence.epoch,
        1 - voices.training / FEW,
        (
            Remedy(f"Record {more} more people", action="record", key="more_speakers"),
            Remedy("Import other speakers", action="import", key="more_speakers"),
        ),
        brief=f"the training clips are by {people}, and others are {share:.0%} right",
    )
