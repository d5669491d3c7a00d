"""A sound file heard by several detectors at once, as fast as the processor can."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from kws_engine import audio
from kws_engine.ring import Ring
from kws_engine.spotting.decision import Detection
from kws_engine.spotting.detector import Detector, Step
from kws_gui.bridges.jobs import LongJob

Samples = NDArray[np.float32]
_SETTLED_S = 3.0  # after it a score rises no more
_KEPT_S = 8.0


@dataclass(frozen=True)
class Listener:
    """One detector that is to hear the file; `name` tells it from the others."""

    name: str
    detector: Detector
    rate: int


@dataclass(frozen=True)
class FileWord:
    """One word with the peak of its score.

    Attributes:
        name: Of the listener that heard it.
        detection: `at_sample` counts at `rate`, from the file's beginning.
        rate: In Hz.
        sound: Samples (n,) around it.
    """

    name: str
    detection: Detection
    rate: int
    sound: Samples


@dataclass(frozen=True)
class FileHeard:
    """The end of it: how much was heard, with how many words, and whether that is all of the file."""

    path: Path
    seconds: float
    count: int
    complete: bool


class FileHearing(QObject):
    """One file, off the window's thread.

    Signals:
        progressed(done, total): Seconds of sound.
        found(FileWord): As soon as its score is settled; the words of a listener come in their order.
        finished(FileHeard): All of it, or as much as was heard before `cancel`.
        failed(sentence, details): It is no sound, or a detector failed.
    """

    progressed = Signal(int, int)
    found = Signal(object)
    finished = Signal(object)
    failed = Signal(str, str)

    def __init__(self, path: Path, listeners: Sequence[Listener], around_s: tuple[float, float]) -> None:
        super().__init__()
        self._path = path
        self._hearings = [_Hearing(one, around_s) for one in listeners]
        self._job = LongJob(self._work, self)
        self._job.progressed.connect(self.progressed)
        self._job.finished.connect(self.finished)
        self._job.failed.connect(self.failed)

    def start(self) -> None:
        """Starts the thread; call it once, after connecting."""
        self._job.start()

    def cancel(self) -> None:
        """Asks it to stop."""
        self._job.cancel()

    def wait(self) -> None:
        """Cancels, and returns when the thread has ended."""
        self._job.wait()

    def _work(self, progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> FileHeard:
        total_s = max(1, math.ceil(audio.info(self._path).seconds))
        rates = sorted({hearing.listener.rate for hearing in self._hearings})
        seconds, count = 0.0, 0
        for blocks in _in_step(self._path, rates):
            if should_stop():
                return FileHeard(self._path, seconds, count, complete=False)
            for hearing in self._hearings:
                count += self._tell(hearing.feed(blocks[hearing.listener.rate]))
            seconds += len(blocks[rates[0]]) / rates[0]
            progress(min(int(seconds), total_s), total_s)
        for hearing in self._hearings:
            count += self._tell(hearing.flush())
        return FileHeard(self._path, seconds, count, complete=True)

    def _tell(self, words: Sequence[FileWord]) -> int:
        for word in words:
            self.found.emit(word)
        return len(words)


class _Hearing:
    """One listener, the newest sound, and its newest word until that is settled."""

    def __init__(self, listener: Listener, around_s: tuple[float, float]) -> None:
        self.listener = listener
        self._around_s = around_s
        self._ring = Ring(round((_KEPT_S + around_s[0]) * listener.rate))
        self._open: Detection | None = None

    def feed(self, samples: Samples) -> list[FileWord]:
        self._ring.write(samples)
        return self._settled(self.listener.detector.feed(samples), self._ring.position)

    def flush(self) -> list[FileWord]:
        told = self._settled(self.listener.detector.flush(), self._ring.position)
        return [*told, *self._close()]

    def _settled(self, steps: Sequence[Step], position: int) -> list[FileWord]:
        told: list[FileWord] = []
        for step in steps:
            if step.detection is not None:
                told += self._close()
                self._open = step.detection
            elif step.risen is not None and self._open is not None:
                self._open = replace(self._open, score=step.risen.score)
        if self._open is not None and position - self._open.at_sample > _SETTLED_S * self.listener.rate:
            told += self._close()
        return told

    def _close(self) -> list[FileWord]:
        if self._open is None:
            return []
        found, self._open = self._open, None
        return [FileWord(self.listener.name, found, self.listener.rate, self._sound(found.at_sample))]

    def _sound(self, at_sample: int) -> Samples:
        before, after = (round(seconds * self.listener.rate) for seconds in self._around_s)
        oldest = max(0, self._ring.position - self._ring.capacity)
        start = min(max(oldest, at_sample - before), self._ring.position)
        return self._ring.read(start).samples[: max(0, at_sample + after - start)]


def _in_step(path: Path, rates: Sequence[int]) -> Iterator[Mapping[int, Samples]]:
    """A second of the file after another, at each of the rates; a shorter one at the end."""
    by_rate = {rate: audio.blocks(path, rate=rate) for rate in rates}
    while True:
        blocks = {rate: next(one, np.zeros(0, np.float32)) for rate, one in by_rate.items()}
        if not any(map(len, blocks.values())):
            return
        yield blocks
