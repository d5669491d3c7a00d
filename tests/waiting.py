"""The one place where the tests wait: for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 60.0
_STEP_S = 0.01


def wait_until(
    condition: Callable[[], object],
    *,
    seconds: float = PATIENCE_S,
    step_s: float = _STEP_S,
    what: str = "the condition",
) -> None:
    """Returns when `condition()` is true; looks every `step_s` seconds.

    Raises:
        TimeoutError: It was not true within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(step_s)
