"""Eight hours of sound through the Listen page, faster than they sound: the memory it takes, and whether times hold."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, QObject, QTimer

from kws_engine.bench import Row
from kws_engine.microphone import Heard
from kws_engine.spotting.decision import Detection
from kws_gui import app as studio
from kws_gui.bench.listening import LOUD, said
from kws_gui.bench.reporting import reported_by_window
from kws_gui.main_window import MainWindow
from kws_gui.ready_model import ready_model
from kws_gui.services import remembered

TITLE = "Eight hours of sound through the Listen page: memory, and whether times hold"
_HOURS = 8.0
_WARM_HOURS = 0.5  # in it every ring fills once
_RATE = 16_000
_LOOP = 48 * 48_000  # samples, a whole number of looks: each time round the same words have the same places
_READ_S = 3.0
_AHEAD_S = 9.0  # the window is never farther behind
_EVERY_MS = 200

Report = Callable[..., None]


def rows() -> Iterator[Row]:
    """Runs `python -m kws_gui.bench hours` on the current display, or without one on Qt's offscreen screen.

    Raises:
        KwsError: The window could not be started.
    """
    yield from reported_by_window("hours")


def hear(report: Report, hours: float = _HOURS) -> int:
    """Reports rows."""
    ready = ready_model()
    if ready is None:
        print("the ready model is missing", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="kws-hours.") as home:
        os.environ[remembered.HOME_VARIABLE] = home
        app = studio.make_application(["kws-studio"])
        window = studio.make_window(app, None)
        hearing = _Hearing(window, ready, hours, report)
        QTimer.singleShot(0, hearing, hearing.begin)
        status = app.exec()
        window.close()
    return status


class _Loop(QObject):
    """A minute or two of words over and over, as fast as the page takes it."""

    def __init__(self, page: Any, sound: NDArray[np.float32], samples: int) -> None:
        super().__init__()
        self._page = page
        self._sound = sound
        self._left = samples
        self._position = 0

    def read(self) -> Heard:
        """The next seconds, or nothing while the page is behind."""
        count = min(round(_READ_S * _RATE), self._left)
        if self._position - self._page.bridge.position > _AHEAD_S * _RATE:
            count = 0
        places = (self._position + np.arange(count)) % len(self._sound)
        self._position += count
        self._left -= count
        return Heard(self._sound[places], self._position, 0)


class _Hearing(QObject):
    """Listens, and looks at the memory from time to time."""

    def __init__(self, window: MainWindow, model: Path, hours: float, report: Report) -> None:
        super().__init__()
        self._window = window
        self._model = model
        self._samples = round(hours * 3600 * _RATE)
        self._warm_hours = min(_WARM_HOURS, hours / 2)
        self._report = report
        self._page: Any = None
        self._began_s = self._cpu_s = 0.0
        self._warm_bytes = self._most_bytes = 0
        self._rounds: dict[int, list[tuple[str, int]]] = {}
        self._look = QTimer(self, interval=_EVERY_MS)
        self._look.timeout.connect(self._on_look)

    def begin(self) -> None:
        """Opens the page and its model."""
        self._window.services.navigation.show_page("listen")
        self._page = self._window.page("listen")
        self._page.ears.detected.connect(self._on_detected)
        self._page.ears.loaded.connect(self._on_loaded)
        self._page.choose(self._model)

    def _on_loaded(self) -> None:
        for word in self._page.view.first.words():
            self._page.view.strip.row(word).setThreshold(LOUD)
        loop = _Loop(self._page, said(_LOOP / _RATE)[:_LOOP], self._samples)
        self._page.ears.start(lambda rate: loop)
        self._began_s, self._cpu_s = time.perf_counter(), time.process_time()
        self._look.start()

    def _on_detected(self, _: object, found: Detection) -> None:
        number, place = divmod(found.at_sample, _LOOP)
        if number in (1, self._samples // _LOOP - 1):
            self._rounds.setdefault(number, []).append((found.word, place))

    def _on_look(self) -> None:
        position, resident = self._page.bridge.position, _resident_bytes()
        if position >= self._warm_hours * 3600 * _RATE:
            self._warm_bytes = self._warm_bytes or resident
            self._most_bytes = max(self._most_bytes, resident)
        if position >= self._samples:
            self._look.stop()
            self._tell()
            QCoreApplication.exit(0)

    def _tell(self) -> None:
        passed_s, report, page = time.perf_counter() - self._began_s, self._report, self._page
        hours = self._samples / 3600 / _RATE
        first, last = (self._rounds.get(number, []) for number in (1, self._samples // _LOOP - 1))
        apart = [abs(one[1] - other[1]) for one, other in zip(first, last, strict=False)]
        behind_s = self._samples / _RATE - page.view.spectrogram.now_s()
        report(f"{hours:g} h heard in", round(passed_s), "s")
        cpu_s = (time.process_time() - self._cpu_s) / hours / 3600
        report("CPU a second of sound, window and detector", round(cpu_s, 4), "s")
        report("words in the log", len(page.view.log.words()), "")
        report("words of the second round that the last has, too", len(set(first) & set(last)), f"of {len(first)}")
        report("their places apart, at most", round(1000 * max(apart, default=0) / _RATE, 1), "ms", asked=0)
        report("spectrogram behind the sound", round(1000 * behind_s, 1), "ms", asked=30)
        report(f"resident memory after {self._warm_hours:g} h", round(self._warm_bytes / 1e6, 1), "MB")
        report("the most after that, more by", round((self._most_bytes - self._warm_bytes) / 1e6, 1), "MB", asked=10)
        report("at the end, more by", round((_resident_bytes() - self._warm_bytes) / 1e6, 1), "MB", asked=10)


def _resident_bytes() -> int:
    """This process's memory now, as Linux counts it; elsewhere 0."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)
