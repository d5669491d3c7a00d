"""Starts the window in a process of its own and reads the rows that it measures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from kws_engine.bench import Row
from kws_engine.errors import KwsError


def reported_by_window(*arguments: str) -> Iterator[Row]:
    """What `python -m kws_gui.bench` prints with these arguments, row by row.

    Raises:
        KwsError: The window could not be started.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:  # a pipe nobody reads would block
        process = subprocess.Popen(
            [sys.executable, "-m", "kws_gui.bench", *arguments],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        with process:
            assert process.stdout is not None
            for line in process.stdout:
                yield Row(**json.loads(line))
        errors.seek(0)
        printed = errors.read().strip().splitlines()
    if process.returncode:
        reason = printed[-1] if printed else f"exit code {process.returncode}"
        raise KwsError(f"The window could not be measured ({reason}): start kws-studio and see what it says.")


def _environment() -> dict[str, str]:
    environment = dict(os.environ)
    on_linux = sys.platform.startswith("linux")
    if on_linux and not (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    return environment
