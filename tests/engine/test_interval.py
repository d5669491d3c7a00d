"""Wilson's interval against published values, against its own definition, and in words."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_engine.evaluation.interval import Z_95, Interval, wilson


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [  # Newcombe 1998, Statistics in Medicine 17, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_published_values(right: int, total: int, low: float, high: float) -> None:
    interval = wilson(right, total)
    assert (interval.low, interval.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(st.integers(1, 5000), st.floats(0, 1))
def test_bounds_are_where_the_score_test_just_rejects(total: int, share: float) -> None:
    interval = wilson(share * total, total)
    assert 0 <= interval.low <= interval.share + 1e-12 and interval.share <= interval.high + 1e-12 <= 1 + 1e-12
    for bound in (interval.low, interval.high):
        if 1e-6 < bound < 1 - 1e-6:
            assert abs(interval.share - bound) == pytest.approx(Z_95 * math.sqrt(bound * (1 - bound) / total), rel=1e-6)


def test_more_clips_make_it_narrower() -> None:
    widths = [wilson(0.9 * total, total).high - wilson(0.9 * total, total).low for total in (10, 100, 1000)]
    assert widths[0] > widths[1] > widths[2]


@pytest.mark.parametrize(("right", "total"), [(0, 0), (-1, 5), (6, 5)])
def test_what_is_no_share_is_refused(right: int, total: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(right, total)


def test_in_words() -> None:
    assert wilson(930, 1000).text() == "93% (91 to 94%)"
    assert Interval(0.93, 0.91, 0.95).text() == "93 ± 2%"
    assert wilson(41, 41).text() == "100% (91 to 100%)"
    assert wilson(0, 3).text() == "0% (0 to 56%)"
