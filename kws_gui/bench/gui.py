"""How soon the window is painted and how long its event loop is blocked, as the window itself measures in a process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from kws_engine.bench import Row
from kws_engine.bench.data import SPEECH_COMMANDS, make_project
from kws_gui.bench.reporting import reported_by_window

TITLE = "The window: time to stand, longest wait while a training runs and among very many clips, and Listen"


def rows() -> Iterator[Row]:
    """Runs `python -m kws_gui.bench` on the current display, or without one on Qt's offscreen screen.

    Raises:
        KwsError: The window could not be started.
    """
    yield from reported_by_window()
    yield from reported_by_window("listen")
    with tempfile.TemporaryDirectory(prefix="kws-clips-") as folder:
        yield from reported_by_window("list", str(make_project(Path(folder), SPEECH_COMMANDS)))
