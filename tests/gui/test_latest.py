"""Questions in the background, where only the newest one is answered."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from pytestqt.qtbot import QtBot

from kws_engine.errors import ProjectError
from kws_gui.bridges.latest import Latest


class Work:
    """Reports its progress and waits for `release`; notes whether it was asked to stop."""

    def __init__(self, result: object) -> None:
        self.result = result
        self.began = threading.Event()
        self.release = threading.Event()
        self.should_stop: Callable[[], bool] = lambda: False

    def __call__(self, progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> object:
        self.should_stop = should_stop
        progress(1, 2)
        self.began.set()
        assert self.release.wait(10)
        progress(2, 2)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class Heard:
    """Every signal in its order."""

    def __init__(self, latest: Latest) -> None:
        self.signals: list[tuple[object, ...]] = []
        for name in ("began", "progressed", "answered", "failed", "idle"):
            getattr(latest, name).connect(lambda *args, name=name: self.signals.append((name, *args)))

    def names(self) -> list[object]:
        return [name for name, *_ in self.signals]


@pytest.fixture
def latest(qtbot: QtBot) -> Iterator[Latest]:
    made = Latest()
    yield made
    made.shutdown()


def _free(result: object) -> Work:
    work = Work(result)
    work.release.set()
    return work


def test_an_answer_comes_with_its_progress(qtbot: QtBot, latest: Latest) -> None:
    heard = Heard(latest)
    with qtbot.waitSignal(latest.idle):
        latest.ask(_free("answer"))
        assert latest.is_working()
    assert heard.signals == [("began",), ("progressed", 1, 2), ("progressed", 2, 2), ("answered", "answer"), ("idle",)]
    assert not latest.is_working()


def test_only_the_newest_question_is_answered(qtbot: QtBot, latest: Latest) -> None:
    first, never, newest = Work("first"), Work("never"), _free("newest")
    latest.ask(first)
    qtbot.waitUntil(first.began.is_set)
    latest.ask(never)
    latest.ask(newest)
    assert first.should_stop() and not newest.began.is_set(), "two run side by side"
    heard = Heard(latest)
    with qtbot.waitSignal(latest.idle):
        first.release.set()
    assert heard.signals == [("began",), ("progressed", 1, 2), ("progressed", 2, 2), ("answered", "newest"), ("idle",)]
    assert not never.began.is_set()


def test_the_failure_of_an_overtaken_question_is_dropped(qtbot: QtBot, latest: Latest) -> None:
    first = Work(ProjectError("The disk is full: free some space."))
    latest.ask(first)
    qtbot.waitUntil(first.began.is_set)
    latest.ask(_free("newest"))
    heard = Heard(latest)
    with qtbot.waitSignal(latest.idle):
        first.release.set()
    assert "failed" not in heard.names() and ("answered", "newest") in heard.signals


def test_what_was_cancelled_is_not_answered(qtbot: QtBot, latest: Latest) -> None:
    work = Work("answer")
    latest.ask(work)
    qtbot.waitUntil(work.began.is_set)
    heard = Heard(latest)
    latest.cancel()
    assert work.should_stop() and latest.is_working()
    with qtbot.waitSignal(latest.idle):
        work.release.set()
    assert heard.names() == ["idle"]


def test_a_question_after_a_failure_is_answered(qtbot: QtBot, latest: Latest) -> None:
    with qtbot.waitSignal(latest.failed) as failed:
        latest.ask(_free(ProjectError("The disk is full: free some space.")))
    assert failed.args == ["The disk is full: free some space.", ""]
    with qtbot.waitSignal(latest.answered) as answered:
        latest.ask(_free("next"))
    assert answered.args == ["next"]


def test_a_listener_may_ask_again(qtbot: QtBot, latest: Latest) -> None:
    answers: list[object] = []

    def on_answered(answer: object) -> None:
        answers.append(answer)
        if len(answers) < 3:
            latest.ask(_free(len(answers)))

    heard = Heard(latest)
    latest.answered.connect(on_answered)
    with qtbot.waitSignal(latest.idle):
        latest.ask(_free(0))
    assert answers == [0, 1, 2] and heard.names().count("idle") == 1


def test_shutdown_waits_for_the_thread_and_takes_no_question_more(qtbot: QtBot, latest: Latest) -> None:
    work, never = Work("answer"), _free("never")
    ended: list[bool] = []

    def stubborn(progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> object:
        result = work(progress, lambda: False)
        ended.append(True)
        return result

    latest.ask(stubborn)
    qtbot.waitUntil(work.began.is_set)
    heard = Heard(latest)
    threading.Timer(0.05, work.release.set).start()
    latest.shutdown()
    assert ended == [True]
    latest.ask(never)
    qtbot.waitUntil(lambda: not latest.is_working())
    assert heard.signals == [] and not never.began.is_set()


def test_questions_in_quick_succession_wait_for_a_pause(qtbot: QtBot, latest: Latest) -> None:
    works = [_free(number) for number in range(4)]
    heard = Heard(latest)
    with qtbot.waitSignal(latest.idle):
        for work in works:
            latest.ask(work, after_ms=20)
        assert latest.is_working() and not heard.signals
    assert [work.began.is_set() for work in works] == [False, False, False, True]
    assert ("answered", 3) in heard.signals and heard.names().count("began") == 1


def test_a_question_in_its_pause_can_be_cancelled(qtbot: QtBot, latest: Latest) -> None:
    never = _free("never")
    latest.ask(never, after_ms=20)
    latest.cancel()
    assert not latest.is_working()
    with qtbot.waitSignal(latest.answered) as answered:
        latest.ask(_free("other"), after_ms=40)
    assert answered.args == ["other"] and not never.began.is_set()
