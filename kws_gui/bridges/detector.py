"""A detector in a thread of its own between a microphone's reader and the window.

onnxruntime takes long to import, so the model file is opened in a thread, too.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import queue
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QThread, Signal

from kws_engine import audio
from kws_engine.errors import KwsError
from kws_engine.features import FEATURES
from kws_engine.ring import Ring
from kws_engine.spotting.decision import Detection, DetectorConfig
from kws_engine.spotting.detector import Detector, Step, with_peaks
from kws_gui.bridges.jobs import Work
from kws_gui.bridges.latest import Latest

if TYPE_CHECKING:
    from kws_engine.microphone import Heard
    from kws_engine.spotting.model_file import SpottingModel

Samples = NDArray[np.float32]
READ_EVERY_S = 0.03
COST_EVERY_S = 1.0
KEPT_S = 10.0


class SoundSource(Protocol):
    """What the thread needs of `kws_engine.microphone.Reader`."""

    def read(self) -> Heard:
        """Everything new since the last call."""
        ...


@dataclass(frozen=True)
class OpenModel:
    """A model file that was opened; `digest` tells its content from any other's."""

    path: Path
    model: SpottingModel
    digest: str


@dataclass(frozen=True)
class FileHeard:
    """What a detector found in a sound file; `at_sample` counts at the model's rate."""

    path: Path
    seconds: float
    rate: int
    detections: tuple[Detection, ...]
    complete: bool


@dataclass(frozen=True)
class _Batch:
    session: int
    frames: Samples
    steps: list[Step]
    sound: Samples
    lost: int
    cost: float | None


class SoundPicture:
    """The spectrogram that the window shows: log mel bands in dB below a full-scale sine, from samples at `rate`."""

    BANDS = 80
    HOP_MS = 10.0
    LOW_HZ = 20.0

    def __init__(self, rate: int) -> None:
        entry = FEATURES["log_mel"]
        self.high_hz = min(7600.0, rate / 2)
        config = entry.config(
            bands=self.BANDS, hop_ms=self.HOP_MS, low_hz=self.LOW_HZ, high_hz=self.high_hz, floor=1e-8
        )
        self._pipeline = entry.build(config, rate=rate)
        self._stream = self._pipeline.stream()
        self._full_scale_db = 20 * math.log10(float(self._pipeline.window.sum()) / 2)

    def push(self, samples: Samples) -> Samples:
        """The frames (n, 80) in dB that these samples complete."""
        values = self._stream.push(samples)
        log_power = (values - self._pipeline.shift) / self._pipeline.scale
        return np.asarray(log_power * (10 / math.log(10)) - self._full_scale_db, dtype=np.float32)


class DetectorBridge(QObject):
    """Opens one model file at a time and listens with it.

    Signals:
        loaded: (OpenModel) The file requested last is open.
        sounded: (samples) New sound at the model's rate, before the steps that it leads to.
        started, stopped: The thread has begun to read the source, or has ended.
        heard: (frames) New spectrogram frames (n, 80) in dB.
        stepped: (steps) New outputs of the network; `at_sample` counts on over stop and start, until another model.
        detected: (Detection) One of those steps found a word.
        risen: (Detection) The score of the word found last has risen further.
        lost: (samples) So many samples at the model's rate were lost before the newest ones.
        costChanged: (share) CPU time a second of sound, 0..1 of one core.
        failed: (sentence, details) The file cannot be opened, or listening ended by itself.
    """

    loaded = Signal(object)
    started = Signal()
    stopped = Signal()
    heard = Signal(object)
    sounded = Signal(object)
    stepped = Signal(object)
    detected = Signal(object)
    risen = Signal(object)
    lost = Signal(int)
    costChanged = Signal(float)
    failed = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._loading = Latest(self)
        self._loading.answered.connect(self._on_loaded)
        self._loading.failed.connect(self.failed)
        self._open: OpenModel | None = None
        self._picture: SoundPicture | None = None
        self._config: DetectorConfig | None = None
        self._thresholds: dict[str, float] = {}
        self._listener: _Listener | None = None
        self._session = 0
        self._heard_samples = 0
        self._recent = Ring(1)

    @property
    def opened(self) -> OpenModel | None:
        """The open model file."""
        return self._open

    @property
    def picture(self) -> SoundPicture | None:
        """The spectrogram's definition at the model's rate."""
        return self._picture

    @property
    def thresholds(self) -> dict[str, float]:
        """The threshold of every word of the model."""
        return dict(self._thresholds)

    @property
    def is_running(self) -> bool:
        return self._listener is not None

    @property
    def position(self) -> int:
        """How many samples were heard with this model; detections count likewise."""
        return self._recent.position

    def recent(self, start: int = 0) -> tuple[Samples, int]:
        """The sound of the last ten seconds from position `start` on, and where it begins; in memory only."""
        read = self._recent.read(max(start, self._recent.position - self._recent.capacity))
        return read.samples, read.position - len(read.samples)

    def load(self, path: Path) -> None:
        """Opens another model file; stops listening with the old one. `loaded` or `failed` follows."""
        self.stop()
        self._session += 1
        self._open = None
        self._picture = None
        self._loading.ask(lambda _progress, _should_stop: _open(path))

    def configure(self, config: DetectorConfig, thresholds: Mapping[str, float]) -> None:
        """Other settings; words without a threshold take the config's. While listening it begins with a new window."""
        assert self._open is not None
        self._config = config
        self._thresholds = Detector(self._open.model, config, thresholds=thresholds).thresholds
        if self._listener is not None:
            self._listener.commands.put(partial(self._listener.renew, self._detector()))

    def setThreshold(self, word: str, value: float) -> None:
        """Takes effect at the thread's next step.

        Raises:
            SpecError: The model does not know the word.
        """
        assert self._open is not None
        trial = self._detector()
        trial.set_threshold(word, value)
        self._thresholds = trial.thresholds
        if self._listener is not None:
            self._listener.commands.put(partial(self._listener.set_threshold, word, value))

    def start(self, make_reader: Callable[[int], SoundSource]) -> None:
        """Listens to the reader that `make_reader(rate)` gives.

        Raises:
            MicrophoneError: As of `make_reader`.
        """
        if self._open is None or self._picture is None or self._listener is not None:
            return
        source = make_reader(self._open.model.rate)
        window_samples = self._open.model.window_samples
        self._listener = _Listener(
            self._session,
            source,
            self._detector(),
            self._picture,
            heard_samples=self._heard_samples,
            window_samples=window_samples,
        )
        self._listener.heard.connect(self._on_batch)
        self._listener.failed.connect(self._on_failed)
        self._listener.start()
        self.started.emit()

    def stop(self) -> None:
        """Ends the thread; what it heard until now is still emitted."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        listener.end()
        self._heard_samples = listener.heard_samples
        self.stopped.emit()

    def file_work(self, path: Path) -> Work:
        """Work for a `LongJob` that runs the same detector over a sound file; its result is a `FileHeard`."""
        return partial(_listen_to_file, self._detector(), self._open.model.rate if self._open else 0, path)

    def shutdown(self) -> None:
        """Ends every thread."""
        self.stop()
        self._session += 1
        self._loading.shutdown()

    def _detector(self) -> Detector:
        assert self._open is not None
        return Detector(self._open.model, self._config, thresholds=self._thresholds)

    def _on_loaded(self, opened: OpenModel) -> None:
        self._open = opened
        self._heard_samples = 0
        self._recent = Ring(round(KEPT_S * opened.model.rate))
        self._picture = SoundPicture(opened.model.rate)
        detector = opened.model.detector()
        self._config = detector.config
        self._thresholds = detector.thresholds
        self.loaded.emit(opened)

    def _on_batch(self, batch: _Batch) -> None:
        if batch.session != self._session:
            return
        if batch.lost:
            self.lost.emit(batch.lost)
        if len(batch.sound):
            self._recent.write(batch.sound)
            self.sounded.emit(batch.sound)
        if len(batch.frames):
            self.heard.emit(batch.frames)
        if batch.steps:
            self.stepped.emit(batch.steps)
        for step in batch.steps:
            if step.detection is not None:
                self.detected.emit(step.detection)
            if step.risen is not None:
                self.risen.emit(step.risen)
        if batch.cost is not None:
            self.costChanged.emit(batch.cost)

    def _on_failed(self, sentence: str, details: str) -> None:
        self.stop()
        self.failed.emit(sentence, details)


class _Listener(QThread):
    """Reads, draws and detects every 30 ms until `end`; its commands run between two reads."""

    heard = Signal(object)
    failed = Signal(str, str)

    def __init__(
        self,
        session: int,
        source: SoundSource,
        detector: Detector,
        picture: SoundPicture,
        *,
        heard_samples: int,
        window_samples: int,
    ) -> None:
        super().__init__()
        self.commands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.heard_samples = heard_samples
        self._began_at = heard_samples
        self._session = session
        self._source = source
        self._detector = detector
        self._picture = picture
        self._window_samples = window_samples
        self._ended = threading.Event()

    def end(self) -> None:
        """Returns when the thread has ended, some milliseconds later."""
        self._ended.set()
        self.wait()

    def renew(self, detector: Detector) -> None:
        """Continues with another detector, which begins with what comes next."""
        self._detector = detector
        self._began_at = self.heard_samples

    def set_threshold(self, word: str, value: float) -> None:
        """Changes the present detector."""
        self._detector.set_threshold(word, value)

    def run(self) -> None:
        try:
            self._listen()
        except KwsError as error:
            self.failed.emit(str(error), "")
        except Exception as error:  # noqa: BLE001 - a thread's edge: nothing may end in silence
            said = f"Listening failed unexpectedly: {error or type(error).__name__}"
            self.failed.emit(said, traceback.format_exc())

    def _listen(self) -> None:
        counted_s, used_s = time.monotonic(), time.thread_time()
        while not self._ended.wait(READ_EVERY_S):
            while not self.commands.empty():
                self.commands.get()()
            cost, passed_s = None, time.monotonic() - counted_s
            if passed_s >= COST_EVERY_S:
                cost = (time.thread_time() - used_s) / passed_s
                counted_s, used_s = time.monotonic(), time.thread_time()
            self._take(self._source.read(), cost)

    def _take(self, heard: Heard, cost: float | None) -> None:
        sound = heard.samples
        if heard.lost:
            # After a window of silence the detector has forgotten what came before: a longer gap changes nothing.
            gap = np.zeros(min(heard.lost, self._window_samples), np.float32)
            sound = np.concatenate((gap, sound))
        if not len(sound) and cost is None:
            return
        frames = self._picture.push(sound)
        steps = [_moved(step, self._began_at) for step in self._detector.feed(sound)]
        self.heard_samples += len(sound)
        self.heard.emit(_Batch(self._session, frames, steps, sound, heard.lost, cost))


def _moved(step: Step, samples: int) -> Step:
    if not samples:
        return step
    detection, risen = (
        found and dataclasses.replace(found, at_sample=found.at_sample + samples)
        for found in (step.detection, step.risen)
    )
    return Step(step.at_sample + samples, step.scores, detection, risen)


def _open(path: Path) -> OpenModel:
    from kws_engine.spotting.model_file import SpottingModel

    model = SpottingModel(path)
    return OpenModel(path, model, hashlib.sha256(path.read_bytes()).hexdigest()[:32])


def _listen_to_file(
    detector: Detector, rate: int, path: Path, progress: Callable[[int, int], None], should_stop: Callable[[], bool]
) -> FileHeard:
    total_s = max(1, math.ceil(audio.info(path).seconds))
    steps: list[Step] = []  # those that matter: a long file has many
    samples = 0
    for block in audio.blocks(path, rate=rate):
        if should_stop():
            return FileHeard(path, samples / rate, rate, tuple(with_peaks(steps)), complete=False)
        steps += [step for step in detector.feed(block) if step.detection or step.risen]
        samples += len(block)
        progress(min(samples // rate, total_s), total_s)
    steps += [step for step in detector.flush() if step.detection or step.risen]
    return FileHeard(path, samples / rate, rate, tuple(with_peaks(steps)), complete=True)
