"""`python -m kws_gui.bench`: the window measured from inside, as JSON rows on standard output."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QTimer
from PySide6.QtGui import QGuiApplication

from kws_engine.training.events import Epoch, Failed
from kws_gui import app as studio
from kws_gui.bench import hours, listening, long_list, words
from kws_gui.bench.event_loop import Ticks
from kws_gui.main_window import MainWindow
from kws_gui.services import remembered
from kws_gui.services.training import Ending

_STARTS = 3  # the first warms the disk's cache and does not count
_WATCHED_S = 25.0
_PATIENCE_S = 120.0


def main(arguments: list[str]) -> int:
    """Prints all rows; `window TIME` only shows the window and prints how long after TIME it was painted.

    `list FOLDER` opens that project, of very many clips, and browses it; `listen` watches the Listen page, `hours`
    takes it through eight hours of sound.
    """
    if arguments[:1] == ["window"]:
        return _show_window(float(arguments[1]))
    if arguments[:1] == ["hours"]:
        return hours.hear(_print, *map(float, arguments[1:]))
    with tempfile.TemporaryDirectory(prefix="kws-bench.") as home:
        os.environ[remembered.HOME_VARIABLE] = home
        if arguments[:1] == ["list"]:
            return long_list.browse(Path(arguments[1]), _print)
        if arguments[:1] == ["words"]:
            return words.browse(Path(arguments[1]), _print)
        if arguments[:1] == ["listen"]:
            return listening.listen(Path(home), _print)
        starts = [_start() for _ in range(_STARTS)][1:]
        warm = min(starts, key=lambda start: start["painted_s"])
        _print("screen", warm["screen"], "")
        _print("start to the painted window, warm", round(warm["painted_s"], 3), "s", asked=1.5)
        _print("torch imported when the window stands", int(any(s["torch"] for s in starts)), "", asked=0)
        return _watch_training(Path(home))


def _print(what: str, value: float | str, unit: str, **more: Any) -> None:
    print(json.dumps({"what": what, "value": value, "unit": unit, **more}), flush=True)


def _start() -> dict[str, Any]:
    """One start in a process of its own, timed from before the process exists."""
    command = [sys.executable, "-m", "kws_gui.bench", "window", repr(time.time())]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=_PATIENCE_S, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


# -- the start


def _show_window(began_s: float) -> int:
    app = studio.make_application(["kws-studio"])
    window = studio.make_window(app, None)
    watcher = _FirstPaint(began_s)
    central = window.centralWidget()
    assert central is not None
    central.installEventFilter(watcher)
    QTimer.singleShot(int(_PATIENCE_S * 1000), app, lambda: app.exit(1))
    status = app.exec()
    window.close()
    return status


class _FirstPaint(QObject):
    """Reports when the window is painted and the event loop has come back."""

    def __init__(self, began_s: float) -> None:
        super().__init__()
        self._began_s = began_s
        self._is_seen = False

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and not self._is_seen:
            self._is_seen = True
            QTimer.singleShot(0, self, self._report)
        return False

    def _report(self) -> None:
        report = {
            "painted_s": time.time() - self._began_s,
            "torch": "torch" in sys.modules,
            "screen": QGuiApplication.platformName(),
        }
        print(json.dumps(report), flush=True)
        QCoreApplication.exit(0)


# -- the event loop beside a training


def _watch_training(home: Path) -> int:
    app = studio.make_application(["kws-studio"])
    window = studio.make_window(app, None)
    loop = _Loop(window)
    window.services.project.opened.connect(lambda: QTimer.singleShot(0, loop, loop.train))
    QTimer.singleShot(int((_PATIENCE_S + _WATCHED_S) * 1000), app, lambda: app.exit(1))
    window.services.projects.copy_starter()
    status = app.exec()
    trained_in_window = "torch" in sys.modules
    window.services.training.shutdown()
    window.close()
    if status or not loop.gaps_ms:
        print(loop.failure or "the training did not start", file=sys.stderr)
        return 1
    _print("watched beside a training", round(sum(loop.gaps_ms) / 1000, 1), "s")
    _print("epochs in that time", loop.epochs, "")
    _print("event loop, longest gap", round(max(loop.gaps_ms), 1), "ms", asked=100)
    _print("event loop, median gap", round(statistics.median(loop.gaps_ms), 1), "ms")
    _print("torch imported in the window's process beside a training", int(trained_in_window), "", asked=0)
    return 0


class _Loop(QObject):
    """Presses Train, then records when a timer of 5 ms really fires."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self._window = window
        self._ticks = Ticks(self)
        self._ticks.fired.connect(self._on_tick)
        self._until_s = float("inf")
        self.epochs = 0
        self.failure = ""

    @property
    def gaps_ms(self) -> list[float]:
        """Time between one tick and the next."""
        return self._ticks.gaps_ms

    def train(self) -> None:
        """Shows the Train page and presses its button."""
        self._window.services.navigation.show_page("train")
        page: Any = self._window.page("train")
        training = self._window.services.training
        training.started.connect(self._on_started)
        training.epochsAdded.connect(self._on_epochs)
        training.ended.connect(self._on_ended)
        page.train.click()

    def _on_started(self) -> None:
        self._until_s = time.perf_counter() + _WATCHED_S
        self._ticks.begin()

    def _on_epochs(self, epochs: list[Epoch]) -> None:
        self.epochs += len(epochs)

    def _on_ended(self, ending: Ending) -> None:
        if isinstance(ending.event, Failed):
            self.failure = ending.event.message
        QCoreApplication.exit(1 if self.failure else 0)

    def _on_tick(self) -> None:
        if time.perf_counter() >= self._until_s:
            self._ticks.end()
            QCoreApplication.exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
