"""Lists microphones, streams one into a ring, and plays sounds.

The only module that names `sounddevice`, and only inside functions: importing this needs no sound system.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from kws_engine.audio import peak_db, resample, rms_db
from kws_engine.errors import MicrophoneError
from kws_engine.ring import Ring

SILENT_AFTER_S = 1.0
"""A stream that has not called back for this long has died."""
FIRST_SOUND_WITHIN_S = 3.0
"""A device may take this long to wake up, as Bluetooth does."""
_BUFFER_S = 0.1
_CLOSE_WITHIN_S = 2.0
_LEVEL_S = 0.05
_NO_SOUND_SYSTEM = "The sound system cannot be used ({}): check its settings and restart it, then try again."

_open_streams: set[Microphone | Playback] = set()
_stuck_streams: set[Microphone | Playback] = set()  # closed by us, but PortAudio does not return
_stuck_lock = threading.Lock()
_portaudio_lock = threading.RLock()


@dataclass(frozen=True)
class Device:
    """A microphone to choose; `name` is unique, `rate` its own in Hz, `index` changes when devices are re-listed."""

    name: str
    index: int
    channels: int
    rate: int
    is_default: bool


@dataclass(frozen=True)
class Level:
    """Loudness of the newest 50 ms, in dBFS."""

    peak_db: float
    rms_db: float


@dataclass(frozen=True)
class Heard:
    """New samples; they end at `position`, `lost` samples before them are gone; all counted at the reader's rate."""

    samples: NDArray[np.float32]
    position: int
    lost: int


def devices() -> list[Device]:
    """All microphones, as listed at the start or by the last `refresh_devices`; may be empty.

    Raises:
        MicrophoneError: The PortAudio library is missing or cannot reach the sound system.
    """
    sounddevice = _sounddevice()
    try:
        with _portaudio_lock:  # a refresh in another thread would free the names while they are read
            listed = list(sounddevice.query_devices())
            apis = list(sounddevice.query_hostapis())
            main_api = sounddevice.default.hostapi
    except sounddevice.PortAudioError as error:
        raise MicrophoneError(_NO_SOUND_SYSTEM.format(_reason(error))) from error
    inputs = [entry for entry in listed if entry["max_input_channels"] > 0]
    # Windows lists every microphone once per host interface.
    inputs = [entry for entry in inputs if entry["hostapi"] == main_api] or inputs
    taken: Counter[str] = Counter()
    return [_device(entry, apis, taken) for entry in inputs]


def refresh_devices() -> bool:
    """Lists the devices anew, after one was plugged in; does nothing and returns False while a stream is open.

    Raises:
        MicrophoneError: The PortAudio library is missing or cannot reach the sound system.
    """
    sounddevice = _sounddevice()
    with _portaudio_lock:
        if _open_streams or _stuck_streams:
            return False
        # PortAudio lists devices only when it starts; sounddevice has no public call for that.
        while sounddevice._initialized:
            sounddevice._terminate()
        try:
            sounddevice._initialize()
        except sounddevice.PortAudioError as error:
            raise MicrophoneError(_NO_SOUND_SYSTEM.format(_reason(error))) from error
        return True


def find_device(name: str | None = None) -> Device:
    """The device called `name`: exactly, else the only one whose name contains it; the default one for `None`.

    Raises:
        MicrophoneError: There is none, it is unknown (names the known ones), or several match.
    """
    known = devices()
    if not known:
        raise MicrophoneError("No microphone was found: plug one in and allow this program to use it.")
    if name is None:
        return next((device for device in known if device.is_default), known[0])
    exact = [device for device in known if device.name == name]
    fitting = exact or [device for device in known if name.casefold() in device.name.casefold()]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise MicrophoneError(f'"{name}" fits several microphones, give more of the name: {_names(fitting)}.')
    raise MicrophoneError(f'No microphone is called "{name}"; plug it in or choose one of: {_names(known)}.')


class Microphone:
    """An open microphone, writing mono samples at its own rate into `ring`; use it in a `with`.

    `rate` requests another rate than the device's own. Many readers may follow one microphone; see
    `Reader`. Call `check` regularly: a microphone that was pulled out raises nothing by itself.

    Raises:
        MicrophoneError: No such device, or it cannot be opened.
    """

    def __init__(self, device: str | None = None, *, ring_seconds: float = 60.0, rate: int | None = None) -> None:
        self.device = find_device(device)
        self.rate = rate or self.device.rate
        self.ring = Ring(max(1, round(ring_seconds * self.rate)))
        self.overflows = 0
        self._stream: Any = None
        self._ended = False
        self._called_back = False
        self._last_callback_s = 0.0

    def start(self) -> None:
        """Opens the stream; the first samples follow within some ten milliseconds.

        Raises:
            MicrophoneError: The device is busy, forbidden or unplugged.
        """
        if self._stream is not None:
            return
        sounddevice = _sounddevice()
        try:
            with _portaudio_lock:
                self.device = find_device(self.device.name)  # its index is another one if re-listed since
                self._ended = self._called_back = False
                self._last_callback_s = time.monotonic()
                self._stream = self._open(sounddevice)
                _open_streams.add(self)
        except sounddevice.PortAudioError as error:
            raise MicrophoneError(
                f'"{self.device.name}" could not be opened ({_reason(error)}): plug it in, close other programs that '
                "use it, or choose another microphone."
            ) from error

    def stop(self) -> None:
        """Closes the stream, also of an unplugged device; what is in the ring stays readable."""
        stream = self._stream
        self._stream = None
        if stream is not None:
            _close(self, stream)

    def check(self) -> None:
        """Checks whether sound still arrives; never waits when it does.

        Raises:
            MicrophoneError: The device went away, or delivered nothing for a second.
        """
        if self._stream is None:
            return
        if self._ended:
            raise MicrophoneError(f'"{self.device.name}" went away: plug it in again and start anew.')
        if self._silent_for_s() > 0.0:
            # The interpreter itself may have been busy until this moment: let the waiting callback have its turn.
            time.sleep(2 * _BUFFER_S)
            if self._silent_for_s() > 0.0:
                raise MicrophoneError(
                    f'"{self.device.name}" delivers no sound any more: check its plug and its switch, then start anew.'
                )

    @property
    def level(self) -> Level:
        """How loud the newest 50 ms are."""
        newest = self.ring.position
        samples = self.ring.read(max(0, newest - round(_LEVEL_S * self.rate))).samples
        return Level(peak_db(samples), rms_db(samples))

    def __enter__(self) -> Microphone:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _silent_for_s(self) -> float:
        """Seconds beyond the patience for the next callback; not above 0 while all is well."""
        patience_s = SILENT_AFTER_S if self._called_back else FIRST_SOUND_WITHIN_S
        return time.monotonic() - self._last_callback_s - patience_s

    def _open(self, sounddevice: Any) -> Any:
        """One channel, or two where the device insists on a pair."""
        for channels in (1, 2):
            try:
                return self._open_channels(sounddevice, channels)
            except sounddevice.PortAudioError:
                if channels == 2 or self.device.channels < 2:
                    raise
        raise AssertionError("unreachable")

    def _open_channels(self, sounddevice: Any, channels: int) -> Any:
        stream = sounddevice.InputStream(
            device=self.device.index,
            samplerate=self.rate,
            channels=channels,
            dtype="float32",
            latency=_BUFFER_S,
            callback=self._on_pair if channels == 2 else self._on_mono,
            finished_callback=self._on_ended,
        )
        return _running(sounddevice, stream)

    def _on_mono(self, samples: NDArray[np.float32], frames: int, when: Any, status: Any) -> None:
        self.ring.write(samples[:, 0])
        self._count(status)

    def _on_pair(self, samples: NDArray[np.float32], frames: int, when: Any, status: Any) -> None:
        self.ring.write(samples.mean(axis=1))
        self._count(status)

    def _count(self, status: Any) -> None:
        self.overflows += bool(status.input_overflow)
        self._last_callback_s = time.monotonic()
        self._called_back = True

    def _on_ended(self) -> None:
        self._ended = True


class Reader:
    """Reads a microphone from now on, with a position of its own; resamples to `rate` Hz where needed.

    `read` never waits. `position` counts samples read and lost, so it stays in step with the device whatever is lost.
    """

    def __init__(self, microphone: Microphone, *, rate: int = 16_000) -> None:
        self.rate = rate
        self._ring = microphone.ring
        self._device_rate = microphone.rate
        self._resampler: Any = None
        if rate != microphone.rate:
            self._resampler = soxr.ResampleStream(microphone.rate, rate, 1, dtype="float32", quality="HQ")
        self._since = self._began = self._ring.position
        self._position = 0

    def read(self) -> Heard:
        """Everything new since the last call; possibly nothing."""
        read = self._ring.read(self._since)
        self._since = read.position
        lost = self._jump_to(read.position - len(read.samples)) if read.lost else 0
        samples = read.samples if self._resampler is None else self._resampler.resample_chunk(read.samples)
        self._position += len(samples)
        return Heard(samples, self._position, lost)

    def skip(self) -> None:
        """Continues with what comes from now; what was not read is skipped on purpose and does not count as lost."""
        self._since = self._ring.position
        self._jump_to(self._since)

    def _jump_to(self, device_position: int) -> int:
        """Starts anew after a gap, which drops what the resampler still held; returns how many samples were lost."""
        if self._resampler is not None:
            self._resampler.clear()
        position = math.floor((device_position - self._began) * self.rate / self._device_rate)
        lost = max(0, position - self._position)
        self._position += lost
        return lost


class Playback:
    """A sound, mono (samples,) at `rate` Hz, on its way to the default loudspeaker; ends by itself."""

    def __init__(self, samples: NDArray[np.float32], *, rate: int) -> None:
        self._samples = np.asarray(samples, np.float32)
        self._rate = rate
        self._played_rate = rate
        self._next = 0
        self._ended = threading.Event()
        self._stream: Any = None

    @property
    def position(self) -> int:
        """Which sample the loudspeaker was given last."""
        return round(min(self._next, len(self._samples)) * self._rate / self._played_rate)

    @property
    def ended(self) -> bool:
        """Whether all of it was played, or the device went away."""
        return self._ended.is_set()

    def start(self) -> None:
        """Starts playing, at the device's own rate where it refuses that of the sound.

        Raises:
            MicrophoneError: There is no loudspeaker, or it cannot be opened.
        """
        sounddevice = _sounddevice()
        try:
            with _portaudio_lock:
                self._stream = self._open(sounddevice)
                _open_streams.add(self)
        except (sounddevice.PortAudioError, ValueError) as error:
            raise MicrophoneError(
                f"The sound could not be played ({_reason(error)}): connect a loudspeaker or headphones and try again."
            ) from error

    def stop(self) -> None:
        """Silences the sound at once and closes the stream; always call it, also after the end."""
        stream = self._stream
        self._stream = None
        if stream is not None:
            _close(self, stream)

    def _open(self, sounddevice: Any) -> Any:
        try:
            return self._open_at(sounddevice, self._rate)
        except sounddevice.PortAudioError:
            own = round(sounddevice.query_devices(kind="output")["default_samplerate"])
            if own == self._rate:
                raise
            self._samples = resample(self._samples, self._rate, own)
            self._played_rate = own
            return self._open_at(sounddevice, own)

    def _open_at(self, sounddevice: Any, rate: int) -> Any:
        self._stop_callback = sounddevice.CallbackStop
        stream = sounddevice.OutputStream(
            samplerate=rate, channels=1, dtype="float32", callback=self._on_wanted, finished_callback=self._ended.set
        )
        return _running(sounddevice, stream)

    def _on_wanted(self, out: NDArray[np.float32], frames: int, when: Any, status: Any) -> None:
        piece = self._samples[self._next : self._next + frames]
        out[: len(piece), 0] = piece
        out[len(piece) :] = 0.0
        self._next += frames
        if len(piece) < frames:
            raise self._stop_callback


def _running(sounddevice: Any, stream: Any) -> Any:
    try:
        stream.start()
    except sounddevice.PortAudioError:
        stream.close(ignore_errors=True)
        raise
    return stream


def _close(owner: Microphone | Playback, stream: Any) -> None:
    """Closes in a thread that is left behind when it hangs: PortAudio may wait for ever for an unplugged device."""

    def close() -> None:
        stream.close(ignore_errors=True)
        with _stuck_lock:
            _open_streams.discard(owner)
            _stuck_streams.discard(owner)

    with _portaudio_lock:
        closing = threading.Thread(target=close, name="closing a stream", daemon=True)
        closing.start()
        closing.join(_CLOSE_WITHIN_S)
        with _stuck_lock:
            if owner in _open_streams:
                _open_streams.remove(owner)
                _stuck_streams.add(owner)


def _sounddevice() -> Any:
    try:
        import sounddevice
    except OSError as error:
        raise MicrophoneError(
            "The PortAudio library is missing: install it (Debian and Ubuntu: sudo apt-get install libportaudio2)."
        ) from error
    except Exception as error:  # importing it starts PortAudio; if that fails, its error class cannot be imported
        if type(error).__name__ != "PortAudioError":
            raise
        raise MicrophoneError(_NO_SOUND_SYSTEM.format(_reason(error))) from error
    return sounddevice


def _device(entry: dict[str, Any], apis: list[dict[str, Any]], taken: Counter[str]) -> Device:
    name = entry["name"]
    taken[name] += 1
    return Device(
        name=name if taken[name] == 1 else f"{name} ({taken[name]})",
        index=entry["index"],
        channels=entry["max_input_channels"],
        rate=round(entry["default_samplerate"]),
        is_default=apis[entry["hostapi"]]["default_input_device"] == entry["index"],
    )


def _names(known: list[Device]) -> str:
    return ", ".join(f'"{device.name}"' for device in known)


def _reason(error: Exception) -> str:
    """PortAudio's own description, without its call and number: `Device unavailable`."""
    words = str(error.args[0]) if error.args else ""
    return words.rsplit(": ", 1)[-1].split(" [")[0].strip() or "no reason given"
