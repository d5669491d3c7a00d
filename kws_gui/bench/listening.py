"""The Listen page with everything on, on continuous talk: frames a second, processor time, gaps of the event loop."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QTimer

from kws_engine import audio, resources
from kws_engine.clips.layout import ProjectFolder
from kws_gui import app as studio
from kws_gui.bench.event_loop import Ticks
from kws_gui.main_window import MainWindow
from kws_gui.ready_model import ready_model

_RATE = 16_000
_WARM_S, _WATCHED_S = 4.0, 20.0
_PATIENCE_S = 120.0
LOUD = 0.01

Report = Callable[..., None]


def listen(home: Path, report: Report) -> int:
    """Reports rows for one model, and for two at once with an open log."""
    ready = ready_model()
    if ready is None:
        print("the ready model is missing", file=sys.stderr)
        return 1
    file = home / "said.wav"
    audio.write(file, said(_WARM_S + _WATCHED_S + 10.0), rate=_RATE)
    other = Path(shutil.copy(ready, home / "other.kws"))
    app = studio.make_application(["kws-studio"])
    window = studio.make_window(app, None)
    window.resize(1600, 1000)
    for models in ((ready,), (ready, other)):
        watch = _Watch(window, models, file, report)
        QTimer.singleShot(int(_PATIENCE_S * 1000), watch, lambda: app.exit(1))
        QTimer.singleShot(0, watch, watch.begin)
        status = app.exec()
        if status:
            print(f"the page did not listen: {watch.told()}", file=sys.stderr)
            break
    window.close()
    return status


def said(seconds: float) -> NDArray[np.float32]:
    """Words of the starter project one after another, with short pauses: more speech than any talk has."""
    clips = sorted(ProjectFolder(resources.path("starter")).clips.glob("*/*.*"))
    order = np.random.default_rng(0).permutation(len(clips))
    parts: list[NDArray[np.float32]] = []
    while sum(map(len, parts)) < seconds * _RATE:
        clip = clips[order[len(parts) // 2 % len(order)]]
        parts += [audio.read(clip, rate=_RATE)[: 3 * _RATE], np.zeros(_RATE // 5, np.float32)]
    return np.concatenate(parts)


class _Watch(QObject):
    """Listens to a file at normal speed, which is what a microphone gives, and counts."""

    def __init__(self, window: MainWindow, models: tuple[Path, ...], said: Path, report: Report) -> None:
        super().__init__()
        self._window = window
        self._models = models
        self._said = said
        self._report = report
        self._ticks = Ticks(self)
        self._page: Any = None
        self._painted_s: list[float] = []
        self._is_counting = False
        self._began_s = self._cpu_s = self._own_cpu_s = 0.0

    def told(self) -> str:
        """What the page says."""
        return self._page.messages.text() if self._page is not None else ""

    def begin(self) -> None:
        """Opens the page with its models."""
        self._window.services.navigation.show_page("listen")
        self._page = self._window.page("listen")
        self._page.choose(self._models[0])
        for path in self._models[1:]:
            self._page.add_model(path)
        self._page.view.spectrogram.installEventFilter(self)
        self._wait()

    def _wait(self) -> None:
        if any(ear.opened is None for ear in self._page.ears) or self._page.file.is_busy:
            QTimer.singleShot(50, self, self._wait)
            return
        for group in self._page.view.groups:
            for word in group.words():
                group.strip.row(word).setThreshold(LOUD)  # so that words are heard all the time
        self._page.listen_to_file(self._said, full_speed=False)
        QTimer.singleShot(int(_WARM_S * 1000), self, self._count)

    def _count(self) -> None:
        self._is_counting = True
        self._began_s = time.perf_counter()
        self._cpu_s, self._own_cpu_s = time.process_time(), time.thread_time()
        self._ticks.begin()
        QTimer.singleShot(int(_WATCHED_S * 1000), self, self._end)

    def _end(self) -> None:
        self._ticks.end()
        passed_s = time.perf_counter() - self._began_s
        cpu_s, own_cpu_s = time.process_time() - self._cpu_s, time.thread_time() - self._own_cpu_s
        several = len(self._models) > 1
        name = f"Listen page, {len(self._models)} models at once" if several else "Listen page"
        words = sum(len(group.words()) for group in self._page.view.groups)
        gaps_ms = [1000 * gap for gap in np.diff(self._painted_s)]
        report = self._report
        report(f"{name}: words heard in {passed_s:.0f} s", len(self._page.view.log.words()), "")
        report(f"{name}: frames a second, {words} strips", round(len(self._painted_s) / passed_s, 1), "", asked=30,
               at_least=True)  # fmt: skip
        report(f"{name}: longest time between two frames", round(max(gaps_ms), 1), "ms", asked=100)
        report(f"{name}: longest gap of the event loop", round(max(self._ticks.gaps_ms), 1), "ms", asked=100)
        report(f"{name}: of one core, all of it", round(100 * cpu_s / passed_s, 1), "%", asked=25)
        report(f"{name}: of one core, the window's own thread", round(100 * own_cpu_s / passed_s, 1), "%")
        self._page.file.stop()
        self._page.view.log.clear()
        self._page.view.spectrogram.removeEventFilter(self)
        QTimer.singleShot(200, self, lambda: QCoreApplication.exit(0))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if self._is_counting and event.type() == QEvent.Type.Paint:
            self._painted_s.append(time.perf_counter())
        return False
