"""Lists microphones, streams one into a ring, and plays sounds.

The only module that names `sounddevice`, and only inside functions: importing this needs no sound system. PortAudio is
called in one thread of its own: a sound server that does not answer keeps nobody waiting for longer than five seconds.
"""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import soxr
from numpy.typing import NDArray

from kws_engine.audio import peak_db, resample, rms_db
from kws_engine.deadline import DeadlineThread, NoAnswer
from kws_engine.errors import MicrophoneError, MicrophoneLost
from kws_engine.ring import Ring

SILENT_AFTER_S = 1.0
"""A stream that has not called back for this long has died."""
FIRST_SOUND_WITHIN_S = 3.0
"""A device may take this long to wake up, as Bluetooth does."""
ANSWERS_WITHIN_S = 5.0
"""A sound system that takes longer to answer is said to be broken."""
_BUFFER_S = 0.1
_CLOSE_WITHIN_S = 1.0
_END_WITHIN_S = 1.0
_LOOK_EVERY_S = 0.02
_LONGEST_NAME = 200  # characters
_MOST_CHANNELS = 16
_LEVEL_S = 0.05
_NO_SOUND_SYSTEM = "The sound system cannot be used ({}): check its settings and restart it, then try again."
_NO_ANSWER = (
    f"The sound system has not answered for {ANSWERS_WITHIN_S:.0f} seconds: restart it, or restart the computer, then "
    "try again."
)

T = TypeVar("T")
_portaudio = DeadlineThread("PortAudio", seconds=ANSWERS_WITHIN_S)
_open_streams: set[Any] = set()
_stuck_streams: set[Any] = set()  # closed by us, but PortAudio does not return
_lock = threading.Lock()
_standard_error: int | None = None  # a copy of it, while PortAudio may not write there
_ends_politely = False


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
    listed, apis, main_api = _ask(_query)
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
    return _ask(_list_anew)


def hangs() -> bool:
    """Whether the sound system has not answered for over a second: whoever wants to end need not wait for it."""
    return _portaudio.busy_s > _END_WITHIN_S


def is_calling() -> bool:
    """Whether a call of the sound system has not returned yet."""
    return _portaudio.busy_s > 0


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
        MicrophoneError: No such device, it cannot be opened, or the sound system does not answer.
    """

    def __init__(self, device: str | None = None, *, ring_seconds: float = 60.0, rate: int | None = None) -> None:
        self.device = find_device(device)
        self.rate = rate or self.device.rate
        self.ring = Ring(max(1, round(ring_seconds * self.rate)))
        self.overflows = 0
        self._stream: Any = None
        self._feed = _Feed(self)

    def start(self, *, hushed: bool = False) -> None:
        """Opens the stream; the first samples follow within some ten milliseconds.

        `hushed` keeps the libraries' own complaints about a failure off standard error.

        Raises:
            MicrophoneError: The device is busy, forbidden or unplugged, or the sound system does not answer.
        """
        if self._stream is not None:
            return
        feed = _Feed(self)
        self._stream = _ask(lambda: self._started(feed), undo=_close_now, hushed=hushed)
        self._feed = feed

    def stop(self) -> None:
        """Closes the stream, also of an unplugged device; what is in the ring stays readable."""
        stream = self._stream
        self._stream = None
        self._feed.is_over = True
        if stream is not None:
            _close(stream)

    def check(self) -> None:
        """Checks whether sound still arrives; never waits when it does.

        Raises:
            MicrophoneLost: The device went away, or delivered nothing for a second.
        """
        if self._stream is None:
            return
        if self._feed.has_ended:
            raise MicrophoneLost(f'"{self.device.name}" went away', remedy="plug it in again")
        if self._silent_for_s() > 0.0:
            # The interpreter itself may have been busy until this moment: let the waiting callback have its turn.
            time.sleep(2 * _BUFFER_S)
            if self._silent_for_s() > 0.0:
                raise MicrophoneLost(
                    f'"{self.device.name}" delivers no sound any more', remedy="check its plug and its switch"
                )

    @property
    def level(self) -> Level:
        """How loud the newest 50 ms are."""
        newest = self.ring.position
        samples = self.ring.read(max(0, newest - round(_LEVEL_S * self.rate))).samples
        return Level(peak_db(samples), rms_db(samples))

    @property
    def began_s(self) -> float | None:
        """When the first sample was heard since the start, on `time.monotonic`; None before."""
        return self._feed.began_s

    @property
    def newest_s(self) -> float:
        """When the newest sample was heard, on `time.monotonic`; the time of the start before there is one."""
        return self._feed.newest_s

    def __enter__(self) -> Microphone:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _silent_for_s(self) -> float:
        """Seconds beyond the patience for the next callback; not above 0 while all is well."""
        patience_s = FIRST_SOUND_WITHIN_S if self._feed.began_s is None else SILENT_AFTER_S
        return time.monotonic() - self._feed.newest_s - patience_s

    def _started(self, feed: _Feed) -> Any:
        sounddevice = _sounddevice()
        self.device = find_device(self.device.name)  # its index is another one if re-listed since
        feed.newest_s = time.monotonic()
        try:
            stream = self._open(sounddevice, feed)
        except sounddevice.PortAudioError as error:
            raise MicrophoneError(
                f'"{self.device.name}" could not be opened ({_reason(error)}): plug it in, close other programs that '
                "use it, or choose another microphone."
            ) from error
        except UnicodeDecodeError as error:  # sounddevice looks up what it opens
            raise MicrophoneError(
                f'"{self.device.name}" could not be opened (its name is not valid UTF-8): rename it in the settings of '
                "the sound system, or choose another microphone."
            ) from error
        _open_streams.add(stream)
        return stream

    def _open(self, sounddevice: Any, feed: _Feed) -> Any:
        """One channel, or two or all where the device insists on them."""
        counts = [count for count in (1, 2, self.device.channels) if count <= min(self.device.channels, _MOST_CHANNELS)]
        for channels in counts:
            try:
                return self._open_channels(sounddevice, feed, channels)
            except sounddevice.PortAudioError:
                if channels == max(counts):
                    raise
        raise AssertionError("unreachable")

    def _open_channels(self, sounddevice: Any, feed: _Feed, channels: int) -> Any:
        stream = sounddevice.InputStream(
            device=self.device.index,
            samplerate=self.rate,
            channels=channels,
            dtype="float32",
            latency=_BUFFER_S,
            callback=feed.on_sound,
            finished_callback=feed.on_ended,
        )
        return _running(sounddevice, stream)


class _Feed:
    """The callbacks of one stream: what arrives goes into the microphone's ring while that stream is the open one."""

    def __init__(self, microphone: Microphone) -> None:
        self.has_ended = False
        self.is_over = False  # a stream that could not be closed may call back once more
        self.began_s: float | None = None
        self.newest_s = 0.0
        self._microphone = microphone

    def on_sound(self, samples: NDArray[np.float32], frames: int, when: Any, status: Any) -> None:
        """Takes samples (frames, channels) in PortAudio's thread."""
        if self.is_over:
            return
        self._microphone.ring.write(samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1))
        self._microphone.overflows += bool(status.input_overflow)
        self.newest_s = time.monotonic()
        if self.began_s is None:
            self.began_s = self.newest_s - frames / self._microphone.rate

    def on_ended(self) -> None:
        """The stream has ended, in PortAudio's thread."""
        self.has_ended = True


def reopened(device: str | None, should_stop: Callable[[], bool], *, hushed: bool = False) -> Microphone | None:
    """The microphone that went away, open and heard again; None when `should_stop` came first.

    Lists the devices anew, if PortAudio allows it, and waits up to three seconds for the first sound: a device may open
    and deliver nothing. `hushed` keeps PortAudio's own complaints off standard error meanwhile.

    Raises:
        MicrophoneError: It is not there yet.
    """
    refresh_devices()
    microphone = Microphone(device)
    microphone.start(hushed=hushed)
    try:
        while microphone.began_s is None and not should_stop():
            microphone.check()
            time.sleep(_LOOK_EVERY_S)
    except BaseException:
        microphone.stop()
        raise
    if should_stop():
        microphone.stop()
        return None
    return microphone


class Reader:
    """Reads a microphone from now on, with a position of its own; resamples to `rate` Hz where needed.

    `since` is another place in its ring to begin at: 0 for everything since it was opened.

    `read` never waits. `position` counts samples read and lost, so it stays in step with the device whatever is lost.
    """

    def __init__(self, microphone: Microphone, *, rate: int = 16_000, since: int | None = None) -> None:
        self.rate = rate
        self._ring = microphone.ring
        self._device_rate = microphone.rate
        self._resampler: Any = None
        if rate != microphone.rate:
            self._resampler = soxr.ResampleStream(microphone.rate, rate, 1, dtype="float32", quality="HQ")
        self._since = self._began = self._ring.position if since is None else since
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
        self._stream = _ask(self._started, undo=_close_now)

    def stop(self) -> None:
        """Silences the sound at once and closes the stream; always call it, also after the end."""
        stream = self._stream
        self._stream = None
        if stream is not None:
            _close(stream)

    def _started(self) -> Any:
        sounddevice = _sounddevice()
        try:
            stream = self._open(sounddevice)
        except (sounddevice.PortAudioError, ValueError) as error:
            raise MicrophoneError(
                f"The sound could not be played ({_reason(error)}): connect a loudspeaker or headphones and try again."
            ) from error
        _open_streams.add(stream)
        return stream

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


def _close(stream: Any) -> None:
    """Closes the stream, and returns after a second even where that hangs."""
    _portaudio.submit(lambda: _close_now(stream)).wait(_CLOSE_WITHIN_S + _LOOK_EVERY_S)


def _close_now(stream: Any) -> None:
    """Closes in a thread that is left behind when it hangs: PortAudio may wait for ever for an unplugged device."""

    def close() -> None:
        stream.close(ignore_errors=True)
        with _lock:
            _open_streams.discard(stream)
            _stuck_streams.discard(stream)

    closing = threading.Thread(target=close, name="closing a stream", daemon=True)
    closing.start()
    closing.join(_CLOSE_WITHIN_S)
    with _lock:
        if stream in _open_streams:
            _open_streams.remove(stream)
            _stuck_streams.add(stream)


def _ask(work: Callable[[], T], *, undo: Callable[[T], object] | None = None, hushed: bool = False) -> T:
    """What `work` returns in PortAudio's thread.

    Raises:
        MicrophoneError: It does not answer.
    """

    def hushed_work() -> T:
        with _standard_error_kept(hushed=True):
            return work()

    try:
        return _portaudio.ask(hushed_work if hushed else work, undo=undo)
    except NoAnswer as error:
        _give_standard_error_back()
        raise MicrophoneError(_NO_ANSWER) from error


def _query() -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """All devices, all host interfaces, and which of those is the main one."""
    sounddevice = _sounddevice()
    try:
        count = sounddevice._check(sounddevice._lib.Pa_GetDeviceCount())
        entries = [_entry(sounddevice, index) for index in range(count)]
        return entries, list(sounddevice.query_hostapis()), sounddevice.default.hostapi
    except sounddevice.PortAudioError as error:
        raise MicrophoneError(_NO_SOUND_SYSTEM.format(_reason(error))) from error


def _list_anew() -> bool:
    sounddevice = _sounddevice()
    if _open_streams or _stuck_streams:
        return False
    # PortAudio lists devices only when it starts; sounddevice has no public call for that.
    while sounddevice._initialized:
        sounddevice._terminate()
    try:
        with _standard_error_kept():
            sounddevice._initialize()
    except sounddevice.PortAudioError as error:
        raise MicrophoneError(_NO_SOUND_SYSTEM.format(_reason(error))) from error
    return True


def _sounddevice() -> Any:
    """The library, for PortAudio's thread only: importing it starts PortAudio."""
    try:
        with _standard_error_kept():
            import sounddevice
    except OSError as error:
        raise MicrophoneError(
            "The PortAudio library is missing: install it (Debian and Ubuntu: sudo apt-get install libportaudio2)."
        ) from error
    except Exception as error:  # importing it starts PortAudio; if that fails, its error class cannot be imported
        if type(error).__name__ != "PortAudioError":
            raise
        raise MicrophoneError(_NO_SOUND_SYSTEM.format(_reason(error))) from error
    _end_politely(sounddevice)
    return sounddevice


def _end_politely(sounddevice: Any) -> None:
    """Ends PortAudio with the program, as sounddevice does, but never waits long for a sound system that hangs."""
    global _ends_politely
    if _ends_politely:
        return
    _ends_politely = True
    atexit.unregister(sounddevice._exit_handler)

    def terminate() -> None:
        while sounddevice._initialized and not _stuck_streams:
            sounddevice._terminate()

    atexit.register(lambda: hangs() or _stuck_streams or _portaudio.submit(terminate).wait(_END_WITHIN_S))


@contextlib.contextmanager
def _standard_error_kept(*, hushed: bool = False) -> Iterator[None]:
    """Remembers standard error, which sounddevice turns off while PortAudio starts; `hushed` turns it off here."""
    global _standard_error
    try:
        kept = os.dup(2)
    except OSError:  # there is none
        yield
        return
    if hushed:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
    _standard_error = kept
    try:
        yield
    finally:
        with _lock:
            _standard_error = None
            if hushed:
                os.dup2(kept, 2)
            os.close(kept)


def _give_standard_error_back() -> None:
    """Undoes what a call that does not return did to it."""
    with _lock:
        if _standard_error is not None:
            os.dup2(_standard_error, 2)


def _entry(sounddevice: Any, index: int) -> dict[str, Any]:
    """One device; also of a name that is no UTF-8, which sounddevice refuses."""
    try:
        return dict(sounddevice.query_devices(index))
    except UnicodeDecodeError as error:
        info = sounddevice._lib.Pa_GetDeviceInfo(index)
        return {
            "name": error.object.decode("utf-8", "replace"),
            "index": index,
            "hostapi": info.hostApi,
            "max_input_channels": info.maxInputChannels,
            "default_samplerate": info.defaultSampleRate,
        }


def _device(entry: dict[str, Any], apis: list[dict[str, Any]], taken: Counter[str]) -> Device:
    name = _one_line(entry["name"])
    taken[name] += 1
    return Device(
        name=name if taken[name] == 1 else f"{name} ({taken[name]})",
        index=entry["index"],
        channels=entry["max_input_channels"],
        rate=round(entry["default_samplerate"]),
        is_default=apis[entry["hostapi"]]["default_input_device"] == entry["index"],
    )


def _one_line(name: str) -> str:
    """A device's name without characters that would move a terminal's cursor or change its colours."""
    shown = "".join(letter if letter.isprintable() else " " for letter in name)
    return " ".join(shown.split())[:_LONGEST_NAME] or "unnamed"


def _names(known: list[Device]) -> str:
    return ", ".join(f'"{device.name}"' for device in known)


def _reason(error: Exception) -> str:
    """PortAudio's own description, without its call and number: `Device unavailable`."""
    words = str(error.args[0]) if error.args else ""
    return words.rsplit(": ", 1)[-1].split(" [")[0].strip() or "no reason given"
