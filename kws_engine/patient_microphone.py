"""A microphone that is waited for when it goes away, with the time it was away counted as lost samples."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final

import numpy as np

from kws_engine.errors import MicrophoneError, MicrophoneLost
from kws_engine.microphone import Heard, Microphone, Reader, reopened

TRY_EVERY_S: Final = 1.0
Opened = tuple[Microphone, Reader]


def told_away(fact: str, *, doing: str = "recording") -> str:
    """What happened to a microphone, and what to do about it; without a full stop."""
    return f"{fact}. Plug it in or switch it on: {doing} goes on by itself"


class PatientMicrophone:
    """An open microphone with one reader at `rate` Hz; use it in a `with`, which opens it.

    When it goes away, the device of the same name is waited for, or the system's default where none was named.

    Raises:
        MicrophoneError: It cannot be opened in the first place.
    """

    def __init__(self, device: str | None = None, *, rate: int = 16_000) -> None:
        self.rate = rate
        self.absent = ""
        """While it is away: what happened to it, such as `"Headset" went away`."""
        self._microphone = Microphone(device)
        self._device = None if device is None else self._microphone.device.name
        self._reader = Reader(self._microphone, rate=rate)
        self._position = 0
        self._return: _Return | None = None

    @property
    def name(self) -> str:
        """The device that is heard, or was heard last."""
        return self._microphone.device.name

    def read(self, *, once: bool = False) -> Heard:
        """Everything new since the last call; nothing while the microphone is away. Never waits long.

        Raises:
            MicrophoneLost: It has gone away, and only `once` was wanted.
        """
        if self.absent:
            # Not before whoever reads has said so: the libraries are hushed by turning standard error off.
            self._return = self._return or _Return(self._device, self.rate)
            back = self._return.take()
            return Heard(np.zeros(0, np.float32), self._position, 0) if back is None else self._take_over(*back)
        try:
            self._microphone.check()
        except MicrophoneLost as error:
            if once:
                raise
            heard = self._read(0)
            self.absent = error.fact
            self._microphone.stop()
            return heard
        return self._read(0)

    def __enter__(self) -> PatientMicrophone:
        self._microphone.start()
        self._reader = Reader(self._microphone, rate=self.rate)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._return is not None:
            self._return.cancel()
        self._microphone.stop()

    def _take_over(self, microphone: Microphone, reader: Reader) -> Heard:
        began_s, newest_s = microphone.began_s, self._microphone.newest_s
        assert began_s is not None, "it has been heard"
        self._microphone, self._reader, self._return, self.absent = microphone, reader, None, ""
        return self._read(max(0, round((began_s - newest_s) * self.rate)))

    def _read(self, away: int) -> Heard:
        heard = self._reader.read()
        lost = heard.lost + away
        self._position += lost + len(heard.samples)
        return Heard(heard.samples, self._position, lost)


class _Return:
    """Tries to open a microphone again and again, in a thread that is left behind where the sound system hangs."""

    def __init__(self, device: str | None, rate: int) -> None:
        self._device = device
        self._rate = rate
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._opened: Opened | None = None
        threading.Thread(target=self._run, name="waiting for a microphone", daemon=True).start()

    def take(self) -> Opened | None:
        """The open microphone and its reader from the first sample on, once it is back."""
        with self._lock:
            opened, self._opened = self._opened, None
            return opened

    def cancel(self) -> None:
        """Waits no longer."""
        with self._lock:
            self._cancelled.set()
            opened, self._opened = self._opened, None
        if opened is not None:
            opened[0].stop()

    def _run(self) -> None:
        while not self._cancelled.is_set():
            opened = self._try(self._cancelled.is_set)
            if opened is None:
                self._cancelled.wait(TRY_EVERY_S)
                continue
            with self._lock:
                if not self._cancelled.is_set():
                    self._opened = opened
                    return
            opened[0].stop()

    def _try(self, should_stop: Callable[[], bool]) -> Opened | None:
        try:
            microphone = reopened(self._device, should_stop, hushed=True)
        except MicrophoneError:
            return None  # not back yet
        return None if microphone is None else (microphone, Reader(microphone, rate=self._rate, since=0))
