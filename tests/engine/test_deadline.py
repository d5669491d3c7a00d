"""A thread for calls that may never return."""

from __future__ import annotations

import threading
import time

import pytest
from waiting import wait_until

from kws_engine.deadline import DeadlineThread, NoAnswer


def test_an_answer_or_an_error_comes_back() -> None:
    thread = DeadlineThread("answers", seconds=30.0)
    assert thread.ask(lambda: thread.ask(threading.current_thread).name) == "answers", "it may ask itself"
    with pytest.raises(ZeroDivisionError):
        thread.ask(lambda: 1 // 0)


def test_a_call_that_hangs_keeps_nobody_waiting_and_is_undone_when_it_returns() -> None:
    thread, goes_on = DeadlineThread("hangs", seconds=0.2), threading.Event()
    undone: list[str] = []
    made: list[str] = []

    def hang() -> str:
        goes_on.wait(60)
        return "late"

    with pytest.raises(NoAnswer):
        thread.ask(hang, undo=undone.append)
    began_s = time.monotonic()
    with pytest.raises(NoAnswer):
        thread.ask(lambda: made.append("never made"))
    assert time.monotonic() - began_s < 0.19 and thread.is_stuck
    goes_on.set()
    wait_until(lambda: undone)
    assert thread.ask(lambda: "answers again") == "answers again" and not thread.is_stuck
    assert undone == ["late"] and made == []
