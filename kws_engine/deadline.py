"""A thread for calls into a library that may never return; whoever asks waits no longer than agreed."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_LOOK_EVERY_S = 0.1  # on some systems Ctrl-C does not end a longer wait


class NoAnswer(Exception):
    """The library has not returned in time."""


class Call(Generic[T]):
    """A call that was handed over; made by `DeadlineThread`."""

    def __init__(self, work: Callable[[], T], undo: Callable[[T], object] | None) -> None:
        self._work = work
        self._undo = undo
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._is_given_up = False
        self._result: T
        self._error: BaseException | None = None

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within so many seconds; Ctrl-C interrupts the wait."""
        return self._done.wait(seconds)

    def result(self) -> T:
        """What an ended call returned or raised."""
        if self._error is not None:
            raise self._error
        return self._result

    def give_up(self) -> bool:
        """Nobody wants the result any more: it is undone, or the call is not made. False if it has just ended."""
        with self._lock:
            self._is_given_up = not self._done.is_set()
            return self._is_given_up

    def run(self) -> None:
        """Makes the call, in the thread."""
        if self._is_given_up:
            return
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: BLE001 - a thread's edge: `result` raises it again
            self._error = error
        with self._lock:
            self._done.set()
        if self._is_given_up and self._error is None and self._undo is not None:
            self._undo(self._result)


class DeadlineThread:
    """Makes calls in turn; `ask` waits for an answer for at most `seconds`."""

    def __init__(self, name: str, *, seconds: float) -> None:
        self.seconds = seconds
        self._name = name
        self._calls: queue.SimpleQueue[Call[Any]] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._busy_since_s: float | None = None

    @property
    def busy_s(self) -> float:
        """For how long the present call has been running; 0 while there is none."""
        since_s = self._busy_since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    @property
    def is_stuck(self) -> bool:
        """Whether a call has not returned for longer than agreed; it may yet."""
        return self.busy_s > self.seconds

    def submit(self, work: Callable[[], T], *, undo: Callable[[T], object] | None = None) -> Call[T]:
        """Hands a call over and returns at once; `undo` takes back the result of a call that was given up."""
        call = Call(work, undo)
        self._calls.put(call)
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        return call

    def ask(self, work: Callable[[], T], *, undo: Callable[[T], object] | None = None) -> T:
        """The call's result; never waits behind a call that is stuck.

        Raises:
            NoAnswer: It, or one before it, has not returned in time.
        """
        if threading.current_thread() is self._thread:
            return work()
        until_s = time.monotonic() + self.seconds
        call = self.submit(work, undo=undo)
        try:
            while not call.wait(_LOOK_EVERY_S):
                if (self.is_stuck or time.monotonic() > until_s) and call.give_up():
                    raise NoAnswer
        except BaseException:
            call.give_up()
            raise
        return call.result()

    def _run(self) -> None:
        while True:
            call = self._calls.get()
            self._busy_since_s = time.monotonic()
            call.run()
            self._busy_since_s = None
