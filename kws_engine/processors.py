"""How many processor cores this program may use."""

from __future__ import annotations

import os


def cores() -> int:
    """The cores that this process was given, which in a container or batch job are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
