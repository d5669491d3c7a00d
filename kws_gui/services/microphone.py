"""The one open microphone of the window: its level, its failures, and the devices to choose from.

PortAudio is called in one thread of its own only, since listing and opening devices may take a second.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, QSettings, Qt, QTimer, Signal

from kws_engine import microphone
from kws_engine.clips.input_level import InputLevel
from kws_engine.errors import KwsError, MicrophoneError, MicrophoneLost
from kws_engine.microphone import Device, Microphone, Reader
from kws_gui.bridges.worker import Worker

_LEVEL_MS = 33
_CHECK_EVERY = 8  # levels: about four times a second
_RETURN_MS = 1000
_REMEMBERED = "microphone/device"


class MicrophoneService(QObject):
    """The stream is open while anybody holds it (`acquire`, `release`); opening and closing return at once.

    A stream whose microphone went away is opened again as soon as that is back, while anybody holds it.

    Not a `Latest`: a stream that was overtaken while it opened must be closed, and in that same thread.

    Signals:
        levelChanged: (peak_db, rms_db) in dBFS of the newest 50 ms, about 30 times a second while open.
        opened: (name) The stream runs; readers made before it are of no use any more, make new ones.
        closed: The stream has ended.
        failed: (sentence) It could not be opened, or went away; `acquire` or `try_again` opens it again, and if it went
            away (`waits_for`), its return does.
        devicesChanged: `devices` returns another list.
        floorChanged: (floor_db) The noise floor is known after the first second, or lower; None when it is not.
        adviceChanged: (sentence) How to set the input; empty where it is well set.
    """

    levelChanged = Signal(float, float)
    opened = Signal(str)
    closed = Signal()
    failed = Signal(str)
    devicesChanged = Signal()
    floorChanged = Signal(object)
    adviceChanged = Signal(str)
    _answered = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread = Worker("microphone")
        self._owners: list[object] = []
        self._microphone: Microphone | None = None
        self._devices: list[Device] = []
        self._device: str | None = QSettings().value(_REMEMBERED) or None
        self._asked = 0
        self._arriving: list[Microphone] = []  # opened, and not yet taken over by the GUI thread
        self._is_checking = False
        self._is_opening = False
        self._waits_for = ""
        self._return = QTimer(self, singleShot=True, interval=_RETURN_MS)
        self._return.timeout.connect(self._look_for_return)
        self._is_shut = False
        self._ticks = 0
        self._input = InputLevel()
        self._timer = QTimer(self)
        self._timer.setInterval(_LEVEL_MS)
        self._timer.timeout.connect(self._on_tick)
        self._answered.connect(self._on_answered, Qt.ConnectionType.QueuedConnection)

    @property
    def is_open(self) -> bool:
        return self._microphone is not None

    @property
    def name(self) -> str:
        """The open microphone's name, else empty."""
        return self._microphone.device.name if self._microphone else ""

    @property
    def device(self) -> str | None:
        """The chosen microphone's name; None is the system's default."""
        return self._device

    @property
    def waits_for(self) -> str:
        """What happened to the microphone whose return is waited for, such as `"Headset" went away`; else empty."""
        return self._waits_for

    def set_device(self, name: str | None) -> None:
        """Chooses and remembers a microphone; an open stream moves to it."""
        if name == self._device:
            return
        self._device = name
        self._wait_no_longer()
        QSettings().setValue(_REMEMBERED, name or "")
        if self._owners:
            self.try_again()

    @property
    def floor_db(self) -> float | None:
        """The noise floor of the open stream, RMS in dBFS; None where it is not known yet."""
        return self._input.floor_db if self.is_open else None

    @property
    def advice(self) -> str:
        """How to set the input, one sentence; empty where it is well set or closed."""
        return self._input.advice if self.is_open else ""

    def devices(self) -> list[Device]:
        """The microphones as of the last `refresh`; listing them takes time, so this never does."""
        return list(self._devices)

    def refresh(self) -> None:
        """Lists the microphones anew; `devicesChanged` or `failed` follows."""
        self._do(partial(_list_devices, relist=not self.is_open), self._on_listed)

    def acquire(self, owner: object) -> None:
        """Holds the stream open for `owner`; `opened` or `failed` follows if it was not open yet.

        Where it could not be opened for somebody before, that is tried again.
        """
        if not any(holder is owner for holder in self._owners):
            self._owners.append(owner)
        if not (self.is_open or self._is_opening or self._waits_for):
            self._open(relist=len(self._owners) > 1)

    def release(self, owner: object) -> None:
        """Lets go; the last one closes the stream."""
        before = len(self._owners)
        self._owners = [holder for holder in self._owners if holder is not owner]
        if before and not self._owners:
            self._asked += 1
            self._is_opening = False
            self._wait_no_longer()
            self._close()

    def try_again(self) -> None:
        """Opens the stream anew, after the devices were listed anew; for "Try again" buttons."""
        self._close()
        if self._owners:
            self._open(relist=True)

    def reader(self, rate: int, *, before_s: float = 0.0) -> Reader:
        """A follower from now on, or from so much before as was heard; at `rate` Hz.

        Raises:
            MicrophoneError: the stream is not open.
        """
        if self._microphone is None:
            raise MicrophoneError("The microphone is not open: plug one in and try again.")
        position = self._microphone.ring.position
        return Reader(self._microphone, rate=rate, since=max(0, position - round(before_s * self._microphone.rate)))

    def shutdown(self) -> None:
        """Closes the stream and ends the thread."""
        self._is_shut = True
        self._owners.clear()
        self._wait_no_longer()
        self._close()
        self._thread.submit(self._stop_arriving)  # in the thread, after whatever is being opened there now
        self._thread.shutdown(hangs=microphone.hangs)

    # -- in the GUI thread

    def _do(self, work: Callable[[], object], then: Callable[[object], None]) -> None:
        if not self._is_shut:
            self._thread.submit(work).add_done_callback(partial(self._answer, then))

    def _answer(self, then: Callable[[object], None], future: Future[Any]) -> None:
        error = future.exception()
        if error is None and isinstance(future.result(), tuple):
            self._arriving.append(future.result()[0])
        if self._is_shut:
            return
        self._answered.emit(then, error if error is not None else future.result())

    def _on_answered(self, then: Callable[[object], None], answer: object) -> None:
        if isinstance(answer, BaseException) and not isinstance(answer, KwsError):
            raise answer
        then(answer)

    def _stop_arriving(self) -> None:
        """Stops streams that were opened while the window closed."""
        for stream in self._arriving:
            stream.stop()
        self._arriving.clear()

    def _open(self, *, relist: bool) -> None:
        self._asked += 1
        asked = self._asked
        self._is_opening = True
        self._do(partial(_opened, self._device, relist), lambda answer: self._on_opened(asked, answer))

    def _on_opened(self, asked: int, answer: object) -> None:
        self._is_opening = self._is_opening and asked != self._asked
        if isinstance(answer, KwsError):
            if asked == self._asked:
                self._wait_on()
                self.failed.emit(str(answer))
            return
        self._take_over(asked, answer)

    def _take_over(self, asked: int, answer: object) -> None:
        assert isinstance(answer, tuple)
        stream, devices = answer
        if self._is_shut:
            return  # the thread stops it
        self._arriving.remove(stream)
        if asked != self._asked or not self._owners:
            self._do(stream.stop, lambda _: None)
            return
        self._wait_no_longer()
        self._microphone = stream
        self._is_checking = False
        self._input = InputLevel(per_second=1000 / _LEVEL_MS)
        self._timer.start()
        self._on_listed(devices)
        self.opened.emit(stream.device.name)

    def _on_listed(self, answer: object) -> None:
        if isinstance(answer, KwsError):
            self.failed.emit(str(answer))
        elif isinstance(answer, list) and answer != self._devices:
            self._devices = answer
            self.devicesChanged.emit()

    def _close(self) -> None:
        self._timer.stop()
        stream, self._microphone = self._microphone, None
        if stream is not None:
            self._thread.submit(stream.stop)
            self.floorChanged.emit(None)
            self.adviceChanged.emit("")
            self.closed.emit()

    def _on_tick(self) -> None:
        if self._microphone is None:
            return
        level = self._microphone.level
        self._watch(level.peak_db, level.rms_db)
        self.levelChanged.emit(level.peak_db, level.rms_db)
        self._ticks += 1
        if self._ticks % _CHECK_EVERY == 0 and not self._is_checking:
            self._is_checking = True
            stream = self._microphone
            self._do(stream.check, lambda answer: self._on_checked(stream, answer))

    def _watch(self, peak_db: float, rms_db: float) -> None:
        floor_db, advice = self._input.floor_db, self._input.advice
        self._input.hear(peak_db, rms_db)
        if self._input.floor_db != floor_db:
            self.floorChanged.emit(self._input.floor_db)
        if self._input.advice != advice:
            self.adviceChanged.emit(self._input.advice)

    def _on_checked(self, stream: Microphone, answer: object) -> None:
        self._is_checking = False
        if stream is self._microphone and isinstance(answer, KwsError):
            self._close()
            if self._owners and isinstance(answer, MicrophoneLost):
                self._waits_for = answer.fact
                self._wait_on()
            self.failed.emit(str(answer))

    # -- the return of a microphone that went away

    def _wait_on(self) -> None:
        if self._waits_for:
            self._return.start()

    def _wait_no_longer(self) -> None:
        self._waits_for = ""
        self._return.stop()

    def _look_for_return(self) -> None:
        self._asked += 1
        asked = self._asked
        should_stop = lambda: self._is_shut or asked != self._asked  # noqa: E731 - looked at in the thread
        self._do(partial(_returned, self._device, should_stop), partial(self._on_returned, asked))

    def _on_returned(self, asked: int, answer: object) -> None:
        if isinstance(answer, tuple):
            self._take_over(asked, answer)
        elif asked == self._asked:
            self._wait_on()


def _list_devices(*, relist: bool) -> list[Device]:
    if relist:
        microphone.refresh_devices()
    return microphone.devices()


def _opened(device: str | None, relist: bool) -> tuple[Microphone, list[Device]]:
    devices = _list_devices(relist=relist)
    stream = Microphone(device)
    stream.start()
    return stream, devices


def _returned(device: str | None, should_stop: Callable[[], bool]) -> tuple[Microphone, list[Device]] | None:
    stream = microphone.reopened(device, should_stop)
    return None if stream is None else (stream, microphone.devices())
