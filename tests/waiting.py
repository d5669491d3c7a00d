"""Where the tests wait: for a condition, with a deadline, never for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
PATIENCE_S = 60.0
_STEP_S = 0.01


def wait_until(
    condition: Callable[[], object],
    *,
    seconds: float = PATIENCE_S,
    step_s: float = _STEP_S,
    what: str = "the condition",
    with_events: bool = False,
) -> None:
    """Returns when `condition()` is true; looks every `step_s` seconds, and lets Qt work `with_events` meanwhile.

    Raises:
        TimeoutError: It was not true within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        _pause(step_s, with_events=with_events)


def collect(
    poll: Callable[[], Iterable[T]], until: Callable[[list[T]], object], *, seconds: float = PATIENCE_S
) -> list[T]:
    """What `poll` returns, call after call, until it satisfies `until`.

    Raises:
        TimeoutError: It did not within `seconds`; with the newest that came.
    """
    found: list[T] = []
    deadline = time.monotonic() + seconds
    while not until(found):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still waiting after {found[-3:]}")
        found += poll()
        _pause(_STEP_S)
    return found


def assert_stays(condition: Callable[[], object], *, seconds: float) -> None:
    """Fails when the condition does not hold all the time for so long: for what must not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition()
        _pause(min(_STEP_S, seconds / 2))
    assert condition()


def _pause(seconds: float, *, with_events: bool = False) -> None:
    if with_events:
        from PySide6.QtTest import QTest

        QTest.qWait(max(1, round(1000 * seconds)))
    else:
        time.sleep(seconds)
