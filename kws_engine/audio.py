"""Reads audio files in any format and at any rate, and writes them safely."""

from __future__ import annotations

import contextlib
import errno
import io
import math
import os
import pathlib
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr
from numpy.typing import ArrayLike, NDArray

from kws_engine import disk
from kws_engine.decoding import PLAIN_HEADER_BYTES, Decoder, DecodingError, opened, parse_plain_wav
from kws_engine.errors import AudioError

SILENCE_DB = -120.0
"""What `rms_db` and `peak_db` return for digital silence, in dBFS."""
WRITABLE = {".wav": "WAV", ".flac": "FLAC"}
LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000
_SCAN_FRAMES = 65_536
_TOLERATED_S = 1.0  # a recorder's header may be off by its own length; more than this is missing sound
_JUDGED_S = 60.0
_LEAST_MEAN = 0.35  # of the loudest channel's energy; two alike have 1, two independent ones 0.5, one dead of two 0.25
_MOST_VALUES_AT_ONCE = 2**24
_HEADERLESS = frozenset({".raw", ".pcm", ".s16", ".sw", ".sln", ".f32"})
_SNIFFED_BYTES = 4096
_NOT_AUDIO = (
    ((b"<!doctype html", b"<html"), "is not audio but a web page: download the recording again."),
    ((b"version https://git-lfs",), "is not audio but what Git LFS leaves in its place: run git lfs pull."),
    (
        (b"#extm3u", b"[playlist]", b"<asx", b"ffconcat", b"rtsp:", b"<?wpl", b"<smil"),
        "is not audio but a playlist that names other files: import those.",
    ),
)

Samples = NDArray[np.float32]
AudioPath = str | os.PathLike[str]


@dataclass(frozen=True)
class AudioInfo:
    """A file's header: `rate` in Hz, `frames` samples per channel, `format` such as `WAV PCM_16`."""

    seconds: float
    rate: int
    channels: int
    frames: int
    format: str


def info(path: AudioPath) -> AudioInfo:
    """What is in `path`: from its header where that can be believed, else by decoding all of it.

    Raises:
        AudioError: The file is missing, empty, unreadable or not audio.
    """
    with _opened(path) as decoder:
        frames = decoder.frames
        if frames is None:
            frames = sum(len(block) for block in _checked(decoder, path, _at_most(_SCAN_FRAMES, decoder)))
        _check_holds_sound(frames, path)
        return AudioInfo(frames / decoder.rate, decoder.rate, decoder.channels, frames, decoder.format)


def measure(path: AudioPath, *, max_seconds: float | None = None) -> tuple[int, int]:
    """(samples per channel, rate in Hz) as `read` will find them: by decoding all of `path`, but for a plain WAV.

    Raises:
        AudioError: as `read`.
    """
    path = pathlib.Path(path)
    plain = _plain(path)
    if plain is not None:
        frames, rate, _ = plain
        _check_length(frames / rate, max_seconds, path)
        return frames, rate
    with _opened(path) as decoder:
        frames = 0
        for block in _checked(decoder, path, _at_most(_SCAN_FRAMES, decoder)):
            frames += len(block)
            _check_length(frames / decoder.rate, max_seconds, path)
        _check_holds_sound(frames, path)
        return frames, decoder.rate


def read(path: AudioPath, *, rate: int, max_seconds: float | None = None) -> Samples:
    """All of `path` as mono float32 of shape (samples,) at `rate`, resampled by soxr HQ.

    Channels are averaged; where that loses most of the sound, as with inverted phase or a dead channel, the loudest one
    is taken. Values beyond +-1 of a float file are kept. `max_seconds` refuses a longer file before decoding it.

    Raises:
        AudioError: The file is missing, empty, not audio, cut off, too long, or holds NaN or infinite values.
    """
    path = pathlib.Path(path)
    plain = _plain(path)
    if plain is not None and plain[2] == 1:
        frames, its_rate, _ = plain
        _check_length(frames / its_rate, max_seconds, path)
        return resample(_plain_samples(path, frames), its_rate, rate)
    with _opened(path) as decoder:
        if decoder.frames is not None:
            _check_length(decoder.frames / decoder.rate, max_seconds, path)
        to_mono = _downmix(decoder, path)
        decoded = []
        length = 0
        for block in _checked(decoder, path, _whole_or_part(decoder)):
            decoded.append(to_mono(block))
            length += len(block)
            _check_length(length / decoder.rate, max_seconds, path)
        _check_holds_sound(length, path)
        mono = decoded[0] if len(decoded) == 1 else np.concatenate(decoded)
        return resample(mono, decoder.rate, rate)


def blocks(path: AudioPath, *, rate: int, block_seconds: float = 1.0) -> Iterator[Samples]:
    """The same samples as `read`, in blocks of `block_seconds` (the last may be shorter), in constant memory.

    Raises:
        AudioError: As `read`; a file that is cut off yields what it holds first.
    """
    size = max(1, round(block_seconds * rate))
    with _opened(path) as decoder:
        to_mono = _downmix(decoder, path)
        waiting = np.zeros(0, np.float32)
        delivered = 0
        decoded = _checked(decoder, path, _at_most(round(block_seconds * decoder.rate), decoder))
        for piece in resampled(map(to_mono, decoded), decoder.rate, rate):
            waiting = np.concatenate((waiting, piece))
            while len(waiting) >= size:
                yield waiting[:size].copy()
                delivered += size
                waiting = waiting[size:]
        if len(waiting):
            yield waiting
        _check_holds_sound(delivered + len(waiting), path)


def write(path: AudioPath, samples: ArrayLike, *, rate: int) -> None:
    """Writes mono `samples` (samples,) as 16-bit WAV or FLAC, by suffix; the file appears whole or not at all.

    Values are rounded to 1/32768 and limited to +-1, so audio from a 16-bit file stays bit for bit the same.

    Raises:
        AudioError: An unknown suffix, NaN or infinite samples, a full disk, a folder that cannot be written.
    """
    path = pathlib.Path(path)
    kind = WRITABLE.get(path.suffix.lower())
    if kind is None:
        raise AudioError(f"{path.name} cannot be written: end its name in {' or '.join(WRITABLE)}.")
    values = np.asarray(samples, dtype=np.float32).reshape(-1)
    if not np.isfinite(values).all():
        raise AudioError(
            f"{path.name} was not written because the sound holds NaN or infinite values: record it again."
        )
    try:
        disk.replace_whole(path, encode(values, rate=rate, kind=kind))
    except OSError as error:
        raise AudioError(_write_failure(path, error)) from error


def encode(samples: Samples, *, rate: int, kind: str = "WAV") -> bytes:
    """The bytes of a 16-bit file of mono `samples` (samples,), rounded to 1/32768 and limited to +-1."""
    encoded = io.BytesIO()
    soundfile.write(encoded, pcm16(samples), rate, format=kind, subtype="PCM_16")
    return encoded.getvalue()


def pcm16(samples: Samples) -> NDArray[np.int16]:
    """Samples (samples,) as 16-bit numbers, rounded to 1/32768 and limited to +-1."""
    return np.asarray(np.clip(np.rint(samples * 32768.0), -32768, 32767), np.int16)


def resample(samples: Samples, from_rate: int, to_rate: int) -> Samples:
    """Resamples `samples` (samples,) from `from_rate` to `to_rate` Hz; the very same array when the rates agree."""
    if from_rate == to_rate:
        return samples
    return np.asarray(soxr.resample(samples, from_rate, to_rate, quality="HQ"), dtype=np.float32)


def rms_db(samples: ArrayLike) -> float:
    """Root mean square level in dBFS (a full-scale square wave is 0), `SILENCE_DB` for silence or nothing."""
    values = np.asarray(samples, dtype=np.float64)
    return _decibels(math.sqrt(float(np.mean(values * values)))) if values.size else SILENCE_DB


def peak_db(samples: ArrayLike) -> float:
    """Highest absolute sample in dBFS, `SILENCE_DB` for silence or nothing."""
    values = np.asarray(samples)
    return _decibels(float(np.max(np.abs(values)))) if values.size else SILENCE_DB


def _decibels(amplitude: float) -> float:
    return max(SILENCE_DB, 20.0 * math.log10(amplitude)) if amplitude > 0.0 else SILENCE_DB


@contextlib.contextmanager
def _opened(path: AudioPath) -> Iterator[Decoder]:
    """The decoder of `path`, after everything that can be wrong with a file before its first sample."""
    path = pathlib.Path(path)
    _check_readable(path)
    try:
        with opened(path) as decoder:
            if not LOWEST_RATE <= decoder.rate <= HIGHEST_RATE:
                raise AudioError(
                    f"{path.name} claims {decoder.rate} samples a second, outside {LOWEST_RATE} to {HIGHEST_RATE}: "
                    "export it again."
                )
            yield decoder
    except DecodingError as error:
        raise AudioError(_undecodable(path, error)) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _plain(path: pathlib.Path) -> tuple[int, int, int] | None:
    """(samples per channel, rate, channels) of a WAV that needs no decoder; None for other files that are readable."""
    start, size = _check_readable(path)
    plain = parse_plain_wav(start, size)
    return plain if plain is not None and LOWEST_RATE <= plain[1] <= HIGHEST_RATE else None


def _plain_samples(path: pathlib.Path, frames: int) -> Samples:
    try:
        pcm = np.fromfile(path, "<i2", frames, offset=PLAIN_HEADER_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error
    return pcm.astype(np.float32) * np.float32(1 / 32768)


def _check_readable(path: pathlib.Path) -> tuple[bytes, int]:
    """The first bytes of a file, and how many it has."""
    try:
        status = path.stat()
        mode = status.st_mode
        if stat.S_ISDIR(mode):
            raise AudioError(f"{path.name or path} is a folder, not an audio file: choose a file in it.")
        if not stat.S_ISREG(mode):  # opening a pipe waits for its other end, opening a device may do anything
            raise AudioError(f"{path.name} is a pipe or a device, not a file: choose a file.")
        with path.open("rb", buffering=0) as file:
            start = file.read(PLAIN_HEADER_BYTES)
        if not start:
            raise AudioError(f"{path.name} is empty (0 bytes): copy or record it again.")
        return start, status.st_size
    except FileNotFoundError as error:
        raise AudioError(f"{path.name} is not there: look whether {path} was moved or renamed.") from error
    except PermissionError as error:
        raise AudioError(f"{path.name} may not be read by you: change the permissions of {path}.") from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: pathlib.Path, error: OSError) -> AudioError:
    return AudioError(f"{path.name} cannot be read ({error.strerror or error}): check the disk it is on.")


def _undecodable(path: pathlib.Path, error: DecodingError) -> str:
    if error.fault == "codec":
        return f"{path.name} holds sound coded as {error.codec}, which is not supported: convert it to WAV or FLAC."
    if error.fault == "no_sound":
        return f"{path.name} has no sound track: choose a file with sound."
    if error.fault == "not_audio":
        return f"{path.name} {_what_else(path)}"
    if error.seconds is None:
        return f"{path.name} is damaged or cut off and cannot be decoded: copy it again."
    return _cut_off(path, error.seconds, None)


def _what_else(path: pathlib.Path) -> str:
    """What a file is that is no audio, as far as its name and first bytes tell, and what to do."""
    if path.suffix.lower() in _HEADERLESS:
        return "is not audio in a known format but bare samples, which do not say their rate: make a WAV of it."
    with contextlib.suppress(OSError), path.open("rb") as file:
        start = file.read(_SNIFFED_BYTES)
        if not start.strip(b"\0"):
            return "begins with nothing but zeros, as after a copy that failed: copy it again."
        content = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        for beginnings, what in _NOT_AUDIO:
            if content.startswith(beginnings):
                return what
    return "is not audio in a known format: use WAV, FLAC, OGG, MP3 or M4A."


def _checked(decoder: Decoder, path: AudioPath, size: int) -> Iterator[Samples]:
    """Blocks (frames, channels) of up to `size` frames; refuses values that are not finite and files that end early."""
    done = 0
    try:
        for block in decoder.blocks(size):
            _check_finite(block, path, done / decoder.rate, decoder.rate)
            done += len(block)
            yield block
    except DecodingError as error:
        if error.seconds is None:
            raise
        raise AudioError(_cut_off(path, error.seconds, decoder.expected_s)) from error
    if decoder.expected_s is not None and decoder.expected_s - done / decoder.rate > _TOLERATED_S:
        raise AudioError(_cut_off(path, done / decoder.rate, decoder.expected_s))


def _downmix(decoder: Decoder, path: AudioPath) -> Callable[[Samples], Samples]:
    """What makes blocks (frames, channels) mono: the mean, or one channel, judged by the file's first minute."""
    if decoder.channels == 1:
        return _mean
    energies, mean_energy, done = np.zeros(decoder.channels), 0.0, 0
    with _opened(path) as again:
        for block in _checked(again, path, _at_most(_SCAN_FRAMES, again)):
            varying = block - block.mean(axis=0, dtype=np.float64)  # an offset is no sound
            energies += np.square(varying).sum(axis=0)
            mean_energy += float(np.square(varying.mean(axis=1)).sum())
            done += len(block)
            if done > _JUDGED_S * again.rate:
                break
    loudest = int(np.argmax(energies))
    if mean_energy >= _LEAST_MEAN * energies[loudest]:
        return _mean
    return lambda block: np.ascontiguousarray(block[:, loudest])


def _mean(block: Samples) -> Samples:
    mono = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)
    return np.ascontiguousarray(mono)


def _cut_off(path: AudioPath, good_seconds: float, seconds: float | None) -> str:
    of = "" if seconds is None else f" of {seconds:.1f}"
    return f"{pathlib.Path(path).name} is cut off after {good_seconds:.1f}{of} s: copy it again."


def resampled(pieces: Iterator[Samples], from_rate: int, rate: int) -> Iterator[Samples]:
    """Mono pieces (samples,) at `from_rate` Hz brought to `rate`, as `resample` would all of them together."""
    if from_rate == rate:
        yield from pieces
        return
    stream = soxr.ResampleStream(from_rate, rate, 1, dtype="float32", quality="HQ")
    for piece in pieces:
        yield stream.resample_chunk(piece)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def _whole_or_part(decoder: Decoder) -> int:
    """Frames to decode at once: all of a clip, but no more memory than a minute of it, whatever a header claims."""
    minute = 60 * decoder.rate
    return _at_most(minute if decoder.frames is None else min(decoder.frames, minute), decoder)


def _at_most(frames: int, decoder: Decoder) -> int:
    """So many frames, or what a header with a thousand channels leaves of them."""
    return max(1, min(frames, _MOST_VALUES_AT_ONCE // decoder.channels))


def _check_finite(block: Samples, path: AudioPath, at_second: float, rate: int) -> None:
    bad = ~np.isfinite(block).all(axis=1)
    if bad.any():
        at_second += int(np.argmax(bad)) / rate
        raise AudioError(
            f"{pathlib.Path(path).name} holds NaN or infinite values from {at_second:.1f} s on: export it again."
        )


def _check_length(seconds: float, max_seconds: float | None, path: AudioPath) -> None:
    if max_seconds is not None and seconds > max_seconds:
        raise AudioError(
            f"{pathlib.Path(path).name} lasts {seconds:.{0 if seconds > 60 else 1}f} s; a clip may last "
            f"{max_seconds:g} s: cut it, or put it into _background_noise_."
        )


def _check_holds_sound(frames: int, path: AudioPath) -> None:
    if not frames:
        raise AudioError(f"{pathlib.Path(path).name} holds no sound (0 samples): record or export it again.")


def _write_failure(path: pathlib.Path, error: OSError) -> str:
    if error.errno in disk.FULL:
        return (
            f"{path.name} was not saved because the disk is full; everything saved before it is kept: "
            "free some space and try again."
        )
    if error.errno in disk.FORBIDDEN:
        return f"{path.name} was not saved because {path.parent} may not be written: choose another folder."
    if error.errno == errno.ENOENT:
        return f"{path.name} was not saved because the folder {path.parent} is not there: create it."
    return f"{path.name} was not saved ({error.strerror}): check {path.parent}."
