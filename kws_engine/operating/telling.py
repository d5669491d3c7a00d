"""A report in words: the two numbers that matter, what they rest on, and what they cannot show."""

from __future__ import annotations

import math

from kws_engine.operating.report import Counted, Report

_SYNTHETIC = "No person said these takes, and people are missed more often: record some by people."


def headline(report: Report) -> str:
    """Both numbers in one line: "missed 2 of 40 (1-17%) · at most 0.5 false alarms an hour of talk (0 in 2.1 h)"."""
    return f"{missed_of(report.missed)} · {_alarms(report)}"


def missed_of(counted: Counted) -> str:
    """Like "missed 2 of 40 (1-17%)"."""
    if not counted.takes:
        return "misses not measured"
    whose, of_whom = (" synthetic", "people: ") if counted.synthetic else ("", "")
    return f"missed {counted.missed} of {counted.takes}{whose} ({of_whom}{_bounds(counted)})"


def _bounds(counted: Counted) -> str:
    low, high = round(100 * counted.interval.low), round(100 * counted.interval.high)
    return f"{low}-{high}%"


def misses_told(report: Report) -> str:
    """The first number in a sentence."""
    if not report.missed.takes:
        return "Misses were not measured: there are no takes that neither trained nor chose this model."
    return f"{missed_of(report.missed).capitalize()} of {takes_told(report)}"


def takes_told(report: Report) -> str:
    """What the misses were counted in: "the testing takes, laid between other speech with noise 20 dB below them."."""
    told = f"the {report.takes_from} takes, laid between other speech with noise {report.snr_db:g} dB below them."
    return f"{told} {_SYNTHETIC}" if report.missed.synthetic else told


def takes_in_short(report: Report) -> str:
    """What the misses were counted in, on one line: "Testing takes, in noise 20 dB below them"."""
    return f"{report.takes_from.capitalize()} takes, in noise {report.snr_db:g} dB below them"


def false_alarms_told(report: Report) -> str:
    """The second number in a sentence or two."""
    counted = f"{report.false_alarm_count} in {report.hours:.1f} h of talk and noise that set nothing"
    if report.would_miss is None and is_kept(report.promised, report.expected):
        return (
            f"At most {report.promised:g} false alarms an hour are promised; in an hour of people's talk count on "
            f"{report.low} to {report.high}. Measured: {counted}."
        )
    if report.would_miss is None:
        return (
            f"{report.promised:g} false alarms an hour cannot be kept, not even at the highest threshold: expect "
            f"{rounded(report.expected)}, and {report.low} to {report.high} in an hour of people's talk. "
            f"Measured: {counted}."
        )
    return (
        f"{report.promised:g} false alarms an hour would miss {report.would_miss:.0%} of the takes, so the thresholds "
        f"allow some {rounded(report.expected)} an hour: {report.low} to {report.high} in an hour of people's talk. "
        f"Measured: {counted}. More takes by more people, more other words, or a better feature would help."
    )


def expected_in_short(report: Report) -> str:
    """What to count on, on one line: "Count on 0 to 3 in an hour of people's talk"."""
    promised, count = f"{report.promised:g} an hour", f"count on {report.low} to {report.high}"
    if report.would_miss is not None:
        return f"{promised} would miss {report.would_miss:.0%}: {count}"
    if not is_kept(report.promised, report.expected):
        return f"{promised} cannot be kept: {count}"
    return f"{count.capitalize()} in an hour of people's talk"


def cannot_know(report: Report) -> str:
    """What the count of false alarms leaves open."""
    if not report.hours:
        return "False alarms were not counted: there was no talk to count them in."
    shown = f"{report.false_alarm_count} in {report.hours:.1f} h"
    return f"{shown} shows only: fewer than {rounded(report.upper_95)} an hour."


def is_kept(promised: float, expected: float) -> bool:
    """Whether a rate of false alarms an hour can be promised."""
    return expected <= 1.05 * promised


def alarms_in_short(promised: float, expected: float, *, count: int, hours: float, of: str = " of talk") -> str:
    """The second number: "at most 0.5 false alarms an hour of talk (0 in 2.1 h)"; `of` may be empty."""
    rate = f"at most {promised:g}" if is_kept(promised, expected) else f"some {rounded(expected)}"
    return f"{rate} false alarms an hour{of} ({count} in {hours:.1f} h)"


def _alarms(report: Report) -> str:
    return alarms_in_short(report.promised, report.expected, count=report.false_alarm_count, hours=report.hours)


def two_digits(rate: float) -> str:
    """A rate as exactly as it is ever known: "0.25", "8.1", "110"."""
    return f"{rate:.2g}" if rate < 99.5 else f"{float(f'{rate:.2g}'):.0f}"


def rounded(rate: float) -> str:
    """Two digits, as sure as such a rate ever is; upwards."""
    if not math.isfinite(rate) or rate <= 0:
        return "0" if rate <= 0 else "any number of"
    step = 10.0 ** (math.floor(math.log10(rate)) - 1)
    return (
        f"{math.ceil(rate / step - 1e-3) * step:.2g}" if rate < 100 else f"{math.ceil(rate / step - 1e-3) * step:.0f}"
    )
