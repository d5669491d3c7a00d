"""A detector in a thread of its own between a microphone's reader and the window.

onnxruntime takes long to import, so the model file is opened in a thread, too.
"""

from __future__ import annotations

import dataclasses
import hashlib
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

from kws_engine.errors import KwsError
from kws_engine.ring import Ring
from kws_engine.spotting.decision import DetectorConfig
from kws_engine.spotting.detector import Detector, Step
from kws_gui.bridges.file_hearing import Listener
from kws_gui.bridges.latest import Latest
from kws_gui.bridges.sound_picture import Scale, SoundPicture

if TYPE_CHECKING:
    from kws_engine.microphone import Heard
    from kws_engine.spotting.model_file import SpottingModel

Samples = NDArray[np.float32]
READ_EVERY_S = 0.03
COST_EVERY_S = 1.0
KEPT_S = 10.0
_LONGEST_GAP_S = 10.0  # no window is longer; the same for all models, whose times stay those of the sound


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
class _Batch:
    session: int
    steps: list[Step]
    sound: Samples
    lost: int
    cost: float | None


class DetectorBridge(QObject):
    """Opens one model file at a time and listens with it; one that does not draw makes no spectrogram.

    Signals:
        loaded: (OpenModel) The file requested last is open.
        sounded: (samples) New sound at the model's rate, before the steps that it leads to.
        started, stopped: The thread has begun to read the source, or has ended.
        heard: (frames) New frames of `picture` (n, bands) in dB.
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

    def __init__(self, parent: QObject | None = None, *, draws: bool = True) -> None:
        super().__init__(parent)
        self._draws = draws
        self._loading = Latest(self)
        self._loading.answered.connect(self._on_loaded)
        self._loading.failed.connect(self.failed)
        self._open: OpenModel | None = None
        self._picture: SoundPicture | None = None
        self._scale: Scale = "mel"
        self._config: DetectorConfig | None = None
        self._thresholds: dict[str, float] = {}
        self._listener: _Listener | None = None
        self._session = 0
        self._heard_samples = 0
        self._began_at = 0
        self._recent = Ring(1)

    @property
    def opened(self) -> OpenModel | None:
        """The open model file."""
        return self._open

    @property
    def picture(self) -> SoundPicture | None:
        """The spectrogram's definition at the model's rate and in the chosen scale."""
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

    @property
    def oldest(self) -> int:
        """The position of the oldest sound in memory."""
        return max(0, self._recent.position - self._recent.capacity)

    @property
    def began_at(self) -> int:
        """The position at which this time of listening began, or the last one."""
        return self._began_at

    def recent(self, start: int = 0) -> tuple[Samples, int]:
        """The sound of the last ten seconds from position `start` on, and where it begins; in memory only."""
        read = self._recent.read(max(start, self.oldest))
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
        if self._open is None or self._listener is not None:
            return
        source = make_reader(self._open.model.rate)
        self._began_at = self._heard_samples
        self._listener = _Listener(
            self._session,
            source,
            self._detector(),
            rate=self._open.model.rate,
            heard_samples=self._heard_samples,
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

    def listener(self, name: str) -> Listener:
        """A detector of its own with the same settings, to hear a sound file."""
        assert self._open is not None
        return Listener(name, self._detector(), self._open.model.rate)

    def set_scale(self, scale: Scale) -> Samples:
        """Draws with another scale from now on; returns the newest frames in that scale, at most ten seconds.

        With what follows in `heard`, frames are as many as they would have been with that scale from the beginning.
        """
        self._scale = scale
        if self._open is None or self._picture is None:
            return np.zeros((0, SoundPicture(16_000, scale=scale).bands), np.float32)
        self._picture = SoundPicture(self._open.model.rate, scale=scale)
        hop = self._picture.hop_samples
        samples, _ = self.recent(-(-self.oldest // hop) * hop)
        return self._picture.push(samples)

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
        self._picture = SoundPicture(opened.model.rate, scale=self._scale)
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
            self._draw(batch.sound)
        if batch.steps:
            self.stepped.emit(batch.steps)
        for step in batch.steps:
            if step.detection is not None:
                self.detected.emit(step.detection)
            if step.risen is not None:
                self.risen.emit(step.risen)
        if batch.cost is not None:
            self.costChanged.emit(batch.cost)

    def _draw(self, sound: Samples) -> None:
        """In the window's thread, a twentieth of a millisecond for 30 ms of sound: so the scale can change at once."""
        if self._draws and self._picture is not None:
            frames = self._picture.push(sound)
            if len(frames):
                self.heard.emit(frames)

    def _on_failed(self, sentence: str, details: str) -> None:
        self.stop()
        self.failed.emit(sentence, details)


class _Listener(QThread):
    """Reads and detects every 30 ms until `end`; its commands run between two reads."""

    heard = Signal(object)
    failed = Signal(str, str)

    def __init__(
        self,
        session: int,
        source: SoundSource,
        detector: Detector,
        *,
        rate: int,
        heard_samples: int,
    ) -> None:
        super().__init__()
        self.commands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.heard_samples = heard_samples
        self._began_at = heard_samples
        self._session = session
        self._source = source
        self._detector = detector
        self._rate = rate
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
            # After so much silence every detector has forgotten what came before: a longer gap changes nothing.
            gap = np.zeros(min(heard.lost, round(_LONGEST_GAP_S * self._rate)), np.float32)
            sound = np.concatenate((gap, sound))
        if not len(sound) and cost is None:
            return
        steps = [_moved(step, self._began_at) for step in self._detector.feed(sound)]
        self.heard_samples += len(sound)
        self.heard.emit(_Batch(self._session, steps, sound, heard.lost, cost))


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
