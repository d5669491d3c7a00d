"""Decoders of audio files: libsndfile where it reads a file whole, FFmpeg's libraries (by PyAV) for everything else."""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Literal, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

Block = NDArray[np.float32]
Fault = Literal["not_audio", "no_sound", "damaged", "codec"]

_UNKNOWN_FRAMES: Final = 2**40  # libsndfile gives about 2**63 frames for a FLAC stream that never said how long it is
# Sizes that mean "not known when the header was written": sox, ffmpeg, arecord and espeak-ng write them into pipes.
_SMALLEST_PLACEHOLDER: Final = 0x7FFF_0000
_IMPLAUSIBLE_BYTES, _IMPLAUSIBLE_RATIO = 2**28, 16
# A demuxer not in this list is not asked: playlists and pictures name other files, subtitles and text are no sound.
_DEMUXERS: Final = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,bw64,caf,dsf,dts,eac3,flac,flv,gsm,iff,ircam,loas,matroska,webm,"
    "mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,ogg,oma,qcp,rm,rso,sbc,sox,tak,tta,voc,w64,wav,wv,xwma,dss,"
    "nistsphere,shn,truehd,mlp,mmf,pvf,paf,hcom,ilbc,mxf,dv,xa,sds"
)
# Their headers are written when the recording ends and give its length; others estimate it or do not know it.
_WITH_LENGTH: Final = frozenset({"aiff", "au", "caf", "flac", "mov", "matroska", "tta", "w64", "wv", "ape", "asf"})
# Frames of these find their place again after noise or tags, so that a stray packet at either end means nothing.
_SELF_SYNCHRONIZING: Final = frozenset({"mp3", "aac", "ac3", "eac3", "dts", "loas", "mpegts", "sds"})
_STRAY_PACKETS: Final = 3
_SCAN_FRAMES: Final = 1024
# Bytes that may be read between two pieces of sound: pictures, tables and video are less, an endless file is more.
_MOST_WITHOUT_SOUND: Final = 2**26
_MOST_SAMPLES_AT_ONCE: Final = 2**22  # in one packet; FLAC and WMA need at most 2**16
_MOST_CHUNKS: Final = 10_000
_BYTES: Final = {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8, "ULAW": 1, "ALAW": 1}
_PLAIN_WAV: Final = struct.Struct("<4sI8sIHHIIHH4sI")  # RIFF, size, WAVEfmt_, 16, PCM, channels, ..., data, its bytes
PLAIN_HEADER_BYTES: Final = _PLAIN_WAV.size
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_TITLES: Final = {"mov,mp4,m4a,3gp,3g2,mj2": "MP4", "matroska,webm": "WebM"}
_MAGIC_OF_AUDIO: Final = frozenset(
    {b"RIFF", b"RIFX", b"RF64", b"BW64", b"riff", b"fLaC", b"OggS", b"FORM", b"caff", b".snd", b"\x1aE\xdf\xa3"}
    | {b"MAC ", b"TTA1", b"#!AM", b"\x30\x26\xb2\x75", b"tBaK", b"DSD ", b"NIST", b"Crea", b"wvpk"}
)
_MAGIC_OF_LIBSNDFILE: Final = frozenset({b"RF64", b"riff", b"fLaC", b"FORM", b"caff", b".snd"})
_MAGIC_OF_MP4: Final = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"moof", b"styp"})  # after four bytes of length
_OGG_BEGINS: Final = b"OggS\0\2"  # version 0, first page of a stream
_SEARCHED_AT_ONCE: Final = 2**20
_MPEG_IN_WAV: Final = frozenset({0x50, 0x55})  # format tags of MP2 and MP3
_MPEG_SUFFIXES: Final = frozenset({".mp3", ".mp2", ".mp1", ".mpa", ".mpga"})
# A header that promises the length of what it cannot know is told from one by what is there: libsndfile believes both.
_PROMISING: Final = frozenset({"AIFF", "AU", "RF64"})


class DecodingError(Exception):
    """A file that no decoder reads whole.

    Attributes:
        fault: `not_audio`, `no_sound` (a video or container without a sound track), `codec` (a known container whose
            sound cannot be decoded) or `damaged`.
        seconds: How much sound comes before the damage; None where the file does not open.
        codec: Its name, where there is one.
    """

    def __init__(self, fault: Fault, *, seconds: float | None = None, codec: str = "") -> None:
        super().__init__(fault)
        self.fault = fault
        self.seconds = seconds
        self.codec = codec


class Decoder(Protocol):
    """An open audio file.

    Attributes:
        rate: Sample rate in Hz.
        channels: How many there are.
        format: Container and coding, such as `WAV PCM_16`.
        frames: Samples per channel that will come, None where that is known only at the end.
        expected_s: Seconds that the header of a finished recording promises, None where it promises nothing.
    """

    rate: int
    channels: int
    format: str
    frames: int | None
    expected_s: float | None

    def blocks(self, size: int) -> Iterator[Block]:
        """The sound from the start, in float32 blocks (frames, channels) of up to `size` frames.

        Raises:
            DecodingError: The file is damaged here.
        """

    def close(self) -> None: ...


@contextlib.contextmanager
def opened(path: pathlib.Path) -> Iterator[Decoder]:
    """The decoder that reads `path` whole, for the length of a `with` block.

    Raises:
        DecodingError: There is none.
        OSError: The file cannot be read.
    """
    decoder = _decoder(path)
    try:
        yield decoder
    finally:
        decoder.close()


def is_plain_wav(path: str | os.PathLike[str], *, rate: int | None = None, channels: int | None = None) -> bool:
    """Whether `path` is a 16-bit WAV of 44 bytes of header and nothing but whole frames after them.

    Every program reads such a file alike, so its header can be believed and its bytes can be copied as they are.
    """
    plain = plain_wav(path)
    return plain is not None and plain[1] == (rate or plain[1]) and plain[2] == (channels or plain[2])


def plain_wav(path: str | os.PathLike[str]) -> tuple[int, int, int] | None:
    """(samples per channel, rate in Hz, channels) of a file as `is_plain_wav` describes it; None for any other.

    Raises:
        OSError: The file cannot be read.
    """
    handle = os.open(path, _FLAGS)
    try:
        start, size = os.read(handle, _PLAIN_WAV.size), os.fstat(handle).st_size
    finally:
        os.close(handle)
    return parse_plain_wav(start, size)


def parse_plain_wav(start: bytes, size: int) -> tuple[int, int, int] | None:
    """As `plain_wav`, of the first bytes of a file of `size` bytes."""
    if len(start) < _PLAIN_WAV.size:
        return None
    riff, _, wave, length, coding, channels, rate, _, block, bits, data, content = _PLAIN_WAV.unpack_from(start)
    is_plain = (riff, wave, length, coding, bits, data) == (b"RIFF", b"WAVEfmt ", 16, 1, 16, b"data")
    is_whole = channels > 0 and block == 2 * channels and 0 < content == size - _PLAIN_WAV.size
    return (content // block, rate, channels) if is_plain and is_whole and content % block == 0 else None


def _decoder(path: pathlib.Path) -> Decoder:
    native = _libsndfile(path) if _suits_libsndfile(path) else None
    if native is not None and native.is_reliable():
        return native
    try:
        with contextlib.ExitStack() as undo:
            if native is not None:
                undo.callback(native.close)
            decoder = Ffmpeg(path)
            if native is not None and native.expected_s is not None:
                decoder.expected_s = native.expected_s
            return decoder
    except DecodingError:
        # FFmpeg refuses some files that libsndfile reads: rare codings, tags in front of the header.
        again = None if native is None else _libsndfile(path)
        if again is None:
            raise
        return again


def _suits_libsndfile(path: pathlib.Path) -> bool:
    """Not MPEG, whose length it only estimates; of Ogg only Vorbis in one part, as of several it reads the first.

    It takes whatever is called .mp3 for one, and complains on the terminal where it is none, as it does about SDS.
    """
    with path.open("rb") as file:
        start = file.read(64)
        if start[:3] == b"ID3":  # seven bits of each byte count
            file.seek(10 + sum(byte << (7 * place) for place, byte in enumerate(reversed(start[6:10]))))
            return file.read(4) in (b"RIFF", b"RIFX")
    if start[:4] in (b"RIFF", b"RIFX"):
        return not (start[12:16] == b"fmt " and int.from_bytes(start[20:22], "little") in _MPEG_IN_WAV)
    if path.suffix.lower() in _MPEG_SUFFIXES:
        return start[:4] in _MAGIC_OF_LIBSNDFILE
    if start[:4] == b"OggS":  # Opus it decodes otherwise in pieces than at once
        return start[29:35] == b"vorbis" and not _has_several_parts(path)
    is_mpeg = start[:1] == b"\xff" and start[1:2] >= b"\xe0"
    return not is_mpeg and start[:2] != b"\xf0\x7e"


def _has_several_parts(path: pathlib.Path) -> bool:
    """Whether more than one stream begins in an Ogg, one behind the other or one beside the other."""
    found, rest = 0, b""
    with path.open("rb") as file:
        while found < 2 and (content := file.read(_SEARCHED_AT_ONCE)):
            found += (rest + content).count(_OGG_BEGINS)
            rest = content[1 - len(_OGG_BEGINS) :]
    return found > 1


def _libsndfile(path: pathlib.Path) -> Libsndfile | None:
    """None where it does not open the file."""
    try:
        return Libsndfile(path)
    except (soundfile.LibsndfileError, TypeError):  # TypeError: a headerless .raw
        return None


class Libsndfile:
    """WAV, AIFF, FLAC, Ogg and relatives, by libsndfile."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._file = soundfile.SoundFile(_native(path))
        self.rate = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        self.format = f"{self._file.format} {self._file.subtype}"
        self.frames: int | None = int(self._file.frames)
        self.expected_s: float | None = None
        self.lies = False
        if self.frames > _UNKNOWN_FRAMES:
            self.frames = None
        elif self._file.format in ("WAV", "WAVEX", "W64"):
            self._compare_sizes(self.frames)
        elif not self._is_mpeg():
            self.expected_s = self.frames / self.rate
            if self._file.format in _PROMISING:
                self._ask_for_promise()

    def is_reliable(self) -> bool:
        """Whether its length is certain: not for MP3, whose length it estimates, nor where the header is wrong."""
        return not self._is_mpeg() and self.frames is not None and self.frames > 0 and not self.lies

    def _is_mpeg(self) -> bool:
        """MP3 by itself or inside a WAV."""
        return bool(self._file.subtype.startswith("MPEG"))

    def blocks(self, size: int) -> Iterator[Block]:
        done = 0
        while True:
            try:
                block = self._file.read(size, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                raise DecodingError("damaged", seconds=self._readable_s()) from error
            if not len(block):
                break
            done += len(block)
            yield block
        if self.format.startswith("OGG") and not _ends_whole(self._path):
            raise DecodingError("damaged", seconds=done / self.rate)

    def close(self) -> None:
        self._file.close()

    def _compare_sizes(self, frames: int) -> None:
        """A file that is too short reads without an error; only its header still says how long it was to be."""
        promised, present = _sound_bytes(self._path)
        is_placeholder = _is_placeholder(promised, present)
        width = _BYTES.get(self._file.subtype, 0) * self.channels
        there = present if is_placeholder or promised > present else promised
        self.lies = not frames or not there or (frames < there // width if width else promised > present)
        if promised > present > 0 and not is_placeholder:
            self.expected_s = frames / self.rate * promised / present

    def _ask_for_promise(self) -> None:
        """Asks FFmpeg: libsndfile shortens what a header promises to what is there, and says nothing."""
        with contextlib.suppress(DecodingError), contextlib.closing(Ffmpeg(self._path)) as other:
            present = (self.frames or 0) / self.rate
            promised = other.promised_s() or 0.0
            bytes_a_second = self.rate * self.channels * _BYTES.get(self._file.subtype, 1)
            if not _is_placeholder(int(promised * bytes_a_second), int(present * bytes_a_second)):
                self.expected_s = max(present, promised)

    def _readable_s(self) -> float:
        """How much decodes: read again in small steps, because one big read that fails gives nothing."""
        done = 0
        with contextlib.suppress(soundfile.LibsndfileError), soundfile.SoundFile(_native(self._path)) as file:
            while length := len(file.read(_SCAN_FRAMES, dtype="float32")):
                done += length
        return done / self.rate


class Ffmpeg:
    """Everything that FFmpeg's libraries decode, read to its end."""

    def __init__(self, path: pathlib.Path) -> None:
        import av  # here: half of all programs never meet a file that needs it

        av.logging.set_level(None)
        self._path = path
        self._file: BinaryIO = path.open("rb")
        try:
            self._open(av, self._file.read(12))
        except BaseException:
            self._file.close()
            raise

    def _open(self, av: Any, start: bytes) -> None:
        self._file.seek(0)
        # Without seeking, FFmpeg reads the chunks of a WAV in their order, a second `data` chunk too.
        is_wav = start[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64")
        self._source = _Source(self._file) if is_wav else _Seekable(self._file)
        if start[:4] == b".snd" and start[8:12] == bytes(4):
            self._source = _Patched(self._file, {8: b"\xff\xff\xff\xff"})  # the AU of a recorder that was cut short
        is_known = start[:4] in _MAGIC_OF_AUDIO or start[:3] == b"ID3" or start[4:8] in _MAGIC_OF_MP4
        # PyAV itself trips over streams that turn up late and over layouts and formats that it does not know.
        self._errors = (av.error.FFmpegError, _EndlessFile, ValueError, IndexError, OverflowError)
        try:
            self._container = av.open(self._source, options={"format_whitelist": _DEMUXERS}, metadata_errors="replace")
        except self._errors as error:
            raise DecodingError("damaged" if is_known else "not_audio") from error
        try:
            self._stream = self._sound(av)
            self._demuxers = set(self._container.format.name.split(","))
            self._failed = 0
            self._frames = self._decoded()
            self._first = next(self._frames, None)  # a header may state half the rate of what is decoded (HE-AAC)
            self.rate = int(self._first.sample_rate if self._first else self._stream.rate)
            self.channels = len(self._first.layout.channels) if self._first else 1
            title = _TITLES.get(self._container.format.name, self._container.format.name)
            self.format = f"{title} {self._stream.codec_context.name}".upper()
            self.frames: int | None = None
            self.expected_s = self.promised_s() if self._has_length() else None
        except BaseException:
            self._container.close()
            raise

    def _sound(self, av: Any) -> Any:
        """The first sound track; the others and all video are passed over unread."""
        tracks = self._container.streams.audio
        if not tracks:
            raise DecodingError("no_sound")
        for other in self._container.streams:
            if other is not tracks[0]:
                other.discard = av.stream.Discard.all
        codec = tracks[0].codec_context
        if codec is None:
            raise DecodingError("codec", codec=str(tracks[0].type))
        if not tracks[0].rate:
            raise DecodingError("damaged")
        codec.thread_count = 1
        codec.options = {"max_samples": str(_MOST_SAMPLES_AT_ONCE)}
        return tracks[0]

    def _has_length(self) -> bool:
        """An MP3 that starts with an encoder's frame (Xing, LAME) has a length and a delay; others have neither."""
        return bool(self._demuxers & _WITH_LENGTH or ("mp3" in self._demuxers and self._stream.start_time))

    def promised_s(self) -> float | None:
        """Seconds that the header promises, be it certain of them or not."""
        stream, container = self._stream, self._container
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        return None if container.duration is None else container.duration / 1e6

    def blocks(self, size: int) -> Iterator[Block]:
        done = 0
        try:
            for frame in itertools.chain([self._first] if self._first else [], self._frames):
                block = self._as_block(frame)
                done += len(block)
                for at in range(0, len(block), size):
                    yield block[at : at + size]
        except DecodingError as error:
            raise DecodingError(error.fault, seconds=done / self.rate, codec=error.codec) from error
        if "ogg" in self._demuxers and not _ends_whole(self._path):
            raise DecodingError("damaged", seconds=done / self.rate)
        if "caf" in self._demuxers:
            promised, present = _sound_bytes(self._path)
            if promised > present > 0 and not _is_placeholder(promised, present):
                self.expected_s = done / self.rate * promised / present

    def _decoded(self) -> Iterator[Any]:
        try:
            for packet in self._container.demux(self._stream):
                try:
                    for frame in packet.decode():
                        self._source.unheard = 0
                        yield frame
                except self._errors as error:
                    self._failed += 1
                    if not self._demuxers & _SELF_SYNCHRONIZING or self._failed > _STRAY_PACKETS:
                        raise DecodingError("damaged", seconds=0.0) from error
        except self._errors as error:
            raise DecodingError("damaged", seconds=0.0) from error

    def close(self) -> None:
        self._container.close()
        self._file.close()

    def _as_block(self, frame: Any) -> Block:
        """(frames, channels) in float32; a stream that changes its rate or channels half-way is damaged."""
        if frame.sample_rate != self.rate or len(frame.layout.channels) != self.channels:
            raise DecodingError("damaged")
        try:
            values = frame.to_ndarray()
        except ValueError as error:
            raise DecodingError("codec", codec=f"{self._stream.codec_context.name} ({frame.format.name})") from error
        values = values.T if frame.format.is_planar else values.reshape(-1, self.channels)
        return to_float(values)


def to_float(values: NDArray[Any]) -> Block:
    """Samples of any kind that FFmpeg gives, in float32 between -1 and 1."""
    scaled = np.asarray(values, np.float32)
    if values.dtype == np.uint8:
        scaled = (scaled - 128.0) / 128.0
    elif values.dtype.kind == "i":
        scaled = scaled / float(2 ** (8 * values.dtype.itemsize - 1))
    return np.ascontiguousarray(scaled, np.float32)


class _EndlessFile(Exception):
    """Nothing but bytes without any sound in them, as in a sparse file of a terabyte."""


class _Source:
    """A file that FFmpeg may only read from start to end.

    Attributes:
        unheard: Bytes read since sound was last decoded from them.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.unheard = 0

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.unheard += len(data)
        if self.unheard > _MOST_WITHOUT_SOUND:
            raise _EndlessFile
        return data


class _Seekable(_Source):
    """A file in which it may go back and forth."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):  # a header that points before the file or far behind it
            return -1

    def tell(self) -> int:
        return self._file.tell()


class _Patched(_Seekable):
    """A file in whose header other bytes are seen than are there."""

    def __init__(self, file: BinaryIO, patches: Mapping[int, bytes]) -> None:
        super().__init__(file)
        self._patches = patches

    def read(self, size: int) -> bytes:
        at = self._file.tell()
        data = bytearray(super().read(size))
        for place, value in self._patches.items():
            if at <= place and place + len(value) <= at + len(data):
                data[place - at : place - at + len(value)] = value
        return bytes(data)


def _native(path: pathlib.Path) -> str | bytes:
    """The path as the system has it: a name on Linux may be no Unicode, which soundfile refuses as text."""
    return os.fsencode(path) if os.name == "posix" else os.fspath(path)


@dataclass(frozen=True)
class _Chunks:
    """How a container lays out its chunks.

    Attributes:
        start: Where the first one begins.
        name: The one that holds the sound, as its first bytes.
        name_bytes: The length of names.
        size_bytes: The length of the sizes behind them.
        order: Of the bytes of a size.
        counted: How much of its header a chunk's size counts.
        aligned: What each chunk begins at a multiple of.
    """

    start: int
    name: bytes
    name_bytes: int
    size_bytes: int
    order: Literal["big", "little"]
    counted: int = 0
    aligned: int = 1


_LAYOUTS: Final = {
    b"RIFF": _Chunks(12, b"data", 4, 4, "little", aligned=2),
    b"RIFX": _Chunks(12, b"data", 4, 4, "big", aligned=2),
    b"caff": _Chunks(8, b"data", 4, 8, "big"),
    b"riff": _Chunks(40, b"data", 16, 8, "little", counted=24, aligned=8),
}


def _sound_bytes(path: pathlib.Path) -> tuple[int, int]:
    """Bytes of sound that the header of a WAV, CAF or W64 promises, and that the file has; no library tells both."""
    size = path.stat().st_size
    with path.open("rb") as file:
        layout = _LAYOUTS.get(file.read(4))
        if layout is None:
            return 0, 0
        header = layout.name_bytes + layout.size_bytes
        at = layout.start
        for _ in range(_MOST_CHUNKS):
            if at + header > size:
                break
            file.seek(at)
            name = file.read(layout.name_bytes)
            length = int.from_bytes(file.read(layout.size_bytes), layout.order) - layout.counted
            if name.startswith(layout.name):
                return length, size - at - header
            at += header + max(0, length)
            at += -at % layout.aligned
    return 0, 0


def _is_placeholder(promised: int, present: int) -> bool:
    """Whether a size in a header means that the length was not known when it was written."""
    is_implausible = promised > _IMPLAUSIBLE_BYTES and promised > _IMPLAUSIBLE_RATIO * present
    return promised >= _SMALLEST_PLACEHOLDER or is_implausible


def _ends_whole(path: pathlib.Path) -> bool:
    """Whether the last page of an Ogg has the bytes that its header announces: a short Ogg reads without an error."""
    with path.open("rb") as content:
        content.seek(max(0, path.stat().st_size - 2 * 65_307))  # the largest page there is, and one cut off behind it
        tail = content.read()
    page = tail[tail.rfind(b"OggS") :]
    segments = page[27 : 27 + page[26]] if len(page) > 26 else b""
    return len(page) >= 27 and len(segments) == page[26] and len(page) >= 27 + len(segments) + sum(segments)
