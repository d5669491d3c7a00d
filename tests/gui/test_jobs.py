"""Long jobs: one ending each, cancel, and being forgotten while they run."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable

import shiboken6
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from kws_engine.errors import ProjectError
from kws_gui.bridges.jobs import LongJob


def test_a_job_tells_its_progress_and_its_result(qtbot: QtBot) -> None:
    def work(progress: Callable[[int, int], None], should_stop: object) -> str:
        progress(1, 2)
        return "done"

    job, told = LongJob(work), []
    job.progressed.connect(lambda *numbers: told.append(numbers))
    with qtbot.waitSignal(job.finished) as ended:
        job.start()
    assert ended.args == ["done"] and told == [(1, 2)]


def test_a_failure_is_a_sentence_and_the_only_ending(qtbot: QtBot) -> None:
    def work(progress: object, should_stop: object) -> None:
        raise ProjectError("The disk is full: free some space.")

    job, finished = LongJob(work), []
    job.finished.connect(finished.append)
    with qtbot.waitSignal(job.failed) as ended:
        job.start()
    assert ended.args == ["The disk is full: free some space.", ""] and not finished


def test_cancel_reaches_the_work(qtbot: QtBot) -> None:
    def work(progress: object, should_stop: Callable[[], bool]) -> str:
        while not should_stop():
            threading.Event().wait(0.01)
        return "as far as it got"

    job = LongJob(work)
    job.start()
    with qtbot.waitSignal(job.finished) as ended:
        job.cancel()
    assert ended.args == ["as far as it got"]


def test_a_job_that_is_forgotten_while_it_runs_ends_quietly(qtbot: QtBot) -> None:
    """Qt aborts the whole program when a running thread is destroyed."""
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work(progress: object, should_stop: object) -> None:
        begun.set()
        go_on.wait(10)
        ended.set()

    parent = QObject()
    LongJob(work, parent).start()
    assert begun.wait(10)
    shiboken6.delete(parent)
    gc.collect()
    go_on.set()
    qtbot.waitUntil(ended.is_set)
