"""From a run's history and clips to findings: what is wrong, how it shows, what to do.

>>> diagnose(history, facts)   # when a run has ended: all of it
>>> watch(history, ...)        # while it trains: one quiet line
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from kws_engine.clips.words import SPECIAL
from kws_engine.evaluation import finding_in_clips, finding_in_curves
from kws_engine.evaluation.finding import (
    KINDS,
    Facts,
    Finding,
    Kind,
    LearnedClip,
    Remedy,
    SuspectClip,
    UsedClip,
    ValidatedClip,
)
from kws_engine.evaluation.finding_in_clips import suspects
from kws_engine.evaluation.finding_in_curves import Curves, chance_loss
from kws_engine.evaluation.finding_in_speakers import Voices, few_speakers, voices_of
from kws_engine.evaluation.finding_in_talk import fires_at_speech
from kws_engine.evaluation.remedies import settings_after
from kws_engine.settings import Settings
from kws_engine.training.events import Epoch

__all__ = [
    "KINDS",
    "Facts",
    "Finding",
    "Kind",
    "LearnedClip",
    "Remedy",
    "SuspectClip",
    "UsedClip",
    "ValidatedClip",
    "Voices",
    "diagnose",
    "settings_after",
    "suspects",
    "voices_of",
    "watch",
]

_FIRST_WATCHED = 4  # epochs; before, averaged weights and batch norm still settle
_EXPLAINS: Mapping[Kind, tuple[Kind, ...]] = {
    "silence_learned": ("confused_words", "label_errors", "underfitting", "not_converged"),
    "few_speakers": ("confused_words", "noisy_validation", "overfitting"),
    "confused_words": ("label_errors", "underfitting", "not_converged"),
    "label_errors": ("underfitting", "not_converged"),
    "diverging": ("noisy_validation", "overfitting", "underfitting", "not_converged"),
    "noisy_validation": ("overfitting",),
}
"""What is no finding beside its cause: it goes away with the cause, or cannot be detected before."""
_LATE = 0.6  # of the epochs, from which these are named during a run
_NAMED_LATE: tuple[Kind, ...] = ("noisy_validation", "underfitting")


def diagnose(history: Sequence[Epoch], facts: Facts) -> list[Finding]:
    """Everything found, the first to be cured first; empty for a healthy run.

    Findings are in the order of cause before effect: a leak makes every other figure worthless, wrong labels look
    like underfitting, and so on.
    """
    firing = fires_at_speech(facts.in_talk, facts.settings)
    return _ranked([*([firing] if firing else []), *_in_clips(facts), *_in_curves(history, facts)])


def watch(
    history: Sequence[Epoch],
    *,
    settings: Settings,
    training: Mapping[str, int],
    validation: Mapping[str, int],
    voices: Voices | None = None,
) -> Finding | None:
    """The one thing worth showing during a run, from its epochs so far; None while all is well.

    It is the first in the order of `diagnose`. What cannot be named so early still explains others: where there may be
    too few validation clips, overfitting is not named.

    Args:
        history: The epochs so far.
        settings: The run's.
        training: Clips of each label but silence in the training part.
        validation: The same in the validation part.
        voices: Who says the words; None where that is not known.
    """
    if len(history) < _FIRST_WATCHED:
        return None
    curves = _curves(history, settings, training, validation, chance=chance_loss({}, len(training) + 1))
    found = [
        finding_in_curves.diverging(curves),
        few_speakers(curves, voices, running=True),
        finding_in_curves.noisy_validation(curves),
        finding_in_curves.overfitting(curves, running=True),
        finding_in_curves.underfitting(curves),
    ]
    is_late = len(history) >= _LATE * settings.training.epochs
    ranked = _ranked([one for one in found if one is not None])
    return next((one for one in ranked if is_late or one.kind not in _NAMED_LATE), None)


def _curves(
    history: Sequence[Epoch],
    settings: Settings,
    training: Mapping[str, int],
    validation: Mapping[str, int],
    *,
    chance: float,
) -> Curves:
    return Curves(
        history,
        settings,
        sum(validation.values()),
        chance,
        (_of_words(training), _of_words(validation)),
    )


def _of_words(counts: Mapping[str, int]) -> int:
    return sum(count for label, count in counts.items() if label not in SPECIAL)


def _ranked(found: Sequence[Finding]) -> list[Finding]:
    """In the order of cause before effect, without what another one explains."""
    ranked = [dataclasses.replace(one, severity=_severity(one)) for one in found]
    explained = {effect for one in found for effect in _EXPLAINS.get(one.kind, ())}
    return sorted((one for one in ranked if one.kind not in explained), key=lambda one: -one.severity)


def _in_clips(facts: Facts) -> Iterator[Finding]:
    looks = (
        finding_in_clips.leakage,
        finding_in_clips.silence_learned,
        finding_in_clips.confused_words,
        finding_in_clips.label_errors,
        finding_in_clips.few_clips,
    )
    for look in looks:
        if (found := look(facts)) is not None:
            yield found


def _in_curves(history: Sequence[Epoch], facts: Facts) -> Iterator[Finding]:
    chance = chance_loss(facts.training, len(facts.labels))
    curves = _curves(history, facts.settings, facts.training, facts.validation, chance=chance)
    found = [finding_in_curves.diverging(curves, lost_number=facts.lost_number)]
    if history:
        found.append(few_speakers(curves, voices_of(facts.clips)))
        found += [
            look(curves)
            for look in (
                finding_in_curves.noisy_validation,
                finding_in_curves.overfitting,
                finding_in_curves.underfitting,
                finding_in_curves.not_converged,
            )
        ]
    for one in found:
        if one is not None:
            yield one


def _severity(finding: Finding) -> float:
    """0..1: a tenth for each place in the order of causes, and within it how strong the evidence is."""
    place = KINDS.index(finding.kind)
    return (len(KINDS) - 1 - place + min(max(finding.severity, 0.0), 0.99)) / len(KINDS)
