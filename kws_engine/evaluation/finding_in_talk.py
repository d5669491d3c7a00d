"""The fault that a user meets first: a network that fires at speech in which its words are not said."""

from __future__ import annotations

from kws_engine.evaluation.finding import Finding, InTalk, Remedy
from kws_engine.evaluation.interval import poisson_interval
from kws_engine.evaluation.remedies import for_firing, offered
from kws_engine.settings import Settings

_LEAST_HOURS = 0.1
_TOLERATED = 1.5  # times what was promised: the tails of few peaks are no better known


def fires_at_speech(in_talk: InTalk | None, settings: Settings) -> Finding | None:
    """Named where the rate asked for cannot be kept, or costs most of the words, or is surely exceeded."""
    if in_talk is None or in_talk.hours < _LEAST_HOURS:
        return None
    surely = poisson_interval(in_talk.false_alarms)[0] / in_talk.hours
    cannot = in_talk.expected > _TOLERATED * in_talk.promised
    is_deaf = in_talk.takes > 0 and 2 * in_talk.missed > in_talk.takes
    if not (cannot or is_deaf or surely > _TOLERATED * in_talk.promised):
        return None
    counted = f"{in_talk.false_alarms} false alarms in {in_talk.hours:.1f} h of talk"
    if in_talk.would_miss is not None:
        cost = f"thresholds for {in_talk.promised:g} an hour would miss {in_talk.would_miss:.0%} of the words"
    elif is_deaf:
        cost = f"for {in_talk.promised:g} an hour, {in_talk.missed} of {in_talk.takes} words are missed"
    else:
        cost = f"{in_talk.promised:g} an hour were asked for"
    rate = max(surely, in_talk.expected)
    return Finding(
        "fires_at_speech",
        "Fires at other speech",
        "Other words come close to the network's own: no threshold tells them apart without missing the words.",
        f"{counted}; {cost}.",
        None,
        min(0.99, rate / (rate + 10)),
        (
            *offered("fires_at_speech", for_firing(settings)),
            Remedy("Record more people and more other words", action="record", key="more_words"),
            Remedy("Raise the thresholds", action="thresholds", key="thresholds"),
        ),
        brief=f"{counted}",
    )
