"""Clips played through the loudspeaker, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, QTimer, Signal

from kws_engine import audio, microphone
from kws_engine.errors import KwsError
from kws_engine.microphone import Playback
from kws_gui.bridges.worker import Worker

_FRAME_MS = 33
_LONGEST_S = 60.0
FILE_RATE = 16_000


class Player(QObject):
    """Opens and closes the loudspeaker in a thread of its own; a new sound silences the one before.

    Not a `Latest`: a sound that was overtaken while the loudspeaker opened must be stopped, and in that same thread.

    Signals:
        started: The sound plays.
        positionChanged: (sample) Where it is, at the rate of the sound given to `play`.
        stopped: It has ended, or was stopped.
        failed: (sentence) There is no loudspeaker, or the file cannot be read.
    """

    started = Signal()
    positionChanged = Signal(int)
    stopped = Signal()
    failed = Signal(str)
    _answered = Signal(int, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread = Worker("player")
        self._playback: Playback | None = None
        self._asked = 0
        self._arriving: list[Playback] = []  # started, and not yet taken over by the GUI thread
        self._is_shut = False
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.timeout.connect(self._on_tick)
        self._answered.connect(self._on_answered, Qt.ConnectionType.QueuedConnection)

    @property
    def is_playing(self) -> bool:
        return self._playback is not None

    def play(self, samples: NDArray[np.float32], rate: int) -> None:
        """Plays mono samples (n,) at `rate` Hz."""
        self._begin(partial(_started, samples, rate))

    def play_file(self, path: Path) -> None:
        """Plays an audio file; of one longer than a minute, `failed` says so."""
        self._begin(partial(_started_file, path))

    def stop(self) -> None:
        """Silence at once."""
        self._asked += 1
        self._end()

    def shutdown(self) -> None:
        """Silence, and the thread's end."""
        self._is_shut = True
        self.stop()
        self._thread.submit(self._stop_arriving)  # in the thread, after whatever is being started there now
        self._thread.shutdown(hangs=microphone.hangs)

    def _begin(self, work: Callable[[], Playback]) -> None:
        self.stop()
        if not self._is_shut:
            self._thread.submit(work).add_done_callback(partial(self._answer, self._asked))

    def _answer(self, asked: int, future: Future[Playback]) -> None:
        error = future.exception()
        if error is None:
            self._arriving.append(future.result())
        if not self._is_shut:
            self._answered.emit(asked, error if error is not None else future.result())

    def _stop_arriving(self) -> None:
        """Stops sounds that were started while the window closed."""
        for playback in self._arriving:
            playback.stop()
        self._arriving.clear()

    def _on_answered(self, asked: int, answer: object) -> None:
        if isinstance(answer, Playback):
            if self._is_shut:
                return  # the thread stops it
            self._arriving.remove(answer)
            if asked != self._asked:
                self._thread.submit(answer.stop)
                return
            self._playback = answer
            self._timer.start()
            self.started.emit()
        elif isinstance(answer, KwsError):
            self.failed.emit(str(answer))
        elif isinstance(answer, BaseException):
            raise answer

    def _on_tick(self) -> None:
        if self._playback is None:
            return
        self.positionChanged.emit(self._playback.position)
        if self._playback.ended:
            self._end()

    def _end(self) -> None:
        self._timer.stop()
        playback, self._playback = self._playback, None
        if playback is not None:
            self._thread.submit(playback.stop)
            self.stopped.emit()


def _started(samples: NDArray[np.float32], rate: int) -> Playback:
    playback = Playback(samples, rate=rate)
    playback.start()
    return playback


def _started_file(path: Path) -> Playback:
    return _started(audio.read(path, rate=FILE_RATE, max_seconds=_LONGEST_S), FILE_RATE)
