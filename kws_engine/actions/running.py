"""Runs actions beside listening: each in a thread of its own, bounded in number and time.

Nothing here waits for an action but `close`: one that fails or hangs keeps neither listening nor other actions waiting.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from kws_engine.actions.moment import Act, Call, Moment
from kws_engine.actions.rule import Rule
from kws_engine.errors import KwsError

MOST_WAITING: Final = 4
"""Words that wait for the same action to end; those that come on top do nothing and are reported."""
_GRACE_S: Final = 1.0  # an action ends itself at its limit; one that has not is stuck in a library
_LOOK_EVERY_S: Final = 0.01
_MOST_REPORTS: Final = 1000  # that nobody fetches


@dataclass(frozen=True)
class Report:
    """How one action went.

    Attributes:
        rule: Which one.
        moment: What for.
        error: Why it failed, in one sentence; empty where it did not.
        took_s: How long it took.
    """

    rule: Rule
    moment: Moment
    error: str = ""
    took_s: float = 0.0


class Runner:
    """Takes words that were heard, and gives reports: `take` and `poll` return at once."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._reports: queue.Queue[Report] = queue.Queue(_MOST_REPORTS)
        self._lanes = [_Lane(rule, self._reports) for rule in rules]

    @property
    def rules(self) -> list[Rule]:
        return [lane.rule for lane in self._lanes]

    @property
    def is_busy(self) -> bool:
        """Whether an action is going on, or reports wait to be fetched."""
        return any(lane.is_busy for lane in self._lanes) or not self._reports.empty()

    def take(self, moment: Moment) -> None:
        """Starts the actions of a word that was heard, unless one ran within its shortest pause."""
        for lane in self._lanes:
            if lane.rule.fits(moment):
                lane.take(moment)

    def poll(self) -> list[Report]:
        """What has ended since the last call, and what hangs."""
        for lane in self._lanes:
            lane.check()
        found: list[Report] = []
        while not self._reports.empty():
            found.append(self._reports.get())
        return found

    def end(self) -> None:
        """Takes no more and returns at once; what is going on and what waits is still done."""
        for lane in self._lanes:
            lane.end()

    def close(self, *, seconds: float | None = None) -> list[Report]:
        """Takes no more, waits for what is going on, to its time limit or for so many seconds, and ends it."""
        self.end()
        until_s = time.monotonic() + (seconds if seconds is not None else float("inf"))
        while time.monotonic() < until_s and any(lane.is_running for lane in self._lanes):
            for lane in self._lanes:
                lane.check()
            time.sleep(_LOOK_EVERY_S)
        for lane in self._lanes:
            lane.ask_to_stop()
        until_s = time.monotonic() + _GRACE_S  # for all of them together
        for lane in self._lanes:
            lane.stop(seconds=max(0.0, until_s - time.monotonic()))
        return self.poll()


class _Lane:
    """One action: its queue, its thread, and what is going on in it."""

    def __init__(self, rule: Rule, reports: queue.Queue[Report]) -> None:
        self.rule = rule
        self._reports = reports
        self._waiting: queue.Queue[Moment | None] = queue.Queue(MOST_WAITING + 1)  # and None for the end
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._now: tuple[Moment, float] | None = None  # and since when
        self._hangs = False
        self._count = 0  # going on or waiting
        self._last_s: float | None = None
        self._is_over = False

    @property
    def is_running(self) -> bool:
        """Whether something is going on or waits, and does not hang."""
        return self.is_busy and not self._hangs

    @property
    def is_busy(self) -> bool:
        """Whether something is going on or waits."""
        return self._count > 0

    def take(self, moment: Moment) -> None:
        """Lets it wait for its turn."""
        if self._is_over or self._is_too_soon(moment.at_s):
            return
        self._last_s = moment.at_s
        self.check()
        if self._hangs:
            self._say(moment, "It still hangs since an earlier word and was not started again.")
        elif self._waiting.qsize() >= MOST_WAITING:
            self._say(moment, f"It was not started: {MOST_WAITING} words before this one wait for it.")
        else:
            with self._lock:
                self._count += 1
            self._waiting.put_nowait(moment)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=f"action {self.rule.kind}", daemon=True)
                self._thread.start()

    def check(self) -> None:
        """Reports once that what is going on has not ended in time."""
        with self._lock:
            if self._now is None or self._hangs:
                return
            moment, since_s = self._now
            took_s = time.monotonic() - since_s
            if took_s <= self.rule.limits.timeout_s + _GRACE_S:
                return
            self._hangs = True
        self._stop.set()
        self._say(moment, f"It hangs: it has not ended after {took_s:.0f} s. Listening goes on without it.", took_s)

    def end(self) -> None:
        """Takes no more; the thread ends after what waits."""
        if not self._is_over:
            self._is_over = True
            self._waiting.put_nowait(None)

    def ask_to_stop(self) -> None:
        """What is going on is to end now."""
        self._stop.set()

    def stop(self, *, seconds: float) -> None:
        """Waits so long for it to have ended, and reports what is not going to be done."""
        if self._thread is not None and not self._hangs:
            self._thread.join(seconds)
        with self._lock:
            self._drop("It was not started: listening ended.")
            if self._now is not None and not self._hangs:
                self._hangs = True
                self._say(self._now[0], "It had not ended when listening did.", time.monotonic() - self._now[1])
        self._waiting.put_nowait(None)

    def _is_too_soon(self, at_s: float) -> bool:
        """By the time of the sound; one that runs backwards is another sound."""
        last_s = self._last_s
        return last_s is not None and last_s <= at_s < last_s + self.rule.limits.pause_s

    def _drop(self, why: str) -> None:
        """Reports everything that waits as not done; call it with the lock."""
        while not self._waiting.empty():
            moment = self._waiting.get_nowait()
            if moment is not None:
                self._count -= 1
                self._say(moment, why)

    def _say(self, moment: Moment, error: str, took_s: float = 0.0) -> None:
        if not self._reports.full():
            self._reports.put_nowait(Report(self.rule, moment, error, round(took_s, 3)))

    # -- in the thread

    def _work(self) -> None:
        act: Act | None = None
        while (moment := self._waiting.get()) is not None:
            since_s = time.monotonic()
            with self._lock:
                self._now = (moment, since_s)
            error = ""
            try:
                if self._stop.is_set():
                    raise KwsError("It was not started: listening ended.")
                act = act or self.rule.act()
                act(Call(moment, self.rule.limits.timeout_s, self._stop))
            except KwsError as failed:
                error = str(failed)
            except Exception as failed:  # noqa: BLE001 - a thread's edge: one action may not end the others
                error = f"It failed unexpectedly ({type(failed).__name__}: {failed})."
            self._finish(moment, error, time.monotonic() - since_s)

    def _finish(self, moment: Moment, error: str, took_s: float) -> None:
        with self._lock:
            if not self._hangs:
                self._say(moment, error, took_s)
            elif not self._is_over:  # it came back after all
                self._drop("It was not started: it hung at an earlier word.")
                self._stop = threading.Event()
            self._hangs = False
            self._now = None
            self._count -= 1


def tried(rule: Rule, moment: Moment) -> Report:
    """Does it once, now, and waits for it; for a Test button and a command."""
    runner = Runner([rule])
    runner.take(moment)
    reports: Sequence[Report] = runner.close()
    return reports[0]
