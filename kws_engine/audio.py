"""Reads audio files in any format and at any rate, and writes them safely."""

from __future__ import annotations

import contextlib
import errno
import io
import math
import os
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import ArrayLike, NDArray

from kws_engine import disk
from kws_engine.errors import AudioError

SILENCE_DB = -120.0
"""What `rms_db` and `peak_db` return for digital silence, in dBFS."""
WRITABLE = {".wav": "WAV", ".flac": "FLAC"}
LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000
_UNKNOWN_LENGTH = 2**40  # libsndfile reports about 2**63 frames for a FLAC stream whose header has no length
_SCAN_FRAMES = 1024
_MOST_VALUES_AT_ONCE = 2**24

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
    """Reads the header of `path`; decodes only when the header does not hold the length.

    Raises:
        AudioError: The file is missing, empty, unreadable or not audio.
    """
    with _opened(path) as file:
        frames = int(file.frames)
        if frames > _UNKNOWN_LENGTH:
            frames = sum(len(block) for block in _decoded(file, path, _SCAN_FRAMES * 64))
        _check_not_silent_file(frames, path)
        return AudioInfo(frames / file.samplerate, file.samplerate, file.channels, frames, _format_of(file))


def read(path: AudioPath, *, rate: int, max_seconds: float | None = None) -> Samples:
    """Reads all of `path` as mono float32 of shape (samples,) at `rate`: channels averaged, resampled by soxr HQ.

    Values beyond +-1 of a float file stay. `max_seconds` refuses a longer file before decoding it.

    Raises:
        AudioError: The file is missing, empty, not audio, cut off, too long, or holds NaN or infinite values.
    """
    with _opened(path) as file:
        _check_length(file.frames / file.samplerate, max_seconds, path)
        decoded = []
        length = 0
        for block in _decoded(file, path, _whole_or_part(file)):
            decoded.append(block)
            length += len(block)
            _check_length(length / file.samplerate, max_seconds, path)
        _check_not_silent_file(length, path)
        mono = decoded[0] if len(decoded) == 1 else np.concatenate(decoded)
        return resample(mono, file.samplerate, rate)


def blocks(path: AudioPath, *, rate: int, block_seconds: float = 1.0) -> Iterator[Samples]:
    """The same samples as `read`, in blocks of `block_seconds` (the last may be shorter), in constant memory.

    Raises:
        AudioError: As `read`; a file that is cut off yields what it holds first.
    """
    size = max(1, round(block_seconds * rate))
    with _opened(path) as file:
        waiting = np.zeros(0, np.float32)
        delivered = 0
        for piece in _resampled(_decoded(file, path, max(1, round(block_seconds * file.samplerate))), file, rate):
            waiting = np.concatenate((waiting, piece))
            while len(waiting) >= size:
                yield waiting[:size].copy()
                delivered += size
                waiting = waiting[size:]
        if len(waiting):
            yield waiting
        _check_not_silent_file(delivered + len(waiting), path)


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
    encoded = io.BytesIO()
    pcm = np.clip(np.rint(values * 32768.0), -32768, 32767).astype(np.int16)
    soundfile.write(encoded, pcm, rate, format=kind, subtype="PCM_16")
    try:
        disk.replace_whole(path, encoded.getbuffer())
    except OSError as error:
        raise AudioError(_write_failure(path, error)) from error


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
def _opened(path: AudioPath) -> Iterator[Any]:
    """The open `soundfile.SoundFile`, after checking everything that can be wrong before the first sample."""
    path = pathlib.Path(path)
    _check_readable(path)
    try:
        file = soundfile.SoundFile(_native(path))
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: a headerless .raw
        raise AudioError(_not_audio(path)) from error
    with file:
        if not LOWEST_RATE <= file.samplerate <= HIGHEST_RATE:
            raise AudioError(
                f"{path.name} claims {file.samplerate} samples a second, outside {LOWEST_RATE} to {HIGHEST_RATE}: "
                "export it again."
            )
        _check_wav_is_whole(path, file)
        _check_ogg_is_whole(path, file)
        yield file


def _native(path: AudioPath) -> str | bytes:
    """The path as the system has it: a name on Linux may not be Unicode, which soundfile refuses as text."""
    return os.fsencode(path) if os.name == "posix" else os.fspath(path)


def _check_readable(path: pathlib.Path) -> None:
    try:
        if path.is_dir():
            raise AudioError(f"{path.name or path} is a folder, not an audio file: choose a file in it.")
        with path.open("rb") as file:
            if not file.read(1):
                raise AudioError(f"{path.name} is empty (0 bytes): copy or record it again.")
    except FileNotFoundError as error:
        raise AudioError(f"{path.name} is not there: look whether {path} was moved or renamed.") from error
    except PermissionError as error:
        raise AudioError(f"{path.name} may not be read by you: change the permissions of {path}.") from error
    except OSError as error:
        raise AudioError(f"{path.name} cannot be read ({error.strerror}): check the disk it is on.") from error


def _not_audio(path: pathlib.Path) -> str:
    known = {b"RIFF", b"fLaC", b"OggS", b"FORM", b"RF64"}
    with path.open("rb") as file:
        if file.read(4) in known:
            return f"{path.name} is damaged or cut off and cannot be decoded: copy it again."
    return f"{path.name} is not audio in a known format: use WAV, FLAC, OGG or MP3."


def _check_wav_is_whole(path: pathlib.Path, file: Any) -> None:
    """A truncated WAV reads without an error; only its header still holds the original length."""
    if file.format not in ("WAV", "WAVEX"):
        return
    promised, present = _wav_data_bytes(path)
    if promised > present and promised < 0x7FFFFF00:  # a piped WAV has a placeholder for "endless"
        bytes_a_second = present / max(file.frames, 1) * file.samplerate
        if file.frames and promised - present >= present / file.frames:
            raise AudioError(_cut_off(path, present / bytes_a_second, promised / bytes_a_second))


def _wav_data_bytes(path: pathlib.Path) -> tuple[int, int]:
    """Bytes of sound that the `data` chunk promises, and that the file really has."""
    size = path.stat().st_size
    with path.open("rb") as file:
        at = 12
        while at + 8 <= size:
            file.seek(at)
            name, length = file.read(4), int.from_bytes(file.read(4), "little")
            if name == b"data":
                return length, size - at - 8
            at += 8 + length + length % 2
    return 0, 0


def _check_ogg_is_whole(path: pathlib.Path, file: Any) -> None:
    """A truncated Ogg reads without an error; its last page then lacks bytes that its own header announces."""
    if file.format != "OGG":
        return
    with path.open("rb") as content:
        content.seek(max(0, path.stat().st_size - 2 * 65_307))  # the largest possible page, and one cut off after it
        tail = content.read()
    page = tail[tail.rfind(b"OggS") :]
    segments = page[27 : 27 + page[26]] if len(page) > 26 else b""
    if len(page) < 27 or len(segments) < page[26] or len(page) < 27 + len(segments) + sum(segments):
        raise AudioError(_cut_off(path, _good_seconds(path, file.samplerate), None))


def _decoded(file: Any, path: AudioPath, size: int) -> Iterator[Samples]:
    """Mono blocks of up to `size` frames at the file's own rate; raises when the file ends too early."""
    done = 0
    while True:
        try:
            block = file.read(size, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise AudioError(_cut_off(path, _good_seconds(path, file.samplerate), _length(file))) from error
        if not len(block):
            break
        mono = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)
        _check_finite(mono, path, done / file.samplerate, file.samplerate)
        done += len(mono)
        yield np.ascontiguousarray(mono)
    # The length of an MP3 without a Xing header is an estimate from its first frames.
    enough = file.frames * (0.9 if file.format == "MP3" else 1.0)
    if file.frames <= _UNKNOWN_LENGTH and done < enough:
        raise AudioError(_cut_off(path, done / file.samplerate, _length(file)))


def _good_seconds(path: AudioPath, rate: int) -> float:
    """How much of a damaged file decodes: read again in small steps, because one big read does not tell."""
    with contextlib.suppress(soundfile.LibsndfileError), soundfile.SoundFile(_native(path)) as file:
        done = 0
        try:
            while length := len(file.read(_SCAN_FRAMES, dtype="float32")):
                done += length
        except soundfile.LibsndfileError:
            pass
        return done / rate
    return 0.0


def _length(file: Any) -> float | None:
    return file.frames / file.samplerate if file.frames <= _UNKNOWN_LENGTH else None


def _cut_off(path: AudioPath, good_seconds: float, seconds: float | None) -> str:
    of = "" if seconds is None else f" of {seconds:.1f}"
    return f"{pathlib.Path(path).name} is cut off after {good_seconds:.1f}{of} s: copy it again."


def _resampled(pieces: Iterator[Samples], file: Any, rate: int) -> Iterator[Samples]:
    if file.samplerate == rate:
        yield from pieces
        return
    stream = soxr.ResampleStream(file.samplerate, rate, 1, dtype="float32", quality="HQ")
    for piece in pieces:
        yield stream.resample_chunk(piece)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def _whole_or_part(file: Any) -> int:
    """Frames to decode at once: all of a clip, but no more memory than a minute of it, whatever a header claims."""
    minute = 60 * int(file.samplerate)
    return max(1, min(int(file.frames), minute, _MOST_VALUES_AT_ONCE // int(file.channels)))


def _check_finite(mono: Samples, path: AudioPath, at_second: float, rate: int) -> None:
    bad = ~np.isfinite(mono)
    if bad.any():
        at_second += int(np.argmax(bad)) / rate
        raise AudioError(
            f"{pathlib.Path(path).name} holds NaN or infinite values from {at_second:.1f} s on: export it again."
        )


def _check_length(seconds: float, max_seconds: float | None, path: AudioPath) -> None:
    if max_seconds is not None and _UNKNOWN_LENGTH / HIGHEST_RATE > seconds > max_seconds:
        raise AudioError(
            f"{pathlib.Path(path).name} lasts {seconds:.{0 if seconds > 60 else 1}f} s; a clip may last "
            f"{max_seconds:g} s: cut it, or put it into _background_noise_."
        )


def _check_not_silent_file(frames: int, path: AudioPath) -> None:
    if not frames:
        raise AudioError(f"{pathlib.Path(path).name} holds no sound (0 samples): record or export it again.")


def _format_of(file: Any) -> str:
    return f"{file.format} {file.subtype}"


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
