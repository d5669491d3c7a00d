"""The kind of a failure that was stored by a program that wrote only its message.

The one place where the words of a message count. The sentences below are those of that time: they stay as they are,
whatever today's messages say.
"""

from __future__ import annotations

import re
from typing import Any, Final

from kws_engine.errors import FAILURE_KINDS, FailureKind

_OLD_SENTENCES: Final[tuple[tuple[re.Pattern[str], FailureKind], ...]] = (
    (re.compile("The (run|search) was stopped"), "stopped"),
    (re.compile("The loss is no longer a number"), "not_a_number"),
    (re.compile("The computer's memory is exhausted"), "out_of_memory"),
    (re.compile("The graphics card has too little memory"), "out_of_memory"),
    (re.compile("The graphics card failed|This machine has no \\w+ device"), "no_device"),
    (re.compile("The disk is full|.+ has no room for this run's features"), "disk_full"),
    (re.compile(".+ cannot be written"), "read_only"),
    (re.compile("The run .+ cannot go on, because "), "clips_changed"),
    (re.compile("The run .+ is in use by another program"), "in_use"),
    (re.compile("The training process (was ended by|ended unexpectedly)"), "killed"),
)


def stored_kind(kind: Any, message: Any) -> FailureKind:
    """A stored kind as it is, or the one that an old message tells; "other" where neither is known."""
    for known in FAILURE_KINDS:
        if kind == known:
            return known
    if kind is not None or not isinstance(message, str):
        return "other"
    return next((old for sentence, old in _OLD_SENTENCES if sentence.match(message)), "other")
