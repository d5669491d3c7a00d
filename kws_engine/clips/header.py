"""Length and rate of an audio file, read in one small piece where it is a plain WAV."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final

from kws_engine import audio
from kws_engine.errors import AudioError

_PLAIN_WAV: Final = struct.Struct("<4sI8sIHHIIHH4sI")  # RIFF, size, WAVEfmt_, 16, PCM, channels, ..., data, its bytes
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def frames_and_rate(path: Path | str, size: int) -> tuple[int, int]:
    """Samples per channel and rate in Hz of a file of `size` bytes; (0, 0) where it cannot be read."""
    try:
        return _from_plain_wav(path, size) or _from_any(path)
    except (AudioError, OSError):
        return 0, 0


def _from_any(path: Path | str) -> tuple[int, int]:
    header = audio.info(path)
    return header.frames, header.rate


def _from_plain_wav(path: Path | str, size: int) -> tuple[int, int] | None:
    """Read from the 44-byte header that most programs write before 16-bit sound; None for anything else."""
    file = os.open(path, _FLAGS)
    try:
        start = os.read(file, _PLAIN_WAV.size)
    finally:
        os.close(file)
    if len(start) < _PLAIN_WAV.size:
        return None
    riff, _, wave, length, coding, channels, rate, _, block, bits, data, content = _PLAIN_WAV.unpack(start)
    is_plain = (riff, wave, length, coding, bits, data) == (b"RIFF", b"WAVEfmt ", 16, 1, 16, b"data")
    is_sane = channels > 0 and block == 2 * channels and audio.LOWEST_RATE <= rate <= audio.HIGHEST_RATE
    is_whole = 0 < content <= size - _PLAIN_WAV.size and block > 0 and content % block == 0
    return (content // block, rate) if is_plain and is_sane and is_whole else None
