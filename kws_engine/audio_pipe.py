"""Reads sound from a pipe as it comes: once, forwards, in constant memory; knows no file that could be read again.

A thread reads and decodes, so that whoever takes the blocks can always be interrupted.
"""

from __future__ import annotations

import itertools
import os
import queue
import stat
import struct
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from kws_engine.audio import HIGHEST_RATE, LOWEST_RATE, resampled
from kws_engine.decoding import to_float
from kws_engine.errors import AudioError

STANDARD_INPUT: Final = "-"
Samples = NDArray[np.float32]

_READ_BYTES: Final = 65_536
_BLOCKS_AHEAD: Final = 16
_LOOK_EVERY_S: Final = 0.05
_DECODED_AT_ONCE_S: Final = 0.05
_LONGEST_HEADER: Final = 2**24  # bytes; a cover picture may stand before the sound
_TOLERATED_S: Final = 1.0  # a recorder's header may be off by its own length; more than this is missing sound
# Sizes that mean "not known when the header was written"; any size far beyond what came was not known either.
_SMALLEST_PLACEHOLDER: Final = 0x7FFF_0000
_IMPLAUSIBLE_BYTES, _IMPLAUSIBLE_RATIO = 2**28, 16
_LEAST_MEAN: Final = 0.35  # of the loudest channel's energy; two alike have 1, one dead of two 0.25, inverted ones 0
_REMEMBERED_S: Final = 60.0
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
# A format that needs no seeking: the first bytes, where they stand, and FFmpeg's name of it.
_MAGIC: Final = (
    (0, b"RIFF", "wav"),
    (0, b"RIFX", "wav"),
    (0, b"RF64", "wav"),
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (0, b".snd", "au"),
    (0, b"caff", "caf"),
    (0, b"ID3", "mp3"),
    (0, b"\x1aE\xdf\xa3", "matroska"),
    (0, b"#!AMR", "amr"),
    (4, b"ftyp", "mov"),
    (8, b"AIFF", "aiff"),
    (8, b"AIFC", "aiff"),
)


@dataclass(frozen=True)
class _Format:
    """Of the samples in a WAV: `bits` each, in frames of `frame_bytes` for `channels`."""

    tag: int
    channels: int
    rate: int
    frame_bytes: int
    bits: int


class _Decoder(Protocol):
    """Mono sound is made of these blocks (frames, channels), all of one rate."""

    rate: int

    def blocks(self) -> Iterator[Samples]: ...


def is_pipe(path: str) -> bool:
    """Whether `path` can be read only once and forwards: standard input, a named pipe, a device."""
    if path == STANDARD_INPUT:
        return True
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def blocks(path: str, *, rate: int, raw_rate: int | None = None, block_seconds: float = 0.1) -> Iterator[Samples]:
    """What `audio.blocks` yields for a file: mono samples at `rate`, and an empty block whenever nothing has come yet.

    With `raw_rate`, sound without a known header is 16-bit little-endian mono at so many Hz.

    Raises:
        AudioError: The sound is empty, of no known format, damaged, cut off, or holds NaN; what came before is yielded.
    """
    stream = _Stream(path)
    pieces: queue.Queue[Samples | BaseException | None] = queue.Queue(_BLOCKS_AHEAD)
    has_left = threading.Event()

    def work() -> None:
        last: BaseException | None = None
        try:
            for piece in _mono_blocks(stream, rate=rate, raw_rate=raw_rate, block_seconds=block_seconds):
                if not _put(pieces, piece, has_left):
                    break
        except BaseException as error:  # noqa: BLE001 - a thread's edge: it is raised again by whoever reads
            last = error
        stream.close()  # whoever writes into it learns that nobody reads on
        _put(pieces, last, has_left)

    threading.Thread(target=work, name="reading a pipe", daemon=True).start()
    try:
        while True:
            try:
                piece = pieces.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                yield np.zeros(0, np.float32)
                continue
            if piece is None:
                return
            if isinstance(piece, BaseException):
                raise piece
            yield piece
    finally:
        has_left.set()


def _put(pieces: queue.Queue[Samples | BaseException | None], piece: Any, has_left: threading.Event) -> bool:
    while not has_left.is_set():
        try:
            pieces.put(piece, timeout=_LOOK_EVERY_S)
            return True
        except queue.Full:
            continue
    return False


class _Stream:
    """The bytes, in order; `peek` looks ahead. Reads what is there and waits only where nothing is."""

    def __init__(self, path: str) -> None:
        self.name = "Standard input" if path == STANDARD_INPUT else path
        self._path = path
        self._descriptor: int | None = None
        self._ahead = bytearray()
        self._has_ended = False

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end; they stay there."""
        while len(self._ahead) < size and not self._has_ended:
            self._more()
        return bytes(self._ahead[:size])

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, as soon as there are any; none at the end."""
        if not self._ahead and not self._has_ended:
            self._more()
        taken = bytes(self._ahead[:size])
        del self._ahead[:size]
        return taken

    def read_all(self, size: int) -> bytes:
        """`size` bytes, fewer only at the end."""
        self.peek(size)
        return self.read(size)

    def push_back(self, data: bytes) -> None:
        """Puts bytes back in front."""
        self._ahead[:0] = data

    def close(self) -> None:
        """Reads no more; standard input is not this one's to close."""
        if self._descriptor:
            os.close(self._descriptor)
        self._descriptor, self._has_ended = None, True

    def _more(self) -> None:
        # Not through sys.stdin: a thread that waits in its lock would keep the program from ending.
        try:
            if self._descriptor is None:
                self._descriptor = self._opened()
            data = os.read(self._descriptor, _READ_BYTES)
        except OSError as error:
            raise AudioError(f"{self.name} cannot be read ({error.strerror}): send sound into it again.") from error
        self._has_ended = not data
        self._ahead += data

    def _opened(self) -> int:
        if self._path != STANDARD_INPUT:
            return os.open(self._path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        if sys.stdin is None:
            raise AudioError("Standard input is closed: send sound into it, as in `arecord -t wav | kws listen ...`.")
        if os.isatty(0):
            raise AudioError("Standard input is the keyboard: send sound into it, as in `arecord -t wav | kws ...`.")
        if os.name == "nt":
            import msvcrt

            msvcrt.setmode(0, os.O_BINARY)  # type: ignore[attr-defined,unused-ignore]
        return 0


def _mono_blocks(stream: _Stream, *, rate: int, raw_rate: int | None, block_seconds: float) -> Iterator[Samples]:
    decoder = _decoder_of(stream, raw_rate)
    if not LOWEST_RATE <= decoder.rate <= HIGHEST_RATE:
        raise AudioError(
            f"{stream.name} claims {decoder.rate} samples a second, outside {LOWEST_RATE} to {HIGHEST_RATE}: "
            "send it again at another rate."
        )
    size = max(1, round(block_seconds * rate))
    waiting = np.zeros(0, np.float32)
    has_come = False
    downmix = Downmix(decoder.rate)
    for piece in resampled(map(downmix.take, _finite(decoder, stream.name)), decoder.rate, rate):
        waiting = np.concatenate((waiting, piece))
        while len(waiting) >= size:
            yield waiting[:size].copy()
            waiting = waiting[size:]
            has_come = True
    if len(waiting):
        yield waiting
    elif not has_come:
        raise AudioError(f"{stream.name} holds no sound (0 samples): send sound into it.")


def _decoder_of(stream: _Stream, raw_rate: int | None) -> _Decoder:
    head = stream.peek(16)
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return _wav(stream)
    for at, magic, name in _MAGIC:
        if head[at : at + len(magic)] == magic:
            return _Ffmpeg(stream, name)
    if raw_rate is not None:
        return _Plain(stream, _Format(_PCM, 1, raw_rate, 2, 16))
    if _starts_as_mp3(head):
        return _Ffmpeg(stream, "mp3", else_raw=True)
    if not head:
        raise AudioError(f"{stream.name} is empty (0 bytes): send sound into it.")
    raise AudioError(_unknown(stream))


def _unknown(stream: _Stream) -> str:
    return (
        f"{stream.name} is not audio in a known format: send WAV or FLAC, or, if it is raw 16-bit mono sound, "
        "give its samples a second, as in --rate 16000."
    )


def _undecodable(stream: _Stream) -> str:
    return (
        f"{stream.name} cannot be decoded: it is damaged, of an unknown codec, or needs a file to seek in; "
        "give the file itself, or send WAV."
    )


def _starts_as_mp3(head: bytes) -> bool:
    """Whether these can be the first bytes of an MP3 frame: sync, version, layer, bit rate and sample rate."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    return head[1] & 0x18 != 0x08 and head[1] & 0x06 == 0x02 and head[2] >> 4 not in (0, 15) and head[2] & 0x0C != 0x0C


def _wav(stream: _Stream) -> _Decoder:
    """By its header: plain samples here, as they come; anything compressed through FFmpeg, which waits for 64 KiB."""
    header = bytearray(stream.read_all(12))
    form: _Format | None = None
    long_size: int | None = None
    while True:
        chunk = stream.read_all(8)
        header += chunk
        if len(chunk) < 8:
            raise AudioError(f"{stream.name} is cut off before the sound begins: send it again.")
        name, size = chunk[:4], int.from_bytes(chunk[4:], "little")
        if name == b"data":
            break
        if len(header) + size > _LONGEST_HEADER:
            raise AudioError(f"{stream.name} is damaged, its header has no end: export it again.")
        body = stream.read_all(size)
        header += body
        if name == b"fmt ":
            form = _format(body)
        elif name == b"ds64" and len(body) >= 16:
            long_size = int.from_bytes(body[8:16], "little")
        if size % 2 and not _is_chunk(stream.peek(4)):
            header += stream.read_all(1)
    if size == 0xFFFF_FFFF and long_size is not None:
        size = long_size if long_size < 2**62 else 0
    if form is not None and _is_plain(form):
        return _Plain(stream, form, size, has_chunks=True)
    if not 0 < size < _SMALLEST_PLACEHOLDER:
        header[-4:] = b"\xff" * 4
    stream.push_back(bytes(header))
    return _Ffmpeg(stream, "wav")


def _format(body: bytes) -> _Format | None:
    if len(body) < 16:
        return None
    tag, channels, rate, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = int.from_bytes(body[24:26], "little")
    return _Format(tag, channels, rate, frame_bytes, bits)


def _is_plain(form: _Format) -> bool:
    bits = {_PCM: (8, 16, 24, 32), _FLOAT: (32, 64)}.get(form.tag, ())
    return form.bits in bits and form.channels > 0 and form.frame_bytes == form.channels * form.bits // 8


def _is_chunk(name: bytes) -> bool:
    """Whether these four bytes can be a chunk's name and not sound."""
    return len(name) == 4 and name.isascii() and name.decode("ascii").isprintable()


class _Plain:
    """Uncompressed samples, as they come: a whole pipe of them, or the `data` chunks of a WAV of whatever size.

    A size is believed while a chunk, or nothing, comes after so many bytes: some writers do not know it yet.
    """

    def __init__(self, stream: _Stream, form: _Format, size: int = 0, *, has_chunks: bool = False) -> None:
        self.rate = form.rate
        self._stream = stream
        self._form = form
        self._size = size
        self._is_endless = not has_chunks or not 0 < size < _SMALLEST_PLACEHOLDER
        if size >= 2**32:  # an RF64's own
            self._is_endless = False

    def blocks(self) -> Iterator[Samples]:
        frame = self._form.frame_bytes
        size = max(1, round(self.rate * _DECODED_AT_ONCE_S)) * frame
        bytes_of_block = bytearray()
        for data in self._data():
            bytes_of_block += data
            while len(bytes_of_block) >= size:
                yield self._samples(bytes(bytes_of_block[:size]))
                del bytes_of_block[:size]
        whole = len(bytes_of_block) // frame * frame
        if whole:
            yield self._samples(bytes(bytes_of_block[:whole]))

    def _data(self) -> Iterator[bytes]:
        left, come = self._size, 0
        while True:
            if not self._is_endless and not left:
                following = self._next_data(is_odd=self._size % 2 == 1)
                if following is None:
                    return
                left = self._size = following
                come = 0
                continue
            data = self._stream.read(_READ_BYTES if self._is_endless else min(left, _READ_BYTES))
            if not data:
                break
            come += len(data)
            left -= len(data)
            yield data
        if not self._is_endless:
            self._check_whole(come)

    def _next_data(self, *, is_odd: bool) -> int | None:
        """Bytes in the next `data` chunk, None at the end; where no chunk follows, the sound goes on without end."""
        head = self._stream.peek(5)
        if is_odd and _is_chunk(head[1:5]) and not _is_chunk(head[:4]):  # some writers leave the padding out
            self._stream.read(1)
        elif len(head) <= is_odd:
            return None
        elif not _is_chunk(head[:4]):
            self._is_endless = True
            return 0
        while len(chunk := self._stream.read_all(8)) == 8:
            size = int.from_bytes(chunk[4:], "little")
            if chunk[:4] == b"data":
                self._is_endless = not 0 < size < _SMALLEST_PLACEHOLDER
                return size
            left = size + size % 2
            while left and (passed := self._stream.read(min(left, _READ_BYTES))):
                left -= len(passed)
        return None

    def _check_whole(self, come: int) -> None:
        promised = self._size
        if promised > _IMPLAUSIBLE_BYTES and promised > _IMPLAUSIBLE_RATIO * come:
            return
        a_second = self.rate * self._form.frame_bytes
        if promised - come > _TOLERATED_S * a_second:
            raise AudioError(
                f"{self._stream.name} is cut off after {come / a_second:.1f} of {promised / a_second:.1f} s: "
                "send it again."
            )

    def _samples(self, data: bytes) -> Samples:
        form = self._form
        if form.tag == _FLOAT:
            values = np.frombuffer(data, f"<f{form.bits // 8}").astype(np.float32)
            return values.reshape(-1, form.channels)
        return pcm(data, bits=form.bits, channels=form.channels)


class _Ffmpeg:
    """Everything else, through FFmpeg's libraries, which get nothing to seek in."""

    def __init__(self, stream: _Stream, name: str, *, else_raw: bool = False) -> None:
        import av  # here: most programs never meet a pipe that needs it

        av.logging.set_level(None)
        self._stream = stream
        self._failed = _unknown(stream) if else_raw else _undecodable(stream)
        self._errors: Any = (av.error.FFmpegError, ValueError)
        options = {"probesize": str(_READ_BYTES), "analyzeduration": "500000"}
        try:
            container: Any = av.open(_ForFfmpeg(stream), format=name, options=options, metadata_errors="replace")
            tracks = container.streams.audio
            self._frames: Iterator[Any] = container.decode(tracks[0]) if tracks else iter(())
            self._first = next(self._frames, None)
        except self._errors as error:
            raise AudioError(self._failed) from error
        if self._first is None:
            raise AudioError(self._failed)
        self.rate = int(self._first.sample_rate)
        self._channels = len(self._first.layout.channels)

    def blocks(self) -> Iterator[Samples]:
        """Blocks as long as the codec's own frames."""
        try:
            for frame in itertools.chain([self._first], self._frames):
                if frame.sample_rate != self.rate or len(frame.layout.channels) != self._channels:
                    raise AudioError(f"{self._stream.name} changes its rate or channels half-way: send it as WAV.")
                yield self._samples(frame)
        except self._errors as error:
            raise AudioError(self._failed) from error

    def _samples(self, frame: Any) -> Samples:
        values = frame.to_ndarray()
        values = values.T if frame.format.is_planar else values.reshape(-1, self._channels)
        return to_float(values)


class _ForFfmpeg:
    """A file that can only be read."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        return self._stream.read(size)


def _finite(decoder: _Decoder, name: str) -> Iterator[Samples]:
    done = 0
    for block in decoder.blocks():
        bad = ~np.isfinite(block).all(axis=1)
        if bad.any():
            at_s = (done + int(np.argmax(bad))) / decoder.rate
            raise AudioError(f"{name} holds NaN or infinite values from {at_s:.1f} s on: send it again.")
        done += len(block)
        yield block


def pcm(data: bytes, *, bits: int, channels: int) -> Samples:
    """Whole frames of little-endian integers, unsigned where they have 8 bits, to samples (frames, channels) in -1..1.

    Args:
        data: The bytes.
        bits: 8, 16, 24 or 32.
        channels: How many samples a frame has.
    """
    if bits == 8:
        values = (np.frombuffer(data, np.uint8).astype(np.float32) - 128.0) / 128.0
    elif bits == 24:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        values = wide.view("<i4")[:, 0].astype(np.float32) / 2.0**31
    else:
        values = np.frombuffer(data, f"<i{bits // 8}").astype(np.float32) / 2.0 ** (bits - 1)
    return np.asarray(values.reshape(-1, channels), np.float32)


class Downmix:
    """Blocks to mono: the mean, or the loudest channel while the mean loses most of the sound of the last minute."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._energies: NDArray[np.float64] | None = None
        self._mean_energy = 0.0

    def take(self, block: Samples) -> Samples:
        """The next block (frames, channels) to samples (frames,)."""
        if block.shape[1] == 1:
            return np.ascontiguousarray(block[:, 0])
        if not len(block):
            return np.zeros(0, np.float32)
        varying = block - block.mean(axis=0, dtype=np.float64)  # an offset is no sound
        kept = max(0.0, 1.0 - len(block) / self._rate / _REMEMBERED_S)
        new = np.square(varying).sum(axis=0)
        energies = new if self._energies is None else kept * self._energies + new
        self._energies = energies
        self._mean_energy = kept * self._mean_energy + float(np.square(varying.mean(axis=1)).sum())
        loudest = int(np.argmax(energies))
        is_lost = self._mean_energy < _LEAST_MEAN * energies[loudest]
        return np.ascontiguousarray(block[:, loudest] if is_lost else block.mean(axis=1, dtype=np.float32))
