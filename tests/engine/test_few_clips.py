"""What a share of right answers rests on, said before it where that is very little."""

from __future__ import annotations

import pytest

from kws_engine.evaluation.few_clips import FEW, caution
from kws_engine.evaluation.interval import wilson


@pytest.mark.parametrize(
    ("clips", "said"),
    [
        ({"up": 2}, "on 2 clips only: "),
        ({"up": 1, "_unknown_": 0}, "on 1 clip only: "),
        ({"up": 2, "_unknown_": 60}, "on 2 clips of “up” only: "),
        ({"up": 2, "down": 50}, "on 2 clips of “up” only: "),
        ({"up": 7, "down": 3, "left": 50}, "on 3 clips of a word only: "),
        ({"up": 8, "down": 8, "left": 0, "_unknown_": 1, "_silence_": 2}, ""),
        ({"up": 400, "down": 380}, ""),
        ({}, ""),
    ],
)
def test_few_clips_are_said_before_the_share(clips, said):
    assert caution(clips) == said


def test_fewer_clips_leave_more_than_a_third_open_even_if_all_are_right():
    assert 1 - wilson(FEW - 1, FEW - 1).low > 1 / 3 > 1 - wilson(FEW, FEW).low
